"""The ordinary message: typed in answer to a question that waits quietly, or where none does to open a dialog; and answered with
the next question.

Most messages are that, and of all that may become of a message almost nothing can become of theirs. So it is not asked: this is
a straight line through what `attempt.arriving`, `record.look` and an `Attempt` find out one after the other.

Rule 1: there is no rule here that is not there. ``tests/test_ordinary.py`` holds the straight line to the long way: the same
        record, the same reply, the same report.
Rule 2: what is not ordinary is left as it was, for the long way; and a turn that does not end as most do goes on there.
"""

from __future__ import annotations

import operator

from . import journal, record
from .attempt import Attempt, Conduct, Delivery, is_repeated
from .dialog import Ask
from .record import Record, Seen
from .replay import Incoming, Machine, Reopening, choice, sign
from .router import Route, normal

_state, _DONE = operator.attrgetter("state"), {"done"}


def is_quiet(rec: Record) -> bool:
    """Whether nobody works at anything, nothing waits for its turn, and nothing is unread."""
    if rec.owner or rec.turn or rec.unread or rec.partial is not None or rec.side is not None:
        return False
    return set(map(_state, rec.seen.values())) <= _DONE


def met(
    conduct: Conduct, delivery: Delivery, rec: Record, now: int, owner: str, machine: Machine | None
) -> Attempt | None:
    """What a delivery of it makes of a quiet record, and of the dialog that waits there, which is alive; None, and nothing has
    changed, for any other. `machine`: None where no dialog waits."""
    message = delivery.message
    if message.kind != "text" or conduct.before or not _is_new(delivery, rec, now):
        return None
    at = record.arrival_time(rec, now)
    route = _opens(conduct, message) if machine is None else None
    if route is None and not _is_answer(conduct, rec, at, message, machine):
        return None
    seen = record.take_at_once(rec, now, message.id, message.created, at, delivery.mark, owner)
    attempt = Attempt(conduct, delivery, rec, now, machine)
    if route is not None:
        attempt.begin(route, seen, message)
    elif machine is not None:
        _answer(attempt, machine, message)
    if not _ends(attempt, seen):
        attempt.proceed()
    return attempt


def _is_new(delivery: Delivery, rec: Record, now: int) -> bool:
    """Whether nobody can have begun with it, and this worker may."""
    message = delivery.message
    known = message.id in rec.seen or message.created <= rec.watermark
    return not (known or delivery.worker.stopping or is_repeated(message, now))


def _opens(conduct: Conduct, message: Incoming) -> Route | None:
    """The route whose dialog it opens, where it can do nothing else."""
    if conduct.router.choose(message, interrupts=True) is not None:
        return None
    route = conduct.router.choose(message)
    return None if route is None or route.aside else route


def _is_answer(conduct: Conduct, rec: Record, at: int, message: Incoming, machine: Machine | None) -> bool:
    """Whether it can be nothing but an answer to the question that stands, and comes in time."""
    ask = None if machine is None else machine.want
    if not isinstance(ask, Ask) or ask.accept is not None or isinstance(ask, Reopening):
        return False
    if rec.early(at) or rec.late(at) > 0:
        return False
    word = normal(message.text)
    if word in conduct.cancel or word in conduct.back:
        return False
    return conduct.router.choose(message, interrupts=True) is None


def _answer(attempt: Attempt, machine: Machine, message: Incoming) -> None:
    """The dialog takes it."""
    ask, payload = machine.want, attempt.voice.payload(message)
    assert isinstance(ask, Ask)
    kind = journal.Answered if machine.understands(message) else journal.Misread
    attempt.feed(kind(attempt.now, message.id, message.created, payload, sign(ask), choice(ask, message)))


def _ends(attempt: Attempt, seen: Seen) -> bool:
    """Whether the turn ends, in a question or together with the dialog, and its delivery carries all that is said; then it has."""
    machine, now = attempt.machine, attempt.now
    if machine is None or machine.puts or attempt.conduct.after:
        return False
    asks = isinstance(machine.want, Ask)
    if not asks and machine.outcome != "ended":
        return False
    says = attempt.voice.render(machine.said)
    parts, _ = attempt.voice.pack(says)
    if len(parts) != 1 or attempt.delivery.carrier(seen, now) != "open":
        return False
    attempt.reports.append(attempt.summary(says))
    record.end_at_once(attempt.rec, now, seen, parts[0], attempt.stand(machine) if asks else None)
    attempt.machine = machine if asks else None
    return True
