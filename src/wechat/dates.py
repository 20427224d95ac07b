"""What a text means as a day or a time of day: readers, as in `meaning`, that also know when it was said.

Rule 1: a day is counted from the day on which the message was sent, never from when it is read.
Rule 2: without a year it is the next such day; what could mean two days or times means none, unless only one of them is asked for.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence

from .meaning import answers, numeral

_N, _D = "[0-9零〇一二两三四五六七八九十]{1,3}", "[0-9零〇一二三四五六七八九十]{1,3}"
_DAY_NAMES = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6} | {
    str(number): number - 1 for number in range(1, 8)
}
_NAMED_DAY = "(?:周|星期|礼拜|週)([一二三四五六日天1-7])"
_NEAR = {
    **dict.fromkeys(("今天", "今日", "今儿", "今儿个", "今早", "今晚", "today"), 0),
    **dict.fromkeys(("明天", "明日", "明儿", "明儿个", "明早", "明晚", "tomorrow"), 1),
    **dict.fromkeys(("后天", "後天", "后日"), 2),
    **dict.fromkeys(("大后天", "大後天"), 3),
    **dict.fromkeys(("昨天", "昨日", "yesterday"), -1),
    **dict.fromkeys(("前天", "前日"), -2),
    "大前天": -3,
}
_WEEKS = {"上上": -2, "上": -1, "这": 0, "本": 0, "下": 1, "下下": 2}
_YEARS = {"前年": -2, "去年": -1, "今年": 0, "本年": 0, "明年": 1, "后年": 2}
_MONTHS = {
    "上个月": -1,
    "上月": -1,
    "这个月": 0,
    "本月": 0,
    "这月": 0,
    "下个月": 1,
    "下月": 1,
    "下下个月": 2,
    "下下月": 2,
}
#: a year in figures of either kind: 2026, 二〇二六
_FIGURES = {figure: str(value) for value, figure in enumerate("零一二三四五六七八九")} | {"〇": "0", "○": "0"}
_FIGURE = f"[0-9{''.join(_FIGURES)}]"
#: of a year of two figures: from which on it is one of the last century, and how many years ahead it may lie in this one
_LAST_CENTURY, _AHEAD = 50, 10
#: may stand behind a day: the day is the same. Not 凌晨: that of the next day is meant by some
_PART_BEHIND = re.compile(r"(?<=\S)\s*的?(?:早上|上午|中午|下午|傍晚|晚上)\Z")
#: what stands around one of two names of a day, 周五(3月20日); and characters that no two are longer than
_AROUND, _LONGEST = " ,()", 40

#: so much later than the next such day is what somebody may have meant who did not say which
_SOON = dt.timedelta(days=31)


def day(earliest: dt.date | None, latest: dt.date | None) -> Callable[[str, dt.datetime], dt.date]:
    """A reader of a day from `earliest` to `latest`, said at a time: 明天, 下周五, 8号, 3月8日, 2026-3-8, 三天后."""

    def read(text: str, said: dt.datetime) -> dt.date:
        for plain in answers(text):
            meant = _meant(_PART_BEHIND.sub("", plain), said.date(), earliest, latest)
            if meant is not None:
                if (earliest and meant < earliest) or (latest and meant > latest):
                    raise ValueError("too early, or too late")
                return meant
        raise ValueError("no day")

    return read


def _meant(plain: str, today: dt.date, earliest: dt.date | None, latest: dt.date | None) -> dt.date | None:
    """The next such day; where that is too early and another follows soon, that; where it is too late, the only one before."""
    found = _day(plain, today, today)
    if found is None or earliest is None:
        return found
    if found < earliest:
        later = _day(plain, today, earliest)
        return later if later is not None and later - found <= _SOON else found
    if latest is not None and found > latest:
        before = _day(plain, today, earliest)
        again = None if before is None else _day(plain, today, before + dt.timedelta(days=1))
        return before if again is None or again > latest else found
    return found


def _day(plain: str, today: dt.date, first: dt.date) -> dt.date | None:
    """The day; where it is said in two ways, 周日(3月8日) or 明天28号, both must be true."""
    found = _plainly(plain, today, first)
    for at in range(1, len(plain) if found is None and len(plain) <= _LONGEST else 0):
        if plain[at - 1 : at + 1].isdecimal():  # 1-11号 is not 1-1, 1号
            continue
        one, other = plain[:at].strip(_AROUND), plain[at:].strip(_AROUND)
        found = found or _if_true(one, other, today, first) or _if_true(other, one, today, first)
    return found


def _if_true(plain: str, other: str, today: dt.date, first: dt.date) -> dt.date | None:
    """The day, if the other text is the name that it has in its week, or means the same day."""
    found, name = _plainly(plain, today, first), re.fullmatch(_NAMED_DAY, other)
    if found is None:
        return None
    same = found.weekday() == _DAY_NAMES[name[1]] if name else found == _plainly(other, today, first)
    return found if same else None


def _plainly(plain: str, today: dt.date, first: dt.date) -> dt.date | None:
    for pattern, reader in _DAYS:
        match = pattern.fullmatch(plain)
        if match is not None:
            return reader(match, today, first)
    return None


def _near(match: re.Match[str], today: dt.date, first: dt.date) -> dt.date | None:
    return _moved(today, _NEAR[match[0]])


def _in_days(match: re.Match[str], today: dt.date, first: dt.date) -> dt.date | None:
    count = numeral(match[1])
    if count is None:
        return None
    if match[2] == "天":
        return _moved(today, count)
    return _moved(today, 7 * count) if match[2] != "月" else _in_months(today, count)


def _in_months(today: dt.date, count: int) -> dt.date | None:
    months = today.year * 12 + today.month - 1 + count
    return _date(months // 12, months % 12 + 1, today.day)


def _moved(today: dt.date, days: int) -> dt.date | None:
    try:
        return today + dt.timedelta(days=days)
    except OverflowError:
        return None


def _of_a_week(match: re.Match[str], today: dt.date, first: dt.date) -> dt.date | None:
    wanted = _DAY_NAMES[match[2]]
    if match[1]:
        return _moved(today, 7 * _WEEKS[match[1]] + wanted - today.weekday())
    return _moved(first, (wanted - first.weekday()) % 7)


def _of_a_month(match: re.Match[str], today: dt.date, first: dt.date) -> dt.date | None:
    number = numeral(match[2])
    if number is None or not 1 <= number <= 31:
        return None
    if match[1]:
        months = today.year * 12 + today.month - 1 + _MONTHS[match[1]]
        return _date(months // 12, months % 12 + 1, number)
    this = first.year * 12 + first.month - 1
    return _next(first, ((month // 12, month % 12 + 1, number) for month in range(this, this + 3)))


def _of_a_year(match: re.Match[str], today: dt.date, first: dt.date) -> dt.date | None:
    month, number = _month(match[2]), numeral(match[3])
    if month is None or number is None:
        return None
    if match[1]:
        return _date(today.year + _YEARS[match[1]], month, number)
    years = range(first.year, first.year + 9)  # 2月29日 is up to eight years away
    return _next(first, ((year, month, number) for year in years))


def _whole(match: re.Match[str], today: dt.date, first: dt.date) -> dt.date | None:
    year, month, number = (numeral(part) for part in match.groups())
    return None if year is None or month is None or number is None else _date(year, month, number)


def _spelled_out(match: re.Match[str], today: dt.date, first: dt.date) -> dt.date | None:
    year = int("".join(_FIGURES.get(figure, figure) for figure in match[1]))
    month, number = _month(match[2]), numeral(match[3])
    if month is None or number is None:
        return None
    return _date(year if len(match[1]) == 4 else _in_full(year, today), month, number)


def _in_full(year: int, today: dt.date) -> int:
    """26 is 2026, and 85 is 1985; what lies between may be either, and is no year (0)."""
    return 2000 + year if 2000 + year <= today.year + _AHEAD else 1900 + year if year >= _LAST_CENTURY else 0


def _month(text: str) -> int | None:
    return 1 if text == "元" else numeral(text)


def _next(first: dt.date, days: Iterator[tuple[int, int, int]]) -> dt.date | None:
    return next((found for found in (_date(*parts) for parts in days) if found and found >= first), None)


def _date(year: int, month: int, number: int) -> dt.date | None:
    real = dt.MINYEAR <= year <= dt.MAXYEAR and 1 <= month <= 12 and 1 <= number <= calendar.monthrange(year, month)[1]
    return dt.date(year, month, number) if real else None


_DAYS: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str], dt.date, dt.date], dt.date | None]]] = [
    (re.compile("|".join(_NEAR)), _near),
    (re.compile(rf"({_N})\s*[个個]?(天|周|星期|礼拜|(?<=[个個])月)\s*(?:以后|之后|后)"), _in_days),
    (re.compile(rf"(上上|下下|上|下|这|本)?个?{_NAMED_DAY}"), _of_a_week),
    (re.compile(rf"({'|'.join(_MONTHS)})?\s*({_D})\s*[号日號]"), _of_a_month),
    (re.compile(rf"({'|'.join(_YEARS)})?的?\s*(元|{_D})\s*月\s*({_D})\s*[号日號]?"), _of_a_year),
    (re.compile(r"()([0-9]{1,2})\s*[-/]\s*([0-9]{1,2})"), _of_a_year),  # but 8-10号 and 8/9号 are several days
    (re.compile(r"()([0-9]{1,2})\s*\.\s*([0-9]{1,2})\s*[号日號]?"), _of_a_year),
    (re.compile(r"([0-9]{4})\s*[-/.年]\s*([0-9]{1,2})\s*[-/.月]\s*([0-9]{1,2})\s*[号日號]?"), _whole),
    (re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})"), _whole),
    (re.compile(rf"({_FIGURE}{{4}}|{_FIGURE}{{2}})\s*年\s*(元|{_D})\s*月\s*({_D})\s*[号日號]?"), _spelled_out),
]


# ---- a time of day --------------------------------------------------------------------------------------------------

#: parts of the day: what each is called, and its hours, which may be said on a clock of twelve. The midnight that ends a day
#: (晚上12点, 半夜12点, 午夜, 24:00) is a time of the day after, so it is asked again; 零点 and 凌晨12点 begin their own. 上午12点 is
#: noon to people and midnight to telephones. 明早 names a day, which was not asked
_HOURS_OF: Sequence[tuple[str, Sequence[int]]] = (
    ("凌晨", range(6)),
    ("半夜 夜里 深夜", (1, 2, 3, 4, 5, 21, 22, 23)),
    ("清晨 早晨 早上 早 今早", range(4, 12)),
    ("上午", range(5, 12)),
    ("中午", range(11, 15)),
    ("下午 午后 pm", range(12, 20)),
    ("傍晚", range(16, 20)),
    ("晚上 夜晚 晚间 晚 今晚 pm", range(17, 24)),
)
#: of each, the hour that is meant by one that is said
_PARTS: dict[str, dict[int, int]] = {}
for _names, _hours_of in _HOURS_OF:
    for _name in _names.split():
        _PARTS.setdefault(_name, {}).update({said: hour for hour in _hours_of for said in (hour, hour % 12 or 12)})
_PARTS["am"] = {12: 0} | {hour: hour for hour in range(12)}
_NAMED_TIMES = {"中午": dt.time(12), "正午": dt.time(12), "noon": dt.time(12), "零点": dt.time(0)}
_MINUTES = {"": 0, "整": 0, "正": 0, "钟": 0, "半": 30, "一刻": 15, "1刻": 15, "三刻": 45, "3刻": 45}
_PART = "|".join(sorted(_PARTS, key=len, reverse=True))
_CLOCK = re.compile(
    rf"(?P<part>{_PART})?的?\s*(?:(?P<hour>[0-9]{{1,2}})\s*:\s*(?P<minute>[0-9]{{2}})(?::00)?"
    rf"|(?P<said>{_N})\s*[点時时點]\s*(?P<rest>钟|整|正|半|过?[一三13]刻钟?|过?{_N}分|零[一二三四五六七八九]|[0-9]{{2}}|[一二三四五六七八九十]{{2,3}})?"
    rf"|(?P<bare>[0-9]{{1,2}})(?=\s*[ap]m))\s*(?P<half>am|pm)?"
)
_FOUR = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])")
#: 差一刻九点, 九点差五分
_SHORT_OF = re.compile(rf"(.*)差([一1]刻|{_N}分)钟?(.*)")
#: 15 点 30 分
_SPACED = re.compile(r"\s*([点時时點分])\s*")


def clock(earliest: dt.time | None, latest: dt.time | None) -> Callable[[str], dt.time]:
    """A reader of a time of day from `earliest` to `latest`: 15:30, 下午三点半, 3点一刻, 1530, 3:30pm.

    三点 alone may be two times: it is the one that is asked for, and none where both are.
    """

    def fits(time: dt.time) -> bool:
        return (earliest is None or time >= earliest) and (latest is None or time <= latest)

    def read(text: str) -> dt.time:
        for plain in answers(text):
            meant = _times(_SPACED.sub(r"\1", plain))
            fitting = [time for time in meant if fits(time)]
            if len(fitting) == 1 or (fitting and ":" in plain and fitting[0].hour >= 7):  # as a clock shows it
                return fitting[0]
            if meant:
                raise ValueError("too early, too late, or two times")
        raise ValueError("no time")

    return read


def _times(plain: str) -> list[dt.time]:
    """Every time that a text may mean."""
    if plain in _NAMED_TIMES:
        return [_NAMED_TIMES[plain]]
    four, short, match = _FOUR.fullmatch(plain), _SHORT_OF.fullmatch(plain), _CLOCK.fullmatch(plain)
    if four is not None:
        return [dt.time(int(four[1]), int(four[2]))]
    if short is not None:
        return _before(short[1] + short[3], _minutes(short[2]))
    if match is None or (match["part"] and match["half"]):
        return []
    hour, minute = _hour(match), _minutes(match["minute"] or match["rest"] or "")
    if hour is None or minute is None or not 0 <= minute < 60:
        return []
    part, exact = match["part"] or match["half"], (match["hour"] or "").startswith("0")
    return [dt.time(found, minute) for found in ([hour] if exact and not part else _hours(hour, part))]


def _hour(match: re.Match[str]) -> int | None:
    return numeral(match["hour"] or match["said"] or match["bare"])


def _minutes(text: str) -> int | None:
    rest = text.removeprefix("过").replace("刻钟", "刻")
    return _MINUTES[rest] if rest in _MINUTES else numeral(rest.removesuffix("分").removeprefix("零") or "零")


def _before(full: str, minutes: int | None) -> list[dt.time]:
    """So many minutes before the full hour that a text may mean."""
    if "差" in full or not full.endswith(tuple("点时時點")) or minutes is None or not 0 < minutes < 60:
        return []
    return [dt.time(time.hour - 1, 60 - minutes) for time in _times(full) if time.hour]


def _hours(hour: int, part: str | None) -> list[int]:
    if part:
        return [_PARTS[part][hour]] if hour in _PARTS[part] else []
    if not 0 <= hour < 24:
        return []
    return [hour, hour + 12] if 1 <= hour < 12 else [hour]
