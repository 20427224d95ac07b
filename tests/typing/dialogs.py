"""Dialogs as users annotate them: a type checker reads them, and `test_typing` talks to each.

A small library (图书馆) has every kind of dialog: generators and ``async def``, parts, steps of all four kinds of function,
handlers, hooks. What is annotated is what a user would annotate, and nothing is there for the type checker alone.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import re
from collections.abc import AsyncIterator, Iterator, Sequence

from wechat import (
    Article,
    Bot,
    Cancelled,
    ClickEvent,
    Dialog,
    Event,
    GaveUp,
    ImageMessage,
    LocationMessage,
    Message,
    Reroute,
    Router,
    Say,
    StepFailed,
    SubDialog,
    SubscribeEvent,
    TextMessage,
    TimedOut,
    Transfer,
    Turn,
    WentBack,
    again,
    ask,
    call,
    forget,
    link,
    log,
    now,
    recall,
    remember,
    rng,
    say,
    step,
    stream,
)

bot = Bot("library", store="memory://", expire=120)
counter = Router("counter")

# ---- the one of the README ------------------------------------------------------------------------------------------

ORDERS: list[tuple[str, int]] = []


@step
def save_order(fruit: str, count: int) -> str:
    ORDERS.append((fruit, count))
    return f"A{len(ORDERS)}"


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield ask.choice("想买什么水果？", ["苹果", "香蕉"])
    count = yield ask.number("买几个？", 1, 99)
    order_id = yield save_order(fruit, count)
    return f"下单成功，单号 {order_id}"


# ---- 1: a form, asked one by one ------------------------------------------------------------------------------------


@step
def issue_card(openid: str, reader: str, age: int, *, idempotency_key: str = "") -> str:
    assert idempotency_key
    return f"L{len(reader)}{age:03}"


@counter.text("办证", expire=90)
def card(message: TextMessage) -> Dialog:
    reader = yield from ask.text("证上写什么名字？", longest=8)
    age = yield from ask.number(f"{reader.title()} 今年几岁？", 3, 120, tries=2)
    kind = "少儿证" if age < 14 else "成人证"
    if not (yield from ask.confirm(f"给{reader}办{kind}？", taps=False)):
        return "那就先不办。"
    number = yield from issue_card(message.openid, reader, age)
    return f"{kind}办好了：{number.lower()}"


@dataclasses.dataclass(frozen=True)
class Visit:
    day: dt.date = dataclasses.field(metadata={"ask": "哪天来？"})
    time: dt.time = dataclasses.field(metadata={"ask": "几点？", "earliest": dt.time(9), "latest": dt.time(17)})
    guests: int = dataclasses.field(metadata={"ask": "几位？", "low": 1, "high": 30})


@counter.text("团体参观")
def visit(message: TextMessage) -> Dialog:
    booked = yield from ask.form(Visit)
    phone = yield from ask.phone("联系电话？")
    parts = yield from ask.choices("想看什么？", ["古籍", "地图", "少儿馆"], most=2)
    fee = yield from ask.amount("愿意捐多少？", 0)
    last_day = booked.day.replace(day=1) - dt.timedelta(days=1)
    evening = booked.time.hour >= 17
    total = fee + decimal.Decimal(booked.guests)
    return f"{last_day.year} {evening} {phone.isdigit()} {'、'.join(parts)} {total.quantize(decimal.Decimal('0.01'))}"


@counter.text("上门取书")
async def collect(message: TextMessage) -> Say:
    photo = await ask.photo("拍一下封面？")
    place = await ask.place("在哪里取？")
    day: dt.date = await ask.date("哪天取？", now().date())
    time: dt.time = await ask.time("几点？")
    return f"{photo.url} {place.label} {dt.datetime.combine(day, time):%m-%d %H:%M}"


# ---- 2: an endless chat, by state and by data -----------------------------------------------------------------------

Line = dict[str, str]


@step
async def librarian(lines: Sequence[Line]) -> AsyncIterator[str]:
    for piece in ("第", str(len(lines)), "句。"):
        yield piece


@step
def echo(text: str) -> Iterator[str]:
    yield from (text, "？")


@counter.text("聊书", expire=1800, busy="queue")
def chat(message: TextMessage, lines: Sequence[Line] = ()) -> Dialog:
    if not lines:
        return again("您最近在读什么？", lines=[{"said": message.text}])
    lines = [*lines, {"said": message.text}]
    answer = yield from stream(librarian(lines))
    return again(lines=[*lines, {"answered": answer}][-6:])


@counter.text(re.compile("吗[？?]?$"))
def smalltalk(message: TextMessage) -> Dialog:
    before = yield from recall("asked", 0)
    yield from stream(echo(message.text))
    yield from remember("asked", before + 1, expire=1800)
    return f"（第 {before + 1} 问）"


@counter.text("忘了我")
def forgotten(message: TextMessage) -> Dialog:
    yield from forget("asked", "nickname")
    return "忘了。"


# ---- 3: back, cancel, giving up, failing ----------------------------------------------------------------------------


class Full(Exception):
    """No seat is left."""


@step
def free_seats(day: dt.date) -> list[int]:
    return [] if day.weekday() == 0 else [7, 12]


@step(name="take-seat")
def take_seat(openid: str, day: dt.date, seat: int) -> decimal.Decimal:
    if seat == 12:
        raise Full("刚被占了")
    return decimal.Decimal("0.50")


@counter.text("占座", "订座", expire=600)
def seat(message: TextMessage) -> Dialog:
    today = now().date()
    days = {"今天": today, "明天": today + dt.timedelta(days=1)}
    try:
        while True:
            day = yield from ask.choice("哪天来？", days, tries=2)
            seats = yield from free_seats(day)
            if not seats:
                yield from say("那天闭馆。")
                continue
            try:
                chosen = yield from ask.choice("坐哪儿？", {f"{place} 号座": place for place in seats}, back=True)
            except WentBack:
                continue
            break
        fee = yield from take_seat(message.openid, day, chosen)
    except Cancelled:
        return "好，座位不留了。"
    except GaveUp:
        return Transfer()
    except StepFailed as failure:
        return f"没有占到（{failure.type}）：{failure.message}"
    return f"{day:%m月%d日} {chosen} 号座，押金 {fee.quantize(decimal.Decimal('0.1'))} 元"


# ---- 4: a picture, then one of two kinds ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Cover:
    title: str
    year: int


@step
async def read_cover(url: str) -> Cover:
    return Cover(f"《{url[-5:]}》", 1998)


@counter.text("捐书")
@counter.image
def donate(message: Message) -> Dialog:
    if not isinstance(message, ImageMessage):
        message = yield from ask("拍一张封面发过来", accept=ImageMessage, timeout=300, otherwise="要的是封面的照片")
    assert isinstance(message, ImageMessage)
    cover = yield from read_cover(message.url)
    where = yield from ask(f"{cover.title}（{cover.year + 0}）到哪里取？", accept=(LocationMessage, TextMessage))
    place = where.label if isinstance(where, LocationMessage) else where.text
    return [Article("谢谢您捐的书", "https://example.com/thanks", f"到{place}取")]


# ---- 5: the menu, in the middle of anything -------------------------------------------------------------------------


@step
def count_loans(openid: str) -> int:
    return 3


@counter.click("LOANS")
def loans(message: ClickEvent) -> Dialog:
    return f"在借 {(yield from count_loans(message.openid))} 本"


@counter.click("DESK")
def desk(message: ClickEvent) -> Dialog:
    wish = yield from ask.choice("办什么？", {"续借": "renew", "找馆员": "human"})
    return Transfer() if wish == "human" else f"回复书号续借（{wish.upper()}）"


# ---- 6: somebody new ------------------------------------------------------------------------------------------------


class Shelf(enum.Enum):
    小说 = "novels"
    历史 = "history"


@counter.subscribe
def welcome(event: SubscribeEvent) -> Dialog:
    nickname = yield from recall("nickname", "")
    if nickname:
        return f"{nickname}，又见面了。"
    try:
        nickname = yield from ask.text("欢迎来到图书馆！您贵姓？", cancel=False)
    except TimedOut:
        return f"想好了回复 {link('办证')}。"
    shelf = yield from ask.choice("爱看哪一架？", Shelf)
    yield from remember("nickname", nickname)
    return f"{nickname}，{shelf.name}在 {shelf.value} 区。{link('办证')}"


# ---- 7: a game: what is yielded says itself -------------------------------------------------------------------------


@counter.text("猜书号", interrupt=True)
def guess(message: TextMessage) -> Dialog:
    secret = rng().randint(1, 3)
    log.info("a new game")
    answer: str = yield "我想了一个 1 到 3 的书号。"
    while not answer.isdigit():
        if answer == "不玩了":
            raise Reroute
        answer = yield "要数字。"
    yield say(f"您猜 {answer}。")
    return "猜中了！" if int(answer) == secret else f"是 {secret}。"


# ---- 8: async def, with parts of both kinds -------------------------------------------------------------------------


async def address() -> str:
    district = await ask.text("送到哪个区？")
    return f"{district}区{await ask.text('哪条路几号？')}"


def copies() -> SubDialog[int]:
    count = yield from ask.number("借几本？", 1, 5)
    return count


def mobile(text: str) -> int:
    if not re.fullmatch(r"1[0-9]{10}", text):
        raise ValueError("not a mobile number")
    return int(text)


@counter.text("送书上门", expire=600)
async def deliver(message: TextMessage) -> Say:
    where = await address()
    count = await call(copies())
    number = await ask.parsed("手机号？", mobile, retry="11 位的手机号", tries=3)
    if await ask.confirm(f"{count} 本送到{where}？"):
        return f"联系 {number % 10_000:04}"
    return None


@counter.text("两头")
def both(message: TextMessage) -> Dialog:
    where = yield from call(address())
    count = yield from copies()
    return f"{where.strip()} × {count + 0}"


# ---- 9: handlers ----------------------------------------------------------------------------------------------------


@counter.text("开门", "几点开门")
def opening(message: TextMessage) -> str:
    return "九点到五点。"


@counter.text("帮助", interrupt=True)
def help_() -> str:
    return f"试试 {link('办证')} {link('订座', '占座')}"


@counter.text(re.compile(r"^书号\s*(\d+)$"))
@step
async def book(message: TextMessage) -> str:
    return f"{message.match[1]} 在架上"


@counter.event("user_get_card", "vip")
def got_card(event: Event) -> str:
    return f"{event.event}/{event.key}"


@counter.unsubscribe
def farewell(event: Message) -> None:
    ORDERS.clear()


@counter.default
def other(message: Message) -> str:
    return "回复“帮助”看看能做什么。"


# ---- 10: the bot, and its hooks -------------------------------------------------------------------------------------

bot.include(counter)


@bot.before
def quiet(message: Message) -> str | None:
    return "图书馆里请安静。" if "喂" in message.text else None


@bot.after
async def signed(turn: Turn) -> Say:
    if turn.dialog in ("chat", "smalltalk") and isinstance(turn.reply, str):
        return f"{turn.reply}（机器人）"
    return turn.reply


@bot.text("坏了")
def broken(message: TextMessage) -> Dialog:
    yield from say("看看……")
    raise LookupError(message.text)


@bot.on_error
def apology(message: Message, error: BaseException) -> str | None:
    return f"机器卡纸了（{type(error).__name__}）" if isinstance(error, LookupError) else None
