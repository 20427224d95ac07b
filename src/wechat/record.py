"""All that is kept of one user's conversation, and everything that can happen to it.

Pure: a function takes a record and the store's time (ms), changes the record, and says what came of it. Who calls it loaded
the record with its version, hands over a copy, and writes it back only if that version still stands; if not, the function is
called again on what is there now. So each rule is written once, for every store.

Rule 1: a message is taken in the same write that takes it out of the queue; its turn ends in the write that says its reply.
Rule 2: a reply is bound to a message once, by a delivery that carries it; every other finished reply is unread.
Rule 3: only the owner of the lease changes the journal. A lease names its turn: within one name the journal only grows, so
        owner and length together are proof enough that it is still the same.
Rule 4: a lapsed conversation is forgotten where a message is *taken*, by when it arrived.
Rule 5: nothing leaves the unread replies but in the write that binds it; bound to a last delivery, it stays there *in doubt*
        until it is known to have left.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
from msgspec.structs import astuple, force_setattr, replace

from .errors import UnknownFormat
from .journal import Afresh, Began, Intent, Lines, compact, decode
from .journal import read as unpack

#: the newest format of a record that this version writes and reads
FORMAT = 2

LEASE = 6_000  #: a worker that was silent for so long has lost the turn (ms, as everything here)
QUEUE = 5  #: so many messages may wait for their turn
GRACE = 600_000  #: so long after its time-out an answer still meets `TimedOut`; then the conversation is forgotten
SAME = 60_000  #: so long a delivery of a message gets the very reply that it got before
BINDS = SAME - 5_000  #: so long a reply may be bound, so that the delivery that carries it still gets it
DOUBT = 6_000  #: so long a last delivery may be under way
KEEP, CAP = 600_000, 64  #: so long a message is remembered, and so many at most
UNREAD = LIVES = 86_400_000  #: so long a reply waits to be read; and a record lives after its last message
TOLD = 7 * 86_400_000  #: so long it is known what was told already
CANNED = 3_600_000  #: a CreateTime so far from its arrival is a test's, or a wrong clock's: it proves nothing

MARK = 2  #: characters of a delivery's mark

Say: TypeAlias = Any  # something said, encoded
#: what of a reply the delivery at hand carries: nothing, or the reply, and whether it is WeChat's last of that message
Carrier: TypeAlias = Literal["", "open", "last"]


class Shape(Protocol):
    """How much fits one reply, and the sentences around it."""

    def pack(self, says: Sequence[Say]) -> tuple[list[Say], int]:
        """The same in as few replies as it takes; and which of them ends in the last thing said."""

    def more(self, say: Say, count: int) -> Say:
        """A reply that says that so many more can be fetched."""

    def both(self, say: Say, older: Sequence[Say]) -> Say | None:
        """One reply that says both, if there is one."""

    def late(self, say: Say, quote: str, doubtful: bool) -> list[Say]:
        """What is said late: behind the message that it answers, and that it may have been read."""

    def piece(self, before: Sequence[Say], text: str) -> tuple[str, str]:
        """As much of a text that is still being made as one reply shows behind `before`, and that reply."""

    def rest(self, says: Sequence[Say], shown: str) -> list[Say] | None:
        """What is left to say where `shown` was said already; None where it does not begin with that."""

    def sentence(self, name: str, **values: Any) -> Say:
        """One of our own sentences, encoded."""


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What has a field of its own in the store: its values in their order, and `id` or `number` as the field's name."""


class Seen(Part, frozen=True):
    """A message that arrived."""

    created: int  # WeChat's clock, seconds
    at: int  # its first delivery
    state: str  # checking, queued, taken, fetching, aside, done
    marks: str = ""  # of its deliveries, so that a look made again counts none twice
    #: how it goes on, by which route, what it says
    body: tuple[str, tuple[str, str, str | None] | None, Any] | None = None
    reply: Say | None = None  # bound, for ever; "" for `success`
    refused: bool = False
    owner: str = ""  # of a check or a handler aside: who runs it, until when, how often it was begun
    until: int = 0
    claims: int = 0
    id: str = ""

    @property
    def deliveries(self) -> int:
        return len(self.marks) // MARK


class Unread(Part, frozen=True):
    """A finished reply that no delivery carries, or that is not known to have left."""

    message: str  # whose reply it is; "": nobody's, it was told
    say: Say
    asks: bool  # it carries the question that the dialog waits at; in doubt, that was shown once
    until: int
    quote: str = ""  # the message it answers, for whom it reaches late
    held: tuple[str, int] | None = None  # bound to the last delivery of that message, since then
    doubtful: bool = False  # it may have been read
    brief: Say | None = None  # what is left of it when the question that it repeats stands no more; "": nothing
    number: int = 0


class Partial(Part, frozen=True):
    """What a turn that runs has said so far, and how much of it was shown."""

    message: str
    text: str
    shown: str = ""
    again: bool = False  # what was shown was said by a run that is no more


