"""Which Redis keeps which record: one server, the master that Sentinels name, or the masters of a Cluster.

The store sends commands to a server, and does not care how that was found. Rules that this file obeys:

1. What is known of who keeps what is a hint, learned at the first command. The servers themselves correct it (``MOVED``), and
   it is learned anew where one of them cannot be reached, or is not what it was (`STRAY`).
2. Several are asked at once, and the first who knows is believed: a machine that is gone answers nothing, and nobody waits
   for it. A node that says itself that the Cluster is down knows nothing.
3. Commands and wake-ups go to masters only. In a Cluster each hears what any of them publishes, unless it is cut off; then it is
   no master for long, and nobody listens there once that is learned. Behind Sentinels each new connection asks whether it has
   reached the master: one that was demoted, or begun anew after another took its place, looks like it.
4. Nothing is opened here before it is asked for, and all of it belongs to one event loop of one process.

redis-py's own client for a Cluster is not used: it sends a command that was slow again, sleeps, closes the connections to all
nodes where one of them moved, and has no pipeline in which WAIT follows a write.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as SlowAnswer

T = TypeVar("T")

#: connections to one server on which it is asked what it is, and who keeps what; records go over wires of their own
_CONNECTIONS = 32
#: how many are asked at once who keeps what
_ASKED = 5

#: what a server says that is not, or not now, the one to ask
STRAY = frozenset({"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"})
#: how redis-py calls what servers say; before its version 6 it has some of these as text only
_CODES: Mapping[type[RedisError], str] = {
    MovedError: "MOVED",
    AskError: "ASK",
    ReadOnlyError: "READONLY",
    BusyLoadingError: "LOADING",
    MasterDownError: "MASTERDOWN",
    ClusterDownError: "CLUSTERDOWN",
    TryAgainError: "TRYAGAIN",
}


def code(error: BaseException) -> str:
    """The word with which a server's answer began."""
    return next((word for kind, word in _CODES.items() if type(error) is kind), str(error).partition(" ")[0])


# ---- addresses ------------------------------------------------------------------------------------------------------


class Wrong(ValueError):
    """What is wrong with a URL, in words that repeat nothing of it."""


@dataclass(frozen=True)
class Address:
    """Where a server is reached."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str, default: int = 0) -> Address:
        """From ``host:port``, or ``host`` where there is a default. Raises `Wrong` for any other text."""
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\[\]/?#@,:\s]+)(?::(\d+))?", text)
        number = int((found and found[2]) or default)
        if not found or not 0 < number < 65536:
            raise Wrong("each server is host:port")
        return cls(found[1].strip("[]"), number)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def redirected(error: BaseException, by: Address | None) -> Address:
    """Where MOVED or ASK points to. Where it names no host, that is the host of the server which said so."""
    host, _, port = str(error).rpartition(" ")[2].rpartition(":")
    return _named((host, port), by)


def _named(server: Sequence[Any], by: Address | None) -> Address:
    """A server as another one names it, which leaves out what it does not know."""
    host, port = server[:2]
    return Address(by.host if by and host in (None, "", "?") else str(host).strip("[]"), int(port))


# ---- URLs -----------------------------------------------------------------------------------------------------------

#: the port of a server that is named without one
_PORTS = {"cluster": 6379, "sentinel": 26379}
#: what stands behind the servers, and what that is
_PATHS = {
    "cluster": (r"(/0?)?", "a Cluster has no database but 0"),
    "sentinel": (
        r"/[^/]+(/\d*)?",
        "behind the Sentinels stands the name they know the master by, then perhaps a database",
    ),
}
#: the options that are ours, and what may stand there; any other is redis-py's
_OPTIONS = {"wait_replicas": r"\d{1,3}", "wait_ms": r"[1-9]\d{0,4}"}
_SENTINEL = {"sentinel_username": r".+", "sentinel_password": r".+"}
#: milliseconds for replicas to have a write: many round trips between machines, and little of WeChat's five seconds
_WAIT_MS = 500


@dataclass(frozen=True)
class Way:
    """What a store's URL says."""

    kind: str  # "", "cluster" or "sentinel"
    scheme: str  # of the URL of each server
    user: str  # with its @, as it stands there
    servers: tuple[Address, ...]  # some of a Cluster; the Sentinels; () where the URL names the one server
    service: str
    rest: str  # path and options of the URL of each server
    ours: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, url: str) -> Way:
        """Raises `Wrong`, or any other `ValueError`, for a URL that is none of a Redis."""
        parts = urlsplit(url)
        scheme, _, kind = parts.scheme.partition("+")
        ours, query = _ours(parts.query, _OPTIONS | _SENTINEL if kind == "sentinel" else _OPTIONS)
        user, at, hosts = parts.netloc.rpartition("@")
        if kind and not re.fullmatch(_PATHS[kind][0], parts.path):
            raise Wrong(_PATHS[kind][1])
        if not kind:
            return cls("", scheme, user + at, (), "", hosts + parts.path + query, ours)
        servers = tuple(Address.read(host, _PORTS[kind]) for host in hosts.split(","))
        service, _, database = parts.path[1:].partition("/") if kind == "sentinel" else ("", "", "")
        return cls(kind, scheme, user + at, servers, unquote(service), f"/{database or 0}{query}", ours)

    @property
    def waits(self) -> tuple[int, int]:
        """How many replicas must have a write before it counts, and how many milliseconds they are given."""
        return int(self.ours.get("wait_replicas", 0)), int(self.ours.get("wait_ms", _WAIT_MS))

    def to(self, server: Address | None = None) -> str:
        """The URL of one server."""
        return f"{self.scheme}://{self.user}{server or ''}{self.rest}"

    def to_sentinel(self, server: Address) -> str:
        """That of a Sentinel, which has users and passwords of its own, and no databases."""
        user, password = (quote(self.ours.get(f"sentinel_{name}", ""), safe="") for name in ("username", "password"))
        who = f"{user}:{password}@" if user or password else ""
        return f"{self.scheme}://{who}{server}/0{self.rest[self.rest.find('?') :] if '?' in self.rest else ''}"


