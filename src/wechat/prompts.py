"""The methods of `ask`: what is asked, and which readers say what an answer means (`meaning`, `dates`)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import math
import types
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    TypedDict,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from typing_extensions import Unpack

from .dialog import Ask, Call, Command, Sentence, StepFunction
from .errors import ConfigurationError

if TYPE_CHECKING:  # for annotations only
    from .receive import ImageMessage, LocationMessage, Message
    from .reply import Say

    M = TypeVar("M", bound=Message)
    M2 = TypeVar("M2", bound=Message)
    M3 = TypeVar("M3", bound=Message)
else:
    Say = Any

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)


class More(TypedDict, total=False):
    """What every prompt takes beside its own."""

    key: str
    timeout: float
    otherwise: Say
    cancel: bool
    back: bool
    retry: str
    tries: int


# ---- what may be asked ----------------------------------------------------------------------------------------------


#: how the sentence ends that says what is asked for, by whether there is a lowest and a highest
_RANGES = {(False, False): "", (True, True): "_between", (True, False): "_from", (False, True): "_to"}


def _range(name: str, **bounds: Any) -> Sentence:
    """The sentence that says what lies between two bounds, each of which may be None."""
    given = {bound: value for bound, value in bounds.items() if value is not None}
    low, high = (bound in given for bound in bounds)
    return Sentence(f"retry_{name}{_RANGES[low, high]}", given)


def _options(options: Any) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Labels, and the values that they stand for."""
    if isinstance(options, enum.EnumMeta):
        members: list[Any] = list(options)
        return tuple(member.name for member in members), tuple(members)
    if isinstance(options, Mapping):
        labels, values = tuple(options), tuple(options.values())
    elif isinstance(options, Sequence) and not isinstance(options, str | bytes | bytearray):
        labels = values = tuple(options)
    else:
        raise ConfigurationError(
            f"options={options!r}: a list of words, a mapping of words to values, or an Enum's class"
        )
    if not all(isinstance(label, str) for label in labels):
        raise ConfigurationError(f"options={options!r}: what is shown and chosen are words (str); map them to values")
    return labels, values


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _prompt(
    name: str, say: Say, read: Callable[..., Any] | None, retry: Sentence | None, more: More, **fields: Any
) -> Ask[Any]:
    """An ask that reads its answer. Raises `ConfigurationError` for what is wrong in `more`."""
    unknown = more.keys() - More.__annotations__.keys()
    if unknown:
        known = ", ".join(f"{argument}=" for argument in More.__annotations__)
        raise ConfigurationError(f"ask.{name} has no {', '.join(sorted(unknown))}=; what every prompt takes is {known}")
    tries = more.get("tries")
    if tries is not None and (not _is_int(tries) or tries < 1):
        raise ConfigurationError(f"tries={tries!r}: a whole number, at least 1; leave it away to ask for ever")
    _checked(more.get("key"), more.get("timeout"))
    return Ask(say, read=read, name=f"ask.{name}", **{"retry": retry, **more, **fields})


def _checked(key: Any, timeout: Any) -> None:
    if key is not None and not isinstance(key, str):
        raise ConfigurationError(f"key={key!r}: a word (str) that stays the same")
    if timeout is None:
        return
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or math.isnan(timeout) or timeout <= 0:
        raise ConfigurationError(f"timeout={timeout!r}: a number of seconds above 0; math.inf: for ever")


def _bounds(low: Any, high: Any) -> None:
    for bound in low, high:
        if bound is not None and not _is_int(bound):
            raise ConfigurationError(f"ask.number from {low!r} to {high!r}: whole numbers (int), or None for no bound")
    if low is not None and high is not None and low > high:
        raise ConfigurationError(
            f"ask.number from {low} to {high}: the lowest goes first, ask.number(…, {high}, {low})"
        )


def _accepted(accept: Any) -> tuple[type, ...] | None:
    if accept is None:
        return None
    kinds = accept if isinstance(accept, tuple) else (accept,)
    if not kinds or not all(isinstance(kind, type) for kind in kinds):
        raise ConfigurationError(
            f"accept={accept!r}: a class of message, like ImageMessage, or a tuple of such classes"
        )
    return kinds


