"""Beyond one machine: what a Redis Cluster and Sentinels cost, and what users see of a fail-over and of a slot that moves.

All servers stand on this machine, so the network costs nothing here, and a fail-over takes as long as they were told to wait
(`GONE`) and little more. Compare the figures of one run with each other, not with those of another machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from figures import shown, table

from wechat import Bot, Text, TextMessage
from wechat.errors import StoreError

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from fleets import Cluster, Guarded, running_cluster, running_guarded
from servers import running_redis

ZONE = dt.timezone(dt.timedelta(hours=8))
LOG = ("--appendonly", "yes", "--appendfsync", "everysec")
#: milliseconds after which the servers hold one that says nothing for gone
GONE = 2_000
WAIT = "?wait_replicas=1"
#: who talks while something goes wrong, and how long they think between an answer and the next message (seconds)
USERS, THINKS = 20, 0.1
_numbers = itertools.count(1)


def adder(message: Any) -> Any:
    total = 0
    while True:
        total += int((yield f"{total}"))


def made(url: str) -> Bot:
    bot = Bot("token", store=url, account="gh_1")
    bot.text("add", expire=600)(adder)
    return bot


def message(text: str, user: str) -> TextMessage:
    return TextMessage(text=text, id=str(next(_numbers)), openid=user, account="gh_1", time=dt.datetime.now(ZONE))


# ---- what a message costs -------------------------------------------------------------------------------------------


async def costs(urls: dict[str, str], count: int) -> dict[str, float]:
    """Microseconds of a hot next message, the median of so many. The stores take turns, so that noise meets all of them."""
    bots = {name: made(url) for name, url in urls.items()}
    for name, bot in bots.items():
        await bot.deliver(message("add", f"oHot{name}"))
    times: dict[str, list[float]] = {name: [] for name in bots}
    for _ in range(count):
        for name, bot in bots.items():
            began = time.perf_counter()
            await bot.deliver(message("1", f"oHot{name}"))
            times[name].append(time.perf_counter() - began)
    for bot in bots.values():
        await bot.aclose()
    return {name: statistics.median(taken) * 1e6 for name, taken in times.items()}


# ---- what users see of trouble --------------------------------------------------------------------------------------


class User:
    """Adds one again and again, and pushes a message again until it is answered, as WeChat would."""

    def __init__(self, bot: Bot, name: str) -> None:
        self.bot, self.name = bot, name
        self.acknowledged, self.gap = 0, 0.0  # ones; seconds between two answers, at most

    async def say(self, text: str) -> int:
        """The sum that is answered."""
        said = message(text, self.name)
        while True:
            with contextlib.suppress(StoreError):
                reply = await self.bot.deliver(said)
                if isinstance(reply, Text) and reply.text.isdigit():  # else it is still thought about
                    return int(reply.text)
            await asyncio.sleep(0.05)

    async def talk(self, over: asyncio.Event) -> None:
        while not over.is_set():
            began = time.perf_counter()
            await self.say("1")
            self.acknowledged, self.gap = self.acknowledged + 1, max(self.gap, time.perf_counter() - began)
            await asyncio.sleep(THINKS)


async def troubled(url: str, trouble: Callable[[str], None]) -> dict[str, float]:
    """What users see where that happens in the middle: the longest gap (seconds), messages acknowledged, and of them lost."""
    bot, over = made(url), asyncio.Event()
    run = next(_numbers)  # each begins anew
    users = [User(bot, f"o{i}.{run}") for i in range(USERS)]
    await asyncio.gather(*(user.say("add") for user in users))
    talks = [asyncio.create_task(user.talk(over)) for user in users]
    await asyncio.sleep(1)
    await asyncio.to_thread(trouble, bot.key("gh_1", users[0].name))
    await asyncio.sleep(1)
    over.set()
    await asyncio.gather(*talks)
    lost = [user.acknowledged - await user.say("0") for user in users]
    await bot.aclose()
    said = sum(user.acknowledged for user in users)
    return {"longest_gap_s": max(user.gap for user in users), "acknowledged": said, "lost": sum(lost)}


def fail_over(fleet: Cluster | Guarded, key: str) -> None:
    """``kill -9`` of the master that keeps this record; its replica takes over, and it comes back as a replica."""
    old = fleet.owner(key)
    old.kill()
    fleet.whole()
    fleet.back(old)


def moves(cluster: Cluster, key: str) -> None:
    """The slot of this record goes to another master, five times."""
    for _ in range(5):
        cluster.move(key)


# ---- all of it ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running() -> Iterator[tuple[int, Guarded, Cluster]]:
    with contextlib.ExitStack() as servers:
        folders = [Path(servers.enter_context(tempfile.TemporaryDirectory())) for _ in range(3)]
        single = servers.enter_context(running_redis(folders[0], *LOG))
        guarded = servers.enter_context(running_guarded(folders[1], *LOG, gone=GONE))
        yield single, guarded, servers.enter_context(running_cluster(folders[2], *LOG, gone=GONE))


def fleet(count: int = 500) -> dict[str, dict[str, dict[str, float]]]:
    """Figures: ``hot`` (µs, and how many times a single Redis's), ``fail_over`` and ``slot_moves``, by kind of store."""
    with running() as (single, guarded, cluster):
        urls = {
            "one Redis": f"redis://127.0.0.1:{single}/0",
            "Sentinels": guarded.url,
            "Cluster": cluster.url,
            "Sentinels, one replica waited for": guarded.url + WAIT,
            "Cluster, one replica waited for": cluster.url + WAIT,
        }
        hot = asyncio.run(costs(urls, count))
        several: dict[str, Cluster | Guarded] = {
            name: cluster if "Cluster" in name else guarded for name in urls if name != "one Redis"
        }
        return {
            "hot": {name: {"us": took, "times": took / hot["one Redis"]} for name, took in hot.items()},
            "fail_over": {
                name: asyncio.run(troubled(urls[name], lambda key: fail_over(servers, key)))  # noqa: B023
                for name, servers in several.items()
            },
            "slot_moves": {
                name: asyncio.run(troubled(urls[name], lambda key: moves(cluster, key)))
                for name in urls
                if "Cluster" in name
            },
        }


def measure(quick: bool) -> dict[str, dict[str, dict[str, float]]]:
    logging.disable(logging.WARNING)  # that servers are gone is what is measured
    try:
        return fleet(100 if quick else 500)
    finally:
        logging.disable(logging.NOTSET)


def show(found: dict[str, dict[str, dict[str, float]]]) -> str:
    hot = [(name, shown(each["us"]), f"{each['times']:.2f}") for name, each in found["hot"].items()]
    parts = ["A hot next message:", table(("", "µs", "× one Redis"), hot)]
    for what, title in (
        ("fail_over", f"A master is killed, and counts as gone after {GONE} ms:"),
        ("slot_moves", "The slot of a conversation moves five times:"),
    ):
        rows = [
            (name, f"{each['longest_gap_s']:.2f}", shown(each["acknowledged"]), shown(each["lost"]))
            for name, each in found[what].items()
        ]
        parts += [title, table(("", "longest gap, s", "acknowledged", "lost"), rows)]
    return "\n\n".join(parts)
