"""The application that the workers serve. Where it keeps conversations, and its ledger, are in the environment."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from typing import Any

from wechat import Bot, Message, ask, step
from wechat.web import asgi
from wechat.web import wsgi as by_wsgi

#: seconds that a step takes
TAKES = (0, 0, 0, 0.05, 0.3, 1.5)


def ledger(*line: Any) -> None:
    """One line, whole, whoever else writes."""
    file = os.open(os.environ["CHAOS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, (" ".join(map(str, line)) + "\n").encode())
    finally:
        os.close(file)


@step
async def add_on_the_loop(total: int, number: int, *, idempotency_key: str = "") -> list[Any]:
    await asyncio.sleep(random.choice(TAKES))
    return added(total, number, idempotency_key)


@step
def add_in_a_thread(total: int, number: int, *, idempotency_key: str = "") -> list[Any]:
    time.sleep(random.choice(TAKES))
    return added(total, number, idempotency_key)


def added(total: int, number: int, key: str) -> list[Any]:
    """The sum, and a receipt that no other run gives."""
    receipt = secrets.token_hex(4)
    ledger("add", key, receipt, number)
    return [total + number, receipt]


@step
async def think(seconds: float, *, idempotency_key: str = "") -> str:
    ledger("begin", idempotency_key, os.getpid())
    await asyncio.sleep(seconds)
    ledger("end", idempotency_key, os.getpid())
    return f"想了 {seconds:g} 秒"


def make() -> Bot:
    bot = Bot(os.environ["WECHAT_TOKEN"], account="gh_chaos", store=os.environ["CHAOS_STORE"])

    @bot.text("累加器", expire=600)
    def accumulator(message: Message) -> Any:
        count = yield ask.number("几个数？", 1, 99, retry="几个数？")
        total, receipts = 0, list[str]()
        for place in range(count):
            question = f"第 {place + 1} 个，合计 {total} [{' '.join(receipts)}]"
            number = yield ask.number(question, 0, 9999, retry=question)  # whoever is lost finds out where they are
            add = add_on_the_loop if place % 2 else add_in_a_thread
            total, receipt = yield add(total, number)
            receipts.append(receipt)
        return f"一共 {total} [{' '.join(receipts)}]"

    @bot.text("想", expire=600)
    def thinker(message: Message) -> Any:
        seconds = yield ask.number("几秒？", 0, 99)
        return (yield think(seconds))

    @bot.click("SLOW")
    def slow_click(event: Message) -> Any:
        return (yield think(16))

    @bot.text("选", expire=600)
    def chooser(message: Message) -> Any:
        picked = yield ask.choice("选哪个？", ["苹果", "香蕉"])
        return f"选了{picked}"

    return bot


def wsgi() -> Any:
    return by_wsgi.app(make())


app = asgi.app(make(), health="/healthz") if "CHAOS_STORE" in os.environ else None