def _decimal(bound: Any) -> decimal.Decimal | None:
    if bound is None:
        return None
    if not (_is_int(bound) or isinstance(bound, decimal.Decimal)) or not decimal.Decimal(bound).is_finite():
        raise ConfigurationError(f"{bound!r} is no bound of ask.amount: an int, a decimal.Decimal, or None")
    return decimal.Decimal(bound)


def _ordered(name: str, low: Any, high: Any) -> None:
    if low is not None and high is not None and low > high:
        raise ConfigurationError(f"ask.{name} from {low} to {high}: the lowest goes first")


def _sent(name: str, kind: str, say: Say, more: More) -> Ask[Any]:
    """An ask for a kind of message: no other enters the dialog, so there is nothing to count."""
    if "tries" in more:
        raise ConfigurationError(f"ask.{name} has no tries=: what is no {kind} never enters the dialog")
    given = more.copy()
    if "retry" in given:
        given.setdefault("otherwise", given.pop("retry"))
    return _prompt(name, say, None, None, given, accept=(kind,))


def _is_reader(read: Any) -> bool:
    """Whether it can be called for a value: a step, a coroutine and a generator would give something else."""
    lazy = inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction
    return callable(read) and not isinstance(read, StepFunction) and not any(is_lazy(read) for is_lazy in lazy)


# ---- forms ----------------------------------------------------------------------------------------------------------

#: what a field of such a type is asked with
_BY_TYPE: Mapping[Any, str] = {
    str: "text",
    int: "number",
    bool: "confirm",
    decimal.Decimal: "amount",
    dt.date: "date",
    dt.time: "time",
}
_BY_KIND = {"image": "photo", "location": "place"}
#: what a prompt takes of a field's metadata: by place behind the question, and by name
_TAKES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "text": ((), ("longest",)),
    "number": (("low", "high"), ()),
    "amount": (("low", "high"), ()),
    "choice": (("options",), ("taps",)),
    "choices": (("options",), ("least", "most")),
    "confirm": ((), ("taps",)),
    "date": (("earliest", "latest"), ()),
    "time": (("earliest", "latest"), ()),
    "phone": ((), ()),
    "photo": ((), ()),
    "place": ((), ()),
    "parsed": (("read",), ()),
}


def _filled(into: type[T], asks: Mapping[str, Ask[Any]]) -> Generator[Any, Any, T]:
    answers = {}
    for name, question in asks.items():
        answers[name] = yield question
    return into(**answers)


def _questions(into: Any, more: More) -> dict[str, Ask[Any]]:
    if not (isinstance(into, type) and dataclasses.is_dataclass(into)):
        raise ConfigurationError(f"ask.form asks for the fields of a dataclass, and {into!r} is none")
    try:
        hints = get_type_hints(into)
    except NameError as error:
        raise ConfigurationError(
            f"ask.form cannot find out the types of {into.__name__}'s fields: {error}; define it, and what it names, in a module"
        ) from None
    asked = {field.name for field in dataclasses.fields(into) if field.init}
    for name, parameter in inspect.signature(into).parameters.items():
        if name not in asked and parameter.default is parameter.empty:
            raise ConfigurationError(
                f"{into.__name__} needs {name}, and a form asks for fields only: give it a default"
            )
    return {
        field.name: _question(into, field, hints[field.name], more) for field in dataclasses.fields(into) if field.init
    }