class Datum(Part, frozen=True):
    """One of the user's own data."""

    value: Any
    expires: int | None = None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What is on record of the ask that the dialog waits at."""

    timeout: float = 0  # ms; math.inf: for ever
    accepts: tuple[str, ...] = ()  # names of the types it takes as they are
    labels: tuple[str, ...] = ()  # of its options, normalised
    key: str | int | None = None  # as an answer to it has it


_NONE: Mapping[Any, Any] = MappingProxyType({})


class Record(msgspec.Struct, gc=False):
    """Everything of one conversation. Its parts are frozen; a copy shares them."""

    owner: str = ""  # the lease: "worker:turn"
    until: int = 0
    claims: int = 0  # of the lease, since the last progress
    turn: str = ""  # the message whose turn has begun and not ended; with a "t" behind: its time-out's turn
    side: int | None = None  # where in the journal a side dialog begins
    shown: int | None = None  # when the question that the dialog waits at was shown last: from then its time runs
    #: how long before that it was shown first: what was typed since then may answer it. Below 0: its time was over meanwhile
    since: int = 0
    standing: Standing | None = None
    cancelled: bool = False  # the turn under way is to be dropped, and whoever runs it does not know yet
    watermark: int = -1  # the youngest CreateTime of a message that was forgotten, seconds
    count: int = 0  # of unread replies, ever
    journal: Lines = msgspec.field(default_factory=Lines)
    seen: dict[str, Seen] = msgspec.field(default_factory=dict)
    #: whoever changes these three makes others, for most users have nothing there
    unread: Mapping[int, Unread] = _NONE
    partial: Partial | None = None
    data: Mapping[str, Datum] = _NONE
    told: Mapping[str, int] = _NONE  # what was told, by its key, and until when it is known
    format: int = FORMAT  # in which it was read

    def copy(self) -> Record:
        made = copy(self)
        made.format = FORMAT  # in which it will be written
        made.journal, made.seen = Lines.of(self.journal), {**self.seen}
        return made

    def next(self) -> Seen | None:
        """The message whose turn comes next; None while an older one is being checked."""
        for seen in self.seen.values():
            if seen.state == "queued":
                return seen
            if seen.state == "checking":
                return None
        return None

    def queue(self) -> list[Seen]:
        return [s for s in self.seen.values() if s.state == "queued"]

    def work(self) -> bool:
        """Whether a turn runs, or a message waits for one."""
        return bool(self.turn or self.next())

    def busy(self, now: int, but: str = "") -> bool:
        """Whether somebody works, or should: at a turn, at what waits for one, at a handler or check of another message."""
        beside = any(s.state in ("aside", "checking") and s.id != but for s in self.seen.values())
        return self.work() or self.leased(now) or beside

    def readable(self) -> list[Unread]:
        return [item for item in self.unread.values() if item.held is None] if self.unread else []

    def leased(self, now: int) -> bool:
        return bool(self.owner) and self.until > now

    def dialog(self) -> Sequence[str]:
        """The journal of the dialog that runs: the side dialog's, where there is one."""
        return self.journal if self.side is None else self.journal[self.side :]

    def early(self, at: int) -> bool:
        """Whether a message arrived before the question that stands was shown: last, or first and so long ago that it had lapsed."""
        if self.shown is None or self.standing is None:
            return True
        first = self.shown - abs(self.since)
        end = first + self.standing.timeout if self.since < 0 else self.shown
        return at < self.shown and not first <= at <= end

    def late(self, at: int) -> float:
        """How long after the time-out of the ask that stands a message arrived (ms); 0 or less: in time."""
        if self.shown is None or self.standing is None:
            return -math.inf
        return at - self.shown - self.standing.timeout


# ---- what a delivery does -------------------------------------------------------------------------------------------


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A message as it arrives: what becomes of it, as far as the record alone can say."""

    id: str
    created: int
    state: str
    body: tuple[str, tuple[str, str, str | None] | None, Any] | None
    silent: bool = False  # a push that shows no reply
    ends: bool = False  # the user is gone: nothing of the conversation is left
    stops: bool = False  # a cancel word, while a turn runs


class Look(msgspec.Struct, frozen=True, gc=False):
    """What came of a delivery's look: "answered", "stale", "full", "beside" (and which message), "claimed" or "wait"."""

    what: str
    message: str = ""


def look(
    rec: Record,
    now: int,
    arrival: Arrival,
    owner: str,
    mark: str,
    shape: Shape,
    *,
    claims: bool = True,
    alive: Container[str] = (),
) -> Look:
    """A delivery looks, and (if it `claims`) may take over what a dead worker left. `mark`: this delivery's, and no other's.

    `alive`: what is under way on this very worker, which is not dead, however late it is.
    """
    settle(rec, now)
    seen = rec.seen.get(arrival.id)
    if seen is None:
        if arrival.created <= rec.watermark:
            return Look("stale")
        if arrival.state == "queued" and crowded(rec, now, claims=claims):
            return Look("full")
        seen = remember(rec, now, arrival, shape)
    elif seen.reply is not None:
        return Look("answered")
    if mark not in [seen.marks[i : i + MARK] for i in range(0, len(seen.marks), MARK)]:
        seen = change(rec, seen, marks=seen.marks + mark)
    return claim(rec, now, seen, owner, alive) if claims else Look("wait")


def claim(rec: Record, now: int, seen: Seen, owner: str, alive: Container[str] = ()) -> Look:
    """Take up what nobody works at: the check or handler of this message, of another, or the turns."""
    for other in (seen, *rec.seen.values()):
        if other.state in ("aside", "checking") and other.until <= now and beside(other) not in alive:
            change(rec, other, owner=owner, until=now + LEASE, claims=other.claims + 1)
            return Look("beside", other.id)
    if rec.work() and not rec.leased(now) and rec.owner not in alive:
        rec.owner, rec.until, rec.claims = f"{owner}:{rec.turn}", now + LEASE, rec.claims + 1
        return Look("claimed")
    return Look("wait")


def is_worked_at(rec: Record, now: int) -> bool:
    """Whether there is nothing that a look could take over from a dead worker."""
    alive = all(other.until > now for other in rec.seen.values() if other.state in ("aside", "checking"))
    return alive and (rec.leased(now) or not (rec.owner or rec.work()))


