"""How a worker uses the record: one generator for a delivery, one for the turns under a lease.

Both are generators of effects: they yield what is to be done outside and are sent what came of it, with the store's time.
They do nothing themselves, so a driver may be an event loop or a simulation.

Rule 1: whatever was computed on a record that has changed meanwhile is thrown away: every write is tried with a new `Attempt`.
Rule 2: nothing happens outside before the write that allows it: a step runs under a lease on record, a reply is sent when
        it is bound.
Rule 3: every look of a delivery may claim, so every look may take over what a dead worker left.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

from . import journal, record
from .attempt import LAST_CHANCE, POISON, Attempt, Conduct, Delivery, Turn, arriving, choose
from .dialog import Step
from .errors import StepFailed, UnknownFormat
from .record import Record, Seen
from .replay import Machine, idempotency_key
from .router import Route

HEARTBEAT = 2_000  #: between two signs of life of a step that runs (ms)
GIVE_UP = 5_200  #: so long after its arrival WeChat has hung up a delivery (ms)


# ---- effects, and what is sent back ---------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Load:
    """Gives `Loaded`."""


@dataclasses.dataclass(frozen=True)
class Write:
    """Give the record what changed, if `version` still stands. Gives `Written`, or `Loaded`: what is there instead."""

    version: str
    put: Mapping[str, str]
    drop: Sequence[str]
    expires: int | None
    wake: bool = True


@dataclasses.dataclass(frozen=True)
class Do:
    """Do a step, unless the lease runs out (`until`) before it begins. Gives `Done`, `Busy` or `Lost`."""

    step: Step[Any]
    key: str
    until: int


@dataclasses.dataclass(frozen=True)
class Hook:
    """Ask the bot's hooks ("before", "after", "on_error"). Gives `Done` or `Busy`."""

    name: str
    args: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class GoOn:
    """Wait on for what is being done. Gives `Done` or `Busy`."""


@dataclasses.dataclass(frozen=True)
class Wait:
    """Until something changed since `version`, or it is time. Gives None: load to see."""

    version: str
    until: int


@dataclasses.dataclass(frozen=True)
class Spawn:
    """Run this beside. Gives None."""

    work: Generator[Effect, Any, None]


@dataclasses.dataclass(frozen=True)
class Answer:
    """A reply is bound: every delivery of that message here can have it. Gives None."""

    message: str
    say: Any


@dataclasses.dataclass(frozen=True)
class Keep:
    """The conversation as it stands now, for the next message. Gives None."""

    version: str
    record: Record
    machine: Machine | None


@dataclasses.dataclass(frozen=True)
class Report:
    """A turn is over and on record. Gives None."""

    turn: Turn


Effect: TypeAlias = Load | Write | Do | Hook | GoOn | Wait | Spawn | Answer | Keep | Report
Effects: TypeAlias = "Generator[Effect, Any, Any]"


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What a store has: its version ("" for nothing), its fields, and the store's time (ms since 1970)."""

    version: str
    fields: Mapping[str, str]
    now: int


@dataclasses.dataclass(frozen=True)
class Written:
    """The write happened: the new version, and the store's time."""

    version: str
    now: int


@dataclasses.dataclass(frozen=True)
class Done:
    """What came of a step or hook."""

    value: Any
    error: BaseException | None
    now: int


@dataclasses.dataclass(frozen=True)
class Busy:
    """It is still being done: time for a sign of life."""

    now: int


@dataclasses.dataclass(frozen=True)
class Lost:
    """It was not begun, for the lease would run out."""

    now: int


