"""The methods of `ask`: what is asked, and what an answer means.

A reader turns a text into what was meant, or raises ValueError. It is pure, because a replay reads again what was answered.

Rule 1: a text is made plain first (width, spaces, closing punctuation, closing particles); then it is compared *exactly*.
        「好像不是」 is neither yes nor no. Only the label of a choice may be shortened.
Rule 2: what could mean two things means nothing: it is asked again.
Rule 3: whatever is typed, a reader ends soon, and raises nothing but ValueError.
"""

from __future__ import annotations

import enum
import inspect
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar, overload

from typing_extensions import Unpack

from .dialog import Ask, Command, Sentence, StepFunction
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

#: may close an answer and means nothing
_CLOSING = ".,!?;:~。，！？；：、…～" + "".join(filter(str.isspace, map(chr, range(0x3001))))
_PARTICLES = frozenset("吧呀啊哦的了")
#: in a text that was pasted, and to be seen by nobody: marks of width zero, of direction, of how an emoji is drawn (1️⃣)
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\ufe0f\u20e3"))
#: characters; more than fits one message of WeChat means nothing to a prompt (rule 3)
_TOO_LONG = 2_048


def tidy(text: str) -> str:
    """NFKC, without case, without spaces around and punctuation behind; punctuation alone stays."""
    plain = unicodedata.normalize("NFKC", text.translate(_UNSEEN)).casefold().strip()
    return plain.rstrip(_CLOSING) or plain


def spoken(text: str) -> Iterator[str]:
    """The tidy text, then without one, two, three closing particles: 好的吧, 好的, 好. None of them is empty."""
    plain = tidy(text) if len(text) <= _TOO_LONG else ""
    for _ in range(4):
        if plain:
            yield plain
        plain = plain[:-1].rstrip(_CLOSING) if plain[-1:] in _PARTICLES else ""


# ---- numbers --------------------------------------------------------------------------------------------------------

#: 财务大写, traditional characters and the round zero as the numerals that are read here
_PLAIN_NUMERALS = str.maketrans(
    "〇壹贰叁肆伍陆柒捌玖拾佰仟萬億貳參叄陸兩俩負", "零一二三四五六七八九十百千万亿二三三六两两负"
)
_DIGITS = {numeral: str(value) for value, numeral in enumerate("零一二三四五六七八九")}
_NUMERALS = {digit: numeral for numeral, digit in _DIGITS.items()}
_ONE_TO_NINE = "[一二三四五六七八九]"
_UNITS = {"": 1, "十": 10, "百": 10**2, "千": 10**3, "万": 10**4, "亿": 10**8}
#: what is counted, behind a number. Not 克, 分, 点, 样: 三千克 is 3 or 3000, and 十分, 一点, 一样 are no numbers
_MEASURES = (
    *("个人", "个月", "个星期", "个小时", "小时", "分钟", "星期", "公斤", "公里", "厘米", "块钱", "人份", "月份"),
    *"个只件位人份本张条次岁块元年月天号斤杯盒瓶台套双名间晚周遍层楼排箱包袋支辆颗朵碗根家棵桶页期桌寸米秒日",
    *"個隻張條歲塊雙間",
)
#: 3 and the like, as NFKC leaves it, perhaps with a unit behind; at most 30 digits (rule 3: `int` refuses or crawls above)
_ARABIC = re.compile(r"([0-9]{1,3}(?:,[0-9]{3}){1,9}|[0-9]{1,30})\s*([百千万亿]?)")
_SIGN = re.compile(r"([-−负])|\+?")
_MEASURE = re.compile(rf"\s*(?:{'|'.join(_MEASURES)})\Z")

