"""How a worker uses the record: one generator for a delivery, one for the turns under a lease.

Both are generators of effects: they yield what is to be done outside and are sent what came of it, with the store's time.
They do nothing themselves, so a driver may be an event loop or a simulation.

Rule 1: whatever was computed on a record that has changed meanwhile is thrown away: every write is tried with a new `Attempt`.
Rule 2: nothing happens outside before the write that allows it: a step runs under a lease on record, a reply is sent when
        it is bound.
Rule 3: every look of a delivery may claim, so every look may take over what a dead worker left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import structs

from . import journal, ordinary, record
from .attempt import POISON, WECHAT, Attempt, Conduct, Delivery, Turn, arriving, choose, is_repeated
from .dialog import Step
from .errors import StepFailed, StepInterrupted, UnknownFormat
from .record import Arrival, Look, Record, Seen
from .replay import Machine, Said, check_format, idempotency_key
from .router import Route

HEARTBEAT = 2_000  #: between two signs of life of a step that runs (ms)
PIECE = 500  #: between two looks at what a step that streams has made (ms)
PAUSE = 250  #: before a step is tried again; then twice as long each time, up to a heartbeat (ms)
MOMENT = 250  #: what has time falls on its multiples, so that a store gets much at once (ms)
UNLEASED = 3_000  #: a delivery looks so often where nobody works (ms)


# ---- effects, and what is sent back ---------------------------------------------------------------------------------


class Load(msgspec.Struct, frozen=True, gc=False):
    """Gives `Loaded`."""


class Write(msgspec.Struct, frozen=True):
    """Give the record what changed, if `version` still stands. Gives `Written`, or `Loaded`: what is there instead.

    `turns` are those that are over with it.
    """

    version: str
    put: Mapping[str, str]
    drop: Sequence[str]
    expires: int | None
    wake: bool = True
    turns: Sequence[Turn] = ()


class Do(msgspec.Struct, frozen=True):
    """Do a step, unless the lease runs out (`until`) before it begins. Gives `Done`, `Lost`, `Halted`, or after `beat` ms `Busy`."""

    step: Step[Any]
    key: str
    until: int
    beat: int = HEARTBEAT


class Hook(msgspec.Struct, frozen=True):
    """Ask the bot's hooks ("before", "after", "on_error"). Gives `Done`, `Halted` or `Busy`."""

    name: str
    args: tuple[Any, ...]


class GoOn(msgspec.Struct, frozen=True, gc=False):
    """Wait on for what is being done. Gives `Done`, `Halted`, or after `beat` ms `Busy`."""

    beat: int = HEARTBEAT


class Leave(msgspec.Struct, frozen=True, gc=False):
    """What is being done is of no interest any more: it runs out, or where it took too long, is cancelled. Gives None."""

    cancels: bool = False


class Nap(msgspec.Struct, frozen=True, gc=False):
    """Wait. Gives `Busy`."""

    ms: int


class Wait(msgspec.Struct, frozen=True, gc=False):
    """Until something changed since `version`, or it is time. Gives None: load to see.

    `here`: what is waited for is done on this very worker. It is enough to be told of what is written here, and of what
    was found there by who wrote.
    """

    version: str
    until: int
    here: bool = False


class Spawn(msgspec.Struct, frozen=True):
    """Run this beside; from now on, what it is called is under way here. Gives None."""

    work: Generator[Effect, Any, None]
    name: str


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A reply is bound: every delivery of that message here can have it. Gives None.

    `doubt`: it stays unread until `sent` is told that it has left.
    """

    message: str
    say: Any
    doubt: bool


class Keep(msgspec.Struct, frozen=True):
    """The conversation as it stands now, for the next message. Gives None."""

    version: str
    record: Record
    machine: Machine | None


class Report(msgspec.Struct, frozen=True):
    """For the log alone: a turn that a hook spoiled, or a message that has none. Gives None."""

    turn: Turn


Effect: TypeAlias = Load | Write | Do | Hook | GoOn | Leave | Nap | Wait | Spawn | Answer | Keep | Report
Effects: TypeAlias = "Generator[Effect, Any, Any]"


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """What a store has: its version ("" for nothing), its fields, and the store's time (ms since 1970).

    `waited`: so long it could not be asked before (ms).
    """

    version: str
    fields: Mapping[str, str]
    now: int
    waited: int = 0


class Written(msgspec.Struct, frozen=True, gc=False):
    """The write happened: the new version, and the store's time."""

    version: str
    now: int


class Done(msgspec.Struct, frozen=True):
    """What came of a step or hook. `text`: what one that streams had made when it failed."""

    value: Any
    error: BaseException | None
    now: int
    text: str = ""