class Desk:
    """The record as this worker last saw it, and the time it was then."""

    def __init__(self, now: int, version: str = "", rec: Record | None = None) -> None:
        self.now, self.version = now, version
        self.rec = rec or Record()

    def take(self, loaded: Loaded) -> None:
        self.now, self.version = loaded.now, loaded.version
        self.rec = record.read(loaded.fields)

    def load(self) -> Effects:
        self.take((yield Load()))

    def update(self, change: Callable[[Record, int], bool], *, wake: bool = True) -> Effects:
        """Write what `change` makes of the record, as often as it takes. Gives False where `change` gave up.

        `wake` whoever waits, if there is anything to see but a journal that grew.
        """
        while True:
            new = self.rec.copy()
            if not change(new, self.now):
                return False
            put, drop = record.changes(self.rec, new)
            if not put and not drop:
                return True
            seen = wake and (self.rec.seen != new.seen or self.rec.unread != new.unread or not new.turn)
            came = yield Write(self.version, put, drop, record.expires(new, self.now), seen)
            if isinstance(came, Written):
                self.now, self.version, self.rec = came.now, came.version, new
                return True
            self.take(came)


# ---- one delivery ---------------------------------------------------------------------------------------------------


def deliver(conduct: Conduct, delivery: Delivery, owner: str, now: int, kept: Keep | None = None) -> Effects:
    """One delivery, until it is answered or past its last chance. Gives the reply to send; None where it has none.

    `owner` is a name no other worker or delivery has; `kept` what this worker last knew of the conversation.
    """
    desk = Desk(now, kept.version, kept.record) if kept else Desk(now)
    machine = kept.machine if kept else None
    fresh = kept is not None
    for number in itertools.count():
        claim = f"{owner}.{number}"  # a lease is of one claim
        try:
            if not fresh:
                yield from desk.load()
            visit = yield from _visit(conduct, delivery, desk, claim, machine, number == 0)
        except UnknownFormat:  # left alone, as a running turn is: a newer worker takes it
            visit, fresh = Visit("unknown"), False
        if visit.what == "stale":
            return conduct.voice.sentence("too_late")
        if kept and visit.attempt is None and not visit.beside and desk.rec.journal == kept.record.journal:
            yield Keep(desk.version, desk.rec, machine)  # not needed this time
        kept = machine = None
        yield from _spawn(conduct, delivery, desk, claim, visit)
        reply = record.answered(desk.rec, desk.now, delivery.message.id)
        if reply is not None or not delivery.open:
            return reply
        fresh = visit.what in ("claimed", "beside")  # what that left behind may be for this very delivery
        if fresh:
            continue
        if desk.now > delivery.start + GIVE_UP:
            return None
        yield Wait(desk.version, _next_look(desk, delivery))
        if not delivery.open:
            return None


@dataclasses.dataclass(frozen=True)
class Visit:
    """What came of a delivery's look, on record."""

    what: str
    attempt: Attempt | None = None
    beside: tuple[str, ...] = ()


def _visit(
    conduct: Conduct, delivery: Delivery, desk: Desk, owner: str, machine: Machine | None, first: bool
) -> Effects:
    made: list[Visit] = []
    message = delivery.message

    def change(rec: Record, now: int) -> bool:
        nonlocal machine
        record.expire(rec, now)
        if made and made[0].attempt and made[0].attempt.machine:
            made[0].attempt.machine.close()  # of a write that was refused
        known = rec.seen.get(message.id)
        if known is not None and known.reply is not None:
            made[:] = [Visit("answered")]
            return True
        journal = rec.journal
        arrival = arriving(conduct, rec, now, message)
        found = record.look(rec, now, arrival, owner, first=first)
        made[:] = [Visit(found.what)]
        if found.what == "stale":
            return False
        if found.what == "full":
            record.turn_away(rec, now, arrival, conduct.voice.sentence("too_many"))
        elif found.what == "beside":
            made[:] = [Visit(found.what, beside=(found.message,))]
        elif found.what == "claimed":
            hot, machine = (
                machine if rec.journal is journal else None,
                None,
            )  # it is fed now, and of no use for a second try
            attempt = Attempt(conduct, delivery, rec, now, hot)
            attempt.proceed()
            made[:] = [Visit(found.what, attempt, tuple(attempt.beside))]
        elif found.what == "wait":
            choose(conduct, delivery, rec, now)
        return True

    yield from desk.update(change)
    visit = made[0]
    for turn in visit.attempt.reports if visit.attempt else ():
        yield Report(turn)
    return visit


