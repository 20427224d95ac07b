"""Records in Redis (or Valkey), one hash each, which workers on several machines may share.

Rules that this file obeys:

1. Whatever must happen as one is one script, which Redis runs alone: ``patch.lua`` writes, and loading and looking are
   scripts for the sake of the time that comes with them.
2. A script has one key, and names it. Nothing else is touched, so records may lie on several servers.
3. Connections belong to one event loop of one process. Another loop gets its own; what a fork inherited is never used,
   and never closed, for it is the parent's. A loop that ends closes what is its own.
4. A command that a lost connection cut off is sent once more: every one of them may be made twice. One that is slow is
   not: the user can still be told within WeChat's five seconds.
5. What wakes is published on a channel named as the key is, and each event loop listens on one connection for all who wait
   there. Whoever waits looks again and again until its channel is heard, and is woken where that connection breaks.
6. One pipeline is under way at a time: who comes meanwhile waits for it, and all who wait go together. Where several did,
   who comes next is likely not alone either, and waits for the others of that moment. So one user's command is sent at
   once, and a thousand users' cost a fraction of a thousand. One connection does: a server does one thing at a time, too.
7. What the server is like is looked at once in each process, behind the first answer: it delays nothing, and fails nothing.
8. Where the records lie on several servers, or on one that changes, `topology` knows it, and each server has a line of its
   own: one that is gone holds up nobody else. Who is told that another server has the record goes there. Who meets a server
   that cannot be used asks anew which it is, and goes there if that is another; else the caller asks again, with the same
   patch.
9. Where the URL says that replicas must have a write (``wait_replicas``), WAIT follows it on the same connection, and where
   too few have it in time, the store counts as not reached. The patch is on record all the same: made again, it writes its
   version once more, so that WAIT asks of the replicas what they have now, and not what this connection wrote last, which
   may be nothing. Nobody hears "written" before they have it; who loads meanwhile sees it, and what they write on it is
   waited for together with it.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import logging
import os
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import anyio

from ..errors import ConfigurationError, StoreUnreachable
from . import Alarm, Bell, Loaded, Patch, Signal, Written, after_fork, pauses, wrong

try:
    from redis.asyncio import Redis
    from redis.exceptions import ConnectionError as Disconnected
    from redis.exceptions import NoScriptError, RedisError, ResponseError
    from redis.exceptions import TimeoutError as SlowAnswer
except ImportError:
    raise ConfigurationError("a store in Redis needs the package redis: pip install 'wechat-dialog[redis]'") from None

from .topology import STRAY, Address, Way, Wrong, code, pool, redirected, servers
from .wire import Wire

_PATCH = (importlib.resources.files(__package__) / "patch.lua").read_text("utf-8")
_LOAD = "return {redis.call('TIME'), redis.call('HGETALL', KEYS[1])}"
_LOOK = "return {redis.call('TIME'), redis.call('HGET', KEYS[1], 'v')}"
#: it writes first, whether or not there is anything: made again on another connection, it is waited for as well
_ERASE = (
    "redis.pcall('PUBLISH', KEYS[1], '') redis.pcall('HSET', KEYS[1], 'v', '') return redis.call('UNLINK', KEYS[1])"
)
_SCRIPTS = {"load": _LOAD, "look": _LOOK, "patch": _PATCH, "erase": _ERASE}

#: what stands behind the server in a URL that names one
_PATHS = {"redis": r"(/\d*)?", "rediss": r"(/\d*)?", "unix": "/.+"}
#: the field that holds the version. A record's own fields that begin with it get another one in front
_VERSION = "v"
#: seconds to wait for an answer: short enough that the user can still be told within WeChat's five
_PATIENCE = 3.0
#: how often a command is sent on to another server
_SENT_ON = 5
#: seconds before a connection that broke is opened again to listen on
_APART = 0.25

_CLOSED = "the connection was closed"

_log = logging.getLogger("wechat.stores")


class RedisStore:
    """Keeps records in the Redis that `url` names: ``redis://``, ``rediss://`` (TLS) or ``unix://``. `patience`: seconds.

    ``redis+cluster://host:port,host:port`` names a Cluster by some of its nodes, ``redis+sentinel://host:port,host:port/name``
    the master that these Sentinels know by that name (``rediss+…``: with TLS). Raises `ConfigurationError` for a URL that
    names none.
    """

    def __init__(self, url: str, *, patience: float = _PATIENCE) -> None:
        self.url, self._patience = url, patience
        self._bell = Bell()
        self._lines: _Lines | None = None
        self._inherited: list[_Lines] = []
        self._where = _shown(url)
        self._ahead = 0.0  # the store's time, less the local monotonic clock
        self._inspected = 0  # in which process
        self.way = self._checked()
        after_fork(self, RedisStore._inherit)

    def __repr__(self) -> str:
        return f"RedisStore({self._where!r})"

    def _inherit(self) -> None:
        """What was open is the parent's: neither used nor closed, also where the same event loop goes on here."""
        lines, self._lines = self._lines, None
        if lines is not None:
            self._inherited.append(lines)

    async def load(self, key: str) -> Loaded:
        ear = await self._ear()
        before = ear.known(key)
        now, fields = await self._run("load", key)
        loaded = _loaded(self._heard(now), fields)
        ear.saw(key, loaded.version, before)
        return loaded

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        drop = [_name(name) for name in patch.drop]
        put = [text for name, value in patch.put.items() for text in (_name(name), value)]
        expires, wake = "" if patch.expires is None else patch.expires, int(patch.wake)
        done, now, *more = await self._run("patch", key, version, patch.version, expires, wake, len(drop), *drop, *put)
        if not done:
            return _loaded(self._heard(now), more[0])
        if more:
            (await self._ear()).vain = True
        if patch.wake:
            self._bell.ring(key)
        return Written(self._heard(now))

    async def wait(self, key: str, until: int, seen: str | None = None) -> None:
        """As every store's; what another process writes without waking, or while nothing is heard, is noticed a little later."""
        with self._bell.listening(key) as rung:
            ear = await self._ear()
            known = ear.known(key)  # before the look: what comes after it is either seen or heard
            there = seen if seen is not None and known == seen else await self._look(key)
            if seen is not None and there != seen:
                return
            if known is not None or not await self._changes(key, there, until, rung):
                await ear.alarm.within(until, self._left(until), rung)

    async def _changes(self, key: str, there: str, until: int, rung: Signal) -> bool:
        """Look until something is there, or its channel is heard. Gives whether something is, or it is time."""
        for pause in pauses():  # the first is before anybody listens: most waits are over before it would pay
            left = self._left(until)
            if left <= 0 or await rung.within(min(pause, left)):
                return True
            ear = await self._ear()
            ear.attend(key)
            heard = ear.known(key) is not None
            if await self._look(key) != there:
                return True
            if heard:
                break
        return False

    def _left(self, until: int) -> float:
        """Seconds until the store's clock says so."""
        return (until - self._ahead) / 1000 - time.monotonic()

    async def erase(self, key: str) -> None:
        await self._run("erase", key)

    async def close(self) -> None:
        lines, self._lines = self._lines, None
        if lines is not None and lines.usable():
            with anyio.CancelScope(shield=True):
                await lines.close()

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
            lines = self._usable() or await self._opened()
            answer = await (lines.only or lines).ask(command, key, arguments)
        except (RedisError, OSError) as error:
            raise self._unreachable(error) from error
        if self._inspected != lines.process:
            self._inspected = lines.process
            lines.beside(lines.inspect(self._where))
        return answer

    async def _ear(self) -> _Ear:
        try:
            return (self._usable() or await self._opened()).ear
        except (RedisError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> StoreUnreachable:
        return StoreUnreachable(f"the Redis at {self._where} cannot be used: {error}")

    def _usable(self) -> _Lines | None:
        """The connections, where they are open here and now."""
        lines = self._lines
        return lines if lines is not None and lines.usable() else None

    async def _opened(self) -> _Lines:
        """The connections that belong here and now."""
        lines = self._usable()
        if lines is None:
            if self._lines is not None and self._lines.process != os.getpid():
                self._inherit()
            lines = self._lines = _Lines(self.way, self._bell, self._patience)
            await lines.open()
        return lines

    def _checked(self) -> Way:
        """What the URL says. Raises `ConfigurationError` where it names no Redis, or has options that nobody knows. Opens nothing."""
        wrongly = f"is no URL of a Redis, {self._where!r}"
        try:
            way = Way.read(self.url)
            parts = urlsplit(way.to(*way.servers[:1]))
            port = parts.port
        except Wrong as error:
            raise wrong(f"{wrongly} ({error}; write # / ? @ in a password as %23 %2F %3F %40)") from None
        except ValueError:  # which may repeat what stands in the place of the port
            raise wrong(f"{wrongly} (write # / ? @ in a password as %23 %2F %3F %40)") from None
        if port == 0 or not re.fullmatch(_PATHS.get(parts.scheme, ""), parts.path):
            path = "the path must be the number of a database, or with unix:// that of a socket"
            raise wrong(f"{wrongly} ({path}; write # / ? @ in a password as %23 %2F %3F %40)")
        if way.waits[0] and way.waits[1] >= self._patience * 1000:
            raise wrong(f"{wrongly} (wait_ms must be less than {self._patience * 1000:g})")
        try:
            for url in (way.to(*way.servers[:1]), *map(way.to_sentinel, way.servers[:1])):
                pool(url, self._patience).make_connection()  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, RedisError) as error:
            raise wrong(f"{wrongly} ({error})") from None
        return way


