"""One try to go on with a conversation, as far as it goes without anything outside.

Whatever was computed on a record that has changed meanwhile is thrown away and computed again on the new one: all that is
computed is here, on a copy of the record, and the caller throws it away if its write is refused.

Rule 1: what becomes of a message is a table, walked from above: `_destination` when it arrives, `MEETINGS` when its turn comes.
Rule 2: no effects. Where a step or a hook is to be done, an attempt stops; whoever made it goes on from the record.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import structs

from . import journal, record
from .dialog import Ask, Recall, Say, Sentence, Step
from .errors import DialogError, Diverged, UnknownFormat
from .record import Arrival, Carrier, Record, Seen, Standing
from .replay import Incoming, Machine, Medium, Said, accepts, choice, fits, replay, sign, to
from .router import Route, Router, normal

POISON = 3  #: claims without progress, after which a message is quarantined
REPEATED = 4_000  #: a message so old as it arrives is pushed again, and nobody knows how its first push ended (ms)


class Speech(Medium, record.Shape, Protocol):
    """A medium, and how things are said in it: in what words, and how much of them fits one reply."""

    def render(self, said: Sequence[Said]) -> list[Any]:
        """What was said as the user reads it: encoded, our own sentences with their words, options below their question."""

    def expects(self, ask: Ask[Any]) -> Any:
        """A sentence that says what the ask accepts."""

    def join(self, says: Sequence[Any]) -> Any:
        """Several things said, as one text where they are texts (for quoting)."""

    def silent(self, message: Any) -> bool:
        """Whether the push shows no reply."""

    def public(self, says: Sequence[Any]) -> Any:
        """What was said as a developer writes it."""

    def quote(self, message: Any) -> str:
        """The beginning of what a message says, by which its sender knows it again."""


class Deadlines(msgspec.Struct, frozen=True):
    """What follows from how long whoever pushes waits for an answer: WeChat 5 seconds, a gateway in between perhaps less.

    All in ms, from a delivery's arrival.
    """

    waits: int = 5_000

    @property
    def answer_by(self) -> int:
        """So long it still carries a reply: the way back takes some."""
        return self.waits - 400

    @property
    def last_chance(self) -> int:
        """When a last delivery says whatever there is."""
        return self.waits - 700

    @property
    def in_time(self) -> int:
        """A response that was written so soon has reached whoever pushes."""
        return self.waits - 100

    @property
    def give_up(self) -> int:
        """By then whoever pushes has hung up."""
        return self.waits + 200


#: of a bot that says nothing else
WECHAT = Deadlines()


class Conduct(msgspec.Struct, frozen=True):
    """How this bot behaves, as far as a turn must know."""

    router: Router
    voice: Speech
    expire: float = 60
    cancel: frozenset[str] = frozenset()
    back: frozenset[str] = frozenset()
    fetch: frozenset[str] = frozenset()
    before: bool = False  # whether there are hooks
    after: bool = False
    on_error: bool = False
    pieces: bool = False  # whether the hooks after a turn see what is said before it is complete
    deadlines: Deadlines = WECHAT


class Worker:
    """Whoever carries out effects. Once it goes down, it looks and carries, and begins nothing more.

    ``works`` are the names of what is under way there: where the store was gone, or the process stood still, for longer than
    a lease lasts, it would else take its own work over.
    """

    def __init__(self) -> None:
        self.stopping = False
        self.works: set[str] = set()

    @contextlib.contextmanager
    def at(self, name: str) -> Iterator[None]:
        """While this is under way."""
        self.works.add(name)
        try:
            yield
        finally:
            self.works.discard(name)


class Delivery:
    """One push of a message, as long as somebody listens: the driver closes it when it was answered or broke off.

    `mark` is its own, and no other delivery's; `chance` so long after its arrival it takes what there is, even if WeChat
    pushes the message again (ms; None: it does not); `worker` who holds it; `age` how old it is by the worker's own clock (ms),
    which goes on where the store's, as last told, stands still: in a worker that was stopped for a while.
    """

    def __init__(
        self,
        message: Any,
        start: int,
        mark: str = "--",
        *,
        chance: int | None = None,
        worker: Worker | None = None,
        age: Callable[[], int] = lambda: 0,
        deadlines: Deadlines = WECHAT,
    ) -> None:
        self.deadlines = deadlines
        self.message, self.start, self.mark, self.open = message, start, mark, True
        self.chance, self.worker, self.age = chance, worker or Worker(), age
        self.doubt = False  # whether what it was answered with stays unread until it is known to have left

    def carrier(self, seen: Seen, now: int) -> Carrier:
        """What of a reply to that message can still go out with this push."""
        if not self.open or self.message.id != seen.id or self.since(now) > self.deadlines.answer_by:
            return ""
        return "last" if is_last(self, seen) else "open"

    def since(self, now: int) -> int:
        """How long ago it arrived (ms)."""
        return max(now - self.start, self.age())

    def chance_at(self, seen: Seen) -> int | None:
        """When it takes what there is."""
        times = ([self.deadlines.last_chance] if is_last(self, seen) else []) + (
            [] if self.chance is None else [self.chance]
        )
        return self.start + min(times) if times else None


class Turn(msgspec.Struct, frozen=True):
    """A turn that is over, or about to be: what the hooks after it see, and what is logged.

    ``outcome``: asked, ended, failed, cancelled, timed_out, replaced, rerouted, diverged or quarantined; for a hook that takes
    pieces also unfinished: the turn goes on, and ``reply`` is what it has said so far.
    """

    message: Any
    reply: Say
    dialog: str
    outcome: str
    seconds: float
    deliveries: int
    error: BaseException | None = None

    def __repr__(self) -> str:
        """Without the error, whose text may be what somebody wrote."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "error")
        return f"Turn({', '.join(shown)})"

    def saying(self, reply: Say) -> Turn:
        """The same turn with another reply."""
        return structs.replace(self, reply=reply)