def _spawn(conduct: Conduct, delivery: Delivery, desk: Desk, owner: str, visit: Visit) -> Effects:
    for message in visit.beside:
        yield Spawn(run_beside(conduct, delivery, message, owner, desk))
    if visit.attempt is None:
        return
    if visit.attempt.under_way:
        yield Spawn(run(conduct, delivery, desk.version, desk.rec, desk.now, visit.attempt.machine))
    else:
        yield Keep(desk.version, desk.rec, visit.attempt.machine)


def _next_look(desk: Desk, delivery: Delivery) -> int:
    """When a waiting delivery looks again, if nothing wakes it: at its last chance, or when a lease may be dead."""
    seen = desk.rec.seen.get(delivery.message.id)
    lease = seen.until if seen and seen.until else desk.rec.until if desk.rec.owner else 0
    chance = delivery.start + LAST_CHANCE
    times = [delivery.start + GIVE_UP + 100, desk.now + 3_000]
    times += [t for t in (chance, lease + 1) if t > desk.now]
    return min(times)


# ---- the turns under a lease -----------------------------------------------------------------------------------------


def run(conduct: Conduct, delivery: Delivery, version: str, rec: Record, now: int, machine: Machine | None) -> Effects:
    """The turns of one conversation, as long as this worker owns its lease."""
    desk = Desk(now, version, rec)
    while desk.rec.turn:
        owner, length = desk.rec.owner, len(desk.rec.journal)
        line, says = None, None
        if machine is None:
            machine = Attempt(conduct, delivery, desk.rec.copy(), desk.now).machine
        if machine is not None and isinstance(machine.want, Step):
            line = yield from _step(desk, machine, machine.want, owner, length)
            if line is None:
                return
        elif machine is not None:
            says = yield from _hooks(conduct, delivery, desk, machine, owner, length)
            if says is None:
                return
        attempt = yield from _go_on(conduct, delivery, desk, owner, length, machine, line, says)
        if attempt is None:
            return
        machine = attempt.machine
        yield from _announce(conduct, delivery, desk, owner, attempt)
    yield Keep(desk.version, desk.rec, machine)


def _go_on(
    conduct: Conduct,
    delivery: Delivery,
    desk: Desk,
    owner: str,
    length: int,
    machine: Machine | None,
    line: str | None,
    says: Sequence[Any] | None,
) -> Effects:
    """Write a step's result, or the end that hooks gave a turn, and all that follows from it. Gives the attempt, or None."""
    made: list[Attempt] = []
    hot = machine

    def change(rec: Record, now: int) -> bool:
        nonlocal hot
        if made and made[0].machine is not None:
            made[0].machine.close()  # of a write that was refused
        if not record.holds(rec, owner, length):
            return False
        attempt, hot = Attempt(conduct, delivery, rec, now, hot), None
        made[:] = [attempt]
        if line is not None and attempt.machine is not None:
            record.append(rec, now, [line])
            attempt.machine.feed(line)
        if says is not None and attempt.machine is not None:
            attempt.end(says)
        attempt.proceed()
        return True

    written = yield from desk.update(change)
    return made[0] if written else None


def _announce(conduct: Conduct, delivery: Delivery, desk: Desk, owner: str, attempt: Attempt) -> Effects:
    for turn in attempt.reports:
        yield Report(turn)
        reply = record.answered(desk.rec, desk.now, turn.message.id)
        if reply is not None:
            yield Answer(turn.message.id, reply)
    for message in attempt.beside:
        yield Spawn(run_beside(conduct, delivery, message, owner.split(":")[0], desk))


def _step(desk: Desk, machine: Machine, step: Step[Any], owner: str, length: int) -> Effects:
    """Do the step that the dialog stands at, with signs of life. Gives its entry; None where the lease was lost."""

    def renew(rec: Record, now: int) -> bool:
        rec.until = now + record.LEASE
        return record.holds(rec, owner, length)

    while True:
        came = yield Do(step, machine.key(), desk.rec.until)
        came = yield from _finished(desk, came, renew)
        if isinstance(came, Done):
            return outcome(step, came)
        if came is None or not (yield from desk.update(renew, wake=False)):
            return None