class Busy(msgspec.Struct, frozen=True, gc=False):
    """It is still being done: time for a sign of life. `text`: what a step that streams has made so far."""

    now: int
    text: str = ""


class Lost(msgspec.Struct, frozen=True, gc=False):
    """It was not begun, for the lease would run out."""

    now: int


class Halted(msgspec.Struct, frozen=True, gc=False):
    """It was not begun, or it was cancelled and has ended, for this worker goes down."""

    now: int


class Desk:
    """The record as this worker last saw it, and the time it was then."""

    def __init__(self, now: int, version: str = "", rec: Record | None = None) -> None:
        self.now, self.version = now, version
        self.rec = rec or Record()
        self.newer: UnknownFormat | None = None  # what stands there cannot be read, so nothing may be written
        self._fields: Mapping[str, str] | None = None  # that were read last, and what was written since
        self._written: dict[str, str | None] = {}  # None: dropped
        self.renewed = False  # whether all that is new is that leases are longer

    def copy(self) -> Desk:
        """For work that begins later, and must begin from what stands here now."""
        return Desk(self.now, self.version, self.rec)

    def take(self, loaded: Loaded) -> None:
        self.now, self.version = loaded.now, loaded.version
        before, self._fields, self._written = self._there(), None, {}
        self.newer, self.renewed = None, False
        try:
            rec = record.renewed(self.rec, before, loaded.fields) if before else None
            self.renewed = rec is not None
            self.rec = rec or record.read(loaded.fields)
        except UnknownFormat as error:
            self.newer = error
            raise
        self._fields = loaded.fields

    def _there(self) -> Mapping[str, str] | None:
        """The fields that `rec` would be read from; None where none were read."""
        if self._fields is None or not self._written:
            return self._fields
        there = {**self._fields, **self._written}
        return {name: text for name, text in there.items() if text is not None}

    def load(self) -> Effects:
        """Gives how long it took until the store could be asked (ms)."""
        loaded = yield Load()
        self.take(loaded)
        return loaded.waited

    def update(
        self,
        change: Callable[[Record, int], bool],
        *,
        wake: bool = True,
        turns: Callable[[], Sequence[Turn]] = tuple,
    ) -> Effects:
        """Write what `change` makes of the record, as often as it takes. Gives False where `change` gave up.

        `wake` whoever waits, if there is anything to see but a journal that grew; `turns` that `change` has ended.
        """
        while True:
            if self.newer is not None:
                raise self.newer
            new = self.rec.copy()
            if not change(new, self.now):
                return False
            if (yield from self.write(new, wake, turns())):
                return True

    def write(self, new: Record, wake: bool = True, turns: Sequence[Turn] = ()) -> Effects:
        """Write `new` for what was seen last. Gives whether that still stood; else what is there now is what was seen."""
        put, drop = record.changes(self.rec, new)
        if not put and not drop:
            return True
        there = not new.turn or not new.owner or self.rec.seen != new.seen or self.rec.unread != new.unread
        came = yield Write(self.version, put, drop, record.expires(new, self.now), wake and there, turns)
        if not isinstance(came, Written):
            self.take(came)
            return False
        self.now, self.version, self.rec = came.now, came.version, new
        if self._fields is not None:
            self._written |= {**put, **dict.fromkeys(drop)}
        return True


# ---- one delivery ---------------------------------------------------------------------------------------------------


def deliver(conduct: Conduct, delivery: Delivery, owner: str, now: int, kept: Keep | None = None) -> Effects:
    """One delivery, until it is answered or past its last chance. Gives the reply to send; None where it has none.

    `owner` is a name no other worker or delivery has; `kept` what this worker last knew of the conversation.
    """
    desk = Desk(now, kept.version, kept.record) if kept else Desk(now)
    live = Live(desk.rec, kept.machine if kept else None)
    fresh, left_alone = kept is not None, False
    for number in itertools.count():
        claim = f"{owner}.{number}"  # a lease is of one claim
        try:
            if number == 0 and not fresh:
                age = delivery.age()
                waited = yield from desk.load()
                delivery.start = desk.now - age - waited  # by the store's clock, of which a new worker knows nothing
            elif not fresh and not (yield from _waited(desk, delivery, left_alone)):
                return None
            visit = yield from _met(conduct, delivery, desk, claim, live)
            visit = visit or (yield from _visit(conduct, delivery, desk, claim, live))
        except UnknownFormat:  # left alone, as a running turn is: a newer worker takes it
            visit = Visit("unknown", newer=True)
        if visit.newer and not left_alone:
            left_alone = True
            yield Report(_unmet(conduct, delivery, desk, "newer_version"))
        if visit.what == "stale":
            said = conduct.voice.sentence("too_late")
            yield Report(_unmet(conduct, delivery, desk, "too_late", [said]))
            return said
        if kept and live.machine is kept.machine and not visit.beside and desk.rec.journal == kept.record.journal:
            yield Keep(desk.version, desk.rec, live.machine)  # not needed this time
        kept, live = None, Live(desk.rec, None)
        yield from _spawn(conduct, delivery, desk, claim, visit)
        reply = record.answered(desk.rec, desk.now, delivery.message.id)
        if reply is not None or not delivery.open:
            if delivery.open:  # else whoever answered it knows
                delivery.doubt = record.in_doubt(desk.rec, delivery.message.id)
            return reply
        fresh = visit.what in ("claimed", "beside")  # what that left behind may be for this very delivery
        if not fresh and desk.now > delivery.start + delivery.deadlines.give_up:
            return None


