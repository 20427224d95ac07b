"""Keeps one worker running: begins it, ends it, and begins it anew where it died, or where its code changed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .channel import MOST, Channel
from .worker import KEY, STAGE

#: seconds between two looks at the files, and before one that died is begun anew
EVERY, AGAIN = 0.5, 0.5
#: seconds that one has to end in good order
GRACE = 12.0


@dataclasses.dataclass(frozen=True)
class Status:
    """How the worker is: starting, up, down, or broken (`why` is then what is wrong with its code)."""

    state: str = "down"
    number: int = 0
    pid: int | None = None
    since: int = 0
    why: str = ""
    changed: tuple[str, ...] = ()


class Crew:
    """One worker after another. `told` is told whatever it says, and `shown` how it is."""

    def __init__(
        self,
        bot: str,
        path: str,
        told: Callable[[Mapping[str, Any]], None],
        shown: Callable[[Status], None],
        environment: Mapping[str, str],
    ) -> None:
        self.status = Status()
        self.port = 0  # where the worker serves, when it is up
        self.up = asyncio.Event()
        self._bot, self._path, self._told, self._shown = bot, path, told, shown
        self._key, self._environment = secrets.token_urlsafe(24), environment
        self._channel: Channel | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._files: dict[str, float] = {}
        self._ending = False
        self._turn = asyncio.Lock()  # one at a time begins and ends it
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Listen for workers, begin one, and look after it."""
        self._listener = await asyncio.start_server(self._heard, "127.0.0.1", 0, limit=MOST)
        await self.restart()
        self._tasks = [asyncio.ensure_future(self._look_after())]

    async def end(self) -> None:
        self._ending = True
        for task in self._tasks:
            task.cancel()
        async with self._turn:
            await self._stop(kill=False)
        self._listener.close()

    def tell(self, **said: Any) -> None:
        """Say something to the worker, if there is one."""
        if self._channel is not None:
            self._channel.tell(**said)

    async def restart(self, *, kill: bool = False, changed: Sequence[str] = ()) -> None:
        """End the worker (or kill it, at once), and begin another."""
        async with self._turn:
            await self._stop(kill=kill)
            await self._start(tuple(changed))

    # ---- one worker -------------------------------------------------------------------------------------------------

    async def _start(self, changed: tuple[str, ...]) -> None:
        number = self.status.number + 1
        host, port = self._listener.sockets[0].getsockname()[:2]
        channel = {STAGE: f"{host}:{port}", KEY: self._key, "PYTHONUNBUFFERED": "1"}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", f"{__package__}.worker", self._bot, self._path, f"w{number}"),
            env={**os.environ, **self._environment, **channel},
            stdin=asyncio.subprocess.DEVNULL,
        )
        self._show(state="starting", number=number, pid=self._process.pid, why="", changed=changed)

    async def _stop(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self.up.clear()  # whoever has something for it waits for the next
        if kill or self._channel is None:  # one that is only beginning hears nothing yet, and has nothing to finish
            _kill(process)
        else:
            self.tell(do="stop")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE)
            _kill(process)
        await process.wait()
        self._down()

    def _down(self) -> None:
        self.up.clear()
        self.port, self._channel = 0, None
        if self.status.state != "broken":
            self._show(state="down", pid=None)

    def _show(self, **more: Any) -> None:
        self.status = dataclasses.replace(self.status, since=time.time_ns() // 1_000_000, **more)
        self._shown(self.status)

    # ---- what it says -----------------------------------------------------------------------------------------------

    async def _heard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel = Channel(reader, writer)
        said = channel.told()
        try:
            first: Mapping[str, Any] = await anext(said, {})
            if not secrets.compare_digest(str(first.get("key", "")), self._key):
                return
            self._channel = channel
            async for one in said:
                self._hear(one)
        finally:
            await channel.close()
            if self._channel is channel:
                self._channel = None

    def _hear(self, said: Mapping[str, Any]) -> None:
        if "files" in said:
            self._files = {file: _changed(file) for file in said["files"]}
        if "broken" in said:
            self._show(state="broken", why=said["broken"])
        elif "up" in said:
            self.port = said["port"]
            self._told(said)
            self._show(state="up", why="")
            self.up.set()
        else:
            self._told(said)

    # ---- looking after it -------------------------------------------------------------------------------------------

    async def _look_after(self) -> None:
        while not self._ending:
            await asyncio.sleep(EVERY)
            changed = [file for file, before in self._files.items() if _changed(file) != before]
            if changed:
                self._files.update((file, _changed(file)) for file in changed)
                await self.restart(changed=[Path(file).name for file in changed])
            elif self._died() and self.status.state != "broken":
                async with self._turn:
                    self._process = None
                    self._down()
                    await asyncio.sleep(AGAIN)
                    await self._start(())

    def _died(self) -> bool:
        return self._process is not None and self._process.returncode is not None


def _changed(file: str) -> float:
    """When it was changed; 0 where there is none."""
    try:
        return os.stat(file).st_mtime
    except OSError:
        return 0.0


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
