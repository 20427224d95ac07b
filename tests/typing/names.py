"""What a type checker knows of every command, in both forms: ``yield from`` in a generator, ``await`` in an ``async def``.

The two dialogs ask the very same, so that `test_typing` can give both the same answers and compare what they made of them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import ModuleType
from typing import Any

from typing_extensions import assert_type

import wechat
from wechat import (
    ClickEvent,
    Command,
    Dialog,
    ImageMessage,
    LocationMessage,
    Message,
    Say,
    Step,
    StepFunction,
    SubDialog,
    TextMessage,
    ask,
    receive,
    reply,
)
from wechat.bot import UnexpectAnswer, answer


class Cup(enum.Enum):
    小杯 = 1
    大杯 = 2


@dataclasses.dataclass(frozen=True)
class Drink:
    name: str
    price: decimal.Decimal


# ---- steps, of every kind of function -------------------------------------------------------------------------------


@wechat.step
def pour(name: str, size: int = 1) -> Drink:
    return Drink(name, decimal.Decimal(size))


@wechat.step()
def days() -> list[dt.date]:
    return [dt.date(2024, 2, 29)]


@wechat.step(name="wash-cup")
async def wash(cup: Cup) -> Cup | None:
    return cup


@wechat.step
def sung() -> Iterator[str]:
    yield from "啦啦"


@wechat.step(name="told")
async def told(text: str, *, idempotency_key: str = "") -> AsyncIterator[str]:
    yield text


@wechat.step
def nothing() -> None: ...


def steps() -> None:
    """A step keeps its parameters, and its result is the function's; of one that makes text, the whole text."""
    assert_type(pour("茶", size=2), Step[Drink])
    assert_type(days(), Step[list[dt.date]])
    assert_type(wash(Cup.小杯), Step[Cup | None])
    assert_type(sung(), Step[str])
    assert_type(told("从前", idempotency_key=""), Step[str])
    assert_type(nothing(), Step[None])
    whole: StepFunction[[], list[dt.date]] = days
    called: Callable[[Cup], Step[Cup | None]] = wash
    assert_type(called(Cup.大杯), Step[Cup | None])
    assert_type(whole.name, str)
    assert_type(whole.function, Callable[..., Any])


# ---- parts ----------------------------------------------------------------------------------------------------------


def part() -> SubDialog[int]:
    assert_type((yield from ask.number("桌号？")), int)
    return 7


async def async_part() -> dt.date:
    return dt.date(2024, 1, 2)


# ---- every command, both ways ---------------------------------------------------------------------------------------