def _unmet(conduct: Conduct, delivery: Delivery, desk: Desk, outcome: str, says: Sequence[Any] = ()) -> Turn:
    """What the log says of a message that has no turn here. Its seconds are those since it was sent."""
    message = delivery.message
    seen = desk.rec.seen.get(message.id)
    seconds = desk.now / 1000 - message.created
    return Turn(message, conduct.voice.public(says), "", outcome, seconds, seen.deliveries if seen else 1)


def sent(delivery: Delivery, now: int, kept: Keep | None = None) -> Effects:
    """The response to a delivery was written: in time, what it carries is in doubt no more."""
    if now > delivery.start + delivery.deadlines.in_time:
        return
    desk = Desk(now, kept.version, kept.record) if kept else Desk(now)
    if not record.in_doubt(desk.rec, delivery.message.id):  # what is kept may be older than what the delivery carries
        yield from desk.load()

    def change(rec: Record, now: int) -> bool:
        record.sent(rec, delivery.message.id)
        return True

    yield from desk.update(change)
    if kept is not None and kept.record.journal == desk.rec.journal:
        yield Keep(desk.version, desk.rec, kept.machine)


def outside(change: Callable[[Record, int], bool]) -> Effects:
    """Change the record from outside of any turn. Gives what `change` gave last."""
    desk = Desk(0)
    yield from desk.load()
    return (yield from desk.update(change))


class Live:
    """A dialog that is kept alive, and the record that it stands in: it is of no use for another, nor for a second try."""

    def __init__(self, rec: Record, machine: Machine | None) -> None:
        self.rec, self.machine = rec, machine

    def take(self, rec: Record) -> Machine | None:
        machine, self.machine = self.machine, None
        return machine if rec is self.rec else None


class Visit(msgspec.Struct, frozen=True):
    """What came of a delivery's look, on record."""

    what: str
    attempt: Attempt | None = None
    beside: tuple[str, ...] = ()
    newer: bool = False  # only a newer worker can go on with it
    wary: bool = False  # others may have died of it


def _met(conduct: Conduct, delivery: Delivery, desk: Desk, owner: str, live: Live) -> Effects:
    """An ordinary message, and a dialog that is alive, or none that waits. None for any other, or where the record has changed meanwhile."""
    waits = live.machine is None and bool(desk.rec.journal)  # its dialog is not alive here
    if waits or not ordinary.is_quiet(desk.rec):
        return None
    rec = desk.rec.copy()
    record.settle(rec, desk.now)
    machine, live.machine = live.machine, None  # whatever becomes of it now, it stands no more where it was kept
    attempt = ordinary.met(conduct, delivery, rec, desk.now, owner, machine)
    if attempt is None:
        live.machine = machine
        return None
    if (yield from desk.write(rec, turns=attempt.reports)):
        return Visit("claimed", attempt, tuple(attempt.beside))
    if attempt.machine is not None:
        attempt.machine.close()
    return None


def _visit(conduct: Conduct, delivery: Delivery, desk: Desk, owner: str, live: Live) -> Effects:
    """The delivery looks. Where the dialog is one that only a newer worker knows, it claims nothing."""
    try:
        return (yield from _looked(conduct, delivery, desk, owner, live, True))
    except UnknownFormat:
        visit = yield from _looked(conduct, delivery, desk, owner, live, False)
        return structs.replace(visit, newer=True)


