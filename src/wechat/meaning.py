"""What a text means: readers that turn what somebody typed into what was meant, or raise ValueError.

They are pure, because a replay reads again what was answered.

Rule 1: a text is made plain first (width, spaces, quotes, closing punctuation and particles, 「我要」, 「就行」); then it is
        compared *exactly*. 「好像不是」 is neither yes nor no. Only the label of a choice may be shortened.
Rule 2: what could mean two things means nothing: it is asked again.
Rule 3: whatever is typed, a reader ends soon, and raises nothing but ValueError.
"""

from __future__ import annotations

import decimal
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from .errors import ConfigurationError

T = TypeVar("T")

# ---- what a text is -------------------------------------------------------------------------------------------------

#: may close an answer and means nothing
_CLOSING = ".,!?;:~。，！？；：、…～" + "".join(filter(str.isspace, map(chr, range(0x3001))))
#: the same, at the end of a text. Not 呢, 吗, 嘛: they ask; nor what changes the word before it: 别的, 不会吧
_CLOSING_WORD = re.compile("(?:谢谢[您你]?|(?<!别)的|(?<!不[会是能])吧|[呀啊哦了啦哈哒滴喔噢哟咯喽呗嘞咧勒])\\Z")
#: around an answer that is given as the question wrote it: 请回复“是”
_QUOTES = {"“": "”", "‘": "’", "「": "」", "『": "』", '"': '"', "'": "'"}
#: in a text that was pasted, and to be seen by nobody: marks of width zero, of direction, of how an emoji is drawn (1️⃣)
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\ufe0f\u20e3"))
#: characters; more than fits one message of WeChat means nothing to a prompt (rule 3)
_TOO_LONG = 2_048


def tidy(text: str) -> str:
    """NFKC, without case, without spaces around and punctuation behind; punctuation alone stays."""
    plain = unicodedata.normalize("NFKC", text.translate(_UNSEEN)).casefold().strip()
    return plain.rstrip(_CLOSING) or plain


def spoken(text: str) -> Iterator[str]:
    """The tidy text, then without one, two … four words that may close it: 好的吧谢谢, 好的吧, 好的, 好. None is empty."""
    plain = tidy(text) if len(text) <= _TOO_LONG else ""
    for _ in range(5):
        if plain:
            yield plain
        plain = _shorter(plain)


def _shorter(plain: str) -> str:
    """Without the quotes around it, else without the word that closes it; empty where there is neither."""
    if len(plain) > 2 and _QUOTES.get(plain[0]) == plain[-1]:
        return tidy(plain[1:-1])
    shorter = _CLOSING_WORD.sub("", plain)
    return "" if shorter == plain else shorter.rstrip(_CLOSING)


#: may stand before an answer: 我要…, 那就…, 来…; but 要不要…, 买不买… ask
_BEFORE = re.compile(
    r"\A我?(?:(?:那?就|还是)?(?:想选|要选|选择?|回复|(?:想要|只要|要|来(?![年月周日])|买|订)(?!\s*不))|那?就|还是)\s*(?=\S)"
)
#: and behind it
_BEHIND = re.compile(r"(?<=\S)\s*就(?:行|好|够|可以)\Z")


def answers(text: str) -> list[str]:
    """The forms of a text, then the same without 「就行」 behind them, then without 「我要」 before them."""
    forms = list(spoken(text))
    forms += [plain[: match.start()] for plain in forms if (match := _BEHIND.search(plain))]
    return forms + [_BEFORE.sub("", plain) for plain in forms if _BEFORE.match(plain)]


# ---- numbers --------------------------------------------------------------------------------------------------------