# ---- when a message arrives ------------------------------------------------------------------------------------------


def arriving(conduct: Conduct, rec: Record, now: int, message: Incoming, checked: bool = False) -> Arrival:
    """What becomes of a message when it arrives, from the record alone."""
    silent, ends = conduct.voice.silent(message), message.kind == "event" and message.event == "unsubscribe"
    payload = conduct.voice.payload(message)
    if conduct.before and not checked:
        return Arrival(message.id, message.created, "checking", ("", None, payload), silent, ends)
    state, mode, route = _destination(conduct, rec, now, message)
    ref = (route.script.name, route.kind, route.pattern_text) if route else None
    return Arrival(message.id, message.created, state, (mode, ref, payload), silent, ends, mode == "stop")


def _destination(conduct: Conduct, rec: Record, now: int, message: Incoming) -> tuple[str, str, Route | None]:
    """Its state, how its turn goes on ("answer" of the question that stands, "side", or ""), and its route if decided.

    A cancel word says "stop" where a turn runs.
    """
    event = message.kind == "event"
    if answers(rec, now, message):
        return "queued", "answer", None
    if not event and (rec.unread or rec.busy(now, message.id)) and normal(message.text) in conduct.fetch:
        return "fetching", "", None
    route = conduct.router.choose(message, interrupts=True)
    if route is None and event:
        route = conduct.router.choose(message)
        if route is None:
            return "done", "", None
    if route is None:
        stops = rec.turn and not rec.cancelled and normal(message.text) in conduct.cancel
        return ("done", "stop", None) if stops else ("queued", "", None)
    return "aside" if route.aside else "queued", "side", route


def answers(rec: Record, now: int, message: Incoming) -> bool:
    """Whether it is an event that the ask which stands and was shown accepts, or the label of one of its options."""
    stand = rec.standing
    if stand is None or rec.shown is None or rec.late(now) > 0:
        return False
    if message.kind == "event":
        return any(kind.__name__ in stand.accepts for kind in type(message).__mro__)
    return bool(stand.labels and message.text) and normal(message.text) in stand.labels


