"""What the Redis store does on a Cluster besides the contract in ``test_stores.py``: slots that move, masters that die."""

from __future__ import annotations

import asyncio
import itertools
import logging
import multiprocessing
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from redis.crc import key_slot

from fleets import SEARCHED, Cluster, Server, again, running_cluster, soon
from servers import certificate, free_port
from wechat.errors import StoreUnreachable
from wechat.stores import Loaded, Patch, Written
from wechat.stores.redis import RedisStore

pytestmark = pytest.mark.anyio

LOGGING = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), *LOGGING) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Iterator[Cluster]:
    """It is whole before and after each test, whoever is master."""
    yield running
    for server in running.servers:
        with suppress(Exception):
            server.client.ping()
    running.whole()


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[RedisStore]:
    opened = RedisStore(cluster.url)
    yield opened
    await opened.close()


@pytest.fixture
async def other(cluster: Cluster) -> AsyncIterator[RedisStore]:
    """Another one, with connections of its own, as another process has it."""
    opened = RedisStore(cluster.url)
    yield opened
    await opened.close()


_names = itertools.count()


@pytest.fixture
def key() -> str:
    return f"record:{next(_names)}"


async def count(store: RedisStore, key: str, times: int) -> None:
    """Add one so many times, with the same patch where nobody knows whether it was written.

    What was written, and followed by another's write before that was known, is known by a field of one's own.
    """
    me, known = f"by {next(_names)}", await again(lambda: store.load(key))
    for done in map(str, range(1, times + 1)):
        while known.fields.get(me) != done:
            more = {"n": str(int(known.fields.get("n", "0")) + 1), me: done}
            patch = Patch(f"{id(store)}-{next(_names)}", more)
            answer = await again(lambda: store.patch(key, known.version, patch))  # noqa: B023
            written = isinstance(answer, Written)
            known = Loaded(patch.version, {**known.fields, **more}, answer.now) if written else answer


async def assert_counted(store: RedisStore, key: str, times: int) -> None:
    """So often all together, and each of them as often as it says."""
    fields = dict((await store.load(key)).fields)
    assert fields.pop("n") == str(times)
    assert sum(map(int, fields.values())) == times


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(work, *arguments)


def on_each(cluster: Cluster) -> list[str]:
    """Keys of which each lies on another master."""
    keys = (f"spread:{next(_names)}" for _ in itertools.count())
    found: dict[int, str] = {}
    while len(found) < 3:
        key = next(keys)
        found.setdefault(cluster.owner(key).port, key)
    return list(found.values())


# ---- where records lie ----------------------------------------------------------------------------------------------


async def test_each_record_lies_on_the_master_that_keeps_its_slot(store: RedisStore, cluster: Cluster) -> None:
    for key in on_each(cluster):
        await store.patch(key, "", Patch("v1", {"a": "1"}))
        assert cluster.owner(key).client.hgetall(key) == {"v": "v1", "a": "1"}
    assert store._lines is not None
    assert len(store._lines.servers.masters()) == 3


async def test_many_at_once_are_each_told_what_is_theirs_wherever_it_lies(store: RedisStore, key: str) -> None:
    keys = [f"{key}.{i}" for i in range(300)]
    patches = [store.patch(each, "", Patch(f"v{i}", {"a": f"{i}"})) for i, each in enumerate(keys)]
    assert all(isinstance(came, Written) for came in await asyncio.gather(*patches))
    loaded = await asyncio.gather(*map(store.load, keys))
    assert [(came.version, came.fields) for came in loaded] == [(f"v{i}", {"a": f"{i}"}) for i in range(300)]