def _looked(conduct: Conduct, delivery: Delivery, desk: Desk, owner: str, live: Live, may_claim: bool) -> Effects:
    made: list[Visit] = []
    message = delivery.message

    def change(rec: Record, now: int) -> bool:
        record.settle(rec, now)
        if made and made[0].attempt and made[0].attempt.machine:
            made[0].attempt.machine.close()  # of a write that was refused
        known = rec.seen.get(message.id)
        if known is not None and known.reply is not None:
            old = now - known.at > record.KEEP and not conduct.voice.silent(message)
            made[:] = [Visit("stale" if old else "answered")]
            return not old
        journal = rec.journal
        if known is None:
            arrival = arriving(conduct, rec, now, message)
        else:  # what becomes of it was decided when it arrived
            arrival = Arrival(known.id, known.created, known.state, known.body)
        claims = may_claim and not delivery.worker.stopping  # it may have begun to go down since the last try
        alive = delivery.worker.works
        found = record.look(rec, now, arrival, owner, delivery.mark, conduct.voice, claims=claims, alive=alive)
        made[:] = [Visit(found.what)]
        if found.what == "stale":
            return False
        if found.what == "full":
            record.turn_away(rec, now, arrival, conduct.voice.sentence("too_many"), conduct.voice)
        elif found.what == "wait":
            choose(conduct, delivery, rec, now)
        elif found.what == "claimed" and not _is_new(rec, now, message):
            check_format(conduct.router.scripts, rec.journal)
        else:
            hot = live.take(desk.rec) if found.what == "claimed" else None
            made[:] = [_claimed(conduct, delivery, rec, now, found, hot if rec.journal is journal else None)]
        return True

    yield from desk.update(change, turns=lambda: _reports(made))
    yield from _go_on_warily(conduct, delivery, desk, owner, made)
    return made[0]


def _go_on_warily(conduct: Conduct, delivery: Delivery, desk: Desk, owner: str, made: list[Visit]) -> Effects:
    """The dialog's own code may kill whoever runs it: what somebody else may have begun is run when its claim was counted."""
    if made[0].what != "claimed" or made[0].attempt is not None:
        return

    def change(rec: Record, now: int) -> bool:
        if made[0].attempt and made[0].attempt.machine:
            made[0].attempt.machine.close()  # of a write that was refused
        made[:] = [Visit("wait")]
        if record.worker(rec) != owner:
            return False
        made[:] = [_claimed(conduct, delivery, rec, now, Look("claimed"), wary=True)]
        return True

    yield from desk.update(change, turns=lambda: _reports(made))


def _is_new(rec: Record, now: int, message: Any) -> bool:
    """Whether this very message comes next, and nobody can have begun with it."""
    waits = rec.next()
    return not rec.turn and waits is not None and waits.id == message.id and not is_repeated(message, now)


def _reports(made: Sequence[Visit]) -> Sequence[Turn]:
    return made[0].attempt.reports if made[0].attempt else ()


def _claimed(
    conduct: Conduct,
    delivery: Delivery,
    rec: Record,
    now: int,
    found: Look,
    machine: Machine | None = None,
    *,
    wary: bool = False,
) -> Visit:
    """What a look that claimed goes on with."""
    if found.what != "claimed":
        return Visit(found.what, beside=(found.message,) if found.what == "beside" else ())
    attempt = Attempt(conduct, delivery, rec, now, machine)
    attempt.proceed(claimed=True, wary=wary)
    return Visit(found.what, attempt, tuple(attempt.beside), wary=wary)


def _spawn(conduct: Conduct, delivery: Delivery, desk: Desk, owner: str, visit: Visit) -> Effects:
    for message in visit.beside:
        name = record.beside(desk.rec.seen[message])
        yield Spawn(run_beside(conduct, delivery, message, owner, desk.copy()), name)
    if visit.attempt is None:
        return
    if visit.attempt.under_way:
        yield Spawn(run(conduct, delivery, desk.copy(), visit.attempt, wary=visit.wary), desk.rec.owner)
    else:
        yield Keep(desk.version, desk.rec, visit.attempt.machine)


def _waited(desk: Desk, delivery: Delivery, left_alone: bool) -> Effects:
    """Wait until there may be something to do. Gives whether anybody still listens."""
    due = _due(desk, delivery)
    while True:
        yield _wait(desk, delivery, due)
        if not delivery.open:
            return False
        yield from desk.load()
        if not delivery.open:  # the load took long
            return False
        due = _due(desk, delivery)
        # those who work may only have said so again, and it may be time for nothing of its own
        if left_alone or not desk.renewed or not record.is_worked_at(desk.rec, desk.now) or min(due) <= desk.now:
            return True


def _wait(desk: Desk, delivery: Delivery, due: Sequence[int]) -> Wait:
    """A waiting delivery looks again, if nothing wakes it, when something is due, or when a lease may be dead."""
    seen = desk.rec.seen.get(delivery.message.id)
    here = (record.beside(seen) if seen and seen.until else desk.rec.owner) in delivery.worker.works
    times = [t for t in due if t > desk.now] + [due[-1]]
    times += [] if here else [_lease_look(desk, delivery, seen)]
    return Wait(desk.version, min(times), here)