def choose(conduct: Conduct, delivery: Delivery, rec: Record, now: int) -> None:
    """What a waiting delivery may carry now, if anything: its own unread reply; any, if it fetches; at its last chance, words."""
    seen = rec.seen[delivery.message.id]
    carrier = delivery.carrier(seen, now)
    if seen.reply is not None or not carrier or now - seen.at > record.BINDS:
        return
    voice, fetching = conduct.voice, seen.state == "fetching"
    chance_at = delivery.chance_at(seen)
    chance = chance_at is not None and now >= chance_at
    mine = next((item for item in rec.readable() if item.message == seen.id), None)
    item = mine if mine and (fetching or chance or seen.state == "done") else None
    if item is None and (fetching or chance):
        item = next(iter(rec.readable()), None)
    note = [voice.sentence("not_taken")] if seen.refused and (item is None or item is not mine) else []
    if item and item is not mine and seen.state not in ("done", "fetching"):  # its own answer is still to come
        note = [voice.sentence("thinking")]
    if item:
        record.bind_unread(rec, now, seen, item, note, carrier, voice)
    elif seen.state == "done" and not any(item.message == seen.id for item in rec.unread.values()):
        record.bind(rec, seen.id, voice.join(note) or "")  # its answer went out with another message's
    elif chance and _has_more(rec, seen):
        record.bind_part(rec, now, seen, note, carrier, voice)
    elif fetching and not rec.busy(now) and not rec.unread:
        record.bind(rec, seen.id, voice.join(note) or voice.sentence("nothing"))
    elif chance:
        record.bind(rec, seen.id, voice.join([*note, voice.sentence("thinking")]))


def _has_more(rec: Record, seen: Seen) -> bool:
    """Whether the turn under way has said something that this message may show, and was not shown."""
    partial = rec.partial
    if partial is None or partial.text == partial.shown:
        return False
    return seen.state == "fetching" or partial.message.removesuffix("t") == seen.id


def is_repeated(message: Incoming, now: int) -> bool:
    """Whether a message that is new here is so old that it was pushed before."""
    return REPEATED <= now - message.created * 1000 < record.CANNED


def is_last(delivery: Delivery, seen: Seen) -> bool:
    """Whether WeChat makes no further push of this message: it makes three, each when it has given up the one before."""
    since, waits = delivery.start - seen.created * 1000, delivery.deadlines.waits
    third = delivery.start - seen.at >= 2 * waits - 1_000 or 2 * waits - 500 <= since < 12 * waits
    return seen.deliveries >= 3 or third


# ---- turns ----------------------------------------------------------------------------------------------------------


