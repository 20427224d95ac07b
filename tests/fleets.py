"""Several real servers for tests: a Redis Cluster, and a master with a replica behind Sentinels, all on the loopback."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from servers import free_port, redis_server, running_redis
from wechat.errors import StoreUnreachable

#: milliseconds after which a server that says nothing counts as gone
GONE = 1_000
SERVICE = "conversations"
SLOTS = 16_384


def until(happened: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """What it gives when that is something. A server that does not answer is asked again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(redis.RedisError, OSError):
            if came := happened():
                return came
        time.sleep(0.02)
    raise TimeoutError(f"it did not happen that {what}")


#: seconds: a fail-over takes a few
SEARCHED = 60


async def soon(happened: Callable[[], object]) -> None:
    """Comes back when it has happened, to whoever has an event loop that goes on meanwhile."""
    with anyio.fail_after(SEARCHED):
        while not happened():
            await anyio.sleep(0.01)


async def again(ask: Callable[[], Awaitable[Any]]) -> Any:
    """What a store answers, if need be asked again and again, as the runtime does."""
    with anyio.fail_after(SEARCHED):
        while True:
            with contextlib.suppress(StoreUnreachable):
                return await ask()
            await anyio.sleep(0.05)


def client(port: int, password: str | None = None) -> Any:
    """One that asks once."""
    once = Retry(NoBackoff(), 0)
    return redis.Redis(port=port, password=password, decode_responses=True, socket_timeout=5, retry=once)