class _Line:
    """The commands that one process, on one event loop, has under way to one server."""

    def __init__(
        self,
        client: Redis,
        waits: tuple[int, int],
        patience: float,
        beside: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._client, self._waits, self._patience, self.beside = client, waits, patience, beside
        self._names = {name: client.register_script(script).sha for name, script in _SCRIPTS.items()}
        self._closed = False
        self._wire: Wire | None = None  # on which all fly
        self._flying = False
        self._together = False  # whether several flew together last
        self._waiting: list[_Asked] = []
        self._apart: set[Wire] = set()  # those on which a single command is asked

    async def ask(self, command: str, key: str, arguments: Sequence[Any]) -> Any:
        """What the server answers."""
        if self._closed:
            raise Disconnected(_CLOSED)
        asked = _Asked(command, key, arguments)
        if self._flying or self._together:
            if not (self._flying or self._waiting):
                self._loop.call_soon(self._next)
            asked.answer = self._loop.create_future()
            self._waiting.append(asked)
            came = await asked.answer
        else:
            [came] = await self._flown([asked])
        if isinstance(came, Exception):
            raise came
        return came

    async def _flown(self, crew: Sequence[_Asked]) -> list[Any]:
        """Send these, and have those who wait then sent behind them. Gives the answers, or what is wrong."""
        self._flying = True
        try:
            self._wire = self._wire or self._made()
            return await self._answers(self._wire, crew)
        except (RedisError, OSError) as error:
            if isinstance(error, Disconnected | SlowAnswer | OSError):  # whoever waits would wait in vain, too
                waiting, self._waiting = self._waiting, []
                _answer(waiting, [error] * len(waiting))
            return [error] * len(crew)
        finally:
            self._flying = False
            self._next()

    def _next(self) -> None:
        """Send those who wait, if nobody is under way."""
        if self._flying or not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        self._flying, self._together = True, len(waiting) > 1
        flight = self.beside(self._fly_for(waiting))
        flight.add_done_callback(lambda _: _answer(waiting, [Disconnected(_CLOSED)] * len(waiting)))  # it was cancelled

    async def _fly_for(self, crew: Sequence[_Asked]) -> None:
        _answer(crew, await self._flown(crew))

    async def ask_where_it_comes(self, command: str, key: str, arguments: Sequence[Any]) -> Any:
        """What the server answers to which a Cluster moves the record just now."""
        wire = self._made()
        self._apart.add(wire)
        try:
            [came] = await self._sent(wire, [_Asked(command, key, arguments)], whole=True, asking=True)
        finally:
            self._apart.discard(wire)
            await wire.close()
        if isinstance(came, Exception):
            raise came
        return came

    async def _answers(self, wire: Wire, crew: Sequence[_Asked]) -> list[Any]:
        answers = await self._sent(wire, crew)
        unknown = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:  # the server was begun anew
            again = await self._sent(wire, [crew[i] for i in unknown], whole=True)
            for i, answer in zip(unknown, again, strict=True):
                answers[i] = answer
        return answers

    async def _sent(
        self, wire: Wire, crew: Sequence[_Asked], *, whole: bool = False, asking: bool = False
    ) -> list[Any]:
        """The answers, or what is wrong with one command alone. `whole`: with their scripts, which the server may not know."""
        sent, packed = list[int](), [wire.pack("ASKING")] if asking else []
        answers: list[Any] = [None] * len(crew)
        for i, asked in enumerate(crew):
            how = ("EVAL", _SCRIPTS[asked.command]) if whole else ("EVALSHA", self._names[asked.command])
            try:
                packed.append(wire.pack(*how, 1, asked.key, *asked.arguments))
                sent.append(i)
            except (ValueError, TypeError) as error:
                answers[i] = error
        if not sent:
            return answers
        if self._waits[0]:
            packed.append(wire.pack("WAIT", *self._waits))
        came = (await wire.ask(packed))[int(asking) :]
        if self._waits[0]:
            came = self._kept([crew[i] for i in sent], came)
        for i, answer in zip(sent, came, strict=True):
            answers[i] = answer
        return answers

    def _made(self) -> Wire:
        connection = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        return Wire(connection, self._patience)

    def _kept(self, crew: Sequence[_Asked], answers: list[Any]) -> list[Any]:
        """The answers, of which the last is to WAIT: where too few replicas have what was written, it was not reached."""
        needed, ms = self._waits
        *answers, having = answers
        if not isinstance(having, Exception):
            if having >= needed:
                return answers
            having = _TooFew(f"{having} of {needed} replicas had what was written within {ms} ms")
        return [having if _wrote(asked, came) else came for asked, came in zip(crew, answers, strict=True)]

    async def inspect(self, where: str) -> None:
        """Log what the server's settings would lose. What it does not tell, as a managed one may not, is no fault."""
        memory = await _told(self._client.info("memory"))
        disk = await _told(self._client.info("persistence"))
        snapshots = await _told(self._client.config_get("save"))
        for fault in _faults(memory, disk, snapshots):
            _log.warning("the Redis at %s can lose conversations: %s", where, fault)

    def close(self) -> None:
        """For good: whoever waits is told so, and whoever is under way when that is cancelled, or its connection is cut."""
        self._closed = True
        waiting, self._waiting = self._waiting, []
        _answer(waiting, [Disconnected(_CLOSED)] * len(waiting))

    async def hang_up(self) -> None:
        for wire in (self._wire, *self._apart):
            if wire is not None:
                await wire.close()


class _Lines:
    """The connections of one process and one event loop, to all servers."""

    def __init__(self, way: Way, bell: Bell, patience: float) -> None:
        self.process = os.getpid()
        self._loop = asyncio.get_running_loop()
        self._waits, self._patience = way.waits, patience
        self.servers = servers(way, patience)
        self._lines: dict[Address | None, _Line] = {}
        self.ear = _Ear(bell, self._to_listen, patience, self.beside)
        self._listening_at: Address | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._learning: asyncio.Task[None] | None = None
        self._unlearned: Exception | None = None
        #: the line to a server that is the only one, and stays so
        self.only = None if way.kind else self._to(None)
        self._life = self._living()

    # ---- which server

    async def ask(self, command: str, key: str, arguments: Sequence[Any]) -> Any:
        """What the server answers that keeps `key`."""
        server, asking = await self._found(key) if self.servers.stale else self.servers.of(key), False
        for _ in range(_SENT_ON):
            line = self._to(server)
            try:
                return await (line.ask_where_it_comes if asking else line.ask)(command, key, arguments)
            except (RedisError, OSError) as error:
                server, asking = await self._elsewhere(server, key, error)
        return await self._to(server).ask(command, key, arguments)

    async def _elsewhere(
        self, server: Address | None, key: str, error: RedisError | OSError
    ) -> tuple[Address | None, bool]:
        """Whom to ask instead, and whether it must be told that the record comes to it just now. Raises `error` if nobody."""
        said = code(error)
        if said == "ASK":
            return redirected(error, server), True
        if said == "MOVED":
            self.servers.moved(key, redirected(error, server))
            self._learn_beside()
            return self.servers.of(key), False
        if said in STRAY or isinstance(error, Disconnected | SlowAnswer | OSError):
            self.servers.stale = True
            if not isinstance(error, SlowAnswer) and (found := await self._found(key)) != server:
                return found, False
        raise error

    def _to(self, server: Address | None) -> _Line:
        if server not in self._lines:
            self._lines[server] = _Line(self.servers.client(server), self._waits, self._patience, self.beside)
        return self._lines[server]

    async def _found(self, key: str) -> Address | None:
        """The server that keeps `key`, as those who know say now."""
        await self._learned()
        return self.servers.of(key)

    async def _learned(self) -> None:
        """Learn who keeps what, together with all who want to know."""
        learning = self._learn_beside()
        await asyncio.wait({learning})
        if learning.cancelled():
            raise Disconnected(_CLOSED)
        if self._unlearned is not None:
            raise self._unlearned

    def _learn_beside(self) -> asyncio.Task[None]:
        if self._learning is None or self._learning.done():
            self._learning = self.beside(self._learn())
        return self._learning

    async def _learn(self) -> None:
        try:
            await self.servers.learn()
        except (RedisError, OSError) as error:
            self._unlearned = error
            return
        self._unlearned = None
        if self._listening_at not in self.servers.masters():  # it may be cut off from the others, and hear nothing
            self.ear.hang_up()

    async def _to_listen(self) -> Any:
        """A new connection to listen on."""
        if self.servers.stale:
            await self._learned()
        self._listening_at = self.servers.any()
        return self.servers.client(self._listening_at).connection_pool.make_connection()  # type: ignore[no-untyped-call]

    async def inspect(self, where: str) -> None:
        for master in self.servers.masters():
            await self._to(master).inspect(f"{where} ({master})" if master else where)

    # ---- opening and closing

    def usable(self) -> bool:
        return self._loop is asyncio.get_running_loop()

    async def open(self) -> None:
        await anext(self._life)

    async def close(self) -> None:
        await self._life.aclose()

    def beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do `work` while others go on, until the lines are closed."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _living(self) -> AsyncGenerator[None, None]:
        # a generator, because an event loop that ends closes those that were begun on it (`shutdown_asyncgens`)
        try:
            yield
        finally:
            for line in self._lines.values():
                line.close()
            tasks = set(self._tasks)
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=self._patience)
            for line in self._lines.values():
                await line.hang_up()
            await self.servers.close()