#: 财务大写, traditional characters and the round zero as the numerals that are read here
_PLAIN_NUMERALS = str.maketrans(
    "〇○壹贰叁肆伍陆柒捌玖拾佰仟萬億貳參叄陸兩俩仨負", "零零一二三四五六七八九十百千万亿二三三六两两三负"
)
_DIGITS = {numeral: str(value) for value, numeral in enumerate("零一二三四五六七八九")}
_NUMERALS = {digit: numeral for numeral, digit in _DIGITS.items()}
_ONE_TO_NINE = "[一二三四五六七八九]"
_UNITS = {"": 1, "十": 10, "百": 10**2, "千": 10**3, "万": 10**4, "亿": 10**8}
#: what is counted, behind a number. Not 克, 分, 点, 样, 对: 三千克 is 3 or 3000 (and so is 三千米), 十分, 一点, 一样 are no
#: numbers, and 两对 are four
_MEASURES = (
    *("个人", "个月", "个星期", "个小时", "小时", "分钟", "星期", "公斤", "公里", "厘米", "块钱", "人份", "月份"),
    *("周岁", "年级", "平米", "平方米", "kg", "cm", "(?<!千)米"),
    *"个只件位人份本张条次岁块元年月天号斤杯盒瓶台套双名间晚周遍层楼排箱包袋支辆颗朵碗根家棵桶页期桌寸秒日",
    *"场节课句头匹把副幅笔门回趟顿夜個隻張條歲塊雙間",
)
#: 3 and the like, as NFKC leaves it, perhaps with a unit behind; at most 30 digits (rule 3: `int` refuses or crawls above)
_ARABIC = re.compile(r"([0-9]{1,3}(?:,[0-9]{3}){1,9}|[0-9]{1,30})\s*([百千万亿]?)")
#: 3.5万
_TENTHS = re.compile(r"([0-9]{1,9})\.([0-9]{1,8})\s*([万亿])")
#: the digits in 1万2千, where a numeral may stand
_DIGITS_BETWEEN = re.compile(r"[1-9](?=[十百千])|[1-9][0-9]{0,3}(?=[万亿]|\Z)")
_SIGN = re.compile(r"([-−负])|\+?")
#: may stand before a number: 我们三个, 一共3个, 我今年18
_IN_ALL = re.compile(r"\A(?:就?[我咱]们?)?(?:今年|一共|总共|共计?|合计)?有?\s*(?=[0-9一二三四五六七八九十两])")
_MEASURE = re.compile(rf"\s*(?:{'|'.join(_MEASURES)})\Z")

