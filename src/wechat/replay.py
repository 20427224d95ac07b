"""Run a dialog from its journal; one path for the first time and for every later one.

A suspended dialog lives nowhere but in its journal. A `Machine` runs the dialog's own code and is fed entries, one at a
time: it stands at an ask, at a step, or at something to recall, until the entry that answers it comes; fed the same
entries it always stands at the same place.

Rule 1: no I/O, no clock, no random numbers but the journal's, no logging.
Rule 2: the machine sees decoded entries only, so what a dialog sees live is what it sees on replay.
Rule 3: an entry is matched by its kind and name, never by what was said; what does not match is `Diverged`.
Rule 4: an exception that leaves the dialog is an outcome, as deterministic as a return.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import inspect
import random
import sys
import zlib
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from types import CoroutineType, MappingProxyType
from typing import Any, NoReturn, Protocol, TypeAlias

import msgspec

from . import journal
from .dialog import (
    PLAIN,
    Again,
    Ask,
    Call,
    Command,
    Recall,
    Remember,
    Saying,
    Sentence,
    Step,
    Streaming,
    command,
    innermost,
    running,
)
from .errors import (
    Cancelled,
    DialogError,
    Diverged,
    GaveUp,
    NotACommand,
    Reroute,
    StepFailed,
    StepInterrupted,
    TimedOut,
    UnknownFormat,
    WentBack,
)
from .journal import Entry

Part: TypeAlias = "Generator[Any, Any, Any] | Coroutine[Any, Any, Any]"


#: kinds of parameter that a message may be handed to
POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)
#: so many commands a dialog may give between two entries
ENDLESS = 10_000


class Incoming(Protocol):
    """What the core knows of a message."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def text(self) -> str: ...


class Medium(Protocol):
    """What carries one conversation: all that the core cannot know of messages and replies."""

    #: who talks to whom: begins every idempotency key and every seed
    @property
    def party(self) -> str: ...
    @property
    def timezone(self) -> dt.tzinfo: ...

    def payload(self, message: Any) -> journal.Payload:
        """What of a message goes on record."""

    def message(
        self, payload: journal.Payload, id: str, created: int, pattern: str | None = None, flags: int = 0
    ) -> Any:
        """The message that `payload` was made from, with what the route's pattern found in it."""

    def words(self, payload: journal.Payload) -> str | None:
        """What was typed, of a message that is nothing but text; None of any other."""

    def say(self, what: Any) -> Any:
        """Something to say, encoded; None for nothing. Raises TypeError or ValueError for what cannot be said."""


class Script(msgspec.Struct, frozen=True, dict=True):
    """A dialog as it is registered: the function, and what every conversation with it needs to know."""

    name: str
    function: Callable[..., Any]
    #: seconds an ask waits that says nothing else of it
    expire: float | None = None
    #: what happens to a message typed before the question was shown: "tell" its sender, or "queue" it
    busy: str = "tell"
    version: int = 1
    #: whether an answer that comes too late meets `TimedOut` (for a while); else the conversation is forgotten at once
    lapses: bool = True
    #: how it read in earlier versions: their conversations go on there
    past: Mapping[int, Callable[..., Any]] = {}

    def of(self, version: int) -> Callable[..., Any] | None:
        """The function of that version; None where there is none any more. Raises `UnknownFormat` for one still to come."""
        if version > self.version:
            raise UnknownFormat(f"version {version} of the dialog {self.name!r}", found=version, known=self.version)
        return self.function if version == self.version else self.past.get(version)

    def begin(self, function: Callable[..., Any], message: Any, state: Mapping[str, Any]) -> Part:
        """The dialog, called; nothing of it has run. Raises what the call itself raises."""
        if function not in self._takes:
            parameters = inspect.signature(function).parameters.values()
            self._takes[function] = any(parameter.kind in POSITIONAL for parameter in parameters)
        part: Part = function(message, **state) if self._takes[function] else function(**state)
        return part

    @functools.cached_property
    def _takes(self) -> dict[Callable[..., Any], bool]:
        """Which of its functions take the message: to look at a signature is slow."""
        return {}


class Said(msgspec.Struct, frozen=True, gc=False):
    """One thing that a turn says: encoded, or one of our own sentences; and the options that stand below it."""

    say: Any
    options: tuple[str | Sentence, ...] = ()
    taps: bool = True