def _due(desk: Desk, delivery: Delivery) -> list[int]:
    """When a waiting delivery may do something, whatever others do: doubts that end, its last chance, and its end."""
    seen = desk.rec.seen.get(delivery.message.id)
    chance = delivery.chance_at(seen) if seen else None
    times = [item.held[1] + record.DOUBT + 1 for item in desk.rec.unread.values() if item.held]
    if chance is not None:
        times.append(chance)
    return [*times, delivery.start + delivery.deadlines.give_up + 100]


def _lease_look(desk: Desk, delivery: Delivery, seen: Seen | None) -> int:
    """When somebody's lease may be dead. Who has waited longer than WeChat does, looks again after as long."""
    lease = seen.until if seen and seen.until else desk.rec.until if desk.rec.owner else 0
    longer = delivery.since(desk.now) - WECHAT.waits
    look = max(lease, desk.now + longer) if lease > desk.now else desk.now + UNLEASED
    return look // MOMENT * MOMENT + MOMENT


# ---- the turns under a lease -----------------------------------------------------------------------------------------


def run(conduct: Conduct, delivery: Delivery, desk: Desk, attempt: Attempt, *, wary: bool) -> Effects:
    """The turns of one conversation, from where an attempt left them, as long as this worker owns its lease.

    `wary`: others may have died of it, so each claim is on record before it is used.
    """
    try:
        yield from _run(conduct, delivery, desk, attempt, wary)
    except UnknownFormat:  # a newer worker has taken over
        return


def _run(conduct: Conduct, delivery: Delivery, desk: Desk, attempt: Attempt, wary: bool) -> Effects:
    while attempt.under_way:
        with delivery.worker.at(desk.rec.owner):
            next_one = yield from _bring_on(conduct, delivery, desk, attempt.machine, wary)
        if next_one is None:
            return
        attempt = next_one
    yield Keep(desk.version, desk.rec, attempt.machine)


def _bring_on(conduct: Conduct, delivery: Delivery, desk: Desk, machine: Machine | None, wary: bool) -> Effects:
    """Do what a turn waits for, and write what comes of it. Gives the attempt; None where it is another's now."""
    lease, line, says = Lease(desk.rec.owner, len(desk.rec.journal)), None, None
    if desk.rec.turn and machine is None:
        machine = Attempt(conduct, delivery, desk.rec.copy(), desk.now).machine
    if desk.rec.turn and machine is not None:
        if isinstance(machine.want, Step):
            line = yield from _step(conduct, delivery, desk, machine, machine.want, lease)
        else:
            says = yield from _hooks(conduct, delivery, desk, machine, lease)
        if line is None and says is None and not lease.dropped(desk.rec):
            return None
    attempt = yield from _go_on(conduct, delivery, desk, lease, machine, line, says, wary)
    if attempt is not None:
        yield from _announce(conduct, delivery, desk, lease, attempt)
    return attempt


class Lease(msgspec.Struct, frozen=True):
    """This worker's right to go on with a turn, and the journal that it goes on with."""

    owner: str
    length: int

    def holds(self, rec: Record) -> bool:
        return record.holds(rec, self.owner, self.length)

    def dropped(self, rec: Record) -> bool:
        """Whether the turn is still this worker's, and cancelled."""
        return rec.cancelled and self.holds(rec)

    def renew(self, rec: Record, now: int) -> bool:
        rec.until = now + record.LEASE
        return self.holds(rec)

    def hand_over(self, rec: Record, now: int) -> bool:
        if not self.holds(rec):
            return False
        record.hand_over(rec)
        return True


def _go_on(
    conduct: Conduct,
    delivery: Delivery,
    desk: Desk,
    lease: Lease,
    machine: Machine | None,
    line: str | None,
    says: Sequence[Any] | None,
    wary: bool,
) -> Effects:
    """Write a step's result, or the end that hooks gave a turn, and all that follows from it. Gives the attempt, or None."""
    made: list[Attempt] = []
    hot = machine

    def change(rec: Record, now: int) -> bool:
        nonlocal hot
        if made and made[0].machine is not None:
            made[0].machine.close()  # of a write that was refused
        if not lease.holds(rec):
            return False
        attempt, hot = Attempt(conduct, delivery, rec, now, hot), None
        made[:] = [attempt]
        if attempt.machine is not None and not rec.cancelled:
            if line is not None:
                record.append(rec, now, [line])
                attempt.absorb(line)
            elif says is not None:
                attempt.end(says)
        attempt.proceed(wary=wary)
        return True

    written = yield from desk.update(change, turns=lambda: made[0].reports)
    return made[0] if written else None


