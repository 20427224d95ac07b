"""What a dialog may ask of the world.

A dialog is one function, a generator or an ``async def``. Both hand the same commands out: a command yields *itself* when
it is iterated or awaited, so ``yield ask(…)``, ``yield from ask(…)`` and ``await ask(…)`` are one thing to whoever drives
the dialog, and type checkers know what comes back. Nothing here says or does anything: it only describes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import inspect
import math
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    NoReturn,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    final,
    get_type_hints,
    overload,
)

import msgspec
from typing_extensions import dataclass_transform

from .errors import ConfigurationError, DialogError, ForgottenYield

if TYPE_CHECKING:  # for annotations only: the core knows nothing of WeChat when it runs
    from .reply import Say as Say
else:
    Say: TypeAlias = Any

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")

Dialog: TypeAlias = "Generator[Any, Any, Say | Again]"
SubDialog: TypeAlias = Generator[Any, Any, T]


# ---- commands -------------------------------------------------------------------------------------------------------


class Command(Generic[T_co]):
    """Yield it, ``yield from`` it, or await it: that gives its value. Used as a value itself it raises `ForgottenYield`."""

    def __iter__(self) -> Generator[Any, Any, T_co]:
        value: T_co = yield self
        return value

    def __await__(self) -> Generator[Any, Any, T_co]:
        return self.__iter__()

    def _forgotten(self) -> NoReturn:
        raise ForgottenYield(
            f"{self!r} is a command, not its value: write `yield {self!r}`, or `await` it in async def"
        )

    def __str__(self) -> str:
        self._forgotten()

    def __format__(self, spec: str) -> str:
        self._forgotten()

    def __bool__(self) -> bool:
        self._forgotten()

    def __len__(self) -> int:
        self._forgotten()


@dataclass_transform(eq_default=False, frozen_default=True)
def command(cls: type[T]) -> type[T]:
    """A command's class: frozen, compared by identity (its fields hold what users hand in), shown by its name."""
    return dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)


class Sentence(msgspec.Struct, frozen=True):
    """One of the library's own sentences, by its name in `Texts`: it gets its words when the reply is made."""

    name: str
    values: Mapping[str, Any] = {}


@final
class Again:
    """What `again` gives: return it."""

    def __init__(self, say: Say, state: Mapping[str, Any]) -> None:
        self.say, self.state = say, dict(state)

    def __repr__(self) -> str:
        return "again(…)"


@command
class Ask(Command[T_co]):
    """Say something, and wait for the user's next message."""

    #: what is said; None: nothing
    say: Any = None
    #: the types of message it takes, or their kinds, given as the message itself; None: whatever has text, given as text
    accept: tuple[type | str, ...] | None = None
    #: compared on replay, so that two questions that changed places are noticed
    key: str | None = None
    #: seconds from when the question was shown; None: the route's ``expire``; ``math.inf``: for ever
    timeout: float | None = None
    #: said to a message of a kind it does not take; ``...``: what is expected, and the question again
    otherwise: Any = ...
    #: whether a cancel word raises `Cancelled`, and a back word `WentBack`
    cancel: bool = True
    back: bool = False
    #: what was meant by a text; raises ValueError for what it does not understand. None: the text itself
    read: Callable[..., T_co] | None = None
    #: whether `read` is given the time of the message, too
    dated: bool = False
    #: said when `read` did not understand; and after how many such answers `GaveUp` is raised (None: never)
    retry: Any = None
    tries: int | None = None
    #: the labels of what can be chosen, and whether each is a link to tap
    options: tuple[str | Sentence, ...] = ()
    taps: bool = True
    #: the places of the options that a text means; raises ValueError as `read` does
    chosen: Callable[[str], Sequence[int]] | None = None
    #: whether the user is told that it need not be answered
    optional: bool = False
    #: the prompt's name, for errors
    name: str = "ask"

    def __repr__(self) -> str:
        return f"{self.name}(…)"


#: what a dialog asks that yields something to say, and no more of it: most ask nothing else, so there is one for all of them
PLAIN: Ask[str] = Ask()


@command
class Saying(Command[None]):
    """Say something, and go on."""

    say: Any

    def __repr__(self) -> str:
        return "say(…)"


@command
class Step(Command[T_co]):
    """Do something once, and remember its result for ever."""

    function: StepFunction[..., T_co]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.function.name

    def __repr__(self) -> str:
        return f"{self.name}(…)"


@command
class Streaming(Command[str]):
    """Do a step that makes text, say the text, and give it."""

    step: Step[str]

    def __repr__(self) -> str:
        return f"stream({self.step!r})"


@command
class Recall(Command[Any]):
    """Read one of the user's own data."""

    key: str
    default: Any = None

    def __repr__(self) -> str:
        return f"recall({self.key!r})"