def take_at_once(rec: Record, now: int, id: str, created: int, at: int, mark: str, owner: str) -> Seen:
    """A message comes to a quiet record: `look` and `take` in one, for whom nobody can be before."""
    seen = rec.seen[id] = Seen(created, at, "taken", mark, id=id)
    _forget_old(rec, now, seen)
    rec.turn, rec.owner = id, f"{owner}:{id}"
    return seen


def end_at_once(rec: Record, now: int, seen: Seen, say: Say, standing: Standing | None) -> None:
    """That message's turn ends, in the question that stands then or with the dialog, and its delivery carries what it says:
    `finish` and `give_back` in one."""
    rec.turn, rec.owner, rec.until = "", "", 0
    if standing is None:
        forget(rec)
    else:
        rec.standing, rec.shown, rec.since = standing, now, 0
    change(rec, seen, state="done", reply=say)


def beside(seen: Seen) -> str:
    """What the work at a check or handler is called."""
    return f"{seen.owner} {seen.id}"


def crowded(rec: Record, now: int, *, claims: bool = True) -> bool:
    """Whether no more messages may wait for their turn: where nobody works at them, a look that claims does."""
    return len(rec.queue()) >= QUEUE and (not claims or rec.leased(now))


def answered(rec: Record, now: int, message: str) -> Say | None:
    """The reply that is bound to a message: as it was for a minute, then only that there was one. None: not yet bound."""
    seen = rec.seen.get(message)
    if seen is None or seen.reply is None:
        return None
    return seen.reply if now - seen.at <= SAME else ""


def in_doubt(rec: Record, message: str) -> bool:
    """Whether what the last delivery of a message carries is not known to have left."""
    return any(item.held and item.held[0] == message for item in rec.unread.values())


def sent(rec: Record, message: str) -> None:
    """The last delivery of a message was answered in time."""
    for item in [item for item in rec.unread.values() if item.held and item.held[0] == message]:
        _take_out(rec, item)


def bind(rec: Record, message: str, say: Say) -> None:
    """The delivery of `message` that just looked carries `say`, words of ours that nobody misses."""
    seen = rec.seen[message]
    change(rec, seen, reply=say, state="done" if seen.state == "fetching" else seen.state)


def bind_unread(
    rec: Record, now: int, seen: Seen, item: Unread, note: Sequence[Say], carrier: Carrier, shape: Shape
) -> None:
    """The delivery that just looked carries an unread reply, after a `note`."""
    _take_out(rec, item)
    parts, last = shape.pack([*note, *_late(item, seen.id, shape)])
    held = [item]
    if len(parts) > 1:  # the rest of it comes before whatever was said after it
        rest = [
            replace(item, say=part, asks=item.asks and i == last, quote="", doubtful=False, brief=None)
            for i, part in enumerate(parts[1:], 1)
        ]
        _put_first(rec, rest)
        held = [replace(item, say=parts[0], asks=item.asks and last == 0, quote="", brief=None)]
    alone = item.doubtful or len(parts) > 1
    _carry(rec, now, seen, parts[0], held, item.asks and last == 0, carrier, shape, alone=alone)


def _late(item: Unread, message: str, shape: Shape) -> list[Say]:
    return shape.late(item.say, "" if item.message == message else item.quote, item.doubtful)


def bind_part(rec: Record, now: int, seen: Seen, note: Sequence[Say], carrier: Carrier, shape: Shape) -> None:
    """The delivery that just looked carries what the turn under way has said so far and was not shown."""
    partial = rec.partial
    assert partial is not None
    before = [*note, shape.sentence("regenerated")] if partial.again else note
    piece, said = shape.piece(before, partial.text[len(partial.shown) :])
    rec.partial = replace(partial, shown=partial.shown + piece, again=False)
    if carrier == "last":
        whose = partial.message.removesuffix("t")
        _put(rec, Unread(whose, said, False, now + UNREAD, held=(seen.id, now)))
    bind(rec, seen.id, f"{said}{shape.sentence('unfinished')}")


def turn_away(rec: Record, now: int, arrival: Arrival, say: Say, shape: Shape) -> None:
    """The queue is full: the message is not taken, and its user is told."""
    remember(rec, now, replace(arrival, state="done", body=None), shape)
    if not arrival.silent:
        bind(rec, arrival.id, say)


# ---- from outside ---------------------------------------------------------------------------------------------------


def tell(rec: Record, now: int, key: str, says: Sequence[Say], expire: int, shape: Shape) -> None:
    """Say something that no message asked for, once per key; unread for `expire` ms."""
    if key in rec.told:
        return
    rec.told = {**rec.told, key: now + max(TOLD, expire)}
    for part in shape.pack(says)[0]:
        _put(rec, Unread("", part, False, now + expire))


def stop(rec: Record, now: int, shape: Shape) -> None:
    """The conversation is over, whatever it does just now. What waits for its turn is told that it was not taken."""
    for waiting in rec.queue():
        seen = change(rec, waiting, state="done", body=None, refused=True)
        if seen.reply != "":  # a push that shows no reply, neither shows this one
            _put(rec, Unread(seen.id, shape.sentence("not_taken"), False, now + UNREAD))
    if rec.turn and rec.leased(now):
        rec.cancelled = True
        return
    drop(rec)
    release(rec)


# ---- what runs beside -----------------------------------------------------------------------------------------------


def holds_beside(rec: Record, message: str, owner: str) -> Seen | None:
    """The message whose check or handler this owner still runs."""
    seen = rec.seen.get(message)
    return seen if seen and seen.state in ("aside", "checking") and seen.owner == owner else None