def _announce(conduct: Conduct, delivery: Delivery, desk: Desk, lease: Lease, attempt: Attempt) -> Effects:
    for turn in attempt.reports:
        yield from _tell_here(desk, turn.message.id)
    for message in attempt.beside:
        owner, name = lease.owner.split(":")[0], record.beside(desk.rec.seen[message])
        yield Spawn(run_beside(conduct, delivery, message, owner, desk.copy()), name)


def _tell_here(desk: Desk, message: str) -> Effects:
    """Whoever waits for a reply on this worker has it at once."""
    reply = record.answered(desk.rec, desk.now, message)
    if reply is not None:
        yield Answer(message, reply, record.in_doubt(desk.rec, message))


def _step(conduct: Conduct, delivery: Delivery, desk: Desk, machine: Machine, step: Step[Any], lease: Lease) -> Effects:
    """Do the step that the dialog stands at, with signs of life. Gives its entry; None where it goes on no more."""
    watch = Watch(desk, lease.renew, lambda: desk.rec.until, lease.dropped)
    if machine.streams and (conduct.pieces or not conduct.after):
        watch.shows = _Stream(conduct, delivery, desk, machine, lease)
    came = yield from watch.do(step, machine.key())
    if isinstance(came, Halted):
        yield from desk.update(lease.hand_over)
    return outcome(step, came) if isinstance(came, Done) else None


class _Stream:
    """What a step that streams has made is on record while it goes on, where the hooks have nothing against it."""

    def __init__(self, conduct: Conduct, delivery: Delivery, desk: Desk, machine: Machine, lease: Lease) -> None:
        self.conduct, self.delivery, self.desk, self.machine, self.lease = conduct, delivery, desk, machine, lease

    def show(self, text: str) -> Effects:
        """Gives whether the turn goes on."""
        voice = self.conduct.voice
        said: Any = voice.join(voice.render([*self.machine.said, Said(_clean(text))]))
        if self.conduct.after:
            attempt = Attempt(self.conduct, self.delivery, self.desk.rec.copy(), self.desk.now, self.machine)
            turn = structs.replace(attempt.summary(), outcome="unfinished")
            watch = Watch(self.desk, self.lease.renew, lambda: self.desk.rec.until, self.lease.dropped)
            came = yield from watch.end((yield Hook("after", (turn.saying(said),))))
            if came is None:
                return False
            fine = isinstance(came, Done) and not came.error
            said = next(iter(hooked(self.conduct, "after", [said], came)), None) if fine else None

        def change(rec: Record, now: int) -> bool:
            if isinstance(said, str):
                record.stream(rec, said)
            return self.lease.renew(rec, now)

        return (yield from self.desk.update(change, wake=False))


class Watch:
    """Something is being done outside, under a lease that must not run out meanwhile.

    `renew` gives a sign of life on record, `until` how long the lease lasts, `dropped` whether the result is wanted no more.
    """

    def __init__(
        self,
        desk: Desk,
        renew: Callable[[Record, int], bool],
        until: Callable[[], int],
        dropped: Callable[[Record], bool] = lambda rec: False,
    ) -> None:
        self.desk, self.renew, self.until, self.dropped = desk, renew, until, dropped
        self.shows: _Stream | None = None

    def do(self, step: Step[Any], key: str) -> Effects:
        """Do a step, as often as it may be tried. Gives `Done` or `Halted`; None where the lease was lost."""
        pauses = (min(PAUSE << n, HEARTBEAT) for n in range(step.function.retries))
        while True:
            came = yield from self.once(step, key)
            if not isinstance(came, Done) or came.error is None:
                return came
            pause = next(pauses, 0)
            if not pause:
                return came
            self.desk.now = (yield Nap(pause)).now
            if not (yield from self.alive()):
                return None

    def once(self, step: Step[Any], key: str) -> Effects:
        """One try, which ends when its time is over."""
        limit = step.function.timeout
        while True:
            end = None if limit is None else self.desk.now + int(limit * 1000)
            came = yield Do(step, key, self.until(), self.beat(end))
            came = yield from self.end(came, end)
            if not isinstance(came, Lost):
                break
            if not (yield from self.alive()):
                return None
        if step.function.once and isinstance(came, Done) and isinstance(came.error, TookTooLong):
            return structs.replace(came, error=StepInterrupted(*journal.INTERRUPTED))
        return came

    def end(self, came: Any, end: int | None = None) -> Effects:
        """What came of it, in the end; None where the lease was lost on the way."""
        alive, shown = self.desk.now, ""
        while isinstance(came, Busy):
            self.desk.now = came.now
            if end is not None and came.now >= end:
                yield Leave(cancels=True)
                return Done(None, TookTooLong("it took too long"), came.now, came.text)
            goes_on = True
            if self.shows and came.text != shown:
                shown, alive = came.text, came.now
                goes_on = yield from self.shows.show(shown)
            elif came.now + MOMENT >= alive + HEARTBEAT:
                alive = came.now
                goes_on = yield from self.alive()
            if not goes_on or self.dropped(self.desk.rec):
                yield Leave()
                return None
            came = yield GoOn(self.beat(end))
        self.desk.now = came.now
        return came

    def alive(self) -> Effects:
        """A sign of life. Gives whether it goes on."""
        written = yield from self.desk.update(self.renew, wake=False)
        return written and not self.dropped(self.desk.rec)

    def beat(self, end: int | None) -> int:
        """How long to wait before the next look at it."""
        beat = PIECE if self.shows else HEARTBEAT
        return beat if end is None else max(1, min(beat, end - self.desk.now))