async def test_one_node_of_those_that_the_url_names_is_enough(cluster: Cluster, key: str) -> None:
    store = RedisStore(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{cluster.servers[5].port}")
    assert (await store.load(key)).version == ""
    await store.close()


async def test_where_none_of_them_is_there_the_store_cannot_be_reached(key: str) -> None:
    store = RedisStore(f"redis+cluster://:hunter2@127.0.0.1:{free_port()},127.0.0.1:{free_port()}")
    for operation in (store.load(key), store.patch(key, "", Patch("v1", {})), store.erase(key), store.wait(key, 0)):
        with pytest.raises(StoreUnreachable, match="the Redis at redis") as caught:
            await operation
        assert "hunter2" not in str(caught.value)
    await store.close()


async def test_every_master_is_looked_at_for_what_it_would_lose(
    cluster: Cluster, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    for master in cluster.masters()[:2]:
        master.client.config_set("maxmemory", "100mb")
        master.client.config_set("maxmemory-policy", "allkeys-lru")
    store = RedisStore(cluster.url)
    await store.load(key)
    assert store._lines is not None
    await asyncio.wait(store._lines._tasks)
    await store.close()
    warned = [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]
    assert len(warned) == 2
    for master, said in zip(
        sorted(cluster.masters()[:2], key=lambda each: str(each.port) in warned[1]), warned, strict=True
    ):
        assert f"(127.0.0.1:{master.port}) can lose conversations: when its memory is full" in said
        master.client.config_set("maxmemory", "0")


# ---- waking ---------------------------------------------------------------------------------------------------------


def hears(store: RedisStore, key: str) -> bool:
    return store._lines is not None and store._lines.ear.known(key) is not None


def listeners(cluster: Cluster) -> list[Server]:
    """Where somebody listens, once for each who does."""
    return [server for server in cluster.servers for _ in server.client.client_list(_type="pubsub")]


async def test_who_waits_is_woken_by_whom_any_master_tells_and_listens_on_one_connection(
    store: RedisStore, other: RedisStore, cluster: Cluster
) -> None:
    keys = on_each(cluster)
    with anyio.fail_after(SEARCHED):
        async with anyio.create_task_group() as tasks:
            for key in keys:
                tasks.start_soon(store.wait, key, (await store.load(key)).now + 600_000)
            await soon(lambda: all(hears(store, key) for key in keys))
            assert len(listeners(cluster)) == 1
            for key in keys:
                await other.patch(key, "", Patch("v1", {}, wake=True))
    await store.close()
    await soon(lambda: listeners(cluster) == [])


async def test_where_the_node_dies_on_which_it_listens_who_waits_is_woken_and_listens_elsewhere(
    store: RedisStore, other: RedisStore, cluster: Cluster, key: str
) -> None:
    async def wait(times: int) -> None:
        now = (await again(lambda: store.load(key))).now
        for _ in range(times):
            await again(lambda: store.wait(key, now + 600_000))

    with anyio.fail_after(2 * SEARCHED):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait, 2)
            await soon(lambda: hears(store, key))
            [deaf] = listeners(cluster)
            deaf.kill()
            await soon(lambda: not hears(store, key))
            await in_thread(cluster.whole)
            deaf.begin()
            await soon(lambda: hears(store, key))
            await again(lambda: other.patch(key, "", Patch("v1", {}, wake=True)))


async def test_a_node_that_is_no_master_any_more_is_listened_to_no_longer_once_that_is_known(
    store: RedisStore, cluster: Cluster, key: str
) -> None:
    """It may be cut off from the others, and never hear them."""
    now = (await store.load(key)).now

    async def wait() -> None:
        with suppress(StoreUnreachable):  # while it changes hands a slot may be nobody's: then a load asks again
            await store.wait(key, now + 600_000)

    with anyio.fail_after(2 * SEARCHED):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await soon(lambda: hears(store, key))
            [old] = listeners(cluster)
            theirs = next(each for each in (f"own:{i}" for i in range(1_000)) if cluster.owner(each) is old)
            successor = next(server for server in cluster.servers if server.follows(old))
            successor.client.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
            await soon(lambda: old.follows(successor))
            await again(lambda: store.load(theirs))  # which tells that it has moved
    await soon(lambda: old not in listeners(cluster))


# ---- a slot that moves ----------------------------------------------------------------------------------------------


async def test_a_conversation_goes_on_while_its_slot_moves_at_every_step_of_that(
    store: RedisStore, cluster: Cluster, key: str
) -> None:
    source, slot, moving = cluster.owner(key), key_slot(key.encode()), f"{{{key}}}"
    assert key_slot(f"{moving}.new".encode()) == slot
    target = cluster.other(source)
    await store.patch(key, "", Patch("v0", {"n": "0"}))
    before = store._lines
    for step, change in enumerate((cluster.begin_move, cluster.move_keys, cluster.end_move)):
        change(slot, source, target)
        assert isinstance(await store.patch(key, f"v{step}", Patch(f"v{step + 1}", {"n": f"{step}"})), Written)
        assert isinstance(await store.patch(f"{moving}.{step}", "", Patch("v1", {})), Written)  # one that was nowhere
        at_once = [store.load(key) for _ in range(30)]
        assert {(came.version, came.fields["n"]) for came in await asyncio.gather(*at_once)} == {
            (f"v{step + 1}", f"{step}")
        }
    assert target.client.hgetall(key) == {"v": "v3", "n": "2"}
    assert source.client.keys(f"*{key}*") == []
    assert store._lines is before
    await store.erase(key)
    assert target.client.exists(key) == 0


async def test_writers_lose_no_increment_while_the_slot_moves_to_and_fro(
    store: RedisStore, other: RedisStore, cluster: Cluster, key: str
) -> None:
    over = False

    async def move() -> None:
        while not over:
            await in_thread(cluster.move, key)
            await anyio.sleep(0)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(move)
        async with anyio.create_task_group() as writers:
            for one in (store, store, other):
                writers.start_soon(count, one, key, 60)
        over = True
    await assert_counted(store, key, 180)


# ---- a master that dies ---------------------------------------------------------------------------------------------


async def test_where_a_master_is_killed_its_replica_goes_on_and_what_replicas_had_is_there(
    cluster: Cluster, key: str
) -> None:
    store = RedisStore(f"{cluster.url}?wait_replicas=1")
    first = Patch("v1", {"a": "1"})
    assert isinstance(await store.patch(key, "", first), Written)
    old = cluster.owner(key)
    old.kill()
    second = Patch("v2", {"a": "2"})
    with anyio.fail_after(SEARCHED):  # nobody follows the new master: its writes are on no second machine
        while (await again(lambda: store.load(key))).version != "v2":
            with pytest.raises(StoreUnreachable):
                await store.patch(key, "v1", second)
    with pytest.raises(StoreUnreachable, match="0 of 1 replicas"):
        await store.patch(key, "v1", second)
    assert cluster.owner(key) is not old
    old.begin()
    assert isinstance(await again(lambda: store.patch(key, "v1", second)), Written)
    assert (await store.load(key)).fields == {"a": "2"}
    await store.close()


async def test_others_go_on_at_once_while_one_master_is_gone(store: RedisStore, cluster: Cluster) -> None:
    keys = on_each(cluster)
    for key in keys:
        await store.patch(key, "", Patch("v1", {}))
    gone = cluster.owner(keys[0])
    gone.signal(19)  # SIGSTOP: as a machine that says nothing any more
    try:
        hanging = [asyncio.ensure_future(store.load(keys[0])) for _ in range(20)]
        for _ in range(5):
            assert {(await store.load(key)).version for key in keys[1:]} == {"v1"}
        assert not any(load.done() for load in hanging)
    finally:
        gone.signal(18)
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_writers_lose_no_increment_in_a_fail_over_where_replicas_are_waited_for(
    cluster: Cluster, key: str
) -> None:
    stores = [RedisStore(f"{cluster.url}?wait_replicas=1") for _ in range(2)]
    await count(stores[0], key, 1)
    old = cluster.owner(key)

    async def fail_over() -> None:
        old.kill()
        await in_thread(cluster.whole)
        old.begin()

    async with anyio.create_task_group() as tasks:
        for store in stores:
            tasks.start_soon(count, store, key, 40)
        tasks.start_soon(fail_over)
    await assert_counted(stores[0], key, 81)
    for store in stores:
        await store.close()


async def test_servers_that_were_all_begun_anew_are_used_again(store: RedisStore, cluster: Cluster) -> None:
    keys = on_each(cluster)
    for key in keys:
        await store.patch(key, "", Patch("v1", {"a": "1"}))
    for server in cluster.servers:
        server.kill()
    with pytest.raises(StoreUnreachable):
        await store.load(keys[0])
    for server in cluster.servers:
        server.begin()
    for key in keys:
        assert (await again(lambda: store.load(key))).version == "v1"  # noqa: B023
        assert isinstance(await again(lambda: store.patch(key, "v1", Patch("v2", {}))), Written)  # noqa: B023


# ---- loops and processes --------------------------------------------------------------------------------------------


def test_a_child_and_later_loops_use_connections_of_their_own(cluster: Cluster, key: str) -> None:
    store = RedisStore(cluster.url)

    async def write(version: str, after: str) -> None:
        assert isinstance(await store.patch(key, version, Patch(after, {})), Written)

    async def both() -> None:
        await write("", "v1")
        child = multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(write("v1", "v2")))
        child.start()
        await in_thread(child.join)
        assert child.exitcode == 0
        await write("v2", "v3")

    anyio.run(both)
    anyio.run(write, "v3", "v4")
    anyio.run(store.close)