# 一百零五: the four places of 亿, of 万 and of what is below. It lets too much through, which `_numeral` spells to see
_PLACES = "".join(f"(?:({_ONE_TO_NINE}){unit})?零?" for unit in "千百十") + f"({_ONE_TO_NINE})?"
_NUMERAL = re.compile(f"(?:{_PLACES}亿)?零?(?:{_PLACES}万)?零?{_PLACES}")
#: how a numeral may be said otherwise, and how it is spelled; in this order
_SAID_OTHERWISE: Sequence[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = (
    (re.compile(r"(?<!十)两(?=[百千万亿])|\A两\Z"), "二"),
    (re.compile(f"(?<!{_ONE_TO_NINE})十"), "一十"),
    # 一百五 is 一百五十, 三万五 is 三万五千 (and not 30005, which has a zero); 五百万五 is anybody's guess
    (
        re.compile(f"(?<={_ONE_TO_NINE})([百千万亿])({_ONE_TO_NINE})\\Z"),
        lambda match: match[1] + match[2] + {"百": "十", "千": "百", "万": "千", "亿": "千万"}[match[1]],
    ),
)


def integer(text: str) -> int:
    """A whole number as people type it: 3, ３, 3,000, 3万, 三, 两个, 一百零五, 负三. Raises ValueError."""
    if any(unicodedata.category(character) == "No" for character in text):  # NFKC would make 2 of ², and 11 of 1①
        raise ValueError("² and ① are no whole numbers")
    for plain in spoken(text):
        for counted in (plain, _MEASURE.sub("", plain)):
            value = _signed(counted)
            if value is not None:
                return value
    raise ValueError("not a whole number")


def _signed(plain: str) -> int | None:
    plain = plain.translate(_PLAIN_NUMERALS)
    sign = _SIGN.match(plain)
    assert sign is not None  # it matches nothing, too
    value = _whole(plain[sign.end() :])
    return -value if value is not None and sign[1] else value


def _whole(plain: str) -> int | None:
    match = _ARABIC.fullmatch(plain)
    return int(match[1].replace(",", "")) * _UNITS[match[2]] if match else _numeral(plain)


def _numeral(plain: str) -> int | None:
    """A Chinese numeral below 10¹², read exactly: what its value is spelled like, and nothing similar."""
    for said, spelled in _SAID_OTHERWISE:
        plain = said.sub(spelled, plain)
    match = _NUMERAL.fullmatch(plain)
    digits = "".join(_DIGITS[digit or "零"] for digit in match.groups()) if match else ""
    return int(digits) if digits and _spelled(digits) == plain else None


def _spelled(digits: str) -> str:
    """Twelve digits as a Chinese numeral: 一十, never 十 alone, and one zero for the empty places between two that are not."""
    sections = (_section(digits[at : at + 4], myriad) for at, myriad in ((0, "亿"), (4, "万"), (8, "")))
    return re.sub("零+", "零", "".join(sections)).strip("零") or "零"


def _section(digits: str, myriad: str) -> str:
    units = zip(digits, ("千", "百", "十", ""), strict=True)
    places = "".join(_NUMERALS[digit] + unit if digit != "0" else "零" for digit, unit in units)
    return places.rstrip("零") + myriad if int(digits) else "零"


def _within(low: int | None, high: int | None) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = integer(text)
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError("too small, or too large")
        return value

    return read


#: which sentence says what number is asked for, by whether there is a lowest and a highest
_RANGES = {
    (False, False): "retry_number",
    (True, True): "retry_number_between",
    (True, False): "retry_number_from",
    (False, True): "retry_number_to",
}


# ---- by number ------------------------------------------------------------------------------------------------------

_COUNT = "[0-9零一二三四五六七八九十百]{1,5}"
#: 1, (1), 1号, 第一, 第一个, 选项1. Not 两个, 2个: that is how many
_ORDINAL = re.compile(rf"(?:(第)|选项)?\(?({_COUNT})\)?(?(1)[个個项項种样款条位号家档]?|号?)")
#: a line as it was shown and copied: 1. 苹果
_NUMBERED = re.compile(r"\(?([0-9]{1,3})(?![0-9])\)?\s*[.、,:]?\s*(\S.*)", re.DOTALL)


def _line(plain: str, places: Mapping[str, int]) -> int | None:
    """The place, from 0, of a line: its number, and the very words that stand there."""
    match = _NUMBERED.fullmatch(plain)
    place = places.get(match[2]) if match else None
    return place if match and place == int(match[1]) - 1 else None


def _ordinal(plain: str, count: int) -> int | None:
    """The place, from 0, that a text names by its number alone, of `count` places."""
    match = _ORDINAL.fullmatch(plain)
    number = _whole(match[2]) if match else None
    return number - 1 if number is not None and 1 <= number <= count else None


def _is_counted(text: str) -> bool:
    """Whether NFKC leaves its numbers what they are: ① yes; ² and ½ no, nor 1①, which would be 11."""
    odd = [character for character in text if unicodedata.category(character) == "No"]
    if not odd:
        return True
    kind = unicodedata.decomposition(odd[0])
    return len(odd) == 1 and kind.startswith(("<circle>", "<compat>")) and not any(map(str.isdecimal, text))


# ---- yes and no -----------------------------------------------------------------------------------------------------

_YES = (
    "是 对 對 好 嗯 恩 行 要 可 可以 没错 沒錯 没问题 确认 確認 确定 同意 当然 嗯嗯 是的是的 对对 对的对的 好好 好的好的 好嘞"
    " ok okay y yes yep yeah sure"
)
_NO = "不 不是 不对 不對 不要 不用 不行 不好 不可以 不同意 否 没 没有 沒有 算了 错 n no nope"
#: what each word means: the place of 「是」, or of 「否」
_ANSWERS = dict.fromkeys(_YES.split(), 0) | dict.fromkeys(_NO.split(), 1)


def yes_or_no(text: str) -> bool:
    """What was meant by an answer to a question for yes or no, in Chinese or English. Raises ValueError for what is neither."""
    for plain in spoken(text):
        found = _ANSWERS.get(plain), _line(plain, _ANSWERS), _ordinal(plain, 2) if _is_counted(text) else None
        for place in found:
            if place is not None:
                return place == 0
    raise ValueError("neither yes nor no")


# ---- one of several -------------------------------------------------------------------------------------------------

_LAST = frozenset({"最后", "最后一个", "最后那个", "最后一项", "倒数第一个"})
#: may stand before what is chosen
_PICKING = re.compile(r"我?就?(?:想要|想选|要选|选择|选|要)\s*(?=\S)")


def option(labels: Sequence[str]) -> Callable[[str], int]:
    """A reader that gives the place, from 0, of the option that was meant.

    A label itself beats everything. Else the first form of the text that means anything decides: by number, or by how
    exactly one label begins.

    Raises `ConfigurationError` for labels that cannot be told apart.
    """
    names = [tidy(label) for label in labels]
    _distinct(labels, names)
    places = {name: place for place, name in enumerate(names)}

    def read(text: str) -> int:
        forms = _picked(text)
        for plain in forms:
            if plain in places:
                return places[plain]
        counted = _is_counted(text)
        meant = next(filter(None, (_meant(plain, names, places, counted) for plain in forms)), set())
        if len(meant) != 1:
            raise ValueError("none of the options, or several")
        return meant.pop()

    return read


def _picked(text: str) -> list[str]:
    """The forms of a text, then the same without 「我要」 before them."""
    forms = list(spoken(text))
    return forms + [plain[match.end() :] for plain in forms if (match := _PICKING.match(plain))]


def _meant(plain: str, names: Sequence[str], places: Mapping[str, int], counted: bool) -> set[int]:
    """Every place that a text may mean."""
    begun = {place for place, name in enumerate(names) if name.startswith(plain)}
    last = len(names) - 1 if plain in _LAST else None
    numbered = _line(plain, places), _ordinal(plain, len(names)) if counted else None, last
    return begun.union(place for place in numbered if place is not None)


def _distinct(labels: Sequence[str], names: Sequence[str]) -> None:
    if not names:
        raise ConfigurationError("a choice needs options: at least one word to choose")
    if not all(names):
        raise ConfigurationError(f"an option without a word cannot be shown or chosen: {list(labels)!r}")
    same = [label for label, name in zip(labels, names, strict=True) if names.count(name) > 1]
    if same:
        raise ConfigurationError(
            f"the options {same!r} are one to a user (case, width, spaces, closing punctuation): give each its own words"
        )


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


# ---- text -----------------------------------------------------------------------------------------------------------


def _words(longest: int | None) -> Callable[[str], str]:
    def read(text: str) -> str:
        plain = text.strip()
        if not any(character.isprintable() and character != " " for character in plain):
            raise ValueError("nothing to be seen")
        if longest is not None and len(plain) > longest:
            raise ValueError("too long")
        return plain

    return read


# ---- what may be asked ----------------------------------------------------------------------------------------------


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _prompt(name: str, say: Say, read: Callable[[str], Any], retry: Sentence, more: More, **fields: Any) -> Ask[Any]:
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


def _is_reader(read: Any) -> bool:
    """Whether it can be called for a value: a step, a coroutine and a generator would give something else."""
    lazy = inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction
    return callable(read) and not isinstance(read, StepFunction) and not any(is_lazy(read) for is_lazy in lazy)


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
        return _prompt("text", say, _words(longest), retry, more)

    def number(
        self, say: Say, low: int | None = None, high: int | None = None, /, **more: Unpack[More]
    ) -> Command[int]:
        """A whole number from `low` to `high`, both taken: 3, ３, 三, 两个, 一百零五, 3万."""
        _bounds(low, high)
        bounds = {name: bound for name, bound in (("low", low), ("high", high)) if bound is not None}
        retry = Sentence(_RANGES["low" in bounds, "high" in bounds], bounds)
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
        place = option(labels)

        def read(text: str) -> Any:
            return values[place(text)]

        return _prompt("choice", say, read, Sentence("retry_choice"), more, options=labels, taps=taps)

    def confirm(self, say: Say, /, *, taps: bool = True, **more: Unpack[More]) -> Command[bool]:
        """Yes or no: a tap, the number, or a word for either, in Chinese or English."""
        labels = (Sentence("yes"), Sentence("no"))
        return _prompt("confirm", say, yes_or_no, Sentence("retry_confirm"), more, options=labels, taps=taps)

    def parsed(self, say: Say, read: Callable[[str], T], /, **more: Unpack[More]) -> Command[T]:
        """What your own `read` makes of the text; it raises ValueError for what it does not understand, and does nothing else."""
        if not _is_reader(read):
            raise ConfigurationError(
                f"ask.parsed takes a plain function of the text that returns the value, not {read!r}; what does I/O is a @step"
            )
        return _prompt("parsed", say, read, Sentence("retry_parsed"), more)


ask: Final = _Ask()
