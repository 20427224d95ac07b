"""One run: users who add numbers while workers die, and the judgement of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers import free_port, running_redis

from .wechat import TOKEN, Broken, User, WeChat
from .workers import harass, running

AOF = ("--appendonly", "yes", "--appendfsync", "always")


@dataclass
class Redis:
    """A server that can be killed and begun anew on what is on its disk."""

    folder: Path
    port: int

    def __post_init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.begin()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def begin(self) -> None:
        self._stack.enter_context(running_redis(self.folder, *AOF, port=self.port))

    def end(self) -> None:
        self._stack.close()

    async def restart(self, after: float) -> None:
        await asyncio.sleep(after)
        self.end()
        await asyncio.sleep(0.5)
        self.begin()


@dataclass(frozen=True)
class Verdict:
    """What came of a run."""

    users: int
    seconds: float
    pushes: int
    faults: int
    kills: int
    steps: int
    longest: float
    unseen: int

    def __str__(self) -> str:
        return (
            f"{self.users} users came to the right sum in {self.seconds:.0f} s: {self.pushes} pushes, {self.kills} kills, "
            f"{self.steps} steps begun, {self.faults} messages that no push of found an answer, {self.unseen} ends unseen, "
            f"slowest answer {self.longest:.1f} s"
        )


@contextlib.contextmanager
def scene(kind: str) -> Iterator[tuple[Path, dict[str, str], Redis | None]]:
    """A folder, what the workers are told, and a store of that kind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        redis = Redis(folder, free_port()) if kind == "redis" else None
        url = redis.url if redis else f"sqlite:///{folder / 'bot.db'}"
        try:
            yield folder, {"CHAOS_STORE": url, "CHAOS_LEDGER": str(folder / "ledger"), "WECHAT_TOKEN": TOKEN}, redis
        finally:
            if redis:
                redis.end()


async def chaos(
    kind: str, users: int, *, numbers: int = 4, every: float = 3.0, over: float = 5.0, stops: bool = False
) -> Verdict:
    """So many users begin within `over` seconds; a worker is killed about `every` so many. Raises `Broken`."""
    with scene(kind) as (folder, environment, redis), running(2, environment, folder / "log") as workers:
        for worker in workers:
            await worker.ready()
        wechat = WeChat(lambda: [worker.port for worker in workers], repeats=0.5)
        people = [User(wechat, f"o{i}", [random.randrange(1000) for _ in range(numbers)]) for i in range(users)]
        began = time.monotonic()
        killing = asyncio.create_task(harass(workers, every, stops=stops))
        others = [asyncio.create_task(redis.restart(over))] if redis else []
        talks = [asyncio.create_task(_later(user, random.random() * over)) for user in people]
        try:
            await asyncio.gather(*talks, *others)
        except BaseException:
            print((folder / "log").read_text()[-6000:])
            raise
        finally:
            for task in (*talks, *others):
                task.cancel()
            killing.cancel()
        kills = await killing
        await wechat.settle()
        steps = _judge(wechat, people, (folder / "ledger").read_text())
        return Verdict(
            users,
            time.monotonic() - began,
            wechat.pushes,
            wechat.faults,
            kills,
            steps,
            wechat.longest,
            sum(u.unseen for u in people),
        )


async def _later(user: User, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await user.talk()


def _judge(wechat: WeChat, people: list[User], ledger: str) -> int:
    """Each result that was used is in the ledger, one of each key; no message has two answers. Gives how many steps ran."""
    two = {message: texts for message, texts in wechat.answers.items() if len(texts) > 1}
    if two:
        raise Broken(f"messages with two answers: {two}")
    keys = {
        receipt: key for _, key, receipt in (line.split() for line in ledger.splitlines() if line.startswith("add"))
    }
    used = [receipt for user in people for receipt in user.receipts]
    strange = [receipt for receipt in used if receipt not in keys]
    twice = [key for key, count in Counter(keys[receipt] for receipt in used if receipt in keys).items() if count > 1]
    if strange or twice:
        raise Broken(f"results that no step gave: {strange}; keys of which two results were used: {twice}")
    return len(keys)