# ---- what servers say -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def node(says: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[str]]]:
    """A node that keeps all slots, and says this to every script. Gives its port, and what was asked."""
    asked: list[str] = []
    talks: set[Any] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number = int((await reader.readuntil(b"\r\n"))[1:])
                words = []
                for _ in range(number):
                    size = int((await reader.readuntil(b"\r\n"))[1:])
                    words.append((await reader.readexactly(size + 2))[:-2].decode())
                asked.append(words[0])
                writer.write(reply(words).encode())
        writer.close()

    def reply(words: list[str]) -> str:
        if words[:2] == ["CLUSTER", "INFO"]:
            return "$16\r\ncluster_state:ok\r\n"
        if words[:2] == ["CLUSTER", "SLOTS"]:
            return f"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:{port}\r\n"
        if words[0] in ("EVAL", "EVALSHA"):
            return says.format(port=port) + "\r\n"
        return "+OK\r\n"

    server = await asyncio.start_server(answer, "127.0.0.1", ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield port, asked
    finally:
        server.close()
        await asyncio.wait(talks, timeout=3)  # until the store has hung up


@pytest.mark.parametrize(
    "says",
    [
        "-MOVED 1 127.0.0.1:{port}",
        "-MOVED 1 :{port}",
        "-ASK 1 127.0.0.1:{port}",
        "-ASK 1 :{port}",
        "-TRYAGAIN Multiple keys request during rehashing of slot",
        "-CLUSTERDOWN The cluster is down",
        "-CLUSTERDOWN Hash slot not served",
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "-LOADING Redis is loading the dataset in memory",
        "-READONLY You can't write against a read only replica.",
        "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        "-OOM command not allowed when used memory > 'maxmemory'.",
    ],
)
async def test_whatever_a_server_says_is_a_store_that_cannot_be_reached_soon(key: str, says: str) -> None:
    async with node(says) as (port, asked):
        store = RedisStore(f"redis+cluster://127.0.0.1:{port}")
        for _ in range(2):
            for ask in (
                lambda: store.load(key),
                lambda: store.patch(key, "", Patch("v1", {})),
                lambda: store.erase(key),
            ):
                with anyio.fail_after(20), pytest.raises(StoreUnreachable):
                    await ask()
        await store.close()
    assert sum(word.startswith("EVAL") for word in asked) <= 6 * 6


async def test_tls_leads_to_every_node(key: str, tmp_path: Path) -> None:
    known, context = certificate(tmp_path)
    nothing = "*2\r\n*2\r\n$1\r\n7\r\n$1\r\n0\r\n*0"
    async with node(nothing, context) as (there, asked), node(f"-MOVED 1 127.0.0.1:{there}", context) as (port, _):
        store = RedisStore(f"rediss+cluster://127.0.0.1:{port}?ssl_ca_certs={known}")
        assert (await store.load(key)).now == 7_000
        await store.close()
    assert "EVALSHA" in asked
