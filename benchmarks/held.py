"""Slow answers held in one worker: what they cost, and how late they are.

    python benchmarks/held.py                  2,000 turns of one worker, their ends spread over a minute

A client behaves as WeChat: it hangs up after five seconds and pushes again, three times, and then its user fetches. The worker
is uvicorn on a real Redis; its processor time and memory are the system's figures.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

from chaos.wechat import WeChat  # noqa: E402
from servers import free_port, running_redis  # noqa: E402
from wechat import Bot, Message, step  # noqa: E402
from wechat.web import asgi  # noqa: E402


def make() -> Bot:
    bot = Bot("chaos", account="gh_chaos", store=os.environ["HELD_STORE"])

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


def used(pid: int) -> float:
    """Seconds of a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Megabytes, at most so far."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


class Held(WeChat):
    """Knows how late each answer was."""

    async def wait(self, user: str, end: float) -> float | None:
        """Seconds between an answer's being there, and its being here. Whoever got a placeholder fetches.

        None: it left with a push that was given up just then, and counts as read.
        """
        said = await self.send(user, "text", f"{end}")
        while "was" not in said:
            if "没有新的" in said or "出错" in said:
                return None
            said = await self.send(user, "text", "继续")
        return time.time() - float(said.rpartition("was ")[2])


async def ready(port: int) -> None:
    from chaos.wechat import get

    while True:
        with contextlib.suppress(OSError, EOFError):
            await get(port, "/healthz")
            return
        await asyncio.sleep(0.1)


async def measure(count: int, over: float) -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        store = f"redis://127.0.0.1:{stack.enter_context(running_redis(folder))}/0"
        port, pid = stack.enter_context(worker(store, folder / "log"))
        await ready(port)
        began = time.time()
        ends = [began + 8 + over * random.random() for _ in range(count)]
        wechat = Held(lambda: [port])
        cpu, wall = used(pid), time.monotonic()
        came = await asyncio.gather(*(wechat.wait(f"o{i}", end) for i, end in enumerate(ends)))
        cpu, wall = used(pid) - cpu, time.monotonic() - wall
        late = sorted(seconds for seconds in came if seconds is not None)
        print(
            f"{count} held, ends over {over:.0f} s: {memory(pid):.0f} MB, {100 * cpu / wall:.0f} % of a core, "
            f"late p50 {1000 * statistics.median(late):.0f} ms, p99 {1000 * late[int(0.99 * len(late))]:.0f} ms; {wechat.pushes} pushes, {count - len(late)} answers left with a push that was given up"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--over", type=float, default=60.0)
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(measure(given.count, given.over))


if __name__ == "__main__":
    main()