def renew_beside(rec: Record, now: int, seen: Seen) -> None:
    change(rec, seen, until=now + LEASE)


def finish_beside(
    rec: Record, now: int, seen: Seen, says: Sequence[Say], carrier: Carrier, shape: Shape, quote: str
) -> None:
    """A handler of one step, or a check, has its reply."""
    seen = change(rec, seen, state="done", body=None, owner="", until=0)
    answer(rec, now, seen, says, False, carrier, shape, quote)


def hand_over_beside(rec: Record, seen: Seen) -> None:
    """Its worker goes down: whoever looks next goes on. It did not fail, so its claim does not count."""
    change(rec, seen, owner="", until=0, claims=seen.claims - 1)


def admit(rec: Record, now: int, seen: Seen, arrival: Arrival, shape: Shape) -> None:
    """A message that was checked goes on as it would have at its arrival."""
    seen = change(rec, seen, state=arrival.state, body=arrival.body, owner="", until=0, claims=0)
    if arrival.stops:
        _stopped_by(rec, now, seen, shape)
    elif arrival.state == "done" and seen.reply is None:
        change(rec, seen, reply="")


# ---- what the owner of the lease does -------------------------------------------------------------------------------


def holds(rec: Record, owner: str, length: int) -> bool:
    """Whether the lease is still this owner's, and the journal still the one it knows."""
    return rec.owner == owner and len(rec.journal) == length


def worker(rec: Record) -> str:
    return rec.owner.split(":")[0]


def name_turn(rec: Record, turn: str) -> None:
    if rec.owner:
        rec.owner = f"{worker(rec)}:{turn}"


def take(rec: Record, seen: Seen, *, side: bool = False) -> None:
    """The dialog takes the message; its entry follows in the same write."""
    change(rec, seen, state="taken", body=None)
    rec.turn = seen.id
    if side:
        rec.side = len(rec.journal)
    name_turn(rec, seen.id)


def lapse(rec: Record, seen: Seen) -> None:
    """The dialog meets a time-out because of a message, which waits on: the time-out's turn comes before its own."""
    rec.turn = seen.id + "t"
    name_turn(rec, rec.turn)


def append(rec: Record, now: int, entries: Iterable[str], *, progress: bool = True) -> None:
    """More happened; `progress`: a message was taken, or a result came."""
    rec.journal += entries
    rec.until = now + LEASE
    if progress:
        rec.claims = 0


def stream(rec: Record, text: str) -> None:
    """The turn under way has said so much. Another run may word it otherwise: what was shown cannot be taken back."""
    partial = rec.partial
    if partial is None or partial.message != rec.turn:
        rec.partial = Partial(rec.turn, text)
    elif text.startswith(partial.shown):
        rec.partial = replace(partial, text=text)
    elif partial.shown.startswith(text):  # it has not come so far yet, and may still say the same
        rec.partial = replace(partial, text=partial.shown)
    else:
        rec.partial = replace(partial, text=text, shown="", again=True)


def cut(rec: Record, length: int) -> None:
    """The dialog does not want the message of this turn: it waits on, as it was."""
    rec.journal.cut(length)
    rec.partial = None  # what was shown is no part of what is said now
    name_turn(rec, rec.turn + "r")  # the journal is shorter now, so its length proves nothing


def step_aside(rec: Record, now: int, seen: Seen, owner: str, ref: tuple[str, str, str | None], payload: Any) -> None:
    """A handler of one step takes a message out of the queue, or out of a turn that does not want it."""
    change(rec, seen, state="aside", body=("", ref, payload), owner=owner, until=now + LEASE, claims=seen.claims + 1)
    rec.claims = 0
    if rec.turn == seen.id:
        end_turn(rec)


def refuse(
    rec: Record,
    now: int,
    seen: Seen,
    note: Sequence[Say],
    question: Sequence[Say],
    carrier: Carrier,
    shape: Shape,
    quote: str = "",
) -> None:
    """A message that the dialog does not take; its user is told, with the question, unless that is unread itself."""
    waiting = any(item.asks and not item.held and not item.doubtful for item in rec.unread.values())
    rec.claims = 0
    if waiting and seen.reply is None:  # its delivery fetches the question
        change(rec, seen, state="fetching", body=None, refused=True)
        return
    seen = change(rec, seen, state="done", body=None, refused=True)
    says, repeats = (note, 0) if waiting else ([*note, *question], len(question))
    answer(rec, now, seen, says, not waiting and rec.shown is not None, carrier, shape, quote, repeats=repeats)


def finish(
    rec: Record,
    now: int,
    says: Sequence[Say],
    journal: Sequence[str],
    standing: Standing | None,
    carrier: Carrier,
    shape: Shape,
    *,
    first: Sequence[Say] = (),
    shows: bool = False,
    repeats: int = 0,
    quote: str = "",
) -> None:
    """The turn ends, and leaves `journal` waiting at `standing` (None: nothing waits).

    `first` is said before what the turn itself says. `shows`: that ends in the question that stands; else, where something
    waits, its question was not touched. `repeats`: so much at the end of what it says was said before.
    """
    seen = rec.seen[rec.turn]
    unsaid = _unsaid(rec, says, shape)
    repeats = repeats if unsaid is says else 0  # what is left of a text that was shown in parts is one with it
    says = [*first, *unsaid]
    rec.journal = Lines.of(journal)
    if standing is None:
        forget(rec)
    elif standing is not rec.standing:
        rec.standing, rec.shown, rec.since = standing, None, 0
        no_question(rec)
    end_turn(rec)
    seen = change(rec, seen, state="done", body=None)
    answer(rec, now, seen, says, shows, carrier, shape, quote, repeats=repeats)