def _ours(query: str, known: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Our own options, and what is left of the query, with its question mark. Raises `Wrong`."""
    ours, left = dict[str, str](), list[str]()
    for option in query.split("&"):
        name, _, value = option.partition("=")
        if name not in known:
            left.append(option)
        elif re.fullmatch(known[name], unquote(value)):
            ours[name] = unquote(value)
        else:
            raise Wrong(f"the option {name} cannot be that")
    return ours, "?" + "&".join(left) if any(left) else ""


# ---- servers --------------------------------------------------------------------------------------------------------


class Servers:
    """One server, and what the others have in common with it. `patience`: seconds."""

    #: whether it must be learned anew who keeps what
    stale = False

    def __init__(self, way: Way, patience: float) -> None:
        self._way, self._patience = way, patience
        self._clients: dict[str, Redis] = {}
        self._asking: set[asyncio.Task[Any]] = set()

    def of(self, key: str) -> Address | None:
        """Where the record lies; None for the one server. Raises `Disconnected` where nobody knows."""
        return None

    def masters(self) -> Sequence[Address | None]:
        return [None]

    def moved(self, key: str, server: Address) -> None:
        """A server told where a record lies."""

    async def learn(self) -> None:
        """Who keeps what. Raises what hindered those who were asked."""

    def client(self, server: Address | None) -> Redis:
        return self._client(self._way.to(server))

    def any(self) -> Address | None:
        """One of the masters: what any of them publishes is heard there. Raises `Disconnected` where nobody is known."""
        masters = self.masters()
        if not masters:
            raise Disconnected("no master is known")
        return random.choice(masters)

    async def close(self) -> None:
        for task in self._asking:
            task.cancel()
        if self._asking:
            await asyncio.wait(set(self._asking), timeout=self._patience)
        for client in self._clients.values():
            await client.connection_pool.disconnect()

    async def _first(self, work: Iterable[Coroutine[Any, Any, T]]) -> T:
        """What the first gives that does not fail. Raises what the last raised, if all do. The others end by themselves."""
        error: Exception = Disconnected("nobody is known who could tell")
        for done in asyncio.as_completed([self._ask(each) for each in work]):
            try:
                return await done
            except (RedisError, OSError) as failed:
                error = failed
        raise error

    def _ask(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        task.add_done_callback(lambda over: over.cancelled() or over.exception())  # that of a late one concerns nobody
        return task

    def _client(self, url: str, **options: Any) -> Redis:
        if url not in self._clients:
            self._clients[url] = Redis(connection_pool=pool(url, self._patience, **options))
        return self._clients[url]


def pool(url: str, patience: float, **options: Any) -> BlockingConnectionPool:
    """Connections to one server. Raises what redis-py raises for a URL that is none. Opens nothing."""
    return BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=patience,
        socket_timeout=patience,
        socket_connect_timeout=patience,
        retry=Retry(NoBackoff(), 1, (Disconnected,)),
        retry_on_error=[Disconnected],  # redis-py before 6 looks here
        decode_responses=True,
        protocol=2,
        **options,
    )


class Sentinels(Servers):
    """The one master that they name."""

    stale = True
    _master: Address | None = None

    def of(self, key: str) -> Address | None:
        if self._master is None:
            raise Disconnected(f"no master {self._way.service!r} is known")
        return self._master

    def masters(self) -> Sequence[Address | None]:
        return [self._master] if self._master else []

    def client(self, server: Address | None) -> Redis:
        return self._client(self._way.to(server), redis_connect_func=partial(self._begin, server))

    async def learn(self) -> None:
        self._master = await self._first(map(self._told, self._way.servers))
        self.stale = False

    async def _told(self, sentinel: Address) -> Address:
        """Who is master to that Sentinel, and to itself."""
        master = await self._named(sentinel)
        await self.client(master).ping()
        return master

    async def _named(self, sentinel: Address) -> Address:
        client = self._client(self._way.to_sentinel(sentinel))
        found = await _asked(client, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._way.service)
        if not found:
            raise Disconnected(f"the Sentinel at {sentinel} knows no master {self._way.service!r}")
        return Address(found[0], int(found[1]))

    async def _begin(self, server: Address | None, connection: Any) -> None:
        """Begin a connection. Raises `ReadOnlyError` where it leads to no master, or to one that is master no more but to itself.

        So is one that was begun anew after another took its place: for ten seconds it takes writes, and then forgets them. A
        server that does not tell is believed, and where no Sentinel answers, what was known stands.
        """
        await connection.on_connect()
        await connection.send_command("ROLE")
        try:
            role = (await connection.read_response())[0]
        except ResponseError:
            role = "master"
        if role != "master":
            raise ReadOnlyError(f"the server at {server} is a {role}, and no master")
        with suppress(Disconnected, SlowAnswer, OSError):
            if await self._first(map(self._named, self._way.servers)) != server:
                raise ReadOnlyError(f"the server at {server} is master no more")


class Cluster(Servers):
    """The masters among which the records are spread."""

    stale = True

    def __init__(self, way: Way, patience: float) -> None:
        super().__init__(way, patience)
        self._of: dict[int, Address] = {}  # a slot's master
        self._nodes: Sequence[Address] = ()

    def of(self, key: str) -> Address | None:
        slot = key_slot(key.encode())
        if slot not in self._of:
            self.stale = True
            raise Disconnected(f"no master keeps slot {slot}")
        return self._of[slot]

    def masters(self) -> Sequence[Address | None]:
        return list(dict.fromkeys(self._of.values()))

    def moved(self, key: str, server: Address) -> None:
        self._of[key_slot(key.encode())] = server

    async def learn(self) -> None:
        known = list(dict.fromkeys((*self._nodes, *self._way.servers)))
        ranges = await self._first(map(self._told, random.sample(known, min(len(known), _ASKED))))
        self._of = {slot: master for begin, end, master, *_ in ranges for slot in range(begin, end + 1)}
        self._nodes = list(dict.fromkeys(node for _, _, *nodes in ranges for node in nodes))
        self.stale = False

    async def _told(self, node: Address) -> list[tuple[Any, ...]]:
        """First and last slot, master and replicas, of each range."""
        if "cluster_state:ok" not in str(await _asked(self.client(node), "CLUSTER", "INFO")):
            raise Disconnected(f"to the node at {node} the cluster is down")
        ranges = await _asked(self.client(node), "CLUSTER", "SLOTS")
        return [(begin, end, *(_named(server, node) for server in servers)) for begin, end, *servers in ranges]


async def _asked(client: Redis, *command: str) -> Any:
    """What a server answers, as it answers it."""
    return await client.execute_command(*command)  # type: ignore[no-untyped-call]


_KINDS: Mapping[str, type[Servers]] = {"": Servers, "cluster": Cluster, "sentinel": Sentinels}


def servers(way: Way, patience: float) -> Servers:
    """Those to which a URL leads."""
    return _KINDS[way.kind](way, patience)


async def masters(way: Way, patience: float) -> dict[str, str]:
    """The URL of each server that keeps records now, and its name where there are, or could be, others.

    Raises what hindered those who were asked.
    """
    known = servers(way, patience)
    try:
        await known.learn()
        return {way.to(master): str(master or "") for master in known.masters()}
    finally:
        await known.close()
