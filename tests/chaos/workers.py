"""Worker processes, killed and begun anew, each on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from servers import free_port

from .wechat import get

HERE = Path(__file__).parent


class Worker:
    """One of them."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port, self._environment, self._log = free_port(), environment, log
        self.process = self._begin()

    def _begin(self) -> subprocess.Popen[bytes]:
        arguments = [
            "chaos.served:app",
            "--port",
            str(self.port),
            "--log-level",
            "warning",
            "--timeout-graceful-shutdown",
            "10",
        ]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "uvicorn", *arguments],
                cwd=HERE.parent,
                env={**os.environ, **self._environment},
                stdout=log,
                stderr=log,
            )

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """In good order."""
        self.process.terminate()

    def again(self) -> None:
        self.process = self._begin()

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def ready(self) -> None:
        for _ in range(600):
            with contextlib.suppress(OSError, EOFError):
                await get(self.port, "/healthz")
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"a worker did not start: {self._log.read_text()[-2000:]}")


@contextlib.contextmanager
def running(count: int, environment: dict[str, str], log: Path) -> Iterator[list[Worker]]:
    workers = [Worker(environment, log) for _ in range(count)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.signal(signal.SIGCONT)
            worker.kill()


async def harass(workers: list[Worker], every: float, *, stops: bool) -> int:
    """Kill one after the other, for ever; sometimes only stop it for a while. Gives, when cancelled, how many."""
    count = 0
    try:
        while True:
            await asyncio.sleep(every * (0.5 + random.random()))
            worker = random.choice(workers)
            count += 1
            if stops and random.random() < 0.3:
                worker.signal(signal.SIGSTOP)
                await asyncio.sleep(random.choice([1, 4, 8]))
                worker.signal(signal.SIGCONT)
            else:
                worker.kill()
                worker.again()
                await worker.ready()
    except asyncio.CancelledError:
        return count