def _unsaid(rec: Record, says: Sequence[Say], shape: Shape) -> Sequence[Say]:
    """What is left to say of a turn that was shown in parts while it ran."""
    partial = rec.partial
    if partial is None or partial.message != rec.turn or not says:
        return says
    left = shape.rest(says, partial.shown)
    if left is not None and not partial.again:
        return left
    return [shape.sentence("regenerated"), *says]


def finish_lapse(
    rec: Record,
    now: int,
    says: Sequence[Say],
    journal: Sequence[str],
    standing: Standing | None,
    shape: Shape,
    *,
    first: Sequence[Say] = (),
) -> None:
    """The turn of a time-out ends: what it says waits for the message that it came before."""
    message = rec.turn[:-1]
    says = [*first, *_unsaid(rec, says, shape)]
    forget(rec)
    rec.journal, rec.standing = Lines(journal), standing
    end_turn(rec)
    parts, last = shape.pack(says)
    for i, say in enumerate(parts):
        _put(rec, Unread(message, say, standing is not None and i == last, now + UNREAD))


def drop(rec: Record) -> None:
    """The turn under way is dropped, and the conversation is over."""
    seen = rec.seen.get(rec.turn)
    if seen is not None:
        change(rec, seen, state="done", body=None, reply="" if seen.reply is None else seen.reply)
    forget(rec)
    end_turn(rec)


def hand_over(rec: Record) -> None:
    """In mid-turn, by a worker that goes down: whoever looks next goes on. It did not fail, so its claim does not count."""
    if isinstance(decode(rec.journal[-1]), Intent):  # its step did not begin
        rec.journal.cut(len(rec.journal) - 1)
    give_back(rec)


def end_turn(rec: Record) -> None:
    rec.turn, rec.side, rec.claims, rec.cancelled, rec.partial = "", None, 0, False, None
    name_turn(rec, "")


def give_back(rec: Record) -> None:
    """Nothing is left to do, or the worker goes down: what it claimed and did not begin, did not fail."""
    rec.claims = max(0, rec.claims - 1)
    release(rec)


def reclaim(rec: Record, now: int, waits: Seen, before: str) -> None:
    """The owner goes on with another message, and is charged if it does not come back. `before`: whose lease it was then.

    The journal is not as it was between two earlier turns, so the lease has another name: at most two for a message, one
    before its time-out's turn and one behind it.
    """
    rec.claims, rec.until = 1, now + LEASE
    name_turn(rec, waits.id + ("m" if before[:-1].endswith(":" + waits.id) else "n"))


def release(rec: Record) -> None:
    rec.owner, rec.until = "", 0


def keep_data(rec: Record, now: int, puts: Mapping[str, tuple[Any, float | None] | None]) -> None:
    """What a turn remembered, in the write that ends it."""
    if not puts:
        return
    data = {**rec.data}
    for key, value in puts.items():
        if value is None:
            data.pop(key, None)
        else:
            data[key] = Datum(value[0], None if value[1] is None else now + int(value[1] * 1000))
    rec.data = data


def dialog_name(rec: Record) -> str | None:
    """The dialog that waits, or that runs where none does."""
    if not rec.journal:
        return None
    begin = decode(rec.journal[0])
    assert isinstance(begin, Began | Afresh)
    return begin.dialog


def found(rec: Record, now: int, key: str) -> Datum | None:
    datum = rec.data.get(key)
    return None if datum is None or _lapsed(datum, now) else datum


def leave(rec: Record) -> None:
    """The user is gone: the turn under way is dropped, and whoever runs it finds out; nothing is left to be said."""
    for waiting in rec.queue():
        change(rec, waiting, state="done", body=None, reply="" if waiting.reply is None else waiting.reply)
    drop(rec)
    release(rec)
    rec.unread = _NONE


def forget(rec: Record) -> None:
    """The conversation is over. Messages seen, unread replies and data belong to the user."""
    rec.journal, rec.shown, rec.since, rec.standing, rec.side = Lines(), None, 0, None, None
    no_question(rec)


def under_way(rec: Record) -> bool:
    """Whether something is done about a message just now, or waits for that."""
    return any(seen.state != "done" for seen in rec.seen.values())


def erase(rec: Record) -> None:
    """Nothing is known of the user but which messages were taken; a handler beside the conversation may still answer its own."""
    leave(rec)
    rec.data = rec.told = _NONE
    rec.partial = None
    for seen in rec.seen.values():
        if seen.state not in ("aside", "checking"):
            change(rec, seen, state="done", body=None, reply="")


# ---- parts ----------------------------------------------------------------------------------------------------------


def change(rec: Record, seen: Seen, **fields: Any) -> Seen:
    changed = rec.seen[seen.id] = replace(seen, **fields)
    return changed


def show(rec: Record, now: int, at: int | None = None) -> None:
    """The question that stands is shown, perhaps once more: with a message that arrived `at`, which had stopped its clock."""
    if rec.shown is None:
        rec.since = 0
    elif rec.late(now if at is None else at) <= 0:
        rec.since = max(0, rec.since) + now - rec.shown
    else:
        rec.since = -(max(0, rec.since) + now - rec.shown)
    rec.shown = now


def no_question(rec: Record) -> None:
    """No question stands that what is unread could end in."""
    for item in [item for item in rec.unread.values() if item.asks]:
        if item.brief == "":
            _take_out(rec, item)
        else:
            say = item.say if item.brief is None else item.brief
            _put_at(rec, replace(item, say=say, asks=False, brief=None))


