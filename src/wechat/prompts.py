"""The methods of `ask`: what is asked, and what an answer means.

A reader turns a text into what was meant, or raises ValueError. It is pure, because a replay reads again what was answered.

Rule 1: a text is made `plain` first (width, spaces, closing punctuation, closing particles); then it is compared *exactly*.
        「好像不是」 is neither yes nor no. Only the label of a choice may be shortened.
Rule 2: what could mean two things means nothing: it is asked again.
"""

from __future__ import annotations

import enum
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar, overload

from typing_extensions import Unpack

from .dialog import Ask, Command, Sentence
from .errors import ConfigurationError

if TYPE_CHECKING:  # for annotations only
    from .receive import Message
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


# ---- what a text is -------------------------------------------------------------------------------------------------

#: what may close an answer and means nothing
_CLOSING = re.compile(r"[\s.,!?;:~。，！？；：、…～]+\Z")
_PARTICLES = "吧呀啊哦的了"


def tidy(text: str) -> str:
    """NFKC, without case, without spaces around and punctuation behind."""
    return _CLOSING.sub("", unicodedata.normalize("NFKC", text).casefold().strip())


def spoken(text: str) -> Iterable[str]:
    """The tidy text, then ever shorter without its closing particles: 好的吧, 好的, 好."""
    plain = tidy(text)
    yield plain
    while plain and plain[-1] in _PARTICLES:
        plain = _CLOSING.sub("", plain[:-1])
        yield plain


# ---- numbers --------------------------------------------------------------------------------------------------------

_DIGITS = {d: i for i, d in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1_000}
_MYRIADS = {"万": 10**4, "亿": 10**8}
#: what is counted, behind a number
_MEASURES = "个只件位人份本张条次岁块元年月天号斤杯盒瓶台套双名"

#: 一百零五: each magnitude at most once, in order; a zero wherever one is left out
_SECTION = re.compile(
    r"(?:([一二两三四五六七八九])千)?(?:(零)?([一二两三四五六七八九])百)?(?:(零)?([一二三四五六七八九])?(十))?(?:(零)?([一二两三四五六七八九]))?\Z"
)
_ARABIC = re.compile(r"(-?)(\d{1,3}(?:,\d{3})+|\d{1,30})([万亿]?)\Z", re.ASCII)


def integer(text: str) -> int:
    """A whole number as people type it: 3, ３, 3,000, 3万, 三, 两个, 一百零五, 负三. Raises ValueError."""
    if any(unicodedata.category(character) == "No" for character in text):  # ² and ① look like numbers to NFKC
        raise ValueError(f"{text[:20]!r} is no whole number")
    for plain in spoken(text):
        for candidate in (plain, plain.rstrip()[:-1].rstrip() if plain.rstrip()[-1:] in tuple(_MEASURES) else ""):
            value = _arabic(candidate) if candidate else None
            value = _chinese(candidate) if value is None and candidate else value
            if value is not None:
                return value
    raise ValueError(f"{text[:20]!r} is no whole number")


def _arabic(plain: str) -> int | None:
    match = _ARABIC.match(plain)
    if match is None:
        return None
    value = int(match[2].replace(",", "")) * _MYRIADS.get(match[3], 1)
    return -value if match[1] else value


def _chinese(plain: str) -> int | None:
    if plain.startswith("负"):
        value = _chinese(plain[1:])
        return None if value is None else -value
    if len(plain) > 24:
        return None
    if len(plain) == 1 and plain in _DIGITS:
        return _DIGITS[plain]
    return _magnitudes(plain)


def _magnitudes(plain: str) -> int | None:
    """…亿…万…: each part below ten thousand, and a zero where a part does not fill its places."""
    total, rest = 0, plain
    for name in ("亿", "万", ""):
        if name:
            part, found, behind = rest.partition(name)
            if not found:
                continue
        else:
            part, behind = rest, ""
            if not part:
                continue
        leading = part.startswith("零")
        value = _section(part.removeprefix("零") if total else part)
        if value is None or (value == 0) or (leading and not total):
            return None
        total += value * _MYRIADS.get(name, 1)
        rest = behind
    return total or None