def _finished(desk: Desk, came: Any, renew: Callable[[Record, int], bool]) -> Effects:
    """What came of a step or hook, in the end; None where the lease was lost on the way."""
    while isinstance(came, Busy):
        desk.now = came.now
        if not (yield from desk.update(renew, wake=False)):
            return None
        came = yield GoOn()
    desk.now = came.now
    return came


def outcome(step: Step[Any], done: Done) -> str:
    """The entry of a step that was done: its result if JSON holds it and its annotation fits, else its failure."""
    error = done.error
    if error is None:
        try:
            value = journal.plain(done.value)
            journal.restore(value, step.function.returns)
            return journal.encode(journal.Result(done.now, step.name, value))
        except Exception as unfit:
            error = unfit
    if isinstance(error, StepFailed):
        return journal.encode(journal.Failure(done.now, step.name, error.type, error.message))
    return journal.encode(journal.Failure(done.now, step.name, type(error).__name__, str(error)))


def _hooks(conduct: Conduct, delivery: Delivery, desk: Desk, machine: Machine, owner: str, length: int) -> Effects:
    """What the hooks make of a turn whose text is complete, encoded. None where the lease was lost."""

    def renew(rec: Record, now: int) -> bool:
        rec.until = now + record.LEASE
        return record.holds(rec, owner, length)

    if machine.outcome == "rerouted":
        return conduct.voice.render(machine.said)
    turn = Attempt(conduct, delivery, desk.rec.copy(), desk.now, machine).summary()
    asked: list[tuple[str, tuple[Any, ...]]] = []
    if machine.error is not None and conduct.on_error:
        asked.append(("on_error", (turn.message, machine.error)))
    if conduct.after:
        asked.append(("after", ()))
    says: Sequence[Any] = conduct.voice.render(machine.said)
    for name, args in asked:
        came = yield Hook(name, args or (dataclasses.replace(turn, reply=conduct.voice.public(says)),))
        came = yield from _finished(desk, came, renew)
        if came is None:
            return None
        yield from _complained(turn, came)
        says = hooked(conduct, name, says, came)
    return says


def _complained(turn: Turn, came: Done) -> Effects:
    """A hook that failed is reported beside the turn that it spoiled."""
    if came.error is not None:
        yield Report(dataclasses.replace(turn, outcome="failed", error=came.error))


def hooked(conduct: Conduct, name: str, says: Sequence[Any], done: Done) -> Sequence[Any]:
    """What is said after a hook: "after" decides it, "on_error" may leave the apology. A hook that fails costs an apology."""
    try:
        say = conduct.voice.say(done.value) if done.error is None else conduct.voice.sentence("failed")
    except (TypeError, ValueError):
        say = conduct.voice.sentence("failed")
    if say is None:
        return says if name == "on_error" else []
    return [say]


# ---- beside the conversation ----------------------------------------------------------------------------------------


def run_beside(conduct: Conduct, delivery: Delivery, message: str, owner: str, desk: Desk) -> Effects:
    """A handler of one step, or the hooks before a message: beside the conversation, under its own claim."""
    desk = Desk(desk.now, desk.version, desk.rec)
    seen = record.holds_beside(desk.rec, message, owner)
    if seen is None or seen.body is None:
        return

    def renew(rec: Record, now: int) -> bool:
        held = record.holds_beside(rec, message, owner)
        if held is not None:
            record.renew_beside(rec, now, held)
        return held is not None

    received = conduct.voice.message(seen.body[2], seen.id, seen.created)
    if seen.state == "checking":
        yield from _check(conduct, delivery, desk, seen, received, renew)
    else:
        yield from _handle(conduct, delivery, desk, seen, received, renew)