def settle(rec: Record, now: int) -> None:
    """What time alone does. What nobody fetched in a day is gone, and a question among it counts as shown then; what a last
    delivery carries, and was not known to leave for so long, can be read again."""
    if not (rec.unread or rec.data or rec.told):
        return
    for item in [*rec.unread.values()]:
        if item.until <= now:
            _take_out(rec, item)
            if item.asks and not item.doubtful and not item.held:
                show(rec, item.until)
        elif item.held and now - item.held[1] > DOUBT:
            _put_at(rec, replace(item, held=None, doubtful=True))
    if any(_lapsed(datum, now) for datum in rec.data.values()):
        rec.data = {key: datum for key, datum in rec.data.items() if not _lapsed(datum, now)}
    if any(until <= now for until in rec.told.values()):
        rec.told = {key: until for key, until in rec.told.items() if until > now}


def _lapsed(datum: Datum, now: int) -> bool:
    return datum.expires is not None and datum.expires <= now


def remember(rec: Record, now: int, arrival: Arrival, shape: Shape) -> Seen:
    if arrival.ends:
        leave(rec)
    reply = "" if arrival.silent or (arrival.state == "done" and not arrival.stops) else None
    at, body = arrival_time(rec, now), None if arrival.state == "done" else arrival.body
    seen = rec.seen[arrival.id] = Seen(arrival.created, at, arrival.state, body=body, reply=reply, id=arrival.id)
    _forget_old(rec, now, seen)
    if arrival.stops:
        _stopped_by(rec, now, seen, shape)
    return seen


def arrival_time(rec: Record, now: int) -> int:
    """When a message arrives that comes now: no two tie for their turn."""
    last = next(reversed(rec.seen.values()), None)
    return now if last is None else max(now, last.at + 1)


def _forget_old(rec: Record, now: int, seen: Seen) -> None:
    """As a message comes: of each before it is known for a while that it came, and for a shorter one what it was answered with."""
    if next(iter(rec.seen.values())).at >= now - SAME and len(rec.seen) <= CAP:
        return
    needed = {seen.id, rec.turn.removesuffix("t")}  # a time-out's message may be done before its turn
    for old in [*rec.seen.values()]:  # in the order of their coming
        if old.at >= now - SAME and len(rec.seen) <= CAP:
            break
        if old.state not in ("done", "fetching") or old.id in needed:
            continue
        aged = old.at < now - KEEP
        if old.reply and old.at < now - SAME:  # from now on it is only known that there was one
            change(rec, old, reply="")
        if aged or (len(rec.seen) > CAP and old.reply is not None):
            del rec.seen[old.id]
            if abs(old.created * 1000 - old.at) < CANNED:  # one that went for the cap alone counts a second less
                rec.watermark = max(rec.watermark, old.created if aged else old.created - 1)


def _stopped_by(rec: Record, now: int, seen: Seen, shape: Shape) -> None:
    """A cancel word ends what runs; the sentence that says so is its reply, which its own delivery takes."""
    stop(rec, now, shape)
    _put(rec, Unread(seen.id, shape.sentence("cancelled"), False, now + UNREAD))


def put(rec: Record, now: int, message: str, say: Say, asks: bool, quote: str = "") -> None:
    _put(rec, Unread(message, say, asks, now + UNREAD, quote))


def _put(rec: Record, item: Unread) -> None:
    rec.count += 1
    _put_at(rec, replace(item, number=rec.count))


def _put_at(rec: Record, item: Unread) -> None:
    rec.unread = {**rec.unread, item.number: item}


def _take_out(rec: Record, item: Unread) -> None:
    rec.unread = {number: other for number, other in rec.unread.items() if number != item.number}


def answer(
    rec: Record,
    now: int,
    seen: Seen,
    says: Sequence[Say],
    asks: bool,
    carrier: Carrier,
    shape: Shape,
    quote: str = "",
    *,
    repeats: int = 0,
) -> None:
    """What a message's turn says is bound where a delivery carries it; what that does not hold is unread.

    `repeats`: so much at its end is a question that was shown before. Late, that would be taken for the one that stands then.
    """
    before = [item for item in rec.readable() if item.message == seen.id and not item.doubtful]
    for item in before:  # what a time-out said first
        _take_out(rec, item)
        asks = asks or item.asks
    parts, last = shape.pack([*(item.say for item in before), *says])
    carried = bool(carrier) and seen.reply is None and now - seen.at <= BINDS
    if not parts:  # nothing to show: its question counts as shown
        if asks:
            show(rec, now, seen.at)
        waits = next(iter(rec.readable()), None)
        if carried and waits is not None:  # there is room for what waits to be read
            bind_unread(rec, now, seen, waits, [], carrier, shape)
        else:
            change(rec, seen, reply="" if seen.reply is None else seen.reply)
        return
    if not carried:
        brief = _brief(shape, says[: len(says) - repeats]) if repeats and len(parts) == 1 and not before else None
        _put(rec, Unread(seen.id, parts[0], asks and last == 0, now + UNREAD, quote, brief=brief))
    for i, part in enumerate(parts[1:], 1):
        put(rec, now, seen.id, part, asks and i == last)
    if carried:
        held = [Unread(seen.id, parts[0], asks and last == 0, now + UNREAD, quote)]
        _carry(rec, now, seen, parts[0], held, asks and last == 0, carrier, shape, alone=len(parts) > 1)


def _brief(shape: Shape, says: Sequence[Say]) -> Say:
    parts, _ = shape.pack(says)
    return parts[0] if parts else ""


