"""One run: users who add numbers while workers die, and the judgement of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import fleets
from servers import free_port, running_redis
from wechat import Bot
from wechat.texts import CHINESE

from .wechat import ACCOUNT, TOKEN, Broken, User, WeChat
from .workers import harass, running

AOF = ("--appendonly", "yes", "--appendfsync", "always")
#: milliseconds after which a server of a fleet counts as gone: this machine is busy
GONE = 3_000
#: seconds for each fail-over of a run
APART = 20
#: seconds after a fail-over in which a push may be answered that came before
LATE = 6.0


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

    async def trouble(self, over: float) -> None:
        await asyncio.sleep(over)
        self.end()
        await asyncio.sleep(0.5)
        self.begin()


class Fleet:
    """Several servers, of which masters are killed, and slots moved where there are any."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._stack = contextlib.ExitStack()
        run = {"cluster": fleets.running_cluster, "sentinel": fleets.running_guarded}[kind.split()[0]]
        self._fleet = self._stack.enter_context(run(folder, *AOF, gone=GONE))
        self.url = self._fleet.url + ("?wait_replicas=1" if kind.endswith("WAIT") else "")
        #: when a master was killed, and when another was in its place
        self.fail_overs: list[tuple[float, float]] = []
        self.moves = 0

    def end(self) -> None:
        self._stack.close()

    async def trouble(self, over: float) -> None:
        bot = Bot(TOKEN, store="memory://")
        for i in range(max(1, int(over / APART))):
            await asyncio.sleep(min(over, APART) / 3)
            await asyncio.to_thread(self._fail_over, bot.key(ACCOUNT, f"o{i}"))
            for _ in range(3):
                await asyncio.to_thread(self._move, bot.key(ACCOUNT, f"o{i + 1}"))

    def _fail_over(self, key: str) -> None:
        began = time.monotonic()
        old = self._fleet.owner(key)
        self.fail_overs.append((began, began + 60))
        old.kill()
        self._fleet.whole()
        self.fail_overs[-1] = began, time.monotonic()
        self._fleet.back(old)

    def _move(self, key: str) -> None:
        if isinstance(self._fleet, fleets.Cluster):
            self._fleet.move(key)
            self.moves += 1


@dataclass(frozen=True)
class Lost:
    """What a fail-over took that had been acknowledged."""

    fail_overs: int
    moves: int
    results: int  # that a user had been shown, and that are gone
    answers: int  # second ones, to messages of which it was forgotten that they had been answered

    def __str__(self) -> str:
        moved = f" and {self.moves} moves of a slot" if self.moves else ""
        return f"; lost by {self.fail_overs} fail-overs{moved}: {self.results} results shown, {self.answers} messages answered twice"


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
    lost: Lost | None = None

    def __str__(self) -> str:
        return (
            f"{self.users} users came to the right sum in {self.seconds:.0f} s: {self.pushes} pushes, {self.kills} kills, "
            f"{self.steps} steps begun, {self.faults} messages that no push of found an answer, {self.unseen} ends unseen, "
            f"slowest answer {self.longest:.1f} s{self.lost or ''}"
        )