# 一百零五: the four places of 亿, of 万 and of what is below. It lets too much through, which `_numeral` spells to see
_PLACES = "".join(f"(?:({_ONE_TO_NINE}){unit})?零?" for unit in "千百十") + f"({_ONE_TO_NINE})?"
_NUMERAL = re.compile(f"(?:{_PLACES}亿)?零?(?:{_PLACES}万)?零?{_PLACES}")
#: how a numeral may be said otherwise, and how it is spelled; in this order
_SAID_OTHERWISE: Sequence[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = (
    (re.compile(r"(?<!十)两(?=[百千万亿])|\A两\Z"), "二"),
    (re.compile(f"(?<!{_ONE_TO_NINE})十"), "一十"),
    # 一百五 is 一百五十, 三万五 and 十万五 are 五千 more (and not 5, which has a zero); 五百万五 is anybody's guess
    (
        re.compile(f"((?<={_ONE_TO_NINE})[百千万亿]|(?<=十)万)({_ONE_TO_NINE})\\Z"),
        lambda match: match[1] + match[2] + {"百": "十", "千": "百", "万": "千", "亿": "千万"}[match[1]],
    ),
)


def integer(text: str) -> int:
    """A whole number as people type it: 3, ３, 3,000, 3万, 1万2, 三, 两个, 一百零五, 负三. Raises ValueError."""
    if any(unicodedata.category(character) == "No" for character in text):  # NFKC would make 2 of ², and 11 of 1①
        raise ValueError("² and ① are no whole numbers")
    for plain in answers(text):
        number = _IN_ALL.sub("", plain.translate(_PLAIN_NUMERALS))
        for counted in (number, _MEASURE.sub("", number)):
            value = _signed(counted)
            if value is not None:
                return value
    raise ValueError("not a whole number")


def _signed(plain: str) -> int | None:
    sign = _SIGN.match(plain)
    assert sign is not None  # it matches nothing, too
    number = plain[sign.end() :]
    tenths = _TENTHS.fullmatch(number)
    value = _multiplied(tenths) if tenths else _whole(number)
    return -value if value is not None and sign[1] else value


def _multiplied(tenths: re.Match[str]) -> int | None:
    """3.5万 is a whole number, and 1.23456万 is none."""
    whole, places, unit = tenths.groups()
    value, rest = divmod(int(whole + places) * _UNITS[unit], 10 ** len(places))
    return None if rest else value


def numeral(plain: str) -> int | None:
    """A whole number of 0 or more in a tidy text, in digits or Chinese; None for what is none."""
    return _whole(plain.translate(_PLAIN_NUMERALS))


def _whole(plain: str) -> int | None:
    match = _ARABIC.fullmatch(plain)
    if match:
        return int(match[1].replace(",", "")) * _UNITS[match[2]]
    return _numeral(_DIGITS_BETWEEN.sub(lambda digits: _spelled(digits[0].zfill(12)), plain))


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


def within(low: int | None, high: int | None) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = integer(text)
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError("too small, or too large")
        return value

    return read


# ---- by number ------------------------------------------------------------------------------------------------------

_COUNT = "[0-9零一二三四五六七八九十百]{1,5}"
#: 1, (1), 1号, 第一, 第一个, 选项1. Not 两个, 2个: that is how many
_ORDINAL = re.compile(rf"(?:(第)|(选项))?\(?({_COUNT})\)?(?(1)[个個项項种样款条位号家档]?|号?)")
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
    number = _whole(match[3]) if match else None
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
    "是 对 對 好 嗯 恩 行 要 可 可以 没错 沒錯 没问题 没毛病 没意见 正确 无误 确认 確認 确定 同意 接受 当然 当然可以 肯定 必须 有"
    " 需要 愿意 成 妥 就这样 那好 那行 那可以 是呢 好呢 嗯呢 恩呢 好的呢 是的呢 可以呢 √ ✓ ✔ ✅ 👌 👍 🆗 [ok] ok okk okok okay y yes yep"
    " yeah yup sure"
)
_NO = (
    "不 不是 不对 不對 不要 不用 不行 不好 不可以 不可 不能 不会 不想 不必 不需要 不愿意 不同意 不接受 不正确 否 别 没 没有 沒有 没呢 没有呢 木有"
    " 无 算了 算啦 免了 拒绝 错 错误 ❌ n no nope nah"
)
#: what each word means: the place of 「是」, or of 「否」
_ANSWERS = dict.fromkeys(_YES.split(), 0) | dict.fromkeys(_NO.split(), 1)
#: may stand before it: 嗯，好的; 我同意, but 我好 is no answer
_AH = re.compile(
    r"[嗯恩哦噢喔]+[\s,，、。]*(?=[^\s,，、。嗯恩哦噢喔])|我(?=不?(?:要|想|是|用|需要|愿意|同意|接受|确认|确定)|没?有)"
)
#: the same word again: 不用不用, but 确认确认 looks first; and several that agree: 对，没错
_AGAIN = re.compile(r"(?!确|確)(.{1,4}?)\1{1,9}")
_BREAKS = re.compile(r"[\s,，.。、;；!！~～]+")
#: two that undo each other, where no more than a space is between: 不是 错, 没 不对; but 不 不用 says it twice
_UNDONE = re.compile(r"(?:不|没有?|沒有|木有|无|不是|不会|别)\s+(?:错|不(?![要用想必需]))")
_SKINS = dict.fromkeys(range(0x1F3FB, 0x1F400))


def yes_or_no(text: str) -> bool:
    """What was meant by an answer to a question for yes or no, in Chinese or English. Raises ValueError for what is neither,
    and for a question."""
    asks = "?" in text or "？" in text
    for plain in () if asks else spoken(text.translate(_SKINS)):
        found = _agreed(plain), _line(plain, _ANSWERS), _ordinal(plain, 2) if _is_counted(text) else None
        for place in found:
            if place is not None:
                return place == 0
    raise ValueError("neither yes nor no")