def _carry(
    rec: Record,
    now: int,
    seen: Seen,
    say: Say,
    held: list[Unread],
    asks: bool,
    carrier: Carrier,
    shape: Shape,
    *,
    alone: bool,
) -> None:
    """A delivery carries `say`, and behind it what else is unread and certain, where one reply holds both (not if `alone`)."""
    for item in [] if alone else [item for item in rec.readable() if not item.doubtful]:
        joined = shape.both(say, _late(item, seen.id, shape))
        if joined is None:
            break
        say, asks = joined, asks or item.asks
        _take_out(rec, item)
        held.append(item)
    if carrier == "last":
        _put_first(rec, [replace(item, held=(seen.id, now)) for item in held])
    left = len(rec.readable())
    bind(rec, seen.id, shape.more(say, left) if left else say)
    if asks:
        show(rec, now, seen.at)


def _put_first(rec: Record, items: Sequence[Unread]) -> None:
    """Put unread replies before those that are there."""
    behind = list(rec.unread.values())
    rec.unread = _NONE
    for item in (*items, *behind):
        _put(rec, item)


# ---- how it is kept -------------------------------------------------------------------------------------------------

_HEAD = ("since", "owner", "until", "claims", "turn", "side", "count", "watermark", "cancelled")
#: of the head, the values that it has where it says nothing of them
_NOTHING: tuple[Any, ...] = (None, None, None, (), (), 0, "", 0, 0, "", None, 0, -1, False)
#: and in which order the first version kept them
_HEAD_1 = ("owner", "until", "claims", "turn", "side", "shown", "since", "watermark", "count", "cancelled")
_STATES = {"checking": "C", "queued": "Q", "taken": "T", "fetching": "F", "aside": "A", "done": "D"}
_NAMES = {letter: state for state, letter in _STATES.items()}
_decode_seen, _decode_unread = msgspec.json.Decoder(Seen).decode, msgspec.json.Decoder(Unread).decode


class _Kept(Part, frozen=True):
    """A message that arrived, as it is kept: there is one for each in ten minutes, in the memory of a Redis."""

    created: int
    late: int  # from then to its first delivery, ms
    what: str  # the letter of its state, and behind it the marks of its deliveries
    reply: Say | None = None
    body: tuple[str, tuple[str, str, str | None] | None, Any] | None = None
    refused: bool = False
    owner: str = ""
    until: int = 0
    claims: int = 0


#: what most of them have nothing of
_more_of, _NO_MORE = operator.attrgetter("body", "refused", "owner", "until", "claims"), (None, False, "", 0, 0)
_decode_kept = msgspec.json.Decoder(_Kept).decode
_decode_partial, _decode_datum = msgspec.json.Decoder(Partial).decode, msgspec.json.Decoder(Datum).decode
_NAMED = (Seen, Unread)  # whose last value is the name of their field
_ORDER = operator.attrgetter("at", "created", "id")


def fields(rec: Record) -> dict[str, str]:
    """The record as a store keeps it."""
    made = {"h": _head(rec)}
    made.update((str(i), line) for i, line in enumerate(rec.journal))
    made.update((f"s{seen.id}", _seen(seen)) for seen in rec.seen.values())
    made.update((f"u{item.number}", _part(item)) for item in rec.unread.values())
    made.update((f"d{key}", _part(datum)) for key, datum in rec.data.items())
    made.update((f"t{key}", compact(until)) for key, until in rec.told.items())
    if rec.partial:
        made["p"] = _part(rec.partial)
    return made


def read(kept: Mapping[str, str]) -> Record:
    """The record that `fields` made; an empty one from nothing. Raises `UnknownFormat` for one that a newer version wrote."""
    rec = Record()
    if "h" in kept:
        _read_head(rec, unpack(kept["h"]))
    seen: list[Seen] = []
    unread: list[Unread] = []
    data: dict[str, Datum] = {}
    told: dict[str, int] = {}
    lines = 0
    for name, text in kept.items():
        letter = name[0]
        if letter <= "9":  # a number: of a long dialog, most are
            lines += 1
        elif letter == "s":
            seen.append(_read_seen(name[1:], text))
        elif letter == "u":
            unread.append(_read_unread(int(name[1:]), text))
        elif letter == "d":
            data[name[1:]] = _decode_datum(text)
        elif letter == "t":
            told[name[1:]] = unpack(text)
        elif letter == "p":
            rec.partial = _decode_partial(text)
    seen.sort(key=_ORDER)
    rec.seen = {part.id: part for part in seen}
    unread.sort(key=operator.attrgetter("number"))
    rec.unread, rec.data, rec.told = {item.number: item for item in unread} or _NONE, data or _NONE, told or _NONE
    rec.journal = Lines(_lines(kept, lines))
    return rec


def renewed(rec: Record, before: Mapping[str, str], kept: Mapping[str, str]) -> Record | None:
    """What is kept now, where `rec` was read from `before` and all that happened since is that leases were renewed; else None.

    That is the most that who waits for another worker finds, time and again; and it is found faster than `read` does.
    """
    if before.keys() != kept.keys():
        return None
    made = copy(rec)  # which shares what nobody changes
    for name in [name for name, text in kept.items() if text != before[name]]:
        if name == "h":
            head = Record()
            _read_head(head, unpack(kept["h"]))
            made.until, head.until = head.until, rec.until
            if _head_values(head) != _head_values(rec):
                return None
        elif name[0] == "s":
            seen, was = _read_seen(name[1:], kept[name]), rec.seen[name[1:]]
            if replace(seen, until=was.until) != was:
                return None
            made.seen = {**made.seen, seen.id: seen}
        else:
            return None
    return made


def _lines(kept: Mapping[str, str], count: int) -> Iterable[str]:
    """Those of the journal, up to the first that is missing."""
    numbers = map(str, range(count))
    return [kept[number] for number in itertools.takewhile(kept.__contains__, numbers)]