def _question(into: type, field: dataclasses.Field[Any], hint: Any, more: More) -> Ask[Any]:
    given = dict(field.metadata)
    where = f"the field {field.name} of {into.__name__}"
    say, (hint, needed) = given.pop("ask", field.name), _needed(hint)
    name = given.pop("prompt", None) or _prompt_for(hint, given, where)
    if name not in _TAKES:
        raise ConfigurationError(f"{where}: there is no prompt {name!r}, only {', '.join(_TAKES)}")
    by_place, by_name = _TAKES[name]
    unknown = given.keys() - {*by_place, *by_name, *More.__annotations__}
    if unknown:
        known = ", ".join(("ask", "prompt", *by_place, *by_name, *More.__annotations__))
        raise ConfigurationError(
            f"{where}: nobody knows {', '.join(map(repr, sorted(map(str, unknown))))}, only {known}"
        )
    placed = [given.pop(argument, None) for argument in by_place]
    key = f"{more.get('key', into.__name__)}.{field.name}"
    try:
        made: Ask[Any] = getattr(ask, name)(say, *placed, **{**more, "key": key, **given})
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if needed:
        return made
    if made.read is None:
        raise ConfigurationError(
            f"{where}: ask.{name} waits for a message that cannot be left out, so it is never None"
        )
    from . import meaning

    return dataclasses.replace(made, read=meaning.perhaps(made.read, bool(made.options)), optional=True)


def _needed(hint: Any) -> tuple[Any, bool]:
    """The type that is asked for, and whether an answer is needed: ``T | None`` may be left out."""
    given = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ()
    kinds = [kind for kind in given if kind is not types.NoneType]
    return (kinds[0], False) if len(kinds) == 1 < len(given) else (hint, True)


def _prompt_for(hint: Any, given: dict[str, Any], where: str) -> str:
    """The prompt that asks for such a type. Adds the options that the type itself names."""
    if isinstance(hint, enum.EnumMeta):
        given.setdefault("options", hint)
    elif get_origin(hint) is Literal:
        given.setdefault("options", list(get_args(hint)))
    elif not (hint is str and "options" in given):
        words = (get_origin(hint), get_args(hint)) == (list, (str,))  # typing.List[str], too
        found = "choices" if words else _BY_TYPE.get(hint) or _BY_KIND.get(getattr(hint, "kind", ""))
        if found is None:
            known = "str, int, bool, Decimal, date, time, list[str], an Enum, a Literal of words, ImageMessage, LocationMessage"
            raise ConfigurationError(
                f"{where}: a form can ask for {known}, or one of them or None; what else it is, metadata prompt= says"
            )
        return found
    return "choice"


# ---- ask ------------------------------------------------------------------------------------------------------------