def _section(part: str) -> int | None:
    match = _SECTION.match(part)
    if match is None or not part:
        return None
    thousand, zero_hundred, hundred, zero_ten, tens, ten, zero_one, one = match.groups()
    higher = [bool(thousand), bool(hundred), bool(ten)]
    if zero_hundred or (zero_ten and (hundred or not thousand)):
        return None
    if thousand and not hundred and ten and not zero_ten:
        return None
    if one and bool(zero_one) != (any(higher) and not ten):
        return None
    if ten and not tens and (thousand or hundred):
        return None  # 一百十 is said, but what it means is not agreed upon
    value = _DIGITS.get(thousand or "零", 0) * 1_000 + _DIGITS.get(hundred or "零", 0) * 100
    value += (_DIGITS[tens] if tens else 1) * 10 if ten else 0
    return value + (_DIGITS[one] if one else 0)


def _within(low: int | None, high: int | None) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = integer(text)
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f"{value} is not asked for")
        return value

    return read


#: which sentence says what number is asked for, by whether there is a lowest and a highest
_RANGES = {
    (False, False): "retry_number",
    (True, True): "retry_number_between",
    (True, False): "retry_number_from",
    (False, True): "retry_number_to",
}


# ---- yes and no -----------------------------------------------------------------------------------------------------

_YES = frozenset(
    (
        "是",
        "对",
        "好",
        "嗯",
        "恩",
        "行",
        "要",
        "可",
        "可以",
        "没错",
        "确认",
        "确定",
        "同意",
        "没问题",
        "当然",
        "嗯嗯",
        "好好",
    )
    + ("是是", "对对", "好嘞", "ok", "okay", "y", "yes", "yep", "1")
)
_NO = frozenset(
    (
        "不",
        "不是",
        "不对",
        "不要",
        "不用",
        "不行",
        "不好",
        "不可以",
        "不同意",
        "否",
        "没",
        "没有",
        "算了",
        "错",
        "n",
        "no",
        "nope",
        "2",
    )
)


def yes_or_no(text: str) -> bool:
    """What was meant by an answer to a question for yes or no. Raises ValueError for what is neither."""
    for plain in spoken(_one_of(text)):
        if plain in _YES:
            return True
        if plain in _NO:
            return False
    raise ValueError(f"{text[:20]!r} is neither yes nor no")


def _one_of(text: str) -> str:
    """An option as it was copied, 「1. 是」, as its label."""
    match = re.match(r"\s*[12][.、]\s*(\S.*)\Z", unicodedata.normalize("NFKC", text), re.DOTALL)
    return match[1] if match else text


# ---- one of several -------------------------------------------------------------------------------------------------

_ORDINAL = re.compile(r"第?(.+?)[个项号]?\Z")
_PICKS = re.compile(r"^(?:我?(?:要|选|想要))(?:择)?")


def option(labels: Sequence[str]) -> Callable[[str], int]:
    """A reader that gives the position of the option that was meant. Raises ConfigurationError for labels that are one."""
    names = [tidy(label) for label in labels]
    if not names:
        raise ConfigurationError("a choice needs options")
    if not all(names) or len(set(names)) < len(names):
        raise ConfigurationError(f"the options {list(labels)!r} cannot be told apart: each needs a label of its own")

    def read(text: str) -> int:
        for plain in (*spoken(text), *(_PICKS.sub("", plain) for plain in spoken(text))):
            if plain in names:  # the label itself beats everything
                return names.index(plain)
        meant = {found for plain in spoken(text) for found in _meant(plain, names)}
        if len(meant) != 1:
            raise ValueError(f"{text[:20]!r} is no one option")
        return meant.pop()

    return read


def _meant(plain: str, names: Sequence[str]) -> set[int]:
    """The options that a text may mean: by number, by number and label, or by how the label begins."""
    plain = _PICKS.sub("", plain)
    found = {i for i, name in enumerate(names) if plain and name.startswith(plain)}
    numbered = re.match(r"(\d{1,3})\s*[.、,:)]?\s*(\S.*)\Z", plain)
    if numbered and 0 < int(numbered[1]) <= len(names) and numbered[2] == names[int(numbered[1]) - 1]:
        return {int(numbered[1]) - 1}
    if plain in ("最后一个", "最后", "最后那个"):
        return found | {len(names) - 1}
    ordinal = _ORDINAL.match(plain)
    number = _counted(ordinal[1]) if ordinal else None
    return found | ({number - 1} if number is not None and 0 < number <= len(names) else set())


def _counted(plain: str) -> int | None:
    value = _arabic(plain)
    return _chinese(plain) if value is None else value