class TookTooLong(TimeoutError):
    """A step was not done within its `timeout`."""


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
    return journal.encode(_failure(step, done, error))


def _failure(step: Step[Any], done: Done, error: BaseException) -> journal.Failure:
    if isinstance(error, StepInterrupted):
        kind, message = journal.INTERRUPTED
    elif isinstance(error, StepFailed):
        kind, message = error.type, error.message
    else:
        kind = TimeoutError.__name__ if isinstance(error, TookTooLong) else type(error).__name__
        message = _words(error)
    return journal.Failure(done.now, step.name, kind, _clean(message), _clean(done.text) or None)


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(it cannot say what it is)"


def _clean(text: str) -> str:
    """Without half a surrogate pair, which is kept nowhere."""
    return text.encode(errors="replace").decode()


def _hooks(conduct: Conduct, delivery: Delivery, desk: Desk, machine: Machine, lease: Lease) -> Effects:
    """What the hooks make of a turn whose text is complete, encoded. None where it goes on no more."""
    if machine.outcome == "rerouted":
        return conduct.voice.render(machine.said)
    turn = Attempt(conduct, delivery, desk.rec.copy(), desk.now, machine).summary()
    watch = Watch(desk, lease.renew, lambda: desk.rec.until, lease.dropped)
    says = yield from _hooked(conduct, turn, conduct.voice.render(machine.said), watch)
    if says is None and delivery.worker.stopping:
        yield from desk.update(lease.hand_over)
    return says


def _hooked(conduct: Conduct, turn: Turn, says: Sequence[Any], watch: Watch) -> Effects:
    """What the hooks make of what a turn says. None where it goes on no more."""
    asked = [("on_error", turn.error is not None and conduct.on_error), ("after", conduct.after)]
    for name in [name for name, wanted in asked if wanted]:
        over = turn.saying(conduct.voice.public(says))
        args = (turn.message, turn.error) if name == "on_error" else (over,)
        came = yield from watch.end((yield Hook(name, args)))
        if not isinstance(came, Done):
            return None
        yield from _complained(turn, came)
        says = hooked(conduct, name, says, came)
    return says


def _complained(turn: Turn, came: Done) -> Effects:
    """A hook that failed is reported beside the turn that it spoiled."""
    if came.error is not None:
        yield Report(structs.replace(turn, outcome="failed", error=came.error))


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
    seen = record.holds_beside(desk.rec, message, owner)
    if seen is None or seen.body is None:
        return
    claim = Claim(seen.id, owner)
    received = conduct.voice.message(seen.body[2], seen.id, seen.created)
    work = _check if seen.state == "checking" else _handle
    try:
        with delivery.worker.at(record.beside(seen)):
            yield from work(conduct, delivery, desk, seen, received, claim)
    except UnknownFormat:  # a newer worker has taken over
        return


class Claim(msgspec.Struct, frozen=True):
    """This worker's right to run the handler, or the check, of one message."""

    message: str
    owner: str

    def held(self, rec: Record) -> Seen | None:
        return record.holds_beside(rec, self.message, self.owner)

    def renew(self, rec: Record, now: int) -> bool:
        seen = self.held(rec)
        if seen is not None:
            record.renew_beside(rec, now, seen)
        return seen is not None

    def hand_over(self, rec: Record, now: int) -> bool:
        seen = self.held(rec)
        if seen is not None:
            record.hand_over_beside(rec, seen)
        return seen is not None

    def watch(self, desk: Desk) -> Watch:
        def until() -> int:
            seen = self.held(desk.rec)
            return seen.until if seen else 0

        return Watch(desk, self.renew, until)