def yielded(message: TextMessage) -> Dialog:
    seen: list[Any] = [message.text]

    def note(value: object) -> None:
        seen.append(value)

    text = yield from ask()
    assert_type(text, str)
    note(text)
    text = yield from ask("说点什么")
    assert_type(text, str)
    note(text)
    image = yield from ask("图", accept=ImageMessage)
    assert_type(image, ImageMessage)
    note(image.url)
    either = yield from ask("图或字", accept=(ImageMessage, TextMessage), key="either")
    assert_type(either, ImageMessage | TextMessage)
    note(either.text)
    any_of = yield from ask("图、字、点", accept=(ImageMessage, TextMessage, ClickEvent))
    assert_type(any_of, ImageMessage | TextMessage | ClickEvent)
    note(any_of.text)
    name = yield from ask.text("名？", longest=9, timeout=60)
    assert_type(name, str)
    note(name)
    number = yield from ask.number("数？", 1, 9, tries=3, retry="1 到 9")
    assert_type(number, int)
    note(number)
    word = yield from ask.choice("茶？", ["红", "绿"])
    assert_type(word, str)
    note(word)
    cup = yield from ask.choice("杯？", Cup, back=True)
    assert_type(cup, Cup)
    note(cup)
    price = yield from ask.choice("价？", {"便宜": decimal.Decimal(1), "贵": decimal.Decimal(9)}, taps=False)
    assert_type(price, decimal.Decimal)
    note(price)
    price = yield from ask.amount("价？", 0, decimal.Decimal("99.5"))
    assert_type(price, decimal.Decimal)
    note(price)
    words = yield from ask.choices("料？", ["糖", "奶"], least=0)
    assert_type(words, list[str])
    note(words)
    date = yield from ask.date("哪天？", dt.date(2030, 1, 1), key="date")
    assert_type(date, dt.date)
    note(date)
    time = yield from ask.time("几点？", dt.time(9), dt.time(18))
    assert_type(time, dt.time)
    note(time)
    phone = yield from ask.phone("手机？")
    assert_type(phone, str)
    note(phone)
    photo = yield from ask.photo("照片？", timeout=300)
    assert_type(photo, ImageMessage)
    note(photo.url)
    place = yield from ask.place("哪里？")
    assert_type(place, LocationMessage)
    note(place.label)
    drink = yield from ask.form(Drink, back=True)
    assert_type(drink, Drink)
    note(drink)
    sure = yield from ask.confirm("对？", cancel=False)
    assert_type(sure, bool)
    note(sure)
    digits = yield from ask.parsed("码？", bytes.fromhex, otherwise=None)
    assert_type(digits, bytes)
    note(digits)
    drink = yield from pour(name, size=number)
    assert_type(drink, Drink)
    note(drink)
    dates = yield from days()
    assert_type(dates, list[dt.date])
    note(dates)
    clean = yield from wash(cup)
    assert_type(clean, Cup | None)
    note(clean)
    song = yield from wechat.stream(sung())
    assert_type(song, str)
    note(song)
    tale = yield from wechat.stream(told("从前"))
    assert_type(tale, str)
    note(tale)
    count = yield from wechat.recall("count", 0)
    assert_type(count, int)
    note(count)
    whatever = yield from wechat.recall("count")
    assert_type(whatever, Any)
    note(whatever)
    unknown = yield from wechat.recall("count", None)
    assert_type(unknown, Any)
    note(unknown)
    yield from wechat.remember("count", count + 1, expire=60)
    yield from wechat.forget("count")
    yield from nothing()
    yield from wechat.say("好")
    table = yield from wechat.call(part())
    assert_type(table, int)
    note(table)
    day = yield from wechat.call(async_part())
    assert_type(day, dt.date)
    note(day)
    return repr(seen)


async def awaited(message: TextMessage) -> Say:
    seen: list[Any] = [message.text]

    def note(value: object) -> None:
        seen.append(value)

    text = await ask()
    assert_type(text, str)
    note(text)
    text = await ask("说点什么")
    assert_type(text, str)
    note(text)
    image = await ask("图", accept=ImageMessage)
    assert_type(image, ImageMessage)
    note(image.url)
    either = await ask("图或字", accept=(ImageMessage, TextMessage), key="either")
    assert_type(either, ImageMessage | TextMessage)
    note(either.text)
    any_of = await ask("图、字、点", accept=(ImageMessage, TextMessage, ClickEvent))
    assert_type(any_of, ImageMessage | TextMessage | ClickEvent)
    note(any_of.text)
    name = await ask.text("名？", longest=9, timeout=60)
    assert_type(name, str)
    note(name)
    number = await ask.number("数？", 1, 9, tries=3, retry="1 到 9")
    assert_type(number, int)
    note(number)
    word = await ask.choice("茶？", ["红", "绿"])
    assert_type(word, str)
    note(word)
    cup = await ask.choice("杯？", Cup, back=True)
    assert_type(cup, Cup)
    note(cup)
    price = await ask.choice("价？", {"便宜": decimal.Decimal(1), "贵": decimal.Decimal(9)}, taps=False)
    assert_type(price, decimal.Decimal)
    note(price)
    price = await ask.amount("价？", 0, decimal.Decimal("99.5"))
    assert_type(price, decimal.Decimal)
    note(price)
    words = await ask.choices("料？", ["糖", "奶"], least=0)
    assert_type(words, list[str])
    note(words)
    date = await ask.date("哪天？", dt.date(2030, 1, 1), key="date")
    assert_type(date, dt.date)
    note(date)
    time = await ask.time("几点？", dt.time(9), dt.time(18))
    assert_type(time, dt.time)
    note(time)
    phone = await ask.phone("手机？")
    assert_type(phone, str)
    note(phone)
    photo = await ask.photo("照片？", timeout=300)
    assert_type(photo, ImageMessage)
    note(photo.url)
    place = await ask.place("哪里？")
    assert_type(place, LocationMessage)
    note(place.label)
    drink = await ask.form(Drink, back=True)
    assert_type(drink, Drink)
    note(drink)
    sure = await ask.confirm("对？", cancel=False)
    assert_type(sure, bool)
    note(sure)
    digits = await ask.parsed("码？", bytes.fromhex, otherwise=None)
    assert_type(digits, bytes)
    note(digits)
    drink = await pour(name, size=number)
    assert_type(drink, Drink)
    note(drink)
    dates = await days()
    assert_type(dates, list[dt.date])
    note(dates)
    clean = await wash(cup)
    assert_type(clean, Cup | None)
    note(clean)
    song = await wechat.stream(sung())
    assert_type(song, str)
    note(song)
    tale = await wechat.stream(told("从前"))
    assert_type(tale, str)
    note(tale)
    count = await wechat.recall("count", 0)
    assert_type(count, int)
    note(count)
    whatever = await wechat.recall("count")
    assert_type(whatever, Any)
    note(whatever)
    unknown = await wechat.recall("count", None)
    assert_type(unknown, Any)
    note(unknown)
    await wechat.remember("count", count + 1, expire=60)
    await wechat.forget("count")
    await nothing()
    await wechat.say("好")
    table = await wechat.call(part())
    assert_type(table, int)
    note(table)
    day = await wechat.call(async_part())
    assert_type(day, dt.date)
    note(day)
    return repr(seen)