class _TooFew(RedisError):
    """What was written is on fewer replicas than it must be."""


class _Asked:
    """A command, and who waits for its answer, if it waits for others."""

    __slots__ = ("answer", "arguments", "command", "key")

    def __init__(self, command: str, key: str, arguments: Sequence[Any]) -> None:
        self.command, self.key, self.arguments = command, key, arguments
        self.answer: asyncio.Future[Any] | None = None


def _wrote(asked: _Asked, came: Any) -> bool:
    """Whether that answer is to a write. A patch that was refused wrote nothing."""
    if isinstance(came, Exception):
        return False
    return asked.command == "erase" or (asked.command == "patch" and bool(came[0]))


def _answer(crew: Sequence[_Asked], answers: Sequence[Any]) -> None:
    for asked, came in zip(crew, answers, strict=True):
        if asked.answer is None or asked.answer.done():  # whoever asked has given up
            continue
        if isinstance(came, Exception):
            asked.answer.set_exception(came)
        else:
            asked.answer.set_result(came)


async def _told(answer: Awaitable[Any]) -> Mapping[str, Any]:
    """What the server tells; nothing where it refuses."""
    try:
        return dict(await answer)
    except (RedisError, OSError):
        return {}


def _faults(memory: Mapping[str, Any], disk: Mapping[str, Any], snapshots: Mapping[str, Any]) -> Iterator[str]:
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory") and policy != "noeviction":
        yield f"when its memory is full it drops some (maxmemory-policy {policy}); set maxmemory-policy noeviction"
    if disk.get("aof_enabled") == 0 and snapshots.get("save") == "":
        yield (
            "it writes nothing to its disk; set appendonly yes, with appendfsync always, or with appendfsync everysec "
            "where the last second may be lost"
        )