@command
class Reopening(Ask[Any]):
    """What a dialog stands at that returned `again`: the message that opens it anew."""

    kind: str = "text"


class Typed(msgspec.Struct, frozen=True, gc=False):
    """As much of a message that is nothing but text as most asks look at."""

    text: str
    kind: str = "text"


def accepts(ask: Ask[Any], message: Any) -> bool:
    """Whether a message is of a kind that answers the ask."""
    if isinstance(ask, Reopening):
        if message.kind == "event":
            return False
        by_text = ask.kind == "text" or ask.kind.startswith("event:")  # what a menu opened is answered in words
        return bool(message.text) if by_text else ask.kind in ("default", message.kind)
    if ask.accept is None:
        return message.kind == "text" or (message.kind != "event" and bool(message.text))
    return any(message.kind == kind if isinstance(kind, str) else isinstance(message, kind) for kind in ask.accept)


def meaning(ask: Ask[Any], message: Any) -> Any:
    """What the ask's reader makes of a message. Raises what that raises: ValueError for what it does not understand."""
    assert ask.read is not None
    return ask.read(message.text, message.time) if ask.dated else ask.read(message.text)


def sign(ask: Ask[Any]) -> str | int | None:
    """What an answer says of the ask that it is for: its key, or else its kind; None for one that every answer fits."""
    return _kind(ask) if ask.key is None else ask.key


#: the place of each kind of ask in `PROMPTS`, by its name
_KINDS = {"ask": 0, **{f"ask.{name}": place for place, name in enumerate(journal.PROMPTS)}}


def _kind(ask: Ask[Any]) -> int | None:
    return _KINDS.get(ask.name) if ask.accept is None else None


#: stands for a place among so many where not exactly one option was chosen
SEVERAL = 0


def choice(ask: Ask[Any], message: Any) -> int | None:
    """What of the ask's options a message chose, for its entry: where a replay chooses another, that is noticed."""
    if ask.chosen is None:
        return None
    try:
        places = ask.chosen(message.text)
    except ValueError:  # none of them, which may be an answer all the same
        return None
    place = len(ask.options) * 256 + places[0] + 1 if len(places) == 1 else SEVERAL
    return place << 16 | _digest([ask.options[one] for one in places])


def chooses(ask: Ask[Any], message: Any, chose: int | None) -> bool:
    """Whether the message still chooses what it did: the option of that label, or one at its place among as many, reworded."""
    found = None if chose is None else choice(ask, message)
    if chose is None or found is None or found & 0xFFFF == chose & 0xFFFF:
        return True
    elsewhere = {_digest([label]) for label in ask.options}
    return found >> 16 == chose >> 16 != SEVERAL and chose & 0xFFFF not in elsewhere


def _digest(labels: Sequence[Any]) -> int:
    return zlib.crc32("\0".join(map(str, labels)).encode()) & 0xFFFF


def fits(ask: Ask[Any], key: str | int | None) -> bool:
    """Whether what was put on record of an ask (its `sign`) is true of this one."""
    return key is None or key == (ask.key if isinstance(key, str) else _kind(ask))


def to(key: str | int | None) -> str:
    """Of what is for an ask, for which one."""
    if key is None or isinstance(key, str):
        return "" if key is None else f" to {key!r}"
    if key >= len(journal.PROMPTS):
        raise UnknownFormat(
            "an answer to a kind of ask that a newer version has", found=key, known=len(journal.PROMPTS)
        )
    return f" to ask.{journal.PROMPTS[key]}(…)"