class Attempt:
    """One try to go on with a conversation, as far as it goes without anything outside. Thrown away if its write is refused.

    It changes ``rec``; ``machine`` is the dialog then (None: none waits), ``reports`` the turns that ended, ``beside`` the
    messages whose handlers are to be run. ``pauses``: it stopped between two turns, so that the next one's claim is on record
    before its code runs.
    """

    def __init__(
        self, conduct: Conduct, delivery: Delivery, rec: Record, now: int, machine: Machine | None = None
    ) -> None:
        self.conduct, self.delivery, self.rec, self.now = conduct, delivery, rec, now
        self.voice = conduct.voice
        self.reports: list[Turn] = []
        self.beside: list[str] = []
        self.broken: Diverged | None = None
        self.pauses = False
        self.owner = rec.owner  # the lease's name as it was, of which the next one must be another
        self.machine = machine if machine is not None else self.resume()

    @property
    def stopping(self) -> bool:
        return self.delivery.worker.stopping

    # ---- where it stands ----

    @property
    def under_way(self) -> bool:
        """Whether something must bring it on: a step or a hook of the turn that has begun, or the next claim's own write."""
        return bool(self.rec.turn) or self.pauses

    @property
    def wants_hooks(self) -> bool:
        failed = self.machine is not None and self.machine.error is not None
        rerouted = self.machine is not None and self.machine.outcome == "rerouted"
        return not rerouted and (self.conduct.after or (failed and self.conduct.on_error))

    def resume(self) -> Machine | None:
        """The dialog as its journal says; ``broken`` is set where its code fits it no more. What is quarantined runs no more."""
        lines = self.rec.dialog()
        if not lines or self.rec.claims > POISON:
            return None
        try:
            machine = replay(self.conduct.router.scripts, lines, self.voice)
            if not self.rec.turn:
                self._judge(machine)
        except UnknownFormat:
            raise
        except Exception as error:  # whatever it is, this user must be told, and go on
            other = Diverged("a dialog that can be replayed", repr(error), "replay")
            self.broken = error if isinstance(error, Diverged) else other
            return None
        self.settle(machine)
        return machine

    def _judge(self, machine: Machine) -> None:
        """Between turns it must stand at the question that its user was asked."""
        asked = self.rec.standing or Standing()
        if not isinstance(machine.want, Ask) or not fits(machine.want, asked.key):
            machine.diverge(f"a question{to(asked.key)}", machine.stands_at())
        labels = self.stand(machine).labels
        if any(label in labels and labels.index(label) != place for place, label in enumerate(asked.labels)):
            machine.diverge(f"a question{to(asked.key)} with its options in this order", machine.stands_at())

    def settle(self, machine: Machine) -> None:
        """`Reroute` in the turn that began the dialog, or at a time-out, would never end: it is an error there."""
        rec = self.rec
        if machine.outcome == "rerouted" and (rec.turn.endswith("t") or machine.begun_by(rec.turn)):
            machine.fail(DialogError("Reroute in the turn that began the dialog, or at a time-out, would never end"))

    def proceed(self, *, claimed: bool = False, wary: bool = False) -> None:
        """Go on with the turn under way, and with the messages that wait, up to what something outside must do.

        `claimed`: another worker left the turn, and nobody knows how far it came with what it was about to begin. `wary`: it
        may have died of it, so that no two turns share a write.
        """
        if self.rec.cancelled:
            self.dropped()
        elif self.rec.claims > POISON:
            self.quarantine()
        elif claimed and self.machine is not None and self.machine.intent:
            self.interrupted()
        while True:
            if not self.rec.turn:
                if wary and self.pause():
                    return
                if not self.next():
                    break
            elif self.broken or self.machine is None:
                self.diverged_in_turn()
            else:
                self.recall()
                if self.machine is None:
                    continue
                self.settle(self.machine)
                if self.machine.wants_step:
                    self.intend()
                    return
                if self.wants_hooks:
                    return
                self.end()
        record.give_back(self.rec)

    def pause(self) -> bool:
        """Whether a message waits whose claim is not on record; it is now."""
        waits = self.rec.next()
        if waits is None or self.rec.claims or self.stopping:
            return False
        record.reclaim(self.rec, self.now, waits, self.owner)
        self.pauses = True
        return True

    def intend(self) -> None:
        """A step that may run once only: that it is about to begin is on record before it does."""
        step = self.the_machine.want
        if isinstance(step, Step) and step.function.once and not self.the_machine.intent:
            self.feed(journal.Intent(self.now, step.name), progress=False)

    def interrupted(self) -> None:
        step = self.the_machine.want
        assert isinstance(step, Step)
        self.feed(journal.interruption(self.now, step.name), progress=False)

    def recall(self) -> None:
        """Give the dialog what it recalls, from the very record that this is written to."""
        while self.machine is not None and isinstance(self.machine.want, Recall):
            datum = record.found(self.rec, self.now, self.machine.want.key)
            key = self.machine.want.key
            entry = journal.Recalled(self.now, key, datum is not None, datum.value if datum else None)
            self.feed(entry, progress=False)

    def feed(self, entry: journal.Entry, *, progress: bool = True) -> None:
        """One more entry: on record, and to the dialog."""
        line = journal.encode(entry)
        record.append(self.rec, self.now, [line], progress=progress)
        self.absorb(line)

    def absorb(self, line: str) -> None:
        """The dialog goes on with an entry that is on record. Where it does not wait for that, it is broken."""
        try:
            self.the_machine.feed(line)
        except Diverged as error:
            self.drop()
            self.broken = error

    # ---- taking a message ----

    def next(self) -> bool:
        """Take the message whose turn comes. False: there is none."""
        seen = self.rec.next()
        if seen is None or seen.body is None or self.stopping:
            return False
        mode, ref, _ = seen.body
        message = self._message(seen)
        lapses = self.machine is None or self.machine.script.lapses
        if self.rec.late(seen.at) > (record.GRACE if lapses else 0):
            record.forget(self.rec)
            self.drop()
        if self.broken and mode != "side":  # it is judged when a message comes to it
            self.diverged_between(seen)
        route = self.conduct.router.named(*ref) if ref else None
        if mode == "side" or self.machine is None:
            self.open(seen, message, route, side=bool(self.rec.journal))
        else:
            self.meet(seen, message, mode)
        return True

    def meet(self, seen: Seen, message: Any, mode: str) -> None:
        """A dialog waits: the first line that fits says what becomes of the message."""
        for takes, meet in MEETINGS:
            if takes(self, seen, message, mode):
                meet(self, seen, message)
                return

    def is_late(self, seen: Seen, message: Any, mode: str) -> bool:
        return self.rec.late(seen.at) > 0  # never an event, which is queued only where it is in time

    def is_cancel(self, seen: Seen, message: Any, mode: str) -> bool:
        return self._word(message, mode, self.conduct.cancel) and self.ask.cancel

    def is_back(self, seen: Seen, message: Any, mode: str) -> bool:
        return self._word(message, mode, self.conduct.back) and self.ask.back

    def _word(self, message: Any, mode: str, words: frozenset[str]) -> bool:
        return mode != "answer" and message.kind != "event" and normal(message.text) in words

    def is_early(self, seen: Seen, message: Any, mode: str) -> bool:
        return message.kind != "event" and self._unshown(seen) and self.the_machine.script.busy != "queue"

    def is_accepted(self, seen: Seen, message: Any, mode: str) -> bool:
        return accepts(self.ask, message) and not (message.kind == "event" and self._unshown(seen))

    def _unshown(self, seen: Seen) -> bool:
        """Whether the message arrived before the question was shown."""
        return self.rec.early(seen.at)

    def is_misplaced_event(self, seen: Seen, message: Any, mode: str) -> bool:
        return bool(message.kind == "event")

    def meet_lapse(self, seen: Seen, message: Any) -> None:
        record.lapse(self.rec, seen)
        self.feed(journal.Lapsed(self.now, seen.id))

    def meet_cancel(self, seen: Seen, message: Any) -> None:
        record.take(self.rec, seen)
        self.feed(journal.Stopped(self.now, seen.id, self.voice.payload(message)))

    def meet_back(self, seen: Seen, message: Any) -> None:
        record.take(self.rec, seen)
        self.feed(journal.Returned(self.now, seen.id, self.voice.payload(message)))

    def meet_early(self, seen: Seen, message: Any) -> None:
        note = [self.voice.sentence("not_taken")]
        carrier, quote = self._carrier(seen), self._quote(seen)
        record.refuse(self.rec, self.now, seen, note, self._question(), carrier, self.voice, quote)

    def meet_answer(self, seen: Seen, message: Any) -> None:
        record.take(self.rec, seen)
        payload, key = seen.body[2] if seen.body else None, sign(self.ask)
        kind = journal.Answered if self.the_machine.understands(message) else journal.Misread
        self.feed(kind(self.now, seen.id, seen.created, payload, key, choice(self.ask, message)))

    def meet_otherwise(self, seen: Seen, message: Any) -> None:
        """A message of a kind that the ask does not accept never enters the dialog."""
        if self.ask.otherwise is ...:
            says, repeats = [self.voice.expects(self.ask), *self._question()], len(self._question())
        else:
            says, repeats = self.voice.render([Said(self.voice.say(self.ask.otherwise))]), 0
        self.rec.claims = 0
        quote = self._quote(seen)
        seen = record.change(self.rec, seen, state="done", body=None)
        asks, carrier = self.rec.shown is not None, self._carrier(seen)
        record.answer(self.rec, self.now, seen, says, asks, carrier, self.voice, quote, repeats=repeats)

    def meet_event(self, seen: Seen, message: Any) -> None:
        """An event that was to answer a question which stands no more."""
        self.open(seen, message, self.conduct.router.choose(message), side=True)

    def open(self, seen: Seen, message: Any, route: Route | None, *, side: bool = False) -> None:
        """No dialog takes the message: a route does, or nobody."""
        route = route or self.conduct.router.choose(message)
        if route is None:
            self.rec.claims = 0
            seen = record.change(self.rec, seen, state="done", body=None)
            record.answer(self.rec, self.now, seen, [], False, self._carrier(seen), self.voice)
            self.reports.append(self._summary(seen, "", "unrouted", None))
        elif route.aside:
            self.step_aside(seen, message, route)
        else:
            record.take(self.rec, seen, side=side)
            self.begin(route, seen, message)

    def step_aside(self, seen: Seen, message: Any, route: Route) -> None:
        ref = (route.script.name, route.kind, route.pattern_text)
        payload = self.voice.payload(message)
        record.step_aside(self.rec, self.now, seen, record.worker(self.rec), ref, payload)
        self.beside.append(seen.id)

    def begin(self, route: Route, seen: Seen, message: Any) -> None:
        script = route.script
        entry = journal.Began(
            self.now,
            script.name,
            script.version,
            route.kind,
            route.pattern_text,
            route.flags,
            seen.id,
            seen.created,
            self.voice.payload(message),
        )
        line = journal.encode(entry)
        record.append(self.rec, self.now, [line])
        self.drop()
        self.machine = Machine(self.conduct.router.scripts, line, self.voice)

    def drop(self) -> None:
        """Leave the dialog that waited, if one did."""
        if self.machine is not None:
            self.machine.close()
        self.machine = self.broken = None

    # ---- ending a turn ----

    def end(self, says: Sequence[Any] | None = None) -> None:
        """The turn's code has run: what it says, and what is left of the dialog. `says`: what a hook made of it."""
        machine = self.the_machine
        if machine.outcome == "rerouted":
            self.reroute()
            return
        if says is None:
            says = self.voice.render(machine.said)
        turn = self.summary(says)
        record.keep_data(self.rec, self.now, machine.puts)
        if self.rec.turn.endswith("t"):
            self.end_lapse(says)
        elif self.rec.side is not None and not self.asks:
            self.end_side(says, quotes=not self.voice.silent(turn.message))
        else:
            self.end_main(says)
        self.reports.append(turn)

    @property
    def asks(self) -> bool:
        machine = self.the_machine
        return not machine.done or machine.again is not None

    def end_main(self, says: Sequence[Any]) -> None:
        first = [self.voice.sentence("replaced")] if self.rec.side is not None and self._intruded() else []
        lines, machine = self._left()
        standing = self.stand(machine) if machine else None
        seen = self.rec.seen[self.rec.turn]
        record.finish(
            self.rec,
            self.now,
            says,
            lines,
            standing,
            self._carrier(seen),
            self.voice,
            first=first,
            shows=machine is not None,
            quote=self._quote(seen),
        )
        self.machine = machine

    def _intruded(self) -> bool:
        """Whether the side dialog came by itself; else the dialog that waited had sent the message on."""
        begin = journal.decode(self.rec.dialog()[0])
        assert isinstance(begin, journal.Began)
        route = self.conduct.router.named(begin.dialog, begin.kind, begin.pattern)
        return begin.kind.startswith("event") or route is None or route.interrupt

    def end_side(self, says: Sequence[Any], *, quotes: bool) -> None:
        """The waiting dialog is as it was; its question follows, where it `quotes`, was shown, and still stands."""
        seen = self.rec.seen[self.rec.turn]
        assert self.rec.side is not None
        lines = self.rec.journal.upto(self.rec.side)
        shown, standing = self.rec.shown, self.rec.standing
        self.rec.side, self.rec.turn, turn = None, "", self.rec.turn
        self.rec.journal = lines
        self.machine = self.resume()
        self.rec.turn = turn
        quoted = []
        if quotes and self.machine and shown is not None and self.rec.late(self.now) <= 0:
            question = self.voice.join(self._question())
            quoted = [self.voice.sentence("still_waiting", question=question)] if question else []
        record.finish(
            self.rec,
            self.now,
            [*says, *quoted],
            lines,
            standing,
            self._carrier(seen),
            self.voice,
            shows=bool(quoted),
            repeats=len(quoted),
            quote=self._quote(seen),
        )

    def end_lapse(self, says: Sequence[Any]) -> None:
        lines, machine = self._left()
        seen = self.rec.seen[self.rec.turn[:-1]]
        standing = self.stand(machine) if machine else None
        first = [self.voice.sentence("not_taken")] if machine else []  # it asks again: the message is not its answer
        record.finish_lapse(self.rec, self.now, says, lines, standing, self.voice, first=first)
        if machine:
            record.refuse(self.rec, self.now, seen, [], [], self._carrier(seen), self.voice)
        self.machine = machine

    def _left(self) -> tuple[Sequence[str], Machine | None]:
        """What the dialog leaves: its journal, and itself where it waits on."""
        machine = self.the_machine
        if machine.again is None:
            return ([], None) if machine.done else (self.rec.dialog(), machine)
        entry = journal.Afresh(
            self.now,
            machine.name,
            machine.version,
            machine.kind,
            machine.opener,
            self.voice.render(machine.said),
            dict(machine.again.state),
        )
        line = journal.encode(entry)
        return [line], Machine(self.conduct.router.scripts, line, self.voice)

    def stand(self, machine: Machine) -> Standing:
        """What of the ask that the dialog stands at must be on record: another one each time, for another question may be alike."""
        ask = machine.want
        assert isinstance(ask, Ask)
        timeout = _milliseconds(machine.timeout(self.conduct.expire))
        if ask.accept is None and not ask.options:
            return Standing(timeout, key=sign(ask))
        labels = [
            self.voice.render([Said(label)])[0] if isinstance(label, Sentence) else label for label in ask.options
        ]
        accepts = tuple([kind if isinstance(kind, str) else kind.__name__ for kind in ask.accept or ()])
        return Standing(timeout, accepts, tuple([normal(str(label)) for label in labels]), sign(ask))

    def reroute(self) -> None:
        """The message is not for this dialog: it waits on, as it was, unless it is over; the message is routed as if none waited."""
        machine, rec = self.the_machine, self.rec
        seen = rec.seen[rec.turn]
        lines = [journal.decode(line) for line in rec.journal]
        at = max(i for i, entry in enumerate(lines) if isinstance(entry, journal.Answered | journal.Lapsed))
        entry = lines[at]
        self.reports.append(self.summary())
        record.cut(rec, 0 if machine.over else at)
        if machine.over:
            record.forget(rec)
        self.drop()
        message = self._message_of(entry, seen)
        route = self.conduct.router.choose(message)
        if route is not None and not route.aside:
            rec.side = None if machine.over else at
            self.begin(route, seen, message)
            return
        if route is not None:
            self.step_aside(seen, message, route)
        else:
            record.end_turn(rec)
            seen = record.change(rec, seen, state="done")
            record.answer(rec, self.now, seen, [], False, self._carrier(seen), self.voice)
        self.machine = self.resume()

    def _message_of(self, entry: journal.Entry, seen: Seen) -> Any:
        assert isinstance(entry, journal.Answered | journal.Lapsed)
        return self.voice.message(entry.payload, seen.id, seen.created)

    # ---- what went wrong ----

    def dropped(self) -> None:
        """Cancelled while it ran: its result is dropped, and the conversation is over."""
        seen = self.rec.seen[self.rec.turn.removesuffix("t")]
        turn = self._summary(seen, self._name(), "cancelled", None)
        record.drop(self.rec)
        self.drop()
        self.reports.append(turn)

    def quarantine(self) -> None:
        """Whoever took this message died of it, again and again: one apology."""
        seen = self.rec.seen[self.rec.turn.removesuffix("t")] if self.rec.turn else self.rec.next()
        if seen is None:
            return
        self.rec.turn = seen.id
        self._over(seen, "quarantined", "failed")

    def diverged_in_turn(self) -> None:
        """What the turn did is done: it ends, and its message is not routed again."""
        self.rec.turn = self.rec.turn.removesuffix("t")
        self._over(self.rec.seen[self.rec.turn], "diverged", "diverged", self.broken)

    def diverged_between(self, seen: Seen) -> None:
        """The conversation ends with one sentence, which waits for the message; that is routed afresh."""
        record.forget(self.rec)
        record.put(self.rec, self.now, seen.id, self.voice.sentence("diverged"), False)
        self.reports.append(self._summary(seen, "", "diverged", self.broken))
        self.machine = self.broken = None

    def _over(self, seen: Seen, outcome: str, sentence: str, error: BaseException | None = None) -> None:
        name = self._name()
        if self.machine:
            self.machine.close()
        side = self.rec.side
        lines = self.rec.journal.upto(side or 0)
        standing = self.rec.standing if side is not None else None
        says = [self.voice.sentence(sentence)]
        record.finish(self.rec, self.now, says, lines, standing, self._carrier(seen), self.voice)
        self.reports.append(self._summary(seen, name, outcome, error))
        self.broken = None
        self.machine = None if outcome == "quarantined" else self.resume()  # that may kill, too: its claim comes first

    # ---- parts ----

    @property
    def the_machine(self) -> Machine:
        assert self.machine is not None
        return self.machine

    @property
    def ask(self) -> Ask[Any]:
        assert isinstance(self.the_machine.want, Ask)
        return self.the_machine.want

    def _carrier(self, seen: Seen) -> Carrier:
        return self.delivery.carrier(seen, self.now)

    def _quote(self, seen: Seen) -> str:
        """What a late reply says of the message that it answers."""
        return "" if self._carrier(seen) else self.voice.quote(self._message(seen))

    def _question(self) -> list[Any]:
        question = self.the_machine.question()
        return self.voice.render([question]) if question else []

    def summary(self, says: Sequence[Any] | None = None) -> Turn:
        """The turn that ends, as hooks and the log see it. `says`: what is said of it, if not what its code said."""
        machine = self.the_machine
        seen = self.rec.seen[self.rec.turn.removesuffix("t")]
        outcome = machine.outcome or "asked"
        if outcome == "asked" and self.rec.side is not None:
            outcome = "replaced"
        reply = self.voice.public(self.voice.render(machine.said) if says is None else says)
        return self._summary(seen, machine.name, outcome, machine.error, reply)

    def _name(self) -> str:
        """The dialog's name, of one that cannot run as well."""
        lines = self.rec.dialog()
        begin = journal.decode(lines[0]) if lines else None
        return begin.dialog if isinstance(begin, journal.Began | journal.Afresh) else ""

    def _summary(
        self, seen: Seen, dialog: str, outcome: str, error: BaseException | None, reply: Say | None = None
    ) -> Turn:
        seconds = (self.now - seen.at) / 1000
        return Turn(self._message(seen), reply, dialog, outcome, seconds, seen.deliveries, error)

    def _message(self, seen: Seen) -> Any:
        """The message; that of another delivery, as far as it is on record."""
        if self.delivery.message.id == seen.id:
            return self.delivery.message
        if seen.body is not None:
            return self.voice.message(seen.body[2], seen.id, seen.created)
        for line in reversed(self.rec.journal):
            entry = journal.decode(line)
            if isinstance(entry, MESSAGES) and entry.message == seen.id and entry.payload is not None:
                return self.voice.message(entry.payload, seen.id, seen.created)
        return self.voice.message("", seen.id, seen.created)


@functools.lru_cache(256)
def _milliseconds(seconds: float) -> float:
    """Whole ones, but for ever; the same object for all who wait so long, for many do."""
    return seconds if seconds == math.inf else int(seconds * 1000)


#: entries that keep what a message says
MESSAGES = (journal.Began, journal.Answered, journal.Lapsed)

#: what becomes of a message when a dialog waits: the first that fits
MEETINGS: tuple[tuple[Callable[[Attempt, Seen, Any, str], bool], Callable[[Attempt, Seen, Any], None]], ...] = (
    (Attempt.is_late, Attempt.meet_lapse),
    (Attempt.is_cancel, Attempt.meet_cancel),
    (Attempt.is_back, Attempt.meet_back),
    (Attempt.is_early, Attempt.meet_early),
    (Attempt.is_accepted, Attempt.meet_answer),
    (Attempt.is_misplaced_event, Attempt.meet_event),
    (lambda attempt, seen, message, mode: True, Attempt.meet_otherwise),
)
