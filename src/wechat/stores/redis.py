"""Records in Redis (or Valkey), one hash each, which workers on several machines may share.

Rules that this file obeys:

1. Whatever must happen as one is one script, which Redis runs alone: ``patch.lua`` writes, and loading and looking are
   scripts for the sake of the time that comes with them.
2. A script has one key, and names it. Nothing else is touched, so records may lie on several servers.
3. Connections belong to one event loop of one process. Another loop gets its own; what a fork inherited is never used,
   and never closed, for it is the parent's. A loop that ends closes what is its own.
4. A command that a lost connection cut off is sent once more: every one of them may be made twice. One that is slow is
   not: the user can still be told within WeChat's five seconds.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import os
import re
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from urllib.parse import urlsplit

import anyio

from ..errors import ConfigurationError, StoreUnreachable
from . import Bell, Loaded, Patch, Written, pauses, wrong

try:
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as Disconnected
    from redis.exceptions import RedisError
except ImportError:
    raise ConfigurationError("a store in Redis needs the package redis: pip install 'wechat-dialog[redis]'") from None

_PATCH = (importlib.resources.files(__package__) / "patch.lua").read_text("utf-8")
_LOAD = "return {redis.call('TIME'), redis.call('HGETALL', KEYS[1])}"
_LOOK = "return {redis.call('TIME'), redis.call('HGET', KEYS[1], 'v')}"

#: what stands behind the server in a URL
_PATHS = {"redis": r"(/\d*)?", "rediss": r"(/\d*)?", "unix": "/.+"}
#: the field that holds the version. A record's own fields that begin with it get another one in front
_VERSION = "v"
#: seconds to wait for an answer: short enough that the user can still be told within WeChat's five
_PATIENCE = 3.0
#: connections of one process; more commands at once wait for one of them
_CONNECTIONS = 32


class RedisStore:
    """Keeps records in the Redis that `url` names: ``redis://``, ``rediss://`` (TLS) or ``unix://``. `patience`: seconds.

    Raises `ConfigurationError` for a URL that names none.
    """

    def __init__(self, url: str, *, patience: float = _PATIENCE) -> None:
        self._url, self._patience = url, patience
        self._bell = Bell()
        self._line: _Line | None = None
        self._inherited: list[_Line] = []
        self._where = _shown(url)
        self._ahead = 0.0  # the store's time, less the local monotonic clock
        self._check()

    def __repr__(self) -> str:
        return f"RedisStore({self._where!r})"

    async def load(self, key: str) -> Loaded:
        now, fields = await self._run("load", key)
        return _loaded(self._heard(now), fields)

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        drop = [_name(name) for name in patch.drop]
        put = [text for name, value in patch.put.items() for text in (_name(name), value)]
        expires = "" if patch.expires is None else patch.expires
        done, now, *fields = await self._run("patch", key, version, patch.version, expires, len(drop), *drop, *put)
        if not done:
            return _loaded(self._heard(now), fields[0])
        if patch.wake:
            self._bell.ring(key)
        return Written(self._heard(now))

    async def wait(self, key: str, until: int, seen: str | None = None) -> None:
        """As every store's; what another process writes, waking or not, is noticed within a quarter of a second."""
        with self._bell.listening(key) as rung:
            there = await self._look(key)
            if seen is not None and there != seen:
                return
            with anyio.move_on_after((until - self._ahead) / 1000 - time.monotonic()):
                for pause in pauses():
                    with anyio.move_on_after(pause):
                        await rung.wait()
                        break
                    if await self._look(key) != there:
                        break

    async def erase(self, key: str) -> None:
        await self._run("erase", key)

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is not None and line.usable():
            with anyio.CancelScope(shield=True):
                await line.close()

    async def _look(self, key: str) -> str:
        now, version = await self._run("look", key)
        self._heard(now)
        return version or ""

    def _heard(self, time_: Sequence[str]) -> int:
        """The store's time, in milliseconds."""
        now = int(time_[0]) * 1000 + int(time_[1]) // 1000
        self._ahead = now - time.monotonic() * 1000
        return now

    async def _run(self, command: str, key: str, *arguments: Any) -> Any:
        try:
            if self._line is None or not self._line.usable():
                self._line = await self._connected()
            return await self._line.commands[command](keys=[key], args=arguments)
        except (RedisError, OSError) as error:
            raise StoreUnreachable(f"the Redis at {self._where} cannot be used: {error}") from error

    async def _connected(self) -> _Line:
        if self._line is not None and self._line.process != os.getpid():
            self._inherited.append(self._line)
        line = _Line(self._pool())
        await line.open()
        return line

    def _check(self) -> None:
        """Raises `ConfigurationError` for a URL that names no Redis, or has options that nobody knows. Opens nothing."""
        try:
            parts = urlsplit(self._url)
            if not re.fullmatch(_PATHS[parts.scheme], parts.path):
                raise ValueError("the path must be the number of a database, or with unix:// that of a socket")
            self._pool().make_connection()  # type: ignore[no-untyped-call]
        except (KeyError, ValueError, TypeError, RedisError) as error:
            raise wrong(f"is no URL of a Redis, {self._where!r} ({error})") from None

    def _pool(self) -> BlockingConnectionPool:
        return BlockingConnectionPool.from_url(
            self._url,
            max_connections=_CONNECTIONS,
            timeout=self._patience,
            socket_timeout=self._patience,
            socket_connect_timeout=self._patience,
            retry=Retry(NoBackoff(), 1, (Disconnected,)),
            retry_on_error=[Disconnected],  # redis-py before 6 looks here
            decode_responses=True,
            protocol=2,
        )


class _Line:
    """The connections of one process and one event loop."""

    def __init__(self, pool: BlockingConnectionPool) -> None:
        self.process = os.getpid()
        self._loop = asyncio.get_running_loop()
        self._client = Redis(connection_pool=pool)
        script = self._client.register_script
        self.commands = {
            "load": script(_LOAD),
            "look": script(_LOOK),
            "patch": script(_PATCH),
            "erase": script("return redis.call('UNLINK', KEYS[1])"),
        }
        self._life = self._living(pool)

    def usable(self) -> bool:
        return self.process == os.getpid() and self._loop is asyncio.get_running_loop()

    async def open(self) -> None:
        await anext(self._life)

    async def close(self) -> None:
        await self._life.aclose()

    async def _living(self, pool: BlockingConnectionPool) -> AsyncGenerator[None, None]:
        # a generator, because an event loop that ends closes those that were begun on it (`shutdown_asyncgens`)
        try:
            yield
        finally:
            await pool.disconnect()


def _name(name: str) -> str:
    return _VERSION + name if name.startswith(_VERSION) else name


def _loaded(now: int, flat: Sequence[str]) -> Loaded:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    version = fields.pop(_VERSION, "")
    return Loaded(version, {_unnamed(name): value for name, value in fields.items()}, now)


def _unnamed(name: str) -> str:
    return name.removeprefix(_VERSION)


def _shown(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
