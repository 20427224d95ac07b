"""What more of everything costs: longer dialogs, more conversations that wait, more workers, more that are kept alive; and an import.

Conversations are made once, by real messages, and copied: a record does not name its user, so what stands under another openid
is what that user's messages would have written, to the byte. The cost of a message is that of bytes in, bytes out (`compare`), of
users who take turns between the sizes that are compared, so that a slow minute of the machine is everybody's. *Cold* is a message
to a worker that has not met the conversation: it loads the record and replays it. *Hot* are the next ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import redis
from compare import worker
from contenders.ours import bot
from conversation import ACCOUNT, COUNT, conversation, openid, push
from environment import ONE_CORE, OTHER_CORES, ROOT, running_redis
from figures import DEMANDED, Demand, shown, table

from wechat import Bot
from wechat.web import Request, respond


@dataclass(frozen=True)
class Scale:
    lengths: Sequence[int]
    crowds: Sequence[int]
    users: int  #: whose messages are timed, of each size
    imports: int


SCALES = {
    False: Scale((10, 100, 1_000, 10_000), (1_000, 100_000, 1_000_000), 40, 15),
    True: Scale((10, 100, 1_000), (1_000, 50_000), 15, 5),
}

#: messages of a user that are hot; before them come those that follow a long replay, after which nothing is in the processor's cache
HOT, WARM = 6, 3
#: messages after which a conversation has hardly begun: the word, how many, the first number
EARLY = 3
#: and those of one in its middle
LATER = 6
#: as many as a dialog says that it wants, where it is to be long
ENDLESS = 1_000_000
#: how long what is asked here waits (s): a million records take their time
PATIENT = 3_600.0
#: bytes that a value may have for a small hash to stay one block of memory
ROOMY = 512


def measure(quick: bool) -> dict[str, Any]:
    scale = SCALES[quick]
    return {
        "lengths": asyncio.run(_lengths(scale)),
        "crowds": _crowds(scale),
        "workers": _workers(quick),
        "alive": _alive(),
        "import": _import(scale.imports),
    }


# ---- records --------------------------------------------------------------------------------------------------------

Fields = Mapping[str, str]


async def _kept(texts: Sequence[str], *, at_ease: bool) -> Fields:
    """What a user who said all this leaves in the store. `at_ease`: slowly, so that only his last messages are remembered."""
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as port:
        made = _bot(port)
        user = conversation()[0].user
        for text in texts:
            await _answered(made, user, text)
        await made.aclose()
        with redis.Redis(port=port, decode_responses=True) as client:
            fields: dict[str, str] = client.hgetall(made.key(ACCOUNT, openid(user)))
    seen = sorted(name for name in fields if name.startswith("s"))
    forgotten = set(seen[:-10]) if at_ease else set()
    return {name: value for name, value in fields.items() if name not in forgotten}


def _bot(port: int) -> Bot:
    return bot(f"redis://127.0.0.1:{port}/0", expire=PATIENT)


async def _answered(made: Bot, user: int, text: str) -> float:
    """Seconds."""
    said = push(user, text)
    request = Request("POST", said.query, said.body)
    began = time.perf_counter()
    answer = await respond(made, request)
    took = time.perf_counter() - began
    if "个数".encode() not in answer.body:
        raise ValueError(f"to {text} it says {answer.body.decode()}")
    return took


def _fill(port: int, fields: Fields, users: Sequence[int]) -> None:
    """The record of each of them, as the store writes it, as fast as the server takes it."""
    lives = str(int(time.time() * 1000) + 86_400_000)
    there = "o" * len(openid(0))
    key = f"wechat-dialog:{ACCOUNT}:{there}"
    words = [text for name, value in fields.items() for text in (name, value)]
    whole = _command("HSET", key, *words) + _command("PEXPIREAT", key, lives)
    with socket.create_connection(("127.0.0.1", port)) as line:
        answers = line.makefile("rb")
        for i in range(0, len(users), 1_000):
            some = users[i : i + 1_000]
            line.sendall(b"".join(whole.replace(there.encode(), openid(user).encode()) for user in some))
            for _ in range(2 * len(some)):
                answers.readline()


def _command(*words: str) -> bytes:
    texts = [word.encode() for word in words]
    return b"*%d\r\n" % len(texts) + b"".join(b"$%d\r\n%s\r\n" % (len(text), text) for text in texts)


@dataclass(frozen=True)
class Crowd:
    """Conversations that wait in a server of their own, and who of them speaks next."""

    made: Bot
    speaks: Iterator[int]


async def _costs(crowds: Mapping[Any, Crowd], times: int) -> dict[Any, dict[str, float]]:
    """Microseconds of a cold and of a hot message of each: the medians of so many users, who take turns."""
    cold: dict[Any, list[float]] = {name: [] for name in crowds}
    hot: dict[Any, list[float]] = {name: [] for name in crowds}
    for crowd in crowds.values():  # its connections are open, and its scripts known
        await _answered(crowd.made, conversation()[0].user, "累加器")
    for _ in range(times):
        for name, crowd in crowds.items():
            user = next(crowd.speaks)
            cold[name].append(await _answered(crowd.made, user, "1"))
            hot[name] += [await _answered(crowd.made, user, "1") for _ in range(WARM + HOT)][WARM:]
    for crowd in crowds.values():
        await crowd.made.aclose()
    return {name: {"cold": 1e6 * median(cold[name]), "hot": 1e6 * median(hot[name])} for name in crowds}


# ---- longer dialogs -------------------------------------------------------------------------------------------------


async def _lengths(scale: Scale) -> dict[str, dict[str, float]]:
    """By entries of the journal."""
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as port:
        crowds, made = {}, _bot(port)
        for number, length in enumerate(scale.lengths):
            said = ["累加器", f"{ENDLESS}", *["1"] * (length - 2)]
            users = range(number << 20, (number << 20) + scale.users)
            _fill(port, await _kept(said, at_ease=True), users)
            crowds[str(length)] = Crowd(made, iter(users))
        return await _costs(crowds, scale.users)


# ---- more that wait -------------------------------------------------------------------------------------------------


def _crowds(scale: Scale) -> dict[str, Any]:
    """By conversations; the bytes of each are what the server has more than when it was empty."""
    said = ["累加器", f"{2 * COUNT}", *map(str, range(1, COUNT - 3))]
    waiting = asyncio.run(_kept(said, at_ease=False))
    sizes = {str(count): count for count in scale.crowds} | {"roomy": scale.crowds[1]}
    with contextlib.ExitStack() as stack:
        found, crowds = {}, {}
        for name, count in sizes.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            port = stack.enter_context(running_redis(folder))
            each = _waiting(port, waiting, count, roomy=name == "roomy")
            found[name] = {"conversations": count, "bytes": each}
            crowds[name] = Crowd(_bot(port), iter(range(0, count, count // scale.users)))
        costs = asyncio.run(_costs(crowds, scale.users))
        early = asyncio.run(_kept(said[:EARLY], at_ease=False))
        for name in ("early", "early, roomy"):
            port = stack.enter_context(running_redis(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
            each = _waiting(port, early, scale.crowds[1], roomy="roomy" in name)
            found[name] = {"conversations": scale.crowds[1], "bytes": each}
            costs[name] = {"hot": 0.0, "cold": 0.0}
    text = sum(len(name) + len(value.encode()) for name, value in waiting.items())
    return {name: found[name] | costs[name] | {"text": text, "fields": len(waiting)} for name in found}


def _waiting(port: int, fields: Fields, count: int, *, roomy: bool) -> float:
    """Bytes of each."""
    with redis.Redis(port=port) as client:
        if roomy:
            _make_roomy(client)
        before = client.info("memory")["used_memory"]
        _fill(port, fields, range(count))
        if client.dbsize() != count:
            raise RuntimeError(f"{client.dbsize()} records instead of {count}")
        return float(client.info("memory")["used_memory"] - before) / count


def _make_roomy(client: redis.Redis) -> None:
    try:
        client.config_set("hash-max-listpack-value", ROOMY)
    except redis.ResponseError:  # before Redis 7
        client.config_set("hash-max-ziplist-value", ROOMY)


# ---- more workers ---------------------------------------------------------------------------------------------------


def _workers(quick: bool) -> dict[str, float]:
    """Messages a second of all of them, 64 users at each, each on a core of its own, on one Redis."""
    rates: dict[str, list[float]] = {"1": [], "2": []}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack, ThreadPoolExecutor(2) as threads:
        port = stack.enter_context(running_redis(Path(folder)))
        store = f"redis://127.0.0.1:{port}/0"
        both = [
            stack.enter_context(worker("contenders.ours:inside", store, cores)) for cores in (OTHER_CORES, ONE_CORE)
        ]
        for turn in range(2 if quick else 6):
            for count in (1, 2):
                took = list(threads.map(lambda each: each.take("64 at once", 128), both[:count]))
                if turn:
                    rates[str(count)].append(sum(each["messages"] / each["wall"] for each in took))
    return {count: median(figures) for count, figures in rates.items()}


# ---- kept alive -----------------------------------------------------------------------------------------------------


def _alive() -> dict[str, dict[str, float]]:
    """Bytes of a conversation: as Python counts them, and as the system does where Python counts nothing."""
    weigh = f"{_HERE}; import growth; growth.weigh"
    return {f"{said}": {way: _told(f"{weigh}({way!r}, {said})") for way in WEIGHED} for said in (EARLY, LATER)}


def weigh(way: str, said: int) -> None:
    """Prints what a conversation takes that a worker keeps alive, waiting after so many messages.

    In a process of its own, as large as a worker is.
    """

    async def filled(made: Bot, users: Sequence[int]) -> int:
        for user in users:
            for text in ("累加器", f"{COUNT}", *map(str, range(1, said - 1))):
                await _answered(made, user, text)
        gc.collect()
        return WEIGHED[way]()

    async def each(made: Bot) -> float:
        before = await filled(made, range(100))
        after = await filled(made, range(100, 900))
        await made.aclose()
        return (after - before) / 800

    if way == "traced":
        tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as port:
        print(json.dumps(asyncio.run(each(_bot(port)))))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


WEIGHED: Mapping[str, Callable[[], int]] = {
    "traced": lambda: tracemalloc.get_traced_memory()[0],
    "resident": _resident,
}


# ---- an import ------------------------------------------------------------------------------------------------------

#: nothing of them is needed before somebody uses it
FRAMEWORKS = (
    "flask",
    "django",
    "fastapi",
    "starlette",
    "uvicorn",
    "redis",
    "aiohttp",
    "tornado",
    "sqlalchemy",
    "openai",
)

_HERE = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})"
_IMPORT = """
import json, sys, time
began = time.perf_counter()
import wechat
print(json.dumps({"ms": 1000 * (time.perf_counter() - began), "modules": sorted(sys.modules)}))
"""


def _import(times: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:  # compiled by the first, as an installed package is
        told = [_told(_IMPORT, PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=folder) for _ in range(times + 1)][1:]
    return {
        "ms": median(each["ms"] for each in told),
        "least": min(each["ms"] for each in told),
        "frameworks": [name for name in FRAMEWORKS if name in told[0]["modules"]],
    }


def _told(code: str, **environment: str) -> Any:
    """What a fresh process prints last, as JSON."""
    given = os.environ | environment
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


# ---- shown ----------------------------------------------------------------------------------------------------------


def show(found: Mapping[str, Any]) -> str:
    lengths = [(f"{int(name):,}", shown(each["hot"]), shown(each["cold"])) for name, each in found["lengths"].items()]
    crowds = [
        (f"{each['conversations']:,}{_which(name)}", shown(each["bytes"]))
        + ((shown(each["hot"]), shown(each["cold"])) if each["hot"] else ("–", "–"))
        for name, each in found["crowds"].items()
    ]
    some = next(iter(found["crowds"].values()))
    others = [
        ("messages/s, 1 worker", shown(found["workers"]["1"])),
        ("messages/s, 2 workers, and Redis on the same two cores", shown(found["workers"]["2"])),
        *(
            (f"a conversation kept alive after {said} messages, bytes: tracemalloc; resident", _both(each))
            for said, each in found["alive"].items()
        ),
        ("import wechat, ms (the least)", f"{shown(found['import']['ms'])} ({shown(found['import']['least'])})"),
        ("frameworks imported with it", ", ".join(found["import"]["frameworks"]) or "none"),
    ]
    return "\n\n".join(
        [
            "The next message, by the length of its dialog (entries of its journal):",
            table(("entries", "hot, µs", "cold, µs"), lengths),
            f"By conversations that wait in Redis ({some['fields']} fields, {some['text']:,} bytes of text each):",
            table(("waiting", "bytes each", "hot, µs", "cold, µs"), crowds),
            table(("", ""), others),
            table(DEMANDED, [demand.row() for demand in demands(found)]),
        ]
    )


def _which(name: str) -> str:
    early = f", {EARLY} messages" if "early" in name else ""
    return early + (f" (values up to {ROOMY} in one block)" if "roomy" in name else "")


def _both(each: Mapping[str, float]) -> str:
    return "; ".join(shown(each[way]) for way in WEIGHED)


def demands(found: Mapping[str, Any]) -> list[Demand]:
    lengths, crowds = found["lengths"], found["crowds"]
    shortest, *_, longest = lengths
    least, *_, most, roomy = (name for name in crowds if "early" not in name)
    return [
        Demand(
            f"{longest} entries, hot: × {shortest} entries",
            lengths[longest]["hot"] / lengths[shortest]["hot"],
            most=1.2,
        ),
        Demand("1,000 entries, cold: ms", lengths["1000"]["cold"] / 1000, most=5.0),
        Demand(f"{most} waiting, hot: × {least} waiting", crowds[most]["hot"] / crowds[least]["hot"], most=1.2),
        Demand(f"{most} waiting, cold: × {least} waiting", crowds[most]["cold"] / crowds[least]["cold"], most=1.2),
        *(
            Demand(f"kept alive after {said} messages: bytes of a conversation (aim 2,048)", each["traced"], most=4096)
            for said, each in found["alive"].items()
        ),
        Demand(f"waiting in Redis after {EARLY} messages: bytes", crowds["early"]["bytes"], most=1600),
        Demand("the same in one block", crowds["early, roomy"]["bytes"], most=700),
        Demand("waiting in Redis after 6 messages: bytes", crowds[most]["bytes"], most=1600),
        Demand("the same in one block", crowds[roomy]["bytes"], most=700),
        Demand("import wechat: ms", found["import"]["ms"], most=80),
        Demand("frameworks imported with it", len(found["import"]["frameworks"]), most=0),
    ]