def _agreed(plain: str) -> int | None:
    """What every word of a text means."""
    words = [plain] if plain in _ANSWERS else _BREAKS.split(_AH.sub("", plain, count=1))
    meant = {_place(_AGAIN.sub(r"\1", word) if _AGAIN.fullmatch(word) else word) for word in words if word}
    together = _place("".join(words))  # 没，错 may be one word
    meant |= set() if together is None else {together}
    return meant.pop() if len(meant) == 1 and not _UNDONE.search(plain) else None


def _place(word: str) -> int | None:
    return next((_ANSWERS[form] for form in spoken(word) if form in _ANSWERS), None)


# ---- one of several -------------------------------------------------------------------------------------------------

#: a number in a label: 3人, 三楼, 方案二, 8月3日
_IN_LABEL = re.compile(r"(?<![0-9.,])[0-9]{1,5}(?![.,]?[0-9])|[零一二两三四五六七八九十百]{1,5}")
#: what may stand before one that a label is called by, but for what other labels share: 周三, 第三场, 下午三点
_BEFORE_NUMBER = re.compile("(?:周|星期|礼拜|第|凌晨|早上|上午|中午|下午|傍晚|晚上)?")
#: what stands behind a numeral that counts: 三楼, 三点, 三分糖; but 一般, 一点辣, 一次性 and 三明治 are words
_COUNTED = re.compile(
    rf"\Z|\W|(?!次性)(?:{'|'.join(_MEASURES)})|[周号时期分级]"
    r"|[点點](?=\Z|\W|[钟整半到至零一二三四五六七八九十0-9])"
)
#: where what was typed breaks off within a number of the label: 10 of 100元
_CUT = re.compile("(?<=[0-9])[.,]?[0-9]|(?<=[零一二三四五六七八九十百])[零一二三四五六七八九十百]")
_LAST = re.compile(r"最后(?:[一1]?[个個项項种样款条位]|那个)?|倒数第[一1][个個]?")


def option(labels: Sequence[str]) -> Callable[[str], int]:
    """A reader that gives the place, from 0, of the option that was meant.

    A label itself beats everything. Else the first form of the text that means anything decides: by number, or by how
    exactly one label begins.

    Raises `ConfigurationError` for labels that cannot be told apart.
    """
    names = [tidy(label) for label in labels]
    _distinct(labels, names)
    places, numbers = {name: place for place, name in enumerate(names)}, list(_numbers(names))

    def read(text: str) -> int:
        forms = answers(text)
        for plain in forms:
            if plain in places:
                return places[plain]
        own, counted = set(spoken(text)), _is_counted(text)
        every = (
            _meant(plain, names, plain in own, _shown(plain, places) | _numbered(plain, numbers, len(names), counted))
            for plain in forms
        )
        meant = next(filter(None, every), set())
        if len(meant) != 1:
            raise ValueError("none of the options, or several")
        return meant.pop()

    return read


def _meant(plain: str, names: Sequence[str], own: bool, numbered: set[int]) -> set[int]:
    """The places that a text may mean: those that its number does, and those whose labels it begins.

    What is left of 买单, without 买, is too short to begin 单人间; and half a number means no label, but makes another unsure.
    """
    begun = {place for place, name in enumerate(names) if name.startswith(plain) and (own or len(plain) > 1)}
    if begun and plain in _ANSWERS:  # 不 begins 不确定, and to many it is 否
        begun |= {place for place, name in enumerate(names) if _place(name) == _ANSWERS[plain]}
    cut = {place for place in begun if _CUT.match(names[place], len(plain))}
    return begun | numbered if begun - cut or numbered else set()


def _shown(plain: str, places: Mapping[str, int]) -> set[int]:
    """The place of a line as it was shown, or of the last one."""
    last = len(places) - 1 if _LAST.fullmatch(plain) else None
    return {place for place in (_line(plain, places), last) if place is not None}