class Server:
    """A Redis that can be killed, and begun anew on what is on its disk."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        self.folder, self.port, self.options = folder / str(port), port, options
        self.folder.mkdir()
        self._life = contextlib.ExitStack()
        self.process: int | None = None
        self.client = client(port)
        self.begin()

    def begin(self, *options: str) -> None:
        self._life.enter_context(running_redis(self.folder, *self.options, *options, port=self.port))

    def kill(self) -> None:
        """As by ``kill -9``."""
        self.process = None
        self._life.close()
        self.client.close()

    def signal(self, number: int) -> None:
        """To stop it in the middle, or let it go on."""
        self.process = self.process or self.info("server")["process_id"]
        os.kill(self.process, number)

    def info(self, section: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.info(section)
        return found

    def follows(self, master: Server) -> bool:
        """Whether it is a replica of that one, and has all that it had."""
        said = self.info("replication")
        return (said["role"], said.get("master_port"), said.get("master_link_status")) == ("slave", master.port, "up")


# ---- a Cluster ------------------------------------------------------------------------------------------------------


class Cluster:
    """Three masters and a replica of each."""

    def __init__(self, folder: Path, options: Sequence[str], gone: int) -> None:
        nodes = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            str(gone),
            "--cluster-replica-validity-factor",
            "0",
        ]
        nodes += ["--repl-diskless-sync-delay", "0", *options]
        self.servers = [Server(folder, _free_pair(), *nodes) for _ in range(6)]
        try:
            self._join()
        except BaseException:
            self.end()
            raise

    def _join(self) -> None:
        masters, replicas = self.servers[:3], self.servers[3:]
        for i, server in enumerate(self.servers):
            server.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for i, master in enumerate(masters):
            slots = range(i * SLOTS // 3, (i + 1) * SLOTS // 3)
            master.client.execute_command("CLUSTER", "ADDSLOTS", *slots)
        for server in self.servers[1:]:
            server.client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.servers[0].port)
        until(lambda: all(len(self._known(server)) == 6 for server in self.servers), "all know all")
        for master, replica in zip(masters, replicas, strict=True):
            name = self.name(master)
            until(lambda: replica.client.execute_command("CLUSTER", "REPLICATE", name), "it may follow")  # noqa: B023
        self.whole()
        for master, replica in zip(masters, replicas, strict=True):
            until(lambda: replica.follows(master), "it follows")  # noqa: B023

    @property
    def url(self) -> str:
        """It names two of the servers."""
        return f"redis+cluster://127.0.0.1:{self.servers[0].port},127.0.0.1:{self.servers[4].port}"

    def end(self) -> None:
        for server in self.servers:
            server.kill()

    def masters(self) -> list[Server]:
        """Those who are, and say so."""
        return [server for server in self.servers if _role(server) == "master"]

    def name(self, server: Server) -> str:
        return str(server.client.execute_command("CLUSTER", "MYID"))

    def whole(self) -> None:
        """Wait until every server that lives says that all slots are kept by one that lives, and all name the same."""

        def agreed() -> bool:
            living = [server for server in self.servers if _role(server)]
            ok = all("cluster_state:ok" in str(s.client.execute_command("CLUSTER", "INFO")) for s in living)
            views = {str([each[:3] for each in self._slots(server)]) for server in living}
            ports = {each[2][1] for each in self._slots(living[0])}
            return ok and len(views) == 1 and ports <= {server.port for server in living if _role(server) == "master"}

        until(agreed, "the cluster is whole")

    def owner(self, key: str) -> Server:
        """Who says of itself that it keeps it: the others learn that a little later."""
        slot = key_slot(key.encode())

        def owners() -> Iterator[Server]:
            for server in self.masters():
                for begin, end, master, *_ in self._slots(server):
                    if begin <= slot <= end and master[1] == server.port:
                        yield server

        found: Server = until(lambda: next(owners(), None), f"somebody keeps slot {slot}")
        return found

    def back(self, server: Server) -> None:
        """One that was killed is begun anew, and soon a replica."""
        server.begin()
        self.whole()

    def other(self, server: Server) -> Server:
        """Another master."""
        return next(each for each in self.masters() if each is not server)

    # a slot moves in three steps, between which a test may do something

    def begin_move(self, slot: int, source: Server, target: Server) -> None:
        target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.name(source))
        source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.name(target))

    def move_keys(self, slot: int, source: Server, target: Server) -> None:
        while keys := source.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)

    def end_move(self, slot: int, source: Server, target: Server) -> None:
        for server in dict.fromkeys((target, source, *self.masters())):
            server.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", self.name(target))

    def move(self, key: str) -> Server:
        """The slot of this key goes to another master. Gives that one, when all servers know.

        Moved back before its last owner knows, a slot may for ever be each one's in the other's eyes.
        """
        slot, source = key_slot(key.encode()), self.owner(key)
        target = self.other(source)
        for step in (self.begin_move, self.move_keys, self.end_move):
            step(slot, source, target)
        self.whole()
        return target

    def _known(self, server: Server) -> list[str]:
        """The nodes that it has met."""
        lines = server.client.execute_command("CLUSTER NODES")
        return [line for line in lines if "handshake" not in str(lines[line])]

    def _slots(self, server: Server) -> list[Any]:
        found: list[Any] = server.client.execute_command("CLUSTER", "SLOTS")
        return sorted(found)


def _role(server: Server) -> str:
    """What it says it is; "" where it says nothing."""
    try:
        return str(server.info("replication")["role"])
    except (redis.RedisError, OSError):
        return ""


def _free_pair() -> int:
    """A free port, with one 10000 above it, on which the nodes talk with each other."""
    for _ in range(1_000):
        port = random.randrange(12_000, 31_000)
        with (
            contextlib.suppress(OSError),
            socket.create_server(("127.0.0.1", port)),
            socket.create_server(("127.0.0.1", port + 10_000)),
        ):
            return port
    raise OSError("no port is free")


@contextlib.contextmanager
def running_cluster(folder: Path, *options: str, gone: int = GONE) -> Iterator[Cluster]:
    """A Cluster that lives as long as the block."""
    cluster = Cluster(folder, options, gone)
    try:
        yield cluster
    finally:
        cluster.end()


# ---- Sentinels ------------------------------------------------------------------------------------------------------


class Guarded:
    """A master, a replica, and three Sentinels who watch them."""

    def __init__(self, folder: Path, options: Sequence[str], gone: int, password: str) -> None:
        self._folder, self._gone, self._password = folder, gone, password
        options = ["--repl-diskless-sync-delay", "0", *options]
        first, second = free_port(), free_port()
        self.servers = [Server(folder, port, *options) for port in (first, second)]
        self.servers[1].client.replicaof("127.0.0.1", first)
        until(lambda: self.servers[1].follows(self.servers[0]), "it follows")
        self._life = contextlib.ExitStack()
        self.sentinels = [self._sentinel(first, free_port()) for _ in range(3)]
        until(lambda: all(self._met(port) for port in self.sentinels), "the Sentinels know each other")

    def _sentinel(self, master: int, port: int) -> int:
        folder = self._folder / f"sentinel-{port}"
        folder.mkdir()
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {master} 2",
            f"sentinel down-after-milliseconds {SERVICE} {self._gone}",
            f"sentinel failover-timeout {SERVICE} {5 * self._gone}",
            *([f"requirepass {self._password}", f"sentinel sentinel-pass {self._password}"] if self._password else []),
        ]
        (folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
        process = subprocess.Popen(
            [redis_server(), str(folder / "sentinel.conf"), "--sentinel"], stdout=subprocess.DEVNULL
        )
        self._life.callback(process.wait)
        self._life.callback(process.kill)
        return port

    def _met(self, port: int) -> bool:
        said = self.asked(port, "SENTINEL", "MASTER", SERVICE)
        known = dict(zip(said[::2], said[1::2], strict=True)) if isinstance(said, list) else said
        return int(known["num-other-sentinels"]) == 2 and int(known["num-slaves"]) == 1

    def asked(self, port: int, *command: str) -> Any:
        with client(port, self._password or None) as sentinel:
            return sentinel.execute_command(*command)

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.sentinels)}/{SERVICE}/0"

    def master(self) -> Server:
        """Whom a Sentinel names, and who says so, too: the other Sentinels learn that a little later. Waits for one."""
        found: Server = until(lambda: next(iter(self._masters()), None), "there is a master")
        return found

    def _masters(self) -> Iterator[Server]:
        told = {self.asked(port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1] for port in self.sentinels}
        for server in self.servers:
            if str(server.port) in told and _role(server) == "master":
                yield server

    def masters(self) -> list[Server]:
        return [self.master()]

    def back(self, server: Server) -> None:
        """One that was killed is begun anew as a replica: the Sentinels would make it one, ten seconds later."""
        server.begin("--replicaof", "127.0.0.1", str(self.master().port))
        self.whole()

    def owner(self, key: str) -> Server:
        return self.master()

    def whole(self) -> None:
        """Wait until the master that the Sentinels name is one, and each other server that lives follows it."""

        def agreed() -> bool:
            master = self.master()
            others = [server for server in self.servers if server is not master and _role(server)]
            return _role(master) == "master" and all(server.follows(master) for server in others)

        until(agreed, "there is a master")

    def end(self) -> None:
        self._life.close()
        for server in self.servers:
            server.kill()


@contextlib.contextmanager
def running_guarded(folder: Path, *options: str, gone: int = GONE, password: str = "") -> Iterator[Guarded]:
    """A master behind Sentinels, as long as the block. `password`: that of the Sentinels."""
    fleet = Guarded(folder, options, gone, password)
    try:
        yield fleet
    finally:
        fleet.end()