def _check(conduct: Conduct, delivery: Delivery, desk: Desk, seen: Seen, message: Any, claim: Claim) -> Effects:
    """Its verdict gives the message its state. Nobody may look at it again, so whoever judged it goes on with what came of it."""
    says = yield from _objections(conduct, desk, seen, message, claim)
    if says is None:
        return
    try:
        visit = yield from _judged(conduct, delivery, desk, message, claim, says, True)
    except UnknownFormat:  # a dialog that only a newer worker knows
        visit = yield from _judged(conduct, delivery, desk, message, claim, says, False)
    yield from _spawn(conduct, delivery, desk, claim.owner, visit)
    yield from _tell_here(desk, seen.id)


def _objections(conduct: Conduct, desk: Desk, seen: Seen, message: Any, claim: Claim) -> Effects:
    """What the hooks before a message say to it; None where it goes on no more."""
    came: Any = Done(None, None, desk.now)
    poisoned = seen.claims > POISON
    if not poisoned:
        came = yield from claim.watch(desk).end((yield Hook("before", (message,))))
    if isinstance(came, Halted):
        yield from desk.update(claim.hand_over)
    if not isinstance(came, Done):
        return None
    says = [conduct.voice.sentence("failed")] if poisoned else hooked(conduct, "before", [], came)
    if poisoned or came.error is not None:
        outcome = "quarantined" if poisoned else "failed"
        yield Report(Turn(message, conduct.voice.public(says), "before", outcome, 0, seen.deliveries, came.error))
    return says


def _judged(
    conduct: Conduct,
    delivery: Delivery,
    desk: Desk,
    message: Any,
    claim: Claim,
    says: Sequence[Any],
    may_claim: bool,
) -> Effects:
    made: list[Visit] = []

    def verdict(rec: Record, now: int) -> bool:
        made[:] = [Visit("wait")]  # of a write that was refused, nothing is left
        held = claim.held(rec)
        if held is None:
            return False
        arrival = arriving(conduct, rec, now, message, checked=True)
        crowded = arrival.state == "queued" and record.crowded(rec, now)
        words = [conduct.voice.sentence("too_many")] if crowded and not says else says
        if words:
            quote = conduct.voice.quote(message)
            record.finish_beside(rec, now, held, words, delivery.carrier(held, now), conduct.voice, quote)
        else:
            record.admit(rec, now, held, arrival, conduct.voice)
        claims = may_claim and not delivery.worker.stopping
        alive = delivery.worker.works
        found = record.claim(rec, now, rec.seen[held.id], claim.owner, alive) if claims else Look("wait")
        if found.what == "claimed" and not (held.claims == 1 and _is_new(rec, now, message)):
            check_format(conduct.router.scripts, rec.journal)
            made[:] = [Visit("claimed")]
        else:
            made[:] = [_claimed(conduct, delivery, rec, now, found)]
        return True

    yield from desk.update(verdict, turns=lambda: _reports(made))
    yield from _go_on_warily(conduct, delivery, desk, claim.owner, made)
    return made[0]


def _handle(conduct: Conduct, delivery: Delivery, desk: Desk, seen: Seen, message: Any, claim: Claim) -> Effects:
    """Its result is its reply, so there is nothing to replay."""
    assert seen.body is not None
    ref = seen.body[1]
    route = conduct.router.named(*ref) if ref else None
    route = route if route is None or route.aside else None  # a deploy made a dialog of it
    came: Any = Done(None, None, desk.now)
    watch = claim.watch(desk)
    if route is not None and route.pattern is not None:
        message = conduct.voice.message(seen.body[2], seen.id, seen.created, route.pattern_text, route.flags)
    if route is not None and seen.claims <= POISON:
        came = yield from _handling(conduct, seen, route.step(message), watch)
    says = None
    if isinstance(came, Done):
        turn, says = handled(conduct, seen, message, route, came)
        says = yield from _hooked(conduct, turn, says, watch)
    if says is None:
        if delivery.worker.stopping:
            yield from desk.update(claim.hand_over)
        return

    def change(rec: Record, now: int) -> bool:
        held = claim.held(rec)
        if held is not None:
            quote = conduct.voice.quote(message)
            record.finish_beside(rec, now, held, says, delivery.carrier(held, now), conduct.voice, quote)
        return held is not None

    over = turn.saying(conduct.voice.public(says))
    if (yield from desk.update(change, turns=lambda: [over])):
        yield Keep(desk.version, desk.rec, None)
        yield from _tell_here(desk, seen.id)


def _handling(conduct: Conduct, seen: Seen, step: Step[Any], watch: Watch) -> Effects:
    """The claim of a step that may run once only is its intent: where there was one before, nobody knows how far it came."""
    if step.function.once and seen.claims > 1:
        return Done(None, StepInterrupted(*journal.INTERRUPTED), watch.desk.now)
    return (yield from watch.do(step, idempotency_key(conduct.voice.party, seen.id, seen.id, 0)))


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