def _numbered(plain: str, numbers: Sequence[tuple[int, str, int]], count: int, counted: bool) -> set[int]:
    """The places that a number may mean: that of its line, and those of the labels that are called by it."""
    match = _ORDINAL.fullmatch(plain) if counted else None
    if match is None:
        return set()
    value, word, line = _whole(match[3]), match[1] or match[2], _ordinal(plain, count)
    called = {place for place, before, number in numbers if number == value and word in (None, before)}
    return called if line is None else called | {line}


def _numbers(names: Sequence[str]) -> Iterator[tuple[int, str, int]]:
    """The numbers that labels may be called by: the place, what stands before it, and what it is."""
    plainly = [name.translate(_PLAIN_NUMERALS) for name in names]
    for place, plain in enumerate(plainly):
        for match in _IN_LABEL.finditer(plain):
            before, value = plain[: match.start()], _whole(match[0])
            others = [other.removeprefix(before) for other in plainly if other != plain and other.startswith(before)]
            behind = {other[kin.end() :][:1] for other in others if (kin := _IN_LABEL.match(other))}
            known = behind or _BEFORE_NUMBER.fullmatch(before)
            counts = before or match[0].isdecimal() or _COUNTED.match(plain, match.end())
            if value is not None and known and (counts or plain[match.end() :][:1] in behind):
                yield place, before, value


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


# ---- text -----------------------------------------------------------------------------------------------------------


def words(longest: int | None) -> Callable[[str], str]:
    def read(text: str) -> str:
        plain = text.strip()
        if not any(character.isprintable() and character != " " for character in plain):
            raise ValueError("nothing to be seen")
        if longest is not None and len(plain) > longest:
            raise ValueError("too long")
        return plain

    return read


# ---- money ----------------------------------------------------------------------------------------------------------

#: what money is counted in, before a sum or behind it; and that it is whole: 五百整, 五百元正
_CURRENCY = re.compile(r"\A(-?)(?:¥|rmb|cny|人民币)\s*|\s*(?:rmb|cny|人民币)\Z|(?<=[元圆])正\Z|整\Z")
#: 塊, and 20快, as it is mistyped
_PLAIN_YUAN = str.maketrans("圓塊快", "圆块块")
#: 2w, 12k: of money everybody means 万 and 千
_W_AND_K = re.compile(r"(?<=[0-9])[wk]")
#: 12.5, 1,200.00, 1.2万
_SUM = re.compile(
    r"(-?)([0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,15})([.。][0-9]{1,6})?\s*([百千万亿]?)\s*(?:元|圆|块钱?)?"
)
#: 3元5角, 十二块五, 两块半, 12块50, 五毛, 三毛五, 一块零五分: yuan, and what stands behind it
_COINS = re.compile(
    r"(?:(?P<yuan>[0-9]{1,9}|[零一二三四五六七八九十百千万亿两]{1,20})(?:元|圆|块)钱?(?P<rest>[1-9一二三四五六七八九半]|[0-9]{2})?)?"
    r"(?(rest)|(?:零?(?P<jiao>[0-9零一二三四五六七八九两])[角毛]钱?)?"
    r"(?:零?(?P<fen>[0-9一二三四五六七八九两])分钱?|(?(jiao)(?P<bare>[1-9一二三四五六七八九])|(?!)))?)"
)
#: 十二点五, perhaps 万 or 元 behind
_POINT = re.compile(r"([零一二三四五六七八九十百千万亿两]{1,20})点([零一二三四五六七八九]{1,6})(万?)(?:元|圆|块钱?)?")


def amount(low: decimal.Decimal | None, high: decimal.Decimal | None) -> Callable[[str], decimal.Decimal]:
    """A reader of money from `low` to `high`, in yuan with at most two places: 12.5, ¥1,200, 12.50元, 十二块五, 1.2万, 2w.
    Below 0 only where `low` is."""

    def read(text: str) -> decimal.Decimal:
        value = money(text)
        if value < (low if low is not None else 0) or (high is not None and value > high):
            raise ValueError("too little, or too much")
        return value

    return read