def changes(before: Record, after: Record) -> tuple[dict[str, str], list[str]]:
    """What a store must put and drop to make `after` of `before`."""
    put: dict[str, str] = {}
    same = after.journal.begins_as(before.journal)
    for i, line in enumerate(after.journal.since(same), same):
        put[str(i)] = line
    drop = [str(i) for i in range(len(after.journal), len(before.journal))]
    for letter, write, part in _PARTS:
        old, new = part(before), part(after)
        if old is new:
            continue
        # parts are frozen, and a copy shares them
        for key, value in [(key, value) for key, value in new.items() if old.get(key) is not value]:
            if old.get(key) != value:
                put[f"{letter}{key}"] = write(value)
        if not old.keys() <= new.keys():
            drop += [f"{letter}{key}" for key in old if key not in new]
    if after.partial != before.partial:
        if after.partial is None:
            drop.append("p")
        else:
            put["p"] = _part(after.partial)
    first = put and not (before.seen or before.journal)  # that is written of it, perhaps
    if first or _head_values(before) != _head_values(after):
        put["h"] = _head(after)
    return put, drop


def expires(rec: Record, now: int) -> int | None:
    """Until when the record must be kept: the latest of its parts'. None: for ever."""
    last = next(reversed(rec.seen.values()), None)
    end: float = (last.at if last else now) + LIVES
    if rec.standing:
        end = max(end, (now if rec.shown is None else rec.shown) + rec.standing.timeout + GRACE)
    if rec.unread or rec.data or rec.told:
        ends = [math.inf if datum.expires is None else datum.expires for datum in rec.data.values()]
        end = max(end, *ends, *[item.until for item in rec.unread.values()], *rec.told.values())
    return None if end == math.inf else int(end)


_head_values = operator.attrgetter("format", "shown", "standing", *_HEAD)
_in_head = operator.attrgetter(*_HEAD)


def _head(rec: Record) -> str:
    """Its values in their order, what most of those who wait have first, without those at the end that say nothing."""
    stand = rec.standing
    if stand is None:
        waits: tuple[Any, ...] = _NOTHING[1:5]
    else:
        waits = (-1 if stand.timeout == math.inf else int(stand.timeout), stand.key, stand.accepts, stand.labels)
    rest = _in_head(rec)
    values = [rec.shown, *waits] if rest == _NOTHING[5:] else [rec.shown, *waits, *rest]
    while values and values[-1] == _NOTHING[len(values) - 1]:
        values.pop()
    return compact([FORMAT, *values])


def _read_head(rec: Record, values: list[Any]) -> None:
    format, *values = values
    if format > FORMAT:
        raise UnknownFormat("the record was written by a newer version", found=format, known=FORMAT)
    rec.format = format
    if format == 1:
        _read_head_1(rec, values)
        return
    rec.shown, timeout, key, accepts, labels = (*values[:5], *_NOTHING[len(values) : 5])
    if timeout is not None:
        rec.standing = _standing(timeout, key, accepts, labels)
    for name, value in zip(_HEAD, values[5:], strict=False):
        setattr(rec, name, value)


def _read_head_1(rec: Record, values: list[Any]) -> None:
    for name, value in zip(_HEAD_1, values, strict=False):
        setattr(rec, name, value)
    timeout, *more = values[len(_HEAD_1) :]
    if timeout is not None:
        key = more.pop(0) if more and not isinstance(more[0], list) else None
        rec.standing = _standing(timeout, key, *(more or ((), ())))


def _standing(timeout: int, key: str | int | None, accepts: Sequence[str], labels: Sequence[str]) -> Standing:
    return Standing(math.inf if timeout < 0 else timeout, tuple(accepts), tuple(labels), key)


def _part(part: Part) -> str:
    """The values of a part without its name, and without those at the end that are as their class says."""
    values, defaults = [*astuple(part)], [*part.__struct_defaults__]
    if isinstance(part, _NAMED):
        values.pop()
        defaults.pop()
    while defaults and values[-1] == defaults.pop():
        values.pop()
    return compact(values)


def _seen(seen: Seen) -> str:
    late, what = seen.at - 1_000 * seen.created, _STATES[seen.state] + seen.marks
    if _more_of(seen) == _NO_MORE:
        return compact((seen.created, late, what) if seen.reply is None else (seen.created, late, what, seen.reply))
    return _part(_Kept(seen.created, late, what, seen.reply, *_more_of(seen)))


def _read_seen(id: str, text: str) -> Seen:
    letter = text[text.index('"') + 1]
    if letter.islower():  # as the first version kept it
        seen = _decode_seen(text)
        return replace(seen, id=id, state=_NAMES[letter.upper()])
    kept = _decode_kept(text)
    at, marks = 1_000 * kept.created + kept.late, kept.what[1:]
    more = (kept.body, kept.reply, kept.refused, kept.owner, kept.until, kept.claims)
    return Seen(kept.created, at, _NAMES[letter], marks, *more, id)


def _read_unread(number: int, text: str) -> Unread:
    item = _decode_unread(text)
    force_setattr(item, "number", number)
    return item


#: of what there may be several, each with a field of its own: its letter, how one is written, and all of them by their names
_PARTS: tuple[tuple[str, Callable[[Any], str], Callable[[Record], Mapping[Any, Any]]], ...] = (
    ("s", _seen, operator.attrgetter("seen")),
    ("u", _part, operator.attrgetter("unread")),
    ("d", _part, operator.attrgetter("data")),
    ("t", compact, operator.attrgetter("told")),
)
