"""What a turn costs, in what does not depend on the machine: round trips, calls of the package's own functions, memory.

``python tests/hot_path.py`` prints the figures; with ``--write`` they become those that ``test_hot_path.py`` holds a change to.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import json
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import wechat
from wechat import Bot, TextMessage, reply, step
from wechat.stores.memory import MemoryStore

STORED = Path(__file__).parent / "hot_path.json"
PACKAGE = str(Path(wechat.__file__).parent)
#: turns over which one is averaged; before them, those that bring everything to life
TURNS, BEFORE = 20, 6


@step
def double(number: int) -> int:
    return 2 * number


def plain(message: Any) -> Any:
    total = 0
    while True:
        total += int((yield f"目前累加和: {total}，请输入下一个数字"))


def stepping(message: Any) -> Any:
    number = 0
    while True:
        number = yield double(int((yield f"{number}，请输入下一个数字")))


class Counting(MemoryStore):
    """Counts the round trips that a store elsewhere would make."""

    def __init__(self) -> None:
        super().__init__()
        self.trips = 0

    async def load(self, key: str) -> Any:
        self.trips += 1
        return await super().load(key)

    async def patch(self, key: str, version: str, patch: Any) -> Any:
        self.trips += 1
        return await super().patch(key, version, patch)


class Talk:
    """One user, and a bot that answers."""

    def __init__(self) -> None:
        self.store = Counting()
        self.bot = Bot("token", account="gh_0123456789ab", store=self.store)
        self.bot.text("plain")(plain)
        self.bot.text("stepping")(stepping)
        self._count = 0

    async def say(self, text: str, again: bool = False) -> None:
        self._count += not again
        now = dt.datetime.now(dt.timezone.utc)
        message = TextMessage(text=text, id=f"{self._count:017}", openid="o" * 28, account="gh_0123456789ab", time=now)
        assert isinstance(await self.bot.deliver(message), reply.Text)

    async def hot(self) -> None:
        await self.say("1")

    async def cold(self) -> None:
        self.bot._runtime._hot.clear()
        await self.say("1")

    async def again(self) -> None:
        await self.say("1", again=True)


#: what is measured: the dialog, and how its next message comes
TURNS_OF: dict[str, tuple[str, Callable[[Talk], Awaitable[None]]]] = {
    "a hot turn": ("plain", Talk.hot),
    "a hot turn with a step": ("stepping", Talk.hot),
    "a cold turn": ("plain", Talk.cold),
    "a message that was answered": ("plain", Talk.again),
}


def measured() -> dict[str, dict[str, float]]:
    """By kind of turn: round trips, calls, bytes at most at one time, and bytes that stay."""
    return {name: asyncio.run(_measured(dialog, turn)) for name, (dialog, turn) in TURNS_OF.items()}


async def _measured(dialog: str, turn: Callable[[Talk], Awaitable[None]]) -> dict[str, float]:
    talk = Talk()
    await talk.say(dialog)
    for _ in range(BEFORE):
        await turn(talk)
    trips = talk.store.trips
    calls = await _calls(talk, turn)
    trips = talk.store.trips - trips
    peak, kept = await _bytes(talk, turn)
    await talk.bot.aclose()
    return {"trips": trips / TURNS, "calls": calls / TURNS, "peak": peak, "kept": kept / TURNS}


async def _calls(talk: Talk, turn: Callable[[Talk], Awaitable[None]]) -> int:
    """Of functions of the package."""
    calls = 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    sys.setprofile(count)
    try:
        for _ in range(TURNS):
            await turn(talk)
    finally:
        sys.setprofile(None)
    return calls


async def _bytes(talk: Talk, turn: Callable[[Talk], Awaitable[None]]) -> tuple[int, int]:
    """At most while a turn goes on, and after all of them."""
    gc.collect()
    tracemalloc.start()
    try:
        began, most = tracemalloc.get_traced_memory()[0], 0
        for _ in range(TURNS):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            await turn(talk)
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
        gc.collect()
        return most, tracemalloc.get_traced_memory()[0] - began
    finally:
        tracemalloc.stop()


def main() -> None:
    found = {name: {what: round(value) for what, value in each.items()} for name, each in measured().items()}
    print(json.dumps(found, indent=2))
    if "--write" in sys.argv:
        STORED.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