def money(text: str) -> decimal.Decimal:
    """Yuan, with at most two places. Raises ValueError."""
    if any(unicodedata.category(character) == "No" for character in text):
        raise ValueError("² and ① are no sums")
    for plain in answers(text):
        with decimal.localcontext(decimal.Context()):  # whatever the program's own is
            value = _sum(_IN_ALL.sub("", plain.translate(_PLAIN_NUMERALS | _PLAIN_YUAN)))
        if value is not None:
            value = value if value else abs(value)  # -0 is 0
            exponent = value.as_tuple().exponent
            if not isinstance(exponent, int) or exponent < -2:
                raise ValueError("more than two places")
            return value
    raise ValueError("no sum of money")


def _sum(plain: str) -> decimal.Decimal | None:
    bare = _W_AND_K.sub(lambda letter: {"w": "万", "k": "千"}[letter[0]], _CURRENCY.sub(r"\1", plain))
    for reader in (_in_digits, _in_coins, _with_a_point):
        value = reader(bare)
        if value is not None:
            return value
    whole = _whole(re.sub(r"(?:元|圆|块钱?)\Z", "", bare))
    return None if whole is None else decimal.Decimal(whole)


def _in_digits(plain: str) -> decimal.Decimal | None:
    match = _SUM.fullmatch(plain)
    if match is None:
        return None
    sign, whole, places, unit = match.groups()
    return _scaled(decimal.Decimal(sign + whole.replace(",", "") + (places or "").replace("。", ".")), unit)


def _scaled(value: decimal.Decimal, unit: str) -> decimal.Decimal:
    """The sum of so many, with no more zeros behind the point than were said, or than 万 leaves."""
    scaled = value * _UNITS[unit]
    fitting = (scaled.quantize(decimal.Decimal(places)) for places in ("1", ".1", ".01") if unit)
    return next((short for short in fitting if short == scaled), scaled)


def _in_coins(plain: str) -> decimal.Decimal | None:
    match = _COINS.fullmatch(plain)
    yuan = _whole(match["yuan"] or "零") if match and any(match.groups()) else None
    if match is None or yuan is None:
        return None
    rest = match["rest"] or ""
    if len(rest) == 2:
        return decimal.Decimal(f"{yuan}.{rest}")
    jiao, fen = _digit(match["jiao"] or rest), _digit(match["fen"] or match["bare"] or "")
    places = ".01" if fen else ".1" if jiao else "1"
    return (decimal.Decimal(yuan * 100 + jiao * 10 + fen) / 100).quantize(decimal.Decimal(places))


def _digit(numeral: str) -> int:
    return int({"": "0", "两": "2", "半": "5"}.get(numeral) or _DIGITS.get(numeral, numeral))


def _with_a_point(plain: str) -> decimal.Decimal | None:
    match = _POINT.fullmatch(plain)
    whole = _numeral(match[1]) if match else None
    if match is None or whole is None:
        return None
    places = "".join(_DIGITS[numeral] for numeral in match[2])
    return _scaled(decimal.Decimal(f"{whole}.{places}"), match[3])


# ---- a telephone ----------------------------------------------------------------------------------------------------

#: as China's mobile numbers are: 11 digits, perhaps with the country in front and marks between
_PHONE = re.compile(
    r"(?:(?:我的?)?(?:联系)?(?:手机号?码?|电话号?码?|号码|联系方式|tel)[是为:.]?\s*)?"
    r"(?:\(?(?:\+|00)?86\)?)?(1[3-9][0-9]{9})(?:\s*\(?微信同号\)?)?"
)
#: 1-415-555-2671 is a number of North America, and 861 3800138000 is cut where no number is
_ABROAD = re.compile(r"(?<![0-9])(?:\(?(?:\+|00)?86\)?[\s\-.·‐-―−]*)?1[\s\-.·‐-―−]+[0-9]{2}")
_BETWEEN = re.compile(r"(?<=[0-9)])[\s\-.·‐-―−]+(?=[0-9(])")


def phone(text: str) -> str:
    """A mobile number of China, 11 digits: 138 0013 8000, +86-13800138000. Raises ValueError."""
    if any(unicodedata.category(character) == "No" for character in text):
        raise ValueError("no mobile number")
    for plain in spoken(text):
        match = None if _ABROAD.search(plain) else _PHONE.fullmatch(_BETWEEN.sub("", plain))
        if match:
            return match[1]
    raise ValueError("no mobile number")