@contextlib.contextmanager
def scene(kind: str) -> Iterator[tuple[Path, dict[str, str], Redis | Fleet | None]]:
    """A folder, what the workers are told, and a store of that kind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store: Redis | Fleet | None = None
        if kind != "sqlite":
            store = Redis(folder, free_port()) if kind == "redis" else Fleet(kind, folder)
        url = store.url if store else f"sqlite:///{folder / 'bot.db'}"
        try:
            yield folder, {"CHAOS_STORE": url, "CHAOS_LEDGER": str(folder / "ledger"), "WECHAT_TOKEN": TOKEN}, store
        finally:
            if store:
                store.end()


async def chaos(
    kind: str, users: int, *, numbers: int = 4, every: float = 3.0, over: float = 5.0, stops: bool = False
) -> Verdict:
    """So many users begin within `over` seconds; a worker is killed about `every` so many. Raises `Broken`."""
    with scene(kind) as (folder, environment, store), running(2, environment, folder / "log") as workers:
        for worker in workers:
            await worker.ready()
        wechat = WeChat(lambda: [worker.port for worker in workers], repeats=0.5)
        failed_over = (lambda: bool(store.fail_overs)) if isinstance(store, Fleet) else (lambda: False)
        people = [
            User(wechat, f"o{i}", [random.randrange(1000) for _ in range(numbers)], failed_over) for i in range(users)
        ]
        began = time.monotonic()
        killing = asyncio.create_task(harass(workers, every, stops=stops))
        others = [asyncio.create_task(store.trouble(over))] if store else []
        talks = [asyncio.create_task(_later(user, random.random() * over)) for user in people]
        try:
            await asyncio.gather(*talks, *others)
            kills = await _ended(killing)
            await wechat.settle()
            fail_overs = store.fail_overs if isinstance(store, Fleet) else []
            steps, answers = _judge(wechat, people, (folder / "ledger").read_text(), fail_overs)
        except BaseException as error:
            _show(folder, environment["CHAOS_STORE"], error)
            raise
        finally:
            for task in (*talks, *others, killing):
                task.cancel()
        moves, results = getattr(store, "moves", 0), sum(user.lost for user in people)
        return Verdict(
            users,
            time.monotonic() - began,
            wechat.pushes,
            wechat.faults,
            kills,
            steps,
            wechat.longest,
            sum(u.unseen for u in people),
            Lost(len(fail_overs), moves, results, answers) if fail_overs else None,
        )


async def _ended(killing: asyncio.Task[int]) -> int:
    killing.cancel()
    return await killing


def _show(folder: Path, store: str, error: BaseException) -> None:
    """What is known of a run that failed: what the workers logged, and what is kept of whom it is about."""
    print((folder / "log").read_text()[-6000:])
    if isinstance(error, Broken) and error.user:
        looking = ["inspect", error.user, "--account", ACCOUNT, "--store", store]
        print(subprocess.run([sys.executable, "-m", "wechat", *looking], capture_output=True, text=True).stdout)


async def _later(user: User, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await user.talk()


def _judge(
    wechat: WeChat, people: list[User], ledger: str, fail_overs: Sequence[tuple[float, float]]
) -> tuple[int, int]:
    """Each result that was used is in the ledger, one of each key, and they add up; no message has two answers.

    A fail-over may forget that a message was answered. Gives how many steps ran, and of how many messages that was so.
    """
    answers = {message: dict(texts) for message, texts in wechat.answers.items()}
    for texts in answers.values() if fail_overs else ():
        texts.pop(CHINESE.failed, None)  # what is said where the store cannot be reached is no answer
    two = {message: texts for message, texts in answers.items() if len(texts) > 1}
    forgotten = [
        message
        for message, texts in two.items()
        if any(min(texts.values()) < end + LATE and max(texts.values()) > begin for begin, end in fail_overs)
    ]
    if len(two) > len(forgotten):
        raise Broken(f"messages with two answers: {two}")
    lines = [line.split() for line in ledger.splitlines() if line.startswith("add")]
    keys = {receipt: key for _, key, receipt, _ in lines}
    numbers = {receipt: int(number) for _, _, receipt, number in lines}
    used = [receipt for user in people for receipt in user.receipts]
    strange = [receipt for receipt in used if receipt not in keys]
    twice = [key for key, count in Counter(keys[receipt] for receipt in used if receipt in keys).items() if count > 1]
    wrong = [said for user in people for said in user.told if said[0] != sum(numbers.get(each, -1) for each in said[1])]
    if strange or twice or wrong:
        raise Broken(f"no step gave {strange}; two results were used of {twice}; these do not add up: {wrong}")
    return len(keys), len(forgotten)
