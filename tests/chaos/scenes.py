"""Single scenes: one thing goes wrong, and what the user sees of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from servers import free_port

from .run import Redis, scene
from .wechat import FAULT, Broken, User, WeChat
from .workers import HERE, Worker, running


async def long_step(kind: str, seconds: int, killed_after: float) -> list[str]:
    """A step that takes so long, whose worker is killed in the middle. Gives what the user saw."""
    with scene(kind) as (folder, environment, _), running(2, environment, folder / "log") as workers:
        await _ready(workers)
        serving, ledger = list(workers), folder / "ledger"
        wechat = WeChat(lambda: [worker.port for worker in serving])
        seen = [await wechat.send("oA", "text", "想")]
        thinking = asyncio.create_task(wechat.send("oA", "text", str(seconds)))
        await asyncio.sleep(killed_after)
        begun = [line.split() for line in ledger.read_text().splitlines()]
        victim = next(worker for worker in workers if str(worker.process.pid) == begun[0][2])
        serving.remove(victim)  # what stands before the workers sends nobody to a dead one
        victim.kill()
        seen.append(await thinking)
        for _ in range(20):
            if "想了" in "".join(seen):
                break
            seen.append(await wechat.send("oA", "text", "继续"))
        lines = [line.split() for line in ledger.read_text().splitlines()]
        if [line[0] for line in lines] != ["begin", "begin", "end"] or len({line[1] for line in lines}) != 1:
            raise Broken(f"the step did not run anew under the same key: {lines}")
        return seen


async def click_while_choosing() -> list[str]:
    """A dialog waits at a choice, a slow menu click is answered with a placeholder, and the user chooses."""
    with scene("redis") as (folder, environment, _), running(2, environment, folder / "log") as workers:
        await _ready(workers)
        wechat = WeChat(lambda: [worker.port for worker in workers])
        seen = [await wechat.send("oB", "text", "选")]
        seen.append(await wechat.send("oB", "click", "SLOW"))
        seen.append(await wechat.send("oB", "text", "1"))
        return seen


async def store_down() -> tuple[str, int, str, str]:
    """Redis is gone, and comes back. Gives what is said meanwhile, to which push, what steps ran, and what is said afterwards."""
    with scene("redis") as (folder, environment, redis), running(1, environment, folder / "log") as workers:
        await _ready(workers)
        assert isinstance(redis, Redis)
        wechat = WeChat(lambda: [workers[0].port])
        await wechat.send("oC", "text", "想")
        redis.end()
        before = wechat.pushes
        apology = await wechat.send("oC", "text", "0")
        pushes, ledger = wechat.pushes - before, folder / "ledger"
        meanwhile = ledger.read_text() if ledger.exists() else ""
        redis.begin()
        return apology, pushes, meanwhile, await wechat.send("oC", "text", "0")


async def rolling_restart(kind: str, users: int, times: int) -> WeChat:
    """Under load, a new worker comes up and an old one is stopped, so many times. Raises `Broken`."""
    with scene(kind) as (folder, environment, _), contextlib.ExitStack() as stack:
        workers = list(stack.enter_context(running(2, environment, folder / "log")))
        await _ready(workers)
        wechat = WeChat(lambda: [worker.port for worker in workers])
        people = [User(wechat, f"o{i}", [i, 2 * i, 3 * i, 4 * i]) for i in range(users)]
        talks = [asyncio.create_task(user.talk()) for user in people]
        for _ in range(times):
            await asyncio.sleep(1)
            [new] = stack.enter_context(running(1, environment, folder / "log"))
            await new.ready()
            old = workers.pop(0)
            workers.append(new)
            old.stop()
        await asyncio.gather(*talks)
        told = [line for user in people for line in user.seen if "出错" in line or FAULT in line]
        if told or wechat.faults:
            raise Broken(f"users were told: {told}; {(folder / 'log').read_text()[-3000:]}")
        return wechat


@contextlib.contextmanager
def gunicorn(environment: dict[str, str], log: Path, *options: str) -> Iterator[int]:
    """gunicorn with the same bot as a WSGI application. Gives its port."""
    port = free_port()
    arguments = ["-b", f"127.0.0.1:{port}", *options, "chaos.served:wsgi()"]
    with (
        log.open("ab") as file,
        subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments],
            cwd=HERE.parent,
            env={**os.environ, **environment},
            stdout=file,
            stderr=file,
        ) as server,
    ):
        try:
            yield port
        finally:
            server.send_signal(signal.SIGTERM)


async def one_thread() -> tuple[list[str], list[str], int]:
    """gunicorn with one worker of one thread: a step of nine seconds, then five users with one at once.

    Gives what the first saw, what the five saw at first, and how often their messages were pushed.
    """
    with scene("sqlite") as (folder, environment, _), gunicorn(environment, folder / "log", "-w", "1") as port:
        await _answers(port)
        wechat = WeChat(lambda: [port])
        seen = [await wechat.send("oD", "text", "想"), await wechat.send("oD", "text", "9")]
        for _ in range(20):
            if "想了" in seen[-1]:
                break
            seen.append(await wechat.send("oD", "text", "继续"))
        for i in range(5):
            await wechat.send(f"o{i}", "text", "想")
        before = wechat.pushes
        at_once = await asyncio.gather(*(wechat.send(f"o{i}", "text", "9") for i in range(5)))
        return seen, list(at_once), wechat.pushes - before


async def _ready(workers: list[Worker]) -> None:
    for worker in workers:
        await worker.ready()


async def _answers(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("the server did not start")
