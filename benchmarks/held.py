"""Slow answers held in one worker: what they cost, and how late they are.

Whoever pushes waits for as long as it takes here (``Bot(waits=…)``), so that all are held at once. The worker is uvicorn on a real
Redis; its processor time and memory are the system's figures: while all are held and none is answered, and then until the last
is answered. *Joined* are as many deliveries that join turns of another worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from environment import free_port, running_redis, used
from figures import shown, table

from chaos.wechat import get, post
from wechat import Bot, Message, receive, reply, step
from wechat.web import asgi

HERE = Path(__file__).parent

#: seconds that whoever pushes waits
WAITS = 120
#: seconds in which all are held
QUIET = 5


def make() -> Bot:
    bot = Bot("chaos", account="gh_chaos", store=os.environ["HELD_STORE"], waits=WAITS)

    @bot.text(re.compile(r"^\d"))
    @step
    async def until(message: Message) -> str:
        """The text says when the answer is to be there; the answer says when it was."""
        await asyncio.sleep(float(message.text) - time.time())
        return f"was {time.time()}"

    return bot


app: Any = asgi.app(make(), health="/healthz") if "HELD_STORE" in os.environ else None


@contextlib.contextmanager
def worker(store: str, log: Path) -> Iterator[tuple[int, int]]:
    """Gives its port, and its process."""
    port = free_port()
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "held:app",
            "--port",
            str(port),
            "--log-level",
            "warning",
            "--backlog",
            "4096",
        ],
        cwd=HERE,
        env={**os.environ, "HELD_STORE": store},
        stderr=log.open("ab"),
    ) as process:
        try:
            yield port, process.pid
        finally:
            process.kill()


def share_of(pid: int) -> Callable[[], float]:
    """Gives how much of a core it takes from now on (%)."""
    cpu, wall = used(pid), time.monotonic()
    return lambda: 100 * (used(pid) - cpu) / (time.monotonic() - wall)


def memory(pid: int) -> float:
    """Megabytes, at most so far."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def push(port: int, user: str, number: int, end: float) -> float:
    """Seconds between an answer's being there, and its being here."""
    fields = {"ToUserName": "gh_chaos", "FromUserName": user, "CreateTime": str(int(time.time())), "MsgType": "text"}
    fields |= {"Content": f"{end}", "MsgId": f"{number}"}
    body = "".join(f"<{name}>{reply.cdata(text)}</{name}>" for name, text in fields.items())
    _, came = await post(port, f"<xml>{body}</xml>".encode())
    return time.time() - float(str(receive.fields(came)["Content"]).rpartition("was ")[2])


async def ready(port: int) -> None:
    while True:
        with contextlib.suppress(OSError, EOFError):
            await get(port, "/healthz")
            return
        await asyncio.sleep(0.1)


async def held(count: int, over: float, joined: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        store = f"redis://127.0.0.1:{stack.enter_context(running_redis(folder))}/0"
        port, pid = stack.enter_context(worker(store, folder / "log"))
        other = stack.enter_context(worker(store, folder / "log"))[0] if joined else port
        await ready(port)
        await ready(other)
        came = count / 500  # seconds: so many come in each
        first_end = time.time() + (2 if joined else 1) * (came + 2) + QUIET + 1
        ends = [first_end + over * random.random() for _ in range(count)]

        def pushing(port: int) -> list[asyncio.Task[float]]:
            return [
                asyncio.create_task(_later(i * came / count, push(port, f"o{i}", i, end))) for i, end in enumerate(ends)
            ]

        first = pushing(other)
        await asyncio.sleep(came + 2)
        waiting = first
        if joined:
            waiting = pushing(port)
            await asyncio.sleep(came + 2)
        share = share_of(pid)
        await asyncio.sleep(QUIET)
        holding, share = share(), share_of(pid)
        late = sorted(await asyncio.gather(*waiting))
        ending, weight = share(), memory(pid)
        for task in first:
            task.cancel()

    return {
        "memory": weight,
        "holding": holding,
        "ending": ending,
        "p50": 1000 * statistics.median(late),
        "p99": 1000 * late[int(0.99 * len(late))],
    }


async def _later(seconds: float, work: Coroutine[Any, Any, float]) -> float:
    await asyncio.sleep(seconds)
    return await work


#: how many, in how many seconds their answers come, and whether they join
ROWS: Mapping[bool, Sequence[tuple[int, float, bool]]] = {
    False: (
        *((100, 10.0, False), (1_000, 15.0, False), (2_000, 20.0, False), (5_000, 25.0, False)),
        *((1_000, 15.0, True), (2_000, 15.0, True)),
    ),
    True: ((100, 5.0, False), (1_000, 10.0, False)),
}


async def measure(quick: bool) -> list[dict[str, Any]]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return [
        {"count": count, "over": over, "joined": joined} | await held(count, over, joined)
        for count, over, joined in ROWS[quick]
    ]


def show(found: Sequence[Mapping[str, Any]]) -> str:
    head = ("", "MB", "held: % of a core", "while they end: % of a core", "late p50, ms", "p99, ms")
    rows = [
        [
            f"{each['count']:,} {'joined' if each['joined'] else 'held'}, ending over {each['over']:.0f} s",
            *(shown(each[key]) for key in ("memory", "holding", "ending", "p50", "p99")),
        ]
        for each in found
    ]
    return table(head, rows)