#: what most turns remember: many conversations are kept alive, and an empty dictionary of its own is much for one
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Machine:
    """One dialog, run by the entries it is fed.

    ``want`` is the ask, step or recall it stands at (None: it is over). ``said`` and ``puts`` are what it said and
    remembered since the last message; ``outcome`` says how it ended, ``error`` the exception that it ended with.
    """

    __slots__ = (
        "_function",
        "_medium",
        "_parts",
        "_retold",
        "_rng",
        "_seed",
        "_state",
        "again",
        "at",
        "error",
        "intent",
        "kind",
        "opener",
        "ordinal",
        "outcome",
        "over",
        "puts",
        "replaying",
        "said",
        "script",
        "streams",
        "turn",
        "version",
        "want",
    )

    def __init__(self, scripts: Mapping[str, Script], first: str, medium: Medium, *, replaying: bool = False) -> None:
        self._medium, self.replaying = medium, replaying
        self._parts: tuple[Part, ...] = ()
        self._state: Mapping[str, Any] | None = None  # of one that said `again`: what the next message opens it with
        self._retold = 0  # answers not understood by the ask it stands at
        self._rng: random.Random | None
        self.want: Ask[Any] | Step[Any] | Recall | None = None
        self.streams = False  # whether the step it stands at is said, too
        self.intent = False  # whether it is on record that the step it stands at is about to begin
        self.said: tuple[Said, ...] = ()
        self.puts: Mapping[str, tuple[Any, float | None] | None] = _NOTHING
        self.again: Again | None = None
        self.outcome = ""
        self.over = False  # where it sends its message on: whether it is over
        self.error: BaseException | None = None
        begin = journal.decode(first)
        if not isinstance(begin, journal.Began | journal.Afresh):
            raise Diverged("something before its beginning", "a dialog that begins", "journal")
        self.at = begin.at
        #: the message that began the dialog, the one whose turn it is, and how many steps that turn has begun
        self.opener, self.turn, self.ordinal = begin.message, begin.message, 0
        self._seed, self._rng = begin.message, None
        script = scripts.get(begin.dialog)
        if script is None:
            raise Diverged(f"the dialog {begin.dialog!r}", "no dialog of that name", "registration")
        function = script.of(begin.version)
        if function is None:
            expected = f"version {begin.version} of the dialog {begin.dialog!r}"
            raise Diverged(expected, f"version {script.version}", "registration")
        self.script, self._function = script, function
        #: the version of the code it runs, and the kind of route that began it
        self.version, self.kind = begin.version, sys.intern(begin.kind)
        if isinstance(begin, journal.Began):
            self._open(medium.message(begin.payload, begin.message, begin.created, begin.pattern, begin.flags), {})
        else:
            self._state = begin.state
            self._stand(Reopening(kind=begin.kind), [Said(say) for say in begin.said])

    # ---- what others ask of it ----

    @property
    def name(self) -> str:
        """The dialog's."""
        return self.script.name

    @property
    def done(self) -> bool:
        return self.want is None

    @property
    def wants_step(self) -> bool:
        return isinstance(self.want, Step)

    @property
    def rng(self) -> random.Random:
        """Its random numbers. They are a large thing, and few dialogs want one."""
        if self._rng is None:
            self._rng = random.Random(f"{self._medium.party}/{self._seed}")
        return self._rng

    def time(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.at / 1000, self._medium.timezone)

    def begun_by(self, message: str) -> bool:
        """Whether this very message opened the dialog: one that waited after `again` had begun before."""
        return self._state is None and self.opener == message

    def fail(self, error: BaseException) -> None:
        """End with an exception that its code did not raise itself."""
        self._end("failed", error)

    def timeout(self, default: float) -> float:
        """Seconds that the ask it stands at waits."""
        mine = self.want.timeout if isinstance(self.want, Ask) else None
        if mine is not None:
            return mine
        return default if self.script.expire is None else self.script.expire

    def key(self) -> str:
        """The idempotency key of the step it stands at: the same whenever this very step is tried again."""
        return idempotency_key(self._medium.party, self.opener, self.turn, self.ordinal)

    def question(self) -> Said | None:
        """What the ask that it stands at said."""
        return self.said[-1] if isinstance(self.want, Ask) and self.said and self.said[-1].say is not None else None

    def understands(self, message: Any) -> bool:
        """Whether the ask that it stands at understands this message, which it accepts."""
        ask = self.want
        if not isinstance(ask, Ask) or ask.read is None:
            return True
        numbers, token = None if self._rng is None else self._rng.getstate(), running.set(self)
        try:
            meaning(ask, message)
        except ValueError:
            return False
        except KeyboardInterrupt:
            raise
        except BaseException:  # a bug in the reader: the dialog meets it where it asks
            return True
        finally:
            running.reset(token)
            if numbers is None:  # the answer is read once more
                self._rng = None
            elif self._rng is not None:
                self._rng.setstate(numbers)
        return True

    def where(self) -> str:
        """The line of the dialog's own code that it stands at, as "file:line"."""
        code = innermost(self._function).__code__
        file, line = code.co_filename, code.co_firstlineno
        for part in self._parts:
            for frame in _frames(part):
                file, line = frame.f_code.co_filename, frame.f_lineno
        return f"{file}:{line}"

    def feed(self, text: str) -> None:
        """Go on with the next entry, as it stands in the journal. Raises `Diverged` if the dialog does not wait for it."""
        entry = journal.decode(text)
        FEED[type(entry)](self, entry)

    def close(self) -> None:
        """Leave the dialog where it stands; its ``finally`` blocks run."""
        token = running.set(self)
        try:
            for part in reversed(self._parts):
                try:
                    part.close()
                except BaseException as error:  # it yielded in a finally block, or raised: nobody is there to hear it
                    if isinstance(error, KeyboardInterrupt):
                        raise
        finally:
            self._parts = ()
            running.reset(token)

    # ---- entries ----

    def _answered(self, entry: journal.Answered) -> None:
        if self.want is PLAIN and entry.key in (None, 0):  # as most are: whatever is typed answers it, as it is
            words = self._medium.words(entry.payload)
            if words is not None:
                self._input(entry.message, entry.at)
                self._go(words)
                return
        ask = self._answers(entry)
        message = self._message(ask, entry)
        if not accepts(ask, message):
            self.diverge(f"a {message.kind} message", f"{ask!r}, which does not accept it")
        if not chooses(ask, message, entry.chose):
            self.diverge("an answer that chose something else", repr(ask))
        self._input(entry.message, entry.at)
        if isinstance(ask, Reopening):
            self._reopen(message)
            return
        value, error = self._read(ask, message)
        self._go(value, error)

    def _message(self, ask: Ask[Any], entry: journal.Answered) -> Any:
        """What answers the ask: the message, or what was typed, where no more of it is looked at."""
        if ask.accept is None and not ask.dated and not isinstance(ask, Reopening):
            text = self._medium.words(entry.payload)
            if text is not None:
                return Typed(text)
        return self._medium.message(entry.payload, entry.message, entry.created)

    def _misread(self, entry: journal.Misread) -> None:
        ask = self._answers(entry)
        self._retold += 1
        self._input(entry.message, entry.at)
        if ask.tries is not None and self._retold >= ask.tries:
            self._go(None, GaveUp(f"not understood {self._retold} times"))
            return
        retry = ask.retry if isinstance(ask.retry, Sentence) else self._medium.say(ask.retry)
        self.said += (Said(retry, ask.options, ask.taps),)

    def _lapsed(self, entry: journal.Lapsed) -> None:
        self._interrupt(entry, "a time-out", entry.message + "t", TimedOut("the answer came too late"))

    def _stopped(self, entry: journal.Stopped) -> None:
        self._interrupt(entry, "a cancel word", entry.message, Cancelled("the user cancelled"))

    def _returned_to(self, entry: journal.Returned) -> None:
        self._interrupt(entry, "a back word", entry.message, WentBack("the user wants the question before"))

    def _intended(self, entry: journal.Intent) -> None:
        step = self._steps(entry)
        if not step.function.once or self.intent:
            self.diverge(f"the intent of {entry.name!r}", f"{step!r}, which needs none")
        self.intent = True

    def _result(self, entry: journal.Result) -> None:
        step, token = self._steps(entry), running.set(None)
        try:  # what restores it may be the user's own code, which is no part of the dialog
            value = journal.restore(entry.value, step.function.returns)
        except Exception as error:
            self.diverge(f"a result of {entry.name!r} that is none any more ({error!r})", repr(step))
        finally:
            running.reset(token)
        self.at = entry.at
        if self.streams and not isinstance(value, str):
            self._go(None, NotACommand(f"stream({step!r}) got {type(value).__name__}, which is no text"))
            return
        if self.streams:
            self._say(value)
        self._go(value)

    def _failure(self, entry: journal.Failure) -> None:
        self._steps(entry)
        self.at = entry.at
        if self.streams and entry.made:  # it may have been shown: what was made stays said
            self._say(entry.made)
        kind = StepInterrupted if entry.type == "StepInterrupted" else StepFailed
        self._go(None, kind(entry.type, entry.message))

    def _recalled(self, entry: journal.Recalled) -> None:
        want = self.want
        if not isinstance(want, Recall) or want.key != entry.key:
            self.diverge(f"recall({entry.key!r})", self.stands_at())
        self.at = entry.at
        self._go(entry.value if entry.found else want.default)

    def _interrupt(self, entry: Entry, expected: str, turn: str, error: BaseException) -> None:
        assert isinstance(entry, journal.Lapsed)
        ask = self._asks(entry, expected)
        self._input(turn, entry.at)
        if isinstance(ask, Reopening):
            self._end(OUTCOMES[type(error)])
            return
        self._go(None, error)

    def _answers(self, entry: journal.Answered) -> Ask[Any]:
        """The ask that an answer is for: of the same key, or else of the same kind."""
        ask = self.want
        if not (isinstance(ask, Ask) and fits(ask, entry.key)):
            wanted = f"an answer{to(entry.key)}"
            ask = self._asks(entry, wanted)
            self.diverge(wanted, f"{ask!r} with key {ask.key!r}" if isinstance(entry.key, str) else repr(ask))
        return ask

    def _asks(self, entry: Entry, expected: str) -> Ask[Any]:
        if not isinstance(self.want, Ask):
            self.diverge(expected, self.stands_at())
        return self.want

    def _steps(self, entry: journal.Intent | journal.Result | journal.Failure) -> Step[Any]:
        if not isinstance(self.want, Step) or self.want.name != entry.name:
            self.diverge(f"the step {entry.name!r}", self.stands_at())
        return self.want

    def stands_at(self) -> str:
        return "its end" if self.want is None else repr(self.want)

    def diverge(self, expected: str, found: str) -> NoReturn:
        where = self.where()
        self.close()
        raise Diverged(expected, found, where)

    def _input(self, turn: str, at: int) -> None:
        self.said, self.puts, self.turn, self.ordinal, self.at = (), _NOTHING, turn, 0, at

    def _read(self, ask: Ask[Any], message: Any) -> tuple[Any, BaseException | None]:
        if ask.accept is not None:
            return message, None
        if ask.read is None:
            return message.text, None
        token = running.set(self)
        try:
            return meaning(ask, message), None
        except ValueError:
            self.diverge("an answer that was understood", f"{ask!r}, which does not understand it")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return None, error
        finally:
            running.reset(token)

    # ---- the dialog's own code ----

    def _open(self, message: Any, state: Mapping[str, Any]) -> None:
        token = running.set(self)
        try:
            part = self.script.begin(self._function, message, state)
        except Exception as error:  # the call itself: a parameter that `again` did not name
            self._raised(error)
            return
        finally:
            running.reset(token)
        self._parts = (part,)
        self._go(None)

    def _reopen(self, message: Any) -> None:
        assert self._state is not None
        self._seed, self._rng = message.id, None
        self._open(message, self._state)

    def _go(self, value: Any, error: BaseException | None = None) -> None:
        """Run the dialog until it stands at something that an entry must answer, or is over."""
        self.want, self.streams, self.intent = None, False, False
        token = None if running.get() is self else running.set(self)
        commands = 0
        try:
            while self._parts:
                commands += 1
                if commands > ENDLESS:  # it would keep every other user of this worker waiting
                    error = DialogError(f"{ENDLESS} commands, and none that waits for anything: a loop without end?")
                    self.close()
                    break
                try:
                    part = self._parts[-1]
                    command = part.send(value) if error is None else part.throw(error)
                except StopIteration as end:
                    self._parts = self._parts[:-1]
                    value, error = end.value, None
                except KeyboardInterrupt:
                    raise
                except (
                    BaseException
                ) as raised:  # SystemExit, too: it costs this user an apology, not everybody the worker
                    self._parts = self._parts[:-1]
                    value, error = None, raised
                else:
                    value, error = self._obey(command)
                    if self.want is not None:
                        return
        finally:
            if token is not None:
                running.reset(token)
        if error is None:
            self._returned(value)
        else:
            self._raised(error)

    def _obey(self, command: Any) -> tuple[Any, BaseException | None]:
        """What the dialog gets for a command that nothing outside must answer; else sets ``want``."""
        try:
            obey = OBEY.get(type(command)) or next(obey for kind, obey in OBEY.items() if isinstance(command, kind))
            return obey(self, command), None
        except DialogError as error:
            return None, error
        except Exception as error:  # what a value makes of itself may be anything
            return None, NotACommand(str(error) or repr(error))

    def _plain(self, what: Any) -> None:
        """What is no command is said, and asks."""
        part: Any = self._parts[-1]
        if isinstance(part, CoroutineType):
            raise NotACommand(self._foreign(what))
        if getattr(part, "gi_yieldfrom", None) is not None:
            self._refuse_letters(part, what)
        said = self._medium.say(what) if type(what) is str else self._sayable(what)
        if said is not None:
            self.said += (Said(said),)
        self.want, self._retold = PLAIN, 0

    def _ask(self, ask: Ask[Any]) -> None:
        if ask.otherwise is not ...:
            self._sayable(ask.otherwise)
        if ask.retry is not None and not isinstance(ask.retry, Sentence):
            self._sayable(ask.retry)
        if ask.key or ask.options:
            for text in (ask.key or "", *(label for label in ask.options if isinstance(label, str))):
                text.encode()  # half a surrogate pair is no text, and no store keeps it
        said = None if ask.say is None else self._sayable(ask.say)
        question = [Said(said, ask.options, ask.taps)] if said is not None or ask.options else []
        self._stand(ask, question + ([Said(Sentence("skip"))] if ask.optional else []))

    def _stand(self, ask: Ask[Any], said: Iterable[Said]) -> None:
        self.said += tuple(said)
        self.want, self._retold = ask, 0

    def _saying(self, command: Saying) -> None:
        self._say(command.say)

    def _say(self, what: Any) -> None:
        said = self._sayable(what)
        if said is not None:
            self.said += (Said(said),)

    def _sayable(self, what: Any) -> Any:
        if isinstance(what, Command):
            raise NotACommand(f"{what!r} cannot be said: yield it (or await it) first")
        try:
            return self._medium.say(what)
        except TypeError as error:
            raise NotACommand(self._foreign(what) or str(error)) from None

    def _foreign(self, what: Any) -> str:
        """What to tell somebody who awaited what only an event loop can wait for."""
        if not self._parts or not inspect.iscoroutine(self._parts[-1]):
            return ""
        return (
            f"a dialog may await only commands of wechat, not {type(what).__name__}: "
            "put it in a @step, or put @step under the route"
        )

    def _step(self, step: Step[Any]) -> None:
        self.ordinal += 1
        self.want = step

    def _streaming(self, command: Streaming) -> None:
        self._step(command.step)
        self.streams = True

    def _recall(self, command: Recall) -> Any:
        if command.key not in self.puts:
            self.want = command
            return None
        put = self.puts[command.key]  # its own, of this turn: seen at once
        return command.default if put is None else journal.plain(put[0])

    def _remember(self, command: Remember) -> None:
        for key in command.keys:
            put = (journal.plain(command.values[0]), command.expire) if command.values else None
            self.puts = {**self.puts, key: put}

    def _call(self, command: Call[Any]) -> None:
        self._part(command.part() if callable(command.part) else command.part)

    def _part(self, part: Any) -> None:
        if not (inspect.isgenerator(part) or inspect.iscoroutine(part)):
            raise NotACommand(f"call() takes a generator or a coroutine, not {type(part).__name__}")
        self._parts += (part,)

    def _refuse_letters(self, inner: Any, command: Any) -> None:
        """``yield from "text"`` would ask a letter at a time."""
        while inspect.isgenerator(inner) and inner.gi_yieldfrom is not None:
            inner = inner.gi_yieldfrom
        if not (inspect.isgenerator(inner) or inspect.iscoroutine(inner) or inspect.isawaitable(inner)):
            raise NotACommand(
                f"`yield from` of a {type(inner).__name__.split('_')[0]} gives its parts one by one ({command!r} was the first): write `yield`"
            )

    # ---- how it ends ----

    def _returned(self, value: Any) -> None:
        try:
            if isinstance(value, Again):
                self._say(value.say)
                self.again = Again(value.say, journal.plain(value.state))
            else:
                self._say(value)
            self.outcome = "asked" if self.again else "ended"
        except Exception as error:
            self._raised(error)

    def _raised(self, error: BaseException) -> None:
        self.over = isinstance(error, Reroute) and error.over
        self._end(next(outcome for kind, outcome in OUTCOMES.items() if isinstance(error, kind)), error)

    def _end(self, outcome: str, error: BaseException | None = None) -> None:
        sentence = SENTENCES.get(outcome)
        said = [Said(Sentence(sentence))] if sentence else []
        keep = () if outcome in ("failed", "rerouted") else self.said
        self.want, self.said, self.puts = None, (*keep, *said), _NOTHING
        self.outcome = "ended" if outcome == "gave_up" else outcome
        self.error = error if outcome == "failed" else None