class _Ear:
    """Hears what other processes wake, on one connection for all who wait on its event loop. Opened by the first of them."""

    def __init__(
        self,
        bell: Bell,
        connection: Callable[[], Awaitable[Any]],
        patience: float,
        beside: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._bell, self._connection, self._patience, self._beside = bell, connection, patience, beside
        self._changed, self.alarm = asyncio.Event(), Alarm()
        self._open: Any = None  # the connection
        self._asked: set[str] = set()  # what it listens to, or has asked to
        #: what it hears, and the version that stands there; an object() where nobody knows
        self._known: dict[str, object] = {}
        self._life: asyncio.Task[None] | None = None
        self.vain = False  # the server lets nobody publish

    def attend(self, key: str) -> None:
        """Somebody waits for `key`, and the bell knows it. Raises `UnicodeEncodeError` for what cannot be a key."""
        key.encode()
        if key not in self._asked:
            self._changed.set()
        if self._life is None or self._life.done():
            self._life = self._beside(self._live())

    def hang_up(self) -> None:
        """Who waits is woken, and listens elsewhere."""
        if self._open is not None and self._life is not None:
            self._life.cancel()

    def known(self, key: str) -> object:
        """The version that stands there, or an object that is no other; None where the server has not said that it tells of `key`."""
        return None if self.vain else self._known.get(key)

    def saw(self, key: str, version: str, before: object) -> None:
        """That version was there, and nothing was heard since `before` was known."""
        if before is not None and self._known.get(key) is before:
            self._known[key] = version

    async def _live(self) -> None:
        while True:
            while not self._bell.awaited():
                self._changed.clear()
                await self._changed.wait()
            with suppress(RedisError, OSError, UnicodeError):  # what others publish there may be no text
                await self._connected()
            await asyncio.sleep(_APART)

    async def _connected(self) -> None:
        """Open a connection, and hear until it breaks."""
        connection = await self._connection()
        try:
            await connection.connect()
            self._open = connection
            talking = self._beside(self._talk(connection))
            try:
                await self._listen(connection)
            finally:
                self._open = None
                self._changed.set()
                talking.cancel()
                await asyncio.wait({talking}, timeout=self._patience)  # it would open what is closed
        finally:
            heard, self._known = self._known, {}
            self._asked.clear()
            for key in heard:  # what came meanwhile was not heard
                self._bell.ring(key)
            await connection.disconnect()

    async def _talk(self, connection: Any) -> None:
        """Say what is waited for, at once; and now and then what is not any more, and that somebody is there."""
        loop = asyncio.get_running_loop()
        every = self._patience / 2
        due = loop.time() + every
        with suppress(RedisError, OSError):  # then the connection is closed, which the one who listens notices
            while self._open is connection:  # a cancellation that comes while something is sent may be swallowed there
                self._changed.clear()
                new = self._bell.awaited() - self._asked
                self._asked |= new
                if new:
                    await connection.send_command("SUBSCRIBE", *new)
                if loop.time() >= due:
                    due = loop.time() + every
                    await self._forget(connection)
                    await connection.send_command("PING")
                # no time limit around the wait: one that ends just as the task is cancelled would swallow that
                timer = loop.call_at(due, self._changed.set)
                try:
                    await self._changed.wait()
                finally:
                    timer.cancel()

    async def _forget(self, connection: Any) -> None:
        """Listen no more to what nobody waits for."""
        over = self._asked - self._bell.awaited()
        self._asked -= over
        for key in over:
            self._known.pop(key, None)
        if over:
            await connection.send_command("UNSUBSCRIBE", *over)

    async def _listen(self, connection: Any) -> None:
        """Ring for whatever is heard. Ends where nothing is, not even an answer to the other's call."""
        while True:
            try:
                heard = await connection.read_response(timeout=self._patience)
            except ResponseError:  # it may not subscribe
                continue
            if heard is None:
                return
            if isinstance(heard, list):  # else it is an answer to a call
                self._take(*heard[:2])

    def _take(self, kind: str, channel: str) -> None:
        if channel in self._asked and kind in ("subscribe", "message"):
            self._known[channel] = object()
        if kind == "unsubscribe" and self._known.pop(channel, None):  # it was asked for once more meanwhile
            self._bell.ring(channel)
        if kind == "message":
            self._bell.ring(channel)


def _name(name: str) -> str:
    return _VERSION + name if name.startswith(_VERSION) else name


def _loaded(now: int, flat: Sequence[str]) -> Loaded:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    version = fields.pop(_VERSION, "")
    longer = [name for name in fields if name.startswith(_VERSION)]
    fields |= {name.removeprefix(_VERSION): fields.pop(name) for name in longer}
    return Loaded(version, fields, now)


def _shown(url: str) -> str:
    """The URL without its password, also where that makes it none."""
    scheme, _, rest = url.partition("://")
    where = rest.rpartition("@")[2].partition("?")[0]
    return f"{scheme}://{'…' if where.startswith(':') else where}"
