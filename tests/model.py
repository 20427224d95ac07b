"""What a store does, in as few words as it can be said, and random operations that every store must do as these words do.

After each operation the result is compared, and everything that is kept, read from below the store: SQLite's rows, Redis's
keys. The memory store, which is the model that other tests use, is held to the same words. SQLite has two processes on one
file, Redis two clients; each operation goes to one of them at random. The unit of time is a day, so that nothing depends on
how fast the machine is: where a clock cannot be moved, as Redis's cannot, what expires does so earlier instead.

``python tests/model.py --store redis --seed 0 --count 100000`` runs as many as one likes; a failure prints its seed.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio
import redis
from anyio.lowlevel import checkpoint

from servers import running_redis
from wechat.stores import Loaded, Patch, Store, Written
from wechat.stores.memory import MemoryStore
from wechat.stores.redis import RedisStore
from wechat.stores.sqlite import SQLiteStore

DAY = 86_400_000
BEGIN = 1_790_000_000_000

#: version, fields, and in how many days it expires; None: never
Kept = tuple[str, dict[str, str], float | None]


class Model:
    """What a store does."""

    def __init__(self) -> None:
        self.now = BEGIN
        self._records: dict[str, tuple[str, dict[str, str], int | None]] = {}

    def load(self, key: str) -> tuple[str, dict[str, str]]:
        version, fields, expires = self._records.get(key, ("", {}, None))
        return (version, fields) if expires is None or expires > self.now else ("", {})

    def patch(self, key: str, version: str, patch: Patch) -> tuple[str, dict[str, str]] | None:
        """What is there, where the version does not stand; else None."""
        found, fields = self.load(key)
        if found not in (version, patch.version):
            return found, fields
        if found != patch.version:
            dropped = set(patch.drop)
            kept = {name: value for name, value in fields.items() if name not in dropped}
            self._records[key] = (patch.version, kept | dict(patch.put), patch.expires)
        return None

    def erase(self, key: str) -> None:
        self._records.pop(key, None)

    def whole(self) -> dict[str, Kept]:
        return _left(self._records, self.now)


def _left(records: Mapping[str, tuple[str, dict[str, str], int | None]], now: int) -> dict[str, Kept]:
    """What has not expired."""
    return {
        key: (version, fields, None if expires is None else round((expires - now) / DAY))
        for key, (version, fields, expires) in records.items()
        if expires is None or expires > now
    }


# ---- the stores under test ------------------------------------------------------------------------------------------


class Bench(Protocol):
    """A store of one kind, as one or several clients have it."""

    clients: list[Store]

    def now(self) -> int: ...
    def let_pass(self, ms: int) -> None: ...
    def whole(self) -> dict[str, Kept]:
        """Everything that is kept and has not expired, read from below the store."""


class MemoryBench:
    def __init__(self) -> None:
        self._time = BEGIN
        self._store = MemoryStore(self.now)
        self.clients: list[Store] = [self._store]

    def now(self) -> int:
        return self._time

    def let_pass(self, ms: int) -> None:
        self._time += ms

    def whole(self) -> dict[str, Kept]:
        records = self._store._records
        return _left({key: (one.version, one.fields, one.expires) for key, one in records.items()}, self._time)


class SQLiteBench:
    def __init__(self, path: Path, process: asyncio.subprocess.Process) -> None:
        self._time = BEGIN
        self.clients: list[Store] = [SQLiteStore(path, self.now), Elsewhere(process, self.now)]
        self.below = sqlite3.connect(path, isolation_level=None)

    def now(self) -> int:
        return self._time

    def let_pass(self, ms: int) -> None:
        self._time += ms

    def whole(self) -> dict[str, Kept]:
        fields: dict[str, dict[str, str]] = collections.defaultdict(dict)
        for key, name, value in self.below.execute("SELECT key, name, value FROM field"):
            fields[key][name] = value
        records = {
            key: (version, fields.pop(key, {}), expires)
            for key, version, expires in self.below.execute("SELECT key, version, expires FROM record")
        }
        assert not fields, f"fields of no record: {fields}"
        return _left(records, self._time)


class RedisBench:
    def __init__(self, url: str) -> None:
        self.clients: list[Store] = [RedisStore(url), RedisStore(url)]
        self.below: Any = redis.Redis.from_url(url, decode_responses=True)

    def now(self) -> int:
        seconds, micros = self.below.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def let_pass(self, ms: int) -> None:
        for key in self.below.scan_iter():
            left = self.below.pttl(key)
            if left >= 0:
                self.below.pexpire(key, left - ms)

    def whole(self) -> dict[str, Kept]:
        keys = self.below.keys()
        with self.below.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hgetall(key)
                pipe.pttl(key)
            answers = pipe.execute()
        return dict(map(self._kept, keys, answers[::2], answers[1::2]))

    @staticmethod
    def _kept(key: str, fields: dict[str, str], left: int) -> tuple[str, Kept]:
        version = fields.pop("v")
        unnamed = {name[1:] if name.startswith("v") else name: value for name, value in fields.items()}
        return key, (version, unnamed, None if left < 0 else round(left / DAY))


@asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[Bench]:
    yield MemoryBench()


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Bench]:
    """Two processes on one file."""
    path, pipe = folder / "bot.db", asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", str(path), stdin=pipe, stdout=pipe, limit=2**26
    )
    bench = SQLiteBench(path, process)
    try:
        await bench.clients[0].load("")  # makes the tables
        yield bench
    finally:
        bench.below.close()
        await bench.clients[0].close()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def in_redis(folder: Path) -> AsyncIterator[Bench]:
    """Two clients of one server."""
    with running_redis(folder, "--save", "3600", "1") as port:
        bench = RedisBench(f"redis://127.0.0.1:{port}/0")
        yield bench
        for client in bench.clients:
            await client.close()
        bench.below.close()


KINDS: dict[str, Callable[[Path], AbstractAsyncContextManager[Bench]]] = {
    "memory": memory,
    "sqlite": sqlite,
    "redis": in_redis,
}


# ---- a store in another process -------------------------------------------------------------------------------------


class Elsewhere:
    """A store in another process, which is told what to do line by line."""

    def __init__(self, process: asyncio.subprocess.Process, clock: Callable[[], int]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from, self._clock = process.stdin, process.stdout, clock

    async def load(self, key: str) -> Loaded:
        return Loaded(*await self._do("load", key))

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        given = [patch.version, dict(patch.put), list(patch.drop), patch.expires, patch.wake]
        answer = await self._do("patch", key, version, given)
        return Written(*answer) if len(answer) == 1 else Loaded(*answer)

    async def wait(self, key: str, until: int, seen: str | None = None) -> None:
        await self._do("wait", key, until, seen)

    async def erase(self, key: str) -> None:
        await self._do("erase", key)

    async def close(self) -> None:
        """It ends with its process."""

    async def _do(self, *what: Any) -> Any:
        self._to.write(json.dumps([self._clock(), *what]).encode() + b"\n")
        return json.loads(await self._from.readline())


def serve(path: str) -> None:
    """Be the other process: until nothing more is asked."""
    now = 0
    store = SQLiteStore(path, lambda: now)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        for line in sys.stdin:
            now, name, *arguments = json.loads(line)
            if name == "patch":
                arguments[2] = Patch(*arguments[2])
            answer = loop.run_until_complete(getattr(store, name)(*arguments))
            print(
                json.dumps(None if answer is None else [getattr(answer, name) for name in answer.__annotations__]),
                flush=True,
            )
        loop.run_until_complete(store.close())


# ---- the comparison -------------------------------------------------------------------------------------------------

KEYS = ("gh_1:oMara", "gh_1:oMara.", "键\0%s{}")
NAMES = ("h", "v", "vv", "", "0", "1", "s7", "d名字")
TEXTS = ("", "1", "买水果", "👩‍👩‍👧\0", "x" * 63, "y" * 65, "长" * 3_000)
DAYS = (-3, -1, 0, 1, 2, 5, 30)
#: how often, of all
WEIGHTS = {"patch": 60, "load": 12, "erase": 4, "let_pass": 9, "wait": 13.9, "woken": 1, "flood": 0.1}


class Comparison:
    """One run of the same operations on the model and on a store."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.model, self.rng = bench, Model(), random.Random(seed)
        self.tally: collections.Counter[str] = collections.Counter()
        self._written: dict[str, collections.deque[tuple[str, Patch]]] = {
            key: collections.deque(maxlen=20) for key in KEYS
        }
        self._count = 0
        self._last: collections.deque[str] = collections.deque(maxlen=10)

    async def run(self, count: int) -> None:
        """Raises `AssertionError` that says which operation went wrong, and what came before it."""
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        for number in range(count):
            [name] = self.rng.choices(names, weights)
            self.tally[name] += 1
            try:
                with anyio.fail_after(60):
                    key = self.rng.choice(KEYS)
                    await getattr(self, name)(key)
                    await self.load(key)
                    assert self.bench.whole() == self.model.whole()
            except Exception as error:
                last = "\n  ".join(self._last)
                raise AssertionError(f"operation {number}, {name}: {error!r:.2000}; the last were\n  {last}") from error

    def client(self) -> Store:
        return self.rng.choice(self.bench.clients)

    def draw(self, key: str) -> tuple[str, Patch]:
        """What to patch, and with what: on the version that stands, another one, or once more what was written before."""
        rng, written, stands = self.rng, self._written[key], self.model.load(key)[0]
        kind = rng.choices(["right", "stale", "none", "never", "again", "long ago"], [60, 10, 10, 4, 12, 4])[0]
        if kind == "again" and written:
            return written[-1]
        if kind == "long ago" and written:
            return rng.choice(written)
        version = {"none": "", "never": "never"}.get(kind, stands)
        if kind == "stale" and written:
            version = rng.choice(written)[1].version
        put = {rng.choice(NAMES): rng.choice(TEXTS) for _ in range(rng.randrange(4))}
        drop = [rng.choice(NAMES) for _ in range(rng.randrange(4))]
        days = None if rng.random() < 0.4 else rng.choice(DAYS)
        return version, self.fresh(put, drop, days, wake=rng.random() < 0.5)

    def fresh(self, put: Mapping[str, str], drop: list[str], days: int | None, *, wake: bool) -> Patch:
        self._count += 1
        expires = None if days is None else self.model.now + days * DAY
        return Patch(f"v{self._count}", put, drop, expires, wake)

    # each of these is an operation

    async def patch(self, key: str) -> None:
        await self.write(key, *self.draw(key))

    async def write(self, key: str, version: str, patch: Patch, client: Store | None = None) -> None:
        self._last.append(f"{key!r} {version!r} {patch!r:.300}")
        there = self.model.load(key)[0]
        expected = self.model.patch(key, version, patch)
        expires = None if patch.expires is None else patch.expires - self.model.now + self.bench.now()
        real = Patch(patch.version, patch.put, patch.drop, expires, patch.wake)
        answer = await (client or self.client()).patch(key, version, real)
        told = (answer.version, dict(answer.fields)) if isinstance(answer, Loaded) else None
        assert told == expected
        self.tally["  refused" if expected else "  there already" if there == patch.version else "  written"] += 1
        if expected is None:
            self._written[key].append((version, patch))

    async def load(self, key: str) -> None:
        loaded = await self.client().load(key)
        assert (loaded.version, dict(loaded.fields)) == self.model.load(key)

    async def erase(self, key: str) -> None:
        self._last.append(f"{key!r} erased")
        self.model.erase(key)
        await self.client().erase(key)

    async def let_pass(self, key: str) -> None:
        days = self.rng.choice([1, 1, 2, 4])
        self._last.append(f"{days} days pass")
        self.model.now += days * DAY
        self.bench.let_pass(days * DAY)

    async def wait(self, key: str) -> None:
        """For what has been, another version or a time that is over: it does not last."""
        seen, days = self.rng.choice([("never", 1), (self.model.load(key)[0], 0), (None, -1), ("never", -1)])
        await self.client().wait(key, self.bench.now() + days * DAY, seen)

    async def woken(self, key: str) -> None:
        """One waits for what another writes then."""
        stands = self.model.load(key)[0]
        waits, *others = self.rng.sample(self.bench.clients, len(self.bench.clients))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits.wait, key, self.bench.now() + DAY, stands)
            for _ in range(self.rng.randrange(20)):
                await checkpoint()
            await self.write(key, stands, self.fresh({"h": "1"}, [], 2, wake=True), (others or [waits])[0])

    async def flood(self, key: str) -> None:
        """More fields than one call takes."""
        many = {f"{number}": f"entry {number}" for number in range(9_000)}
        await self.write(key, self.model.load(key)[0], self.fresh(many, [], None, wake=False))
        await self.load(key)
        await self.write(key, self.model.load(key)[0], self.fresh({"h": "1"}, list(many), 1, wake=True))


async def compared(kind: str, seed: int, count: int) -> Comparison:
    """`count` operations on a store of that kind. Raises `AssertionError` with the seed where it does otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        async with KINDS[kind](Path(folder)) as bench:
            comparison = Comparison(bench, seed)
            try:
                await comparison.run(count)
            except AssertionError as error:
                raise AssertionError(f"{kind}, seed {seed}: {error}") from error
            return comparison


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--store", choices=list(KINDS), help="one of them (default: each)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100_000, help="how many operations")
    parser.add_argument("--serve", metavar="PATH", help="be the second process on that file")
    given = parser.parse_args()
    if given.serve:
        return serve(given.serve)
    for kind in [given.store] if given.store else KINDS:
        began = time.monotonic()
        tally = asyncio.run(compared(kind, given.seed, given.count)).tally
        print(
            f"{kind}: {given.count} operations as the model does, seed {given.seed}, {time.monotonic() - began:.0f} s"
        )
        print("  " + ", ".join(f"{name.strip()} {tally[name]}" for name in sorted(tally)))
    return None


if __name__ == "__main__":
    main()