def idempotency_key(party: str, opener: str, turn: str, ordinal: int) -> str:
    """32 hexadecimal digits, of the conversation, the messages that began dialog and turn, and the step's place in it."""
    return hashlib.sha256(f"{party}/{opener}/{turn}/{ordinal}".encode()).hexdigest()[:32]


def replay(scripts: Mapping[str, Script], entries: Iterable[str], medium: Medium) -> Machine:
    """The dialog as its journal leaves it; the log is silent meanwhile. Raises `Diverged` where its code fits no more."""
    first, *lines = entries
    machine = Machine(scripts, first, medium, replaying=True)
    token = running.set(machine)  # once for all of it
    try:
        for entry in journal.decode_all(lines):
            FEED[type(entry)](machine, entry)
    finally:
        running.reset(token)
    machine.replaying = False
    return machine


def check_format(scripts: Mapping[str, Script], entries: Iterable[str]) -> None:
    """Raises `UnknownFormat` for a journal that only a newer version can replay. Runs none of its dialog's code."""
    for line in entries:
        try:
            entry = journal.decode(line)
        except ValueError:  # it is damaged, which its replay finds
            continue
        if isinstance(entry, journal.Began | journal.Afresh) and entry.dialog in scripts:
            scripts[entry.dialog].of(entry.version)
        elif isinstance(entry, journal.Answered | journal.Misread):
            to(entry.key)