# ---- several of several ---------------------------------------------------------------------------------------------

_COMMAS = re.compile(r"[\s,，、;；/&+]+|(?<=[0-9])[.。．](?=[0-9])")
_ANDS = re.compile(r"还有|以及|[和与跟及]")
#: the same where it stands apart
_AND = re.compile(r"(?:[\s,，、;；]+(?:还有|以及|[和与跟及])\s*|\s+(?:还有|以及|[和与跟及]))(?=\S)")
_ALL = frozenset(["全部", "所有", "全选", "都要", "都选", "全要", "都是", "全都要", "全部都要", "全部要", "all"])
#: behind several: 1和2都要
_BOTH = re.compile(r"\s*都要[吧了的]?\s*\Z")
_NONE = frozenset(["无", "没有", "都不要", "都不选", "都不", "不选", "不要", "none"])


def options(labels: Sequence[str], least: int, most: int) -> Callable[[str], list[int]]:
    """A reader that gives the places, from 0 and in their order, of the options that were meant: 1,3 or 苹果和香蕉 or 全部.

    Raises `ConfigurationError` as `option` does.
    """
    one = option(labels)

    def read(text: str) -> list[int]:
        meant = sorted(set(_several(text, one, labels)))
        if not least <= len(meant) <= most:
            raise ValueError("too few, or too many")
        return meant

    return read


def _several(text: str, one: Callable[[str], int], labels: Sequence[str]) -> list[int]:
    if len(text) > _TOO_LONG:
        raise ValueError("too long")
    names = [tidy(label) for label in labels]
    forms = list(spoken(text))
    every = next((plain for plain in forms if plain in _ALL | _NONE), None)
    if every is not None and not any(plain in names for plain in forms):
        if any(name.startswith(every) for name in names):
            raise ValueError("all or none of the options, or the one that begins so")
        return list(range(len(labels))) if every in _ALL else []
    whole = _one_of(text, one)
    if whole:
        return whole
    asked = _BEFORE.sub("", text.strip())
    for several, fewest in ((text, 1), (asked, 1), (_BOTH.sub("", asked), 2)):
        places = _listed(several, one)
        if len(places) >= fewest:
            return places
    raise ValueError("none of the options, or so many of something")


def _listed(text: str, one: Callable[[str], int]) -> list[int]:
    """The place of each piece of a text; none where one of them is no option."""
    pieces = [piece for piece in _COMMAS.split(_AND.sub(",", text)) if piece]
    numbers = [any(map(str.isdecimal, spoken(piece))) for piece in pieces]
    if any(numbers) and not all(numbers):  # 2苹果, 苹果 2: so many of it
        return []
    meant = [_one_of(piece, one) or _joined(piece, one) for piece in pieces]
    return [place for places in meant for place in places] if all(meant) else []


def _one_of(text: str, one: Callable[[str], int]) -> list[int]:
    try:
        return [one(text)]
    except ValueError:
        return []


def _joined(piece: str, one: Callable[[str], int]) -> list[int]:
    """苹果和香蕉; none where a part is no option."""
    parts = _ANDS.split(piece)
    places = [place for part in parts for place in _one_of(part, one)]
    return places if len(places) == len(parts) > 1 else []


# ---- what may be left out -------------------------------------------------------------------------------------------

_LEFT_OUT = frozenset(["跳过", "跳過", "略过", "不填", "没有", "沒有", "没", "无", "無", "skip"])


def perhaps(read: Callable[..., T], options: bool) -> Callable[..., T | None]:
    """A reader that gives None for 跳过, 不填, 没有, 无, and else what `read` gives; where there are options, they come first."""

    def found(text: str, *said: Any) -> T | None:
        left_out = any(plain in _LEFT_OUT for plain in spoken(text))
        if left_out and not options:
            return None
        try:
            return read(text, *said)
        except ValueError:
            if left_out:
                return None
            raise

    return found