@command
class Remember(Command[None]):
    """Keep one of the user's own data, or (``values`` empty) forget some."""

    keys: tuple[str, ...]
    values: tuple[Any, ...] = ()
    expire: float | None = None

    def __repr__(self) -> str:
        return f"{'remember' if self.values else 'forget'}({', '.join(map(repr, self.keys))})"


@command
class Call(Command[T_co]):
    """Run a generator or a coroutine as a part of this dialog, or what makes one anew each time."""

    part: Generator[Any, Any, T_co] | Coroutine[Any, Any, T_co] | Callable[[], Generator[Any, Any, T_co]]

    def __repr__(self) -> str:
        return "call(…)"


# ---- what users write -----------------------------------------------------------------------------------------------


def say(what: Say, /) -> Command[None]:
    """Say `what` in this turn's reply, and go on without waiting. Gives None."""
    return Saying(what)


def stream(text: Step[str]) -> Command[str]:
    """Say the text that a step makes. Gives all of it.

    Raises `ConfigurationError` where it is handed something else than a step.
    """
    if not isinstance(text, Step):
        raise ConfigurationError(f"stream() takes a call of a @step function, not {type(text).__name__}")
    return Streaming(text)


def again(say: Say = None, /, **state: Any) -> Again:
    """``return again(say, **state)``: say it, and open this dialog anew with the next message and `state`.

    The journal starts afresh, so an endless chat stays as short as one turn. `state` must be JSON.
    """
    return Again(say, state)


def call(part: Generator[Any, Any, T] | Coroutine[Any, Any, T]) -> Command[T]:
    """Run a generator part in an ``async def`` dialog, or the other way round. Gives what the part returns."""
    return Call(part)


@overload
def recall(key: str, default: None = None, /) -> Command[Any]: ...
@overload
def recall(key: str, default: T, /) -> Command[T]: ...
def recall(key: str, default: Any = None, /) -> Command[Any]:
    """Read what was remembered of this user under `key`. Gives `default` where there is nothing."""
    _checked_keys(key)
    return Recall(key, default)


def remember(key: str, value: Any, /, *, expire: float | None = None) -> Command[None]:
    """Keep `value` (JSON) for this user under `key`, for `expire` seconds (None: for good).

    This dialog sees it at once; it is on record when the turn ends, and leaves no trace of a turn that fails.
    """
    _checked_keys(key)
    if expire is not None and (isinstance(expire, bool) or not isinstance(expire, int | float) or not expire > 0):
        raise ConfigurationError(f"expire={expire!r}: a number of seconds above 0; None: for good")
    return Remember((key,), (value,), None if expire == math.inf else expire)


def forget(*keys: str) -> Command[None]:
    """Forget what was remembered of this user under `keys`."""
    _checked_keys(*keys)
    return Remember(keys)


def _checked_keys(*keys: Any) -> None:
    for key in keys:
        if not isinstance(key, str):
            raise ConfigurationError(f"the key of a user's datum is text, not {key!r}")
        try:
            key.encode()
        except UnicodeEncodeError:
            raise ConfigurationError(f"the key {key!r} of a user's datum is no text: half a surrogate pair") from None


def innermost(function: Any) -> Any:
    """The function behind ``functools.partial`` and decorators that set ``__wrapped__``."""
    while True:
        inner = function.func if isinstance(function, functools.partial) else getattr(function, "__wrapped__", None)
        if inner is None:
            return function
        function = inner


# ---- steps ----------------------------------------------------------------------------------------------------------