def _frames(part: Any) -> Iterable[Any]:
    """The frames of a suspended part, outermost first, but for those of a command's own iteration."""
    while part is not None:
        frame = getattr(part, "gi_frame", None) or getattr(part, "cr_frame", None)
        if frame is not None and frame.f_code not in _COMMAND_CODE:
            yield frame
        part = getattr(part, "gi_yieldfrom", None) or getattr(part, "cr_await", None)


_COMMAND_CODE = (Command.__iter__.__code__, Command.__await__.__code__)

#: what the dialog gets for each command; the first kind that fits
OBEY: dict[type[Any], Callable[[Machine, Any], Any]] = {
    str: Machine._plain,
    Ask: Machine._ask,
    Step: Machine._step,
    Streaming: Machine._streaming,
    Saying: Machine._saying,
    Recall: Machine._recall,
    Remember: Machine._remember,
    Call: Machine._call,
    Generator: Machine._part,
    Coroutine: Machine._part,
    object: Machine._plain,
}

#: what each entry does
FEED: dict[type[Any], Callable[[Machine, Any], None]] = {
    journal.Answered: Machine._answered,
    journal.Misread: Machine._misread,
    journal.Lapsed: Machine._lapsed,
    journal.Stopped: Machine._stopped,
    journal.Returned: Machine._returned_to,
    journal.Intent: Machine._intended,
    journal.Result: Machine._result,
    journal.Failure: Machine._failure,
    journal.Recalled: Machine._recalled,
    journal.Began: lambda machine, entry: machine.diverge("another beginning", machine.stands_at()),
    journal.Afresh: lambda machine, entry: machine.diverge("another beginning", machine.stands_at()),
}

#: what an exception that leaves a dialog means; the first that fits
OUTCOMES: dict[type[BaseException], str] = {
    Cancelled: "cancelled",
    WentBack: "cancelled",
    TimedOut: "timed_out",
    GaveUp: "gave_up",
    Reroute: "rerouted",
    BaseException: "failed",
}
#: what is said then
SENTENCES = {"cancelled": "cancelled", "timed_out": "timed_out", "gave_up": "gave_up", "failed": "failed"}
