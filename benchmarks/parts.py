"""How long each part of a turn takes: microseconds, the median of many, in one process that does nothing else."""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import redis
from environment import running_redis
from figures import shown, table

from wechat import Bot, Text, TextMessage, journal, receive, reply, step
from wechat.crypto import Cipher
from wechat.medium import Medium
from wechat.replay import Script, replay
from wechat.texts import CHINESE

ZONE = dt.timezone(dt.timedelta(hours=8))
PUSH = (
    "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><FromUserName><![CDATA[oAbCdEfGhIjKlMnOpQrStUvWxYz0]]>"
    "</FromUserName><CreateTime>1790000000</CreateTime><MsgType><![CDATA[text]]></MsgType>"
    "<Content><![CDATA[请输入第1个数字]]></Content><MsgId>24000000000000001</MsgId></xml>"
).encode()


def median(work: Callable[[], Any], count: int) -> float:
    """Microseconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def protocol() -> Iterator[tuple[str, float]]:
    cipher = Cipher("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx0123456789abcdef", "token")
    answer = Text("请输入第2个数字, 目前累加和:1")
    xml = reply.format(answer, to="oUser", account="gh_1", created=1_790_000_000)
    yield "parse a push", median(lambda: receive.parse(PUSH, ZONE), 5_000)
    yield (
        "format a reply",
        median(lambda: reply.format(answer, to="oUser", account="gh_1", created=1_790_000_000), 5_000),
    )
    yield "seal a reply (AES)", median(lambda: cipher.seal(xml, timestamp=1_790_000_000, nonce="n"), 3_000)
    sealed = cipher.encrypt(PUSH)
    from wechat.crypto import signature

    signed = signature("token", "1", "n", sealed)
    yield (
        "open a push (AES)",
        median(lambda: cipher.open(sealed, msg_signature=signed, timestamp="1", nonce="n"), 3_000),
    )


def chatter(message: Any) -> Any:
    total = 0
    while True:
        total += int((yield f"{total}?"))


@step
def double(number: int) -> int:
    return number * 2


def stepper(message: Any) -> Any:
    number = 1
    while True:
        number = yield double(int((yield f"{number}?")))


def replays() -> Iterator[tuple[str, float]]:
    medium = Medium("gh_1", "oUser", CHINESE, ZONE)
    began = journal.encode(journal.Began(1, "chatter", 1, "text", None, 0, "0", 1_790_000_000, "go"))
    lines = [began, *(journal.encode(journal.Answered(i, str(i), 1_790_000_000, "1")) for i in range(1, 1_000))]
    scripts = {"chatter": Script("chatter", chatter)}
    yield "replay, per entry (of 1,000)", median(lambda: replay(scripts, lines, medium).close(), 20) / len(lines)


async def turns(name: str, store: str, count: int) -> AsyncIterator[tuple[str, float]]:
    bot = Bot("token", store=store)
    bot.text("chatter")(chatter)
    bot.text("stepper")(stepper)
    number = 0

    async def push(text: str, user: str) -> None:
        nonlocal number
        number += 1
        message = TextMessage(text=text, id=str(number), openid=user, account="gh_1", time=dt.datetime.now(ZONE))
        await bot.deliver(message)

    async def measure(user: str, cold: bool = False) -> float:
        times = []
        for _ in range(count):
            if cold:
                bot._runtime._hot.clear()
            began = time.perf_counter()
            await push("1", user)
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e6

    for dialog, what in (("chatter", "plain"), ("stepper", "one step")):
        await push(dialog, dialog)
        yield f"{name}: a hot turn, {what}", await measure(dialog)
    await push("chatter", "cold")
    yield f"{name}: a cold turn, plain, {count // 2} entries", await measure("cold", cold=True)
    await bot.aclose()


async def all_turns() -> AsyncIterator[tuple[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        stores = {"memory": ("memory://", 500), "SQLite": (f"sqlite:///{Path(folder, 'bench.db')}", 300)}
        with running_redis(Path(folder)) as port:
            with redis.Redis(port=port) as client:
                yield "Redis: one GET (synchronous)", median(lambda: client.get("x"), 2_000)
            stores["Redis"] = (f"redis://127.0.0.1:{port}/0", 500)
            for name, (store, count) in stores.items():
                async for figure in turns(name, store, count):
                    yield figure


async def measure() -> dict[str, float]:
    return dict([*protocol(), *replays(), *[figure async for figure in all_turns()]])


def show(found: Mapping[str, float]) -> str:
    return table(("", "µs"), [(name, shown(figure)) for name, figure in found.items()])