def _check(
    conduct: Conduct, delivery: Delivery, desk: Desk, seen: Seen, message: Any, renew: Callable[[Record, int], bool]
) -> Effects:
    """Its verdict gives the message its state."""
    came = Done(None, None, desk.now)
    poisoned = seen.claims > POISON
    if not poisoned:
        came = yield from _finished(desk, (yield Hook("before", (message,))), renew)
    if came is None:
        return
    says = [conduct.voice.sentence("failed")] if poisoned else hooked(conduct, "before", [], came)
    if poisoned or came.error is not None:
        outcome = "quarantined" if poisoned else "failed"
        yield Report(Turn(message, conduct.voice.public(says), "before", outcome, 0, seen.deliveries, came.error))

    def change(rec: Record, now: int) -> bool:
        held = record.holds_beside(rec, seen.id, seen.owner)
        if held is None:
            return False
        arrival = arriving(conduct, rec, now, message, checked=True)
        crowded = arrival.state == "queued" and record.crowded(rec, now)
        verdict = [conduct.voice.sentence("too_many")] if crowded and not says else says
        if verdict:
            record.finish_beside(rec, now, held, verdict, delivery.carries(seen.id, now), conduct.voice)
        else:
            record.admit(rec, held, arrival)
        return True

    yield from desk.update(change)
    reply = record.answered(desk.rec, desk.now, seen.id)
    if reply is not None:
        yield Answer(seen.id, reply)


def _handle(
    conduct: Conduct, delivery: Delivery, desk: Desk, seen: Seen, message: Any, renew: Callable[[Record, int], bool]
) -> Effects:
    """Its result is its reply, so there is nothing to replay."""
    assert seen.body is not None
    ref = seen.body[1]
    route = conduct.router.named(*ref) if ref else None
    came: Any = Done(None, None, desk.now)
    if route is not None and seen.claims <= POISON:
        if route.pattern is not None:
            message = conduct.voice.message(seen.body[2], seen.id, seen.created, route.pattern_text, route.flags)
        key = idempotency_key(conduct.voice.party, seen.id, seen.id, 0)
        came = yield from _finished(desk, (yield Do(route.step(message), key, seen.until)), renew)
    if not isinstance(came, Done):
        return
    turn, says = handled(conduct, seen, message, route, came)
    says = yield from _hooks_beside(conduct, desk, turn, says, renew)
    if says is None:
        return

    def change(rec: Record, now: int) -> bool:
        held = record.holds_beside(rec, seen.id, seen.owner)
        if held is not None:
            record.finish_beside(rec, now, held, says, delivery.carries(seen.id, now), conduct.voice)
        return held is not None

    if (yield from desk.update(change)):
        yield Report(turn)
        yield Keep(desk.version, desk.rec, None)
        reply = record.answered(desk.rec, desk.now, seen.id)
        if reply is not None:
            yield Answer(seen.id, reply)


def handled(conduct: Conduct, seen: Seen, message: Any, route: Route | None, came: Done) -> tuple[Turn, Sequence[Any]]:
    """What a handler's turn was, and what it says."""
    error = came.error
    says: Sequence[Any] = []
    if route is None or seen.claims > POISON:
        outcome, says = "quarantined" if route else "diverged", [conduct.voice.sentence("failed")]
    else:
        try:
            say = conduct.voice.say(came.value) if error is None else None
            says = [] if say is None else [say]
        except (TypeError, ValueError) as unsayable:
            error = unsayable
        outcome = "ended" if error is None else "failed"
        says = says if error is None else [conduct.voice.sentence("failed")]
    name = route.script.name if route else ""
    seconds = (came.now - seen.at) / 1000
    return Turn(message, conduct.voice.public(says), name, outcome, seconds, seen.deliveries, error), says


def _hooks_beside(
    conduct: Conduct, desk: Desk, turn: Turn, says: Sequence[Any], renew: Callable[[Record, int], bool]
) -> Effects:
    if turn.error is not None and conduct.on_error:
        came = yield from _finished(desk, (yield Hook("on_error", (turn.message, turn.error))), renew)
        if came is None:
            return None
        yield from _complained(turn, came)
        says = hooked(conduct, "on_error", says, came)
    if conduct.after:
        seen = dataclasses.replace(turn, reply=conduct.voice.public(says))
        came = yield from _finished(desk, (yield Hook("after", (seen,))), renew)
        if came is None:
            return None
        yield from _complained(turn, came)
        says = hooked(conduct, "after", says, came)
    return says