class StepFunction(Generic[P, T_co]):
    """A function whose result is recorded. In a dialog, ``yield`` a call of it; elsewhere use its ``function``."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        *,
        retries: int = 0,
        timeout: float | None = None,
        once: bool = False,
    ) -> None:
        if not callable(function) or inspect.isclass(function):
            raise ConfigurationError(f"@step goes on a function, not on {function!r}")
        label = name or getattr(function, "__qualname__", "")
        if not label or "<lambda>" in label:
            raise ConfigurationError("@step needs a name that stays the same: @step(name=…) for a lambda or a partial")
        #: its name in the journal; where it is a local function, without what it is local to
        self.name: str = label.rsplit("<locals>.", 1)[-1]
        #: how often it is tried again, how many seconds each try may take (None: as long as it likes), and whether it
        #: runs at most once, whatever happens
        self.retries, self.timeout, self.once = _tried(self.name, retries, timeout, once)
        #: the plain function, for code outside dialogs
        self.function = function
        functools.update_wrapper(self, function)
        parameter = inspect.signature(function).parameters.get("idempotency_key")
        #: whether it takes an ``idempotency_key``
        self.keyed = parameter is not None
        if parameter is not None and parameter.default is parameter.empty:
            raise ConfigurationError(
                f'@step {self.name}: idempotency_key needs a default: write `idempotency_key: str = ""`'
            )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Step[T_co]:
        return Step(self, args, kwargs)

    @functools.cached_property
    def returns(self) -> Any:
        """What its results are restored as: the return annotation, resolved when the first result comes.

        Raises `ConfigurationError` for an annotation that names what is not there.
        """
        plain = innermost(self.function)
        try:
            annotation = get_type_hints(plain).get("return", Any)
        except Exception as error:
            raise ConfigurationError(f"@step {self.name}: its return annotation cannot be resolved: {error}") from error
        return str if _makes_text(plain) else annotation

    def __repr__(self) -> str:
        return f"<step {self.name}>"


def _tried(name: str, retries: Any, timeout: Any, once: Any) -> tuple[int, float | None, bool]:
    """How a step is tried, checked."""
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise ConfigurationError(f"@step {name}: retries={retries!r}: a whole number, 0 or more")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0):
        raise ConfigurationError(f"@step {name}: timeout={timeout!r}: a number of seconds above 0; None: no limit")
    if once and retries:
        raise ConfigurationError(
            f"@step {name}: once=True runs it at most once, and retries={retries} more often: leave one of them away"
        )
    return retries, None if timeout == math.inf else timeout, bool(once)


def _makes_text(function: Any) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


class StepDecorator(Protocol):
    """What ``@step(…)`` gives: a decorator that knows the function's types."""

    @overload
    def __call__(self, fn: Callable[P, AsyncIterator[str]], /) -> StepFunction[P, str]: ...
    @overload
    def __call__(self, fn: Callable[P, Iterator[str]], /) -> StepFunction[P, str]: ...
    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, T]], /) -> StepFunction[P, T]: ...
    @overload
    def __call__(self, fn: Callable[P, T], /) -> StepFunction[P, T]: ...


@overload
def step(fn: Callable[P, AsyncIterator[str]], /) -> StepFunction[P, str]: ...
@overload
def step(fn: Callable[P, Iterator[str]], /) -> StepFunction[P, str]: ...
@overload
def step(fn: Callable[P, Coroutine[Any, Any, T]], /) -> StepFunction[P, T]: ...
@overload
def step(fn: Callable[P, T], /) -> StepFunction[P, T]: ...
@overload
def step(
    *, name: str | None = None, retries: int = 0, timeout: float | None = None, once: bool = False
) -> StepDecorator: ...
def step(
    fn: Any = None, /, *, name: str | None = None, retries: int = 0, timeout: float | None = None, once: bool = False
) -> Any:
    """Make a function a step: done once, however often the dialog is replayed.

    Its result must be JSON, or what its return annotation turns into JSON and back (dataclasses, ``datetime``,
    ``Decimal``, enums, lists of them). Where it raises, the dialog gets `StepFailed`. A parameter
    ``idempotency_key: str = ""`` receives a key that is the same whenever this very step is tried again.

    ``retries``: so many more tries where it raised or took too long, after pauses of 0.25 s, 0.5 s … 2 s.
    ``timeout``: seconds that one try may take. An asynchronous step is cancelled then; a thread cannot be, so it runs
    out, and what it gives is dropped.
    ``once``: it never begins twice. Where a worker died while it ran, or it took too long, nobody knows whether it was
    done: the dialog gets `StepInterrupted`. Without it, a step that a crash cut off runs again, with the same key.

    Raises `ConfigurationError` for what is not a function, has no name that stays the same, or for ``once`` with ``retries``.
    """
    if fn is not None:
        return StepFunction(fn, name, retries=retries, timeout=timeout, once=once)
    return lambda function: StepFunction(function, name, retries=retries, timeout=timeout, once=once)


# ---- what comes from the journal ------------------------------------------------------------------------------------


class Running(Protocol):
    """The dialog that runs at this moment, as `now`, `rng` and the log see it."""

    replaying: bool

    @property
    def rng(self) -> random.Random: ...
    def time(self) -> dt.datetime: ...


#: set while a dialog's own code runs, and at no other time: not in its steps, not in hooks
running: ContextVar[Running | None] = ContextVar("running", default=None)


def _here(name: str) -> Running:
    dialog = running.get()
    if dialog is None:
        raise DialogError(
            f"{name}() comes from the journal of a dialog, and no dialog is running here: use Python's own"
        )
    return dialog


def now() -> dt.datetime:
    """The time of the last thing that happened to this conversation, aware, the same on every replay.

    Raises `DialogError` outside a dialog.
    """
    return _here("now").time()


def rng() -> random.Random:
    """This dialog's random numbers, the same on every replay. Not for secrets.

    Raises `DialogError` outside a dialog.
    """
    return _here("rng").rng