class _Ask:
    """``ask("…")`` gives the answer's text, ``ask("…", accept=…)`` the message, ``ask.number("…")`` … what was meant.

    Every method also takes the ``key= timeout= otherwise= cancel= back=`` of a plain ask, and ``retry=`` (what is said when
    an answer was not understood) and ``tries=`` (after so many such answers: `GaveUp`). An ask raises `TimedOut`,
    `Cancelled` and, with ``back=True``, `WentBack` in the dialog. A wrong argument raises `ConfigurationError` at once.
    """

    @overload
    def __call__(
        self,
        say: Say = None,
        /,
        *,
        key: str | None = None,
        timeout: float | None = None,
        otherwise: Say = ...,
        cancel: bool = True,
        back: bool = False,
    ) -> Command[str]: ...
    @overload
    def __call__(
        self,
        say: Say = None,
        /,
        *,
        accept: type[M],
        key: str | None = None,
        timeout: float | None = None,
        otherwise: Say = ...,
        cancel: bool = True,
        back: bool = False,
    ) -> Command[M]: ...
    @overload
    def __call__(
        self,
        say: Say = None,
        /,
        *,
        accept: tuple[type[M], type[M2]],
        key: str | None = None,
        timeout: float | None = None,
        otherwise: Say = ...,
        cancel: bool = True,
        back: bool = False,
    ) -> Command[M | M2]: ...
    @overload
    def __call__(
        self,
        say: Say = None,
        /,
        *,
        accept: tuple[type[M], type[M2], type[M3]],
        key: str | None = None,
        timeout: float | None = None,
        otherwise: Say = ...,
        cancel: bool = True,
        back: bool = False,
    ) -> Command[M | M2 | M3]: ...
    def __call__(
        self,
        say: Say = None,
        /,
        *,
        accept: Any = None,
        key: str | None = None,
        timeout: float | None = None,
        otherwise: Say | Any = ...,
        cancel: bool = True,
        back: bool = False,
    ) -> Command[Any]:
        _checked(key, timeout)
        return Ask(say, _accepted(accept), key, timeout, otherwise, cancel, back)

    def text(self, say: Say, /, *, longest: int | None = None, **more: Unpack[More]) -> Command[str]:
        """Words, without the space around them, at most `longest` characters."""
        if longest is not None and (not _is_int(longest) or longest < 1):
            raise ConfigurationError(f"longest={longest!r}: a whole number of characters, at least 1")
        retry = Sentence("retry_text") if longest is None else Sentence("retry_longest", {"longest": longest})
        from . import meaning

        return _prompt("text", say, meaning.words(longest), retry, more)

    def number(
        self, say: Say, low: int | None = None, high: int | None = None, /, **more: Unpack[More]
    ) -> Command[int]:
        """A whole number from `low` to `high`, both taken: 3, ３, 三, 两个, 一百零五, 3万, 1万2."""
        _bounds(low, high)
        from . import meaning

        return _prompt("number", say, meaning.within(low, high), _range("number", low=low, high=high), more)

    def amount(
        self,
        say: Say,
        low: decimal.Decimal | int | None = None,
        high: decimal.Decimal | int | None = None,
        /,
        **more: Unpack[More],
    ) -> Command[decimal.Decimal]:
        """Money in yuan, with at most two places, from `low` to `high`: 12.5, ¥1,200, 12.50元, 十二块五, 2w. Below 0 where `low` is."""
        least, most = (_decimal(bound) for bound in (low, high))
        _ordered("amount", least, most)
        from . import meaning

        return _prompt("amount", say, meaning.amount(least, most), _range("amount", low=low, high=high), more)

    @overload
    def choice(self, say: Say, options: type[E], /, *, taps: bool = True, **more: Unpack[More]) -> Command[E]: ...
    @overload
    def choice(
        self, say: Say, options: Mapping[str, T], /, *, taps: bool = True, **more: Unpack[More]
    ) -> Command[T]: ...
    @overload
    def choice(
        self, say: Say, options: Sequence[str], /, *, taps: bool = True, **more: Unpack[More]
    ) -> Command[str]: ...
    def choice(self, say: Say, options: Any, /, *, taps: bool = True, **more: Unpack[More]) -> Command[Any]:
        """One of several: an enum's members by their names, a mapping's values by their keys, or one of the words.

        Answered by a tap, the number, the label, or enough of the label.
        """
        labels, values = _options(options)
        from . import meaning

        place = meaning.option(labels)

        def read(text: str) -> Any:
            return values[place(text)]

        def chosen(text: str) -> list[int]:
            return [place(text)]

        given = {"options": labels, "taps": taps, "chosen": chosen}
        return _prompt("choice", say, read, Sentence("retry_choice"), more, **given)

    def confirm(self, say: Say, /, *, taps: bool = True, **more: Unpack[More]) -> Command[bool]:
        """Yes or no: a tap, the number, or a word for either, in Chinese or English."""
        labels = (Sentence("yes"), Sentence("no"))
        from . import meaning

        return _prompt("confirm", say, meaning.yes_or_no, Sentence("retry_confirm"), more, options=labels, taps=taps)

    def choices(
        self, say: Say, options: Sequence[str], /, *, least: int = 1, most: int | None = None, **more: Unpack[More]
    ) -> Command[list[str]]:
        """Several of the options, from `least` to `most` (None: all), in their order: 1,3 or 苹果和香蕉 or 全部."""
        if isinstance(options, enum.EnumMeta | Mapping):
            raise ConfigurationError(f"options={options!r}: of ask.choices they are a list of words")
        labels, _ = _options(options)
        highest = len(labels) if most is None else most
        if not (_is_int(least) and _is_int(highest) and 0 <= least <= highest <= len(labels) and highest):
            raise ConfigurationError(
                f"least={least!r}, most={most!r}: whole numbers, the least first, of {len(labels)} options"
            )
        from . import meaning

        places = meaning.options(labels, least, highest)

        def read(text: str) -> list[str]:
            return [labels[place] for place in places(text)]

        free = (least, highest) == (1, len(labels))
        retry = (
            Sentence("retry_choices") if free else Sentence("retry_choices_between", {"least": least, "most": highest})
        )
        return _prompt("choices", say, read, retry, more, options=labels, taps=False, chosen=places)

    def date(
        self, say: Say, earliest: dt.date | None = None, latest: dt.date | None = None, /, **more: Unpack[More]
    ) -> Command[dt.date]:
        """A day from `earliest` to `latest`, as said on the day of the message: 明天, 下周五, 8号, 3月8日, 2026-3-8, 三天后.

        Without a year it is the next such day, from `earliest` on where that is no more than a year ago, else from today.
        """
        for bound in earliest, latest:
            if bound is not None and (not isinstance(bound, dt.date) or isinstance(bound, dt.datetime)):
                raise ConfigurationError(f"ask.date from {earliest!r} to {latest!r}: days (datetime.date), or None")
        _ordered("date", earliest, latest)
        retry = _range("date", earliest=earliest, latest=latest)
        from . import dates

        return _prompt("date", say, dates.day(earliest, latest), retry, more, dated=True)

    def time(
        self, say: Say, earliest: dt.time | None = None, latest: dt.time | None = None, /, **more: Unpack[More]
    ) -> Command[dt.time]:
        """A time of day from `earliest` to `latest`: 15:30, 下午三点半, 3点一刻. 三点 is the one of two that may be meant, if only one may."""
        for bound in earliest, latest:
            if bound is not None and (not isinstance(bound, dt.time) or bound.tzinfo is not None):
                raise ConfigurationError(
                    f"ask.time from {earliest!r} to {latest!r}: times without a zone (datetime.time), or None"
                )
        _ordered("time", earliest, latest)
        shown = {name: bound and f"{bound:%H:%M}" for name, bound in (("earliest", earliest), ("latest", latest))}
        from . import dates

        return _prompt("time", say, dates.clock(earliest, latest), _range("time", **shown), more)

    def phone(self, say: Say, /, **more: Unpack[More]) -> Command[str]:
        """A mobile number of China, as 11 digits: 138 0013 8000, +86 13800138000."""
        from . import meaning

        return _prompt("phone", say, meaning.phone, Sentence("retry_phone"), more)

    def photo(self, say: Say, /, **more: Unpack[More]) -> Command[ImageMessage]:
        """A picture that the user sends. Whatever else comes is answered with `otherwise`, or with `retry` where that is given."""
        return _sent("photo", "image", say, more)

    def place(self, say: Say, /, **more: Unpack[More]) -> Command[LocationMessage]:
        """A location that the user sends. Whatever else comes is answered with `otherwise`, or with `retry` where that is given."""
        return _sent("place", "location", say, more)

    def form(self, into: type[T], /, **more: Unpack[More]) -> Command[T]:
        """Every field of a dataclass, one after another, and then the object.

        A field's type says how it is asked for, its metadata the question (``ask``), another prompt (``prompt``), and what
        that takes: ``field(metadata={"ask": "几位？", "low": 1, "high": 20})``. Of ``int | None`` and the like 跳过, 不填, 没有
        and 无 give None. `more` is for each of the questions.
        """
        asks = _questions(into, more)
        return Call(lambda: _filled(into, asks))

    def parsed(self, say: Say, read: Callable[[str], T], /, **more: Unpack[More]) -> Command[T]:
        """What your own `read` makes of the text; it raises ValueError for what it does not understand, and does nothing else."""
        if not _is_reader(read):
            raise ConfigurationError(
                f"ask.parsed takes a plain function of the text that returns the value, not {read!r}; what does I/O is a @step"
            )
        return _prompt("parsed", say, read, Sentence("retry_parsed"), more)


ask: Final = _Ask()