# ---- text -----------------------------------------------------------------------------------------------------------


def _words(longest: int | None) -> Callable[[str], str]:
    def read(text: str) -> str:
        plain = text.strip()
        if not plain or (longest is not None and len(plain) > longest):
            raise ValueError("empty, or too long")
        return plain

    return read


# ---- ask ------------------------------------------------------------------------------------------------------------


def _prompt(name: str, say: Say, read: Callable[[str], Any], retry: Sentence, more: More, **fields: Any) -> Ask[Any]:
    """An ask that reads its answer."""
    _check(more.get("timeout"), more.get("tries"))
    given: dict[str, Any] = {"retry": retry, **more, **fields}
    return Ask(say, read=read, name=f"ask.{name}", **given)


def _check(timeout: float | None, tries: int | None) -> None:
    if timeout is not None and (isinstance(timeout, bool) or math.isnan(timeout) or timeout <= 0):
        raise ConfigurationError(f"timeout={timeout!r}: a number of seconds above 0; math.inf: for ever")
    if tries is not None and (not isinstance(tries, int) or tries < 1):
        raise ConfigurationError(f"tries={tries!r}: at least 1; leave it away to ask until it is understood")


def _accepted(accept: Any) -> tuple[type, ...] | None:
    kinds = accept if isinstance(accept, tuple) or accept is None else (accept,)
    if kinds is not None and (not kinds or not all(isinstance(kind, type) for kind in kinds)):
        raise ConfigurationError(
            f"accept={accept!r}: a class of message, like ImageMessage, or a tuple of such classes"
        )
    return kinds


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
    def __call__(self, say: Any = None, /, *, accept: Any = None, **more: Any) -> Command[Any]:
        _check(more.get("timeout"), None)
        return Ask(say, accept=_accepted(accept), **more)

    def text(self, say: Say, /, *, longest: int | None = None, **more: Unpack[More]) -> Command[str]:
        """Words, without the space around them, at most `longest` characters."""
        if longest is not None and longest < 1:
            raise ConfigurationError(f"longest={longest!r}: at least 1 character")
        retry = Sentence("retry_text") if longest is None else Sentence("retry_longest", {"longest": longest})
        return _prompt("text", say, _words(longest), retry, more)

    def number(
        self, say: Say, low: int | None = None, high: int | None = None, /, **more: Unpack[More]
    ) -> Command[int]:
        """A whole number from `low` to `high`: 3, ３, 三, 两个, 一百零五, 3万."""
        if low is not None and high is not None and low > high:
            raise ConfigurationError(f"ask.number from {low} to {high}: nothing lies between")
        retry = Sentence(_RANGES[low is not None, high is not None], {"low": low, "high": high})
        return _prompt("number", say, _within(low, high), retry, more)

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
        position = option(labels)
        return _prompt(
            "choice",
            say,
            lambda text: values[position(text)],
            Sentence("retry_choice"),
            more,
            options=labels,
            taps=taps,
        )

    def confirm(self, say: Say, /, *, taps: bool = True, **more: Unpack[More]) -> Command[bool]:
        """Yes or no."""
        labels = (Sentence("yes"), Sentence("no"))
        return _prompt("confirm", say, yes_or_no, Sentence("retry_confirm"), more, options=labels, taps=taps)

    def parsed(self, say: Say, read: Callable[[str], T], /, **more: Unpack[More]) -> Command[T]:
        """What your own `read` makes of the text; it raises ValueError for what it does not understand, and does nothing else."""
        if not callable(read):
            raise ConfigurationError(f"ask.parsed takes a function of the text, not {read!r}")
        return _prompt("parsed", say, read, Sentence("retry_parsed"), more)


def _options(options: Any) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Labels, and the values they stand for."""
    if isinstance(options, type) and issubclass(options, enum.Enum):
        return tuple(options.__members__), tuple(options.__members__.values())
    if isinstance(options, Mapping):
        labels, values = tuple(options), tuple(options.values())
    elif isinstance(options, Sequence) and not isinstance(options, str | bytes):
        labels = values = tuple(options)
    else:
        raise ConfigurationError(f"ask.choice takes words, a mapping of words to values, or an Enum, not {options!r}")
    if not all(isinstance(label, str) for label in labels):
        raise ConfigurationError(f"the labels of a choice are words: {labels!r}")
    return labels, values


ask: Final = _Ask()