# ---- what is around a dialog ----------------------------------------------------------------------------------------


def values(bot: wechat.Bot, turn: wechat.Turn, message: Message, place: LocationMessage) -> None:
    """What hooks, handlers and tests read."""
    assert_type(wechat.again("再来", left=3), wechat.Again)
    assert_type(wechat.say("好"), Command[None])
    assert_type(wechat.link("报名", "我要报名"), str)
    assert_type(wechat.plain("**粗**"), str)
    assert_type((turn.dialog, turn.seconds, turn.deliveries), tuple[str, float, int])
    assert_type(turn.reply, Say)
    assert_type((message.id, message.openid, message.account, message.text), tuple[str, str, str, str])
    assert_type(message.time, dt.datetime)
    found: str = message.match[0]
    assert_type(found, str)
    assert_type((place.latitude, place.longitude, place.scale, place.label), tuple[float, float, int, str])
    assert_type(bot.wait(async_part()), dt.date)


def of_2017(module: ModuleType, data: bytes) -> str:
    """What a server of 2017 calls."""
    assert_type(wechat.Bot.from_module(module, token="names", store="memory://"), wechat.Bot)
    pushed = receive.parse_xml(data)
    said = reply.TextMsg("oUser", "gh_1", "您好") if pushed else reply.Msg()
    assert_type(said.format(), str)
    try:
        return answer(data, module).format()
    except UnexpectAnswer:
        return reply.NewsMsg("oUser", "gh_1", [{"title": "t", "url": "u"}]).format()


def registered(bot: wechat.Bot, routes: wechat.Router) -> None:
    """A decorator gives back the very function, however it was written."""
    of_generator: list[Callable[[TextMessage], Dialog]] = [
        bot.text(yielded),
        bot.text("甲")(yielded),
        bot.text()(yielded),
        routes.text("乙", "丙", expire=9, busy="queue", interrupt=True, name="乙")(yielded),
    ]
    of_coroutine: list[Callable[[TextMessage], Coroutine[Any, Any, Say]]] = [
        bot.default(awaited),
        bot.image(expire=9)(awaited),
        bot.event("user_get_card", "vip")(awaited),
    ]
    assert_type(routes.click("KEY")(nothing), StepFunction[[], None])
    bot.include(routes)
    assert set(of_generator) == {yielded}
    assert set(of_coroutine) == {awaited}
