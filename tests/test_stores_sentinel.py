"""What the Redis store does behind Sentinels, and with replicas that must have what is written, besides ``test_stores.py``."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
import redis

from fleets import SERVICE, Guarded, Server, again, client, running_guarded, soon, until
from servers import free_port, redis_server
from wechat.errors import StoreUnreachable
from wechat.stores import Loaded, Patch, Written
from wechat.stores.redis import RedisStore
from wechat.stores.topology import Address, Way

pytestmark = pytest.mark.anyio

LOGGING = ("--appendonly", "yes", "--appendfsync", "always")
SECRET = "open/sesame"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with running_guarded(tmp_path_factory.mktemp("guarded"), *LOGGING, password=SECRET) as fleet:
        yield fleet


@pytest.fixture
def fleet(running: Guarded) -> Iterator[Guarded]:
    """There is a master with a replica before and after each test, whichever."""
    yield running
    until(lambda: sum(server.follows(running.master()) for server in running.servers) == 1, "there are both")


@pytest.fixture
def url(fleet: Guarded) -> str:
    return f"{fleet.url}?sentinel_password=open%2Fsesame"


@pytest.fixture
async def store(url: str) -> AsyncIterator[RedisStore]:
    opened = RedisStore(url)
    yield opened
    await opened.close()


_names = itertools.count()


@pytest.fixture
def key() -> str:
    return f"record:{next(_names)}"


def hears(store: RedisStore, key: str) -> bool:
    return store._lines is not None and store._lines.ear.known(key) is not None


# ---- who is master --------------------------------------------------------------------------------------------------


async def test_records_lie_on_the_master_that_the_sentinels_name(store: RedisStore, fleet: Guarded, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    assert fleet.master().client.hgetall(key) == {"v": "v1", "a": "1"}


async def test_one_sentinel_that_lives_is_enough(fleet: Guarded, key: str) -> None:
    gone = f"127.0.0.1:{free_port()}"
    servers = f"{gone},127.0.0.1:{fleet.sentinels[2]},{gone}"
    store = RedisStore(f"redis+sentinel://{servers}/{SERVICE}?sentinel_password=open%2Fsesame")
    assert (await store.load(key)).version == ""
    await store.close()


@pytest.mark.parametrize(
    ("servers", "name", "why"),
    [
        ("{here}", "nobody", "knows no master 'nobody'"),
        ("{here}", f"{SERVICE}?sentinel_password=guessed", "password"),
        ("{here}", SERVICE, "[Aa]uthentication"),
        ("{gone},{gone}", SERVICE, "cannot be used"),
    ],
)
async def test_where_no_master_is_found_the_store_cannot_be_reached(
    fleet: Guarded, key: str, servers: str, name: str, why: str
) -> None:
    if name == "nobody":
        name += "?sentinel_password=open%2Fsesame"
    hosts = servers.format(here=f"127.0.0.1:{fleet.sentinels[0]}", gone=f"127.0.0.1:{free_port()}")
    store = RedisStore(f"redis+sentinel://:hunter2@{hosts}/{name}")
    for operation in (store.load(key), store.patch(key, "", Patch("v1", {})), store.erase(key), store.wait(key, 0)):
        with pytest.raises(StoreUnreachable, match=why) as caught:
            await operation
        assert not any(secret in str(caught.value) for secret in ("hunter2", "guessed", "sesame"))
    await store.close()


async def test_whoever_is_named_but_is_no_master_is_not_used(fleet: Guarded, key: str, tmp_path: Path) -> None:
    """As after a fail-over, where a Sentinel has not heard of it yet."""
    replica = next(server for server in fleet.servers if server is not fleet.master())
    misled = tmp_path / "sentinel.conf"
    misled.write_text(f"port {free_port()}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {replica.port} 3\n")
    port = int(misled.read_text().split()[1])
    process = await anyio.open_process([redis_server(), str(misled), "--sentinel"], stdout=None)
    try:
        await soon(lambda: _answers(port))
        store = RedisStore(f"redis+sentinel://127.0.0.1:{port}/{SERVICE}")
        with suppress(StoreUnreachable):
            await store.load(key)
            pytest.fail("it was read from a replica")
        await store.close()
    finally:
        process.kill()
        await process.wait()


def _answers(port: int) -> bool:
    try:
        return bool(client(port).ping())
    except redis.ConnectionError:
        return False


# ---- a master that dies ---------------------------------------------------------------------------------------------


async def test_where_the_master_is_killed_the_other_goes_on_and_who_waits_is_woken_there(
    store: RedisStore, fleet: Guarded, url: str, key: str
) -> None:
    other = RedisStore(url)
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    old, woken = fleet.master(), anyio.Event()

    async def wait() -> None:
        now = (await store.load(key)).now
        while not woken.is_set() and (await again(lambda: store.load(key))).version != "v3":
            await again(lambda: store.wait(key, now + 600_000))

    until(
        lambda: any(server.client.hgetall(key) for server in fleet.servers if server is not old), "the replica has it"
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await soon(lambda: hears(store, key))
        old.kill()
        second = Patch("v2", {"a": "2"})
        assert isinstance(await again(lambda: other.patch(key, "v1", second)), Written)
        assert fleet.master() is not old
        await soon(lambda: hears(store, key))
        assert isinstance(await other.patch(key, "v2", Patch("v3", {"a": "3"}, wake=True)), Written)
    assert (await store.load(key)).fields == {"a": "3"}
    await other.close()
    fleet.back(old)


async def test_a_master_that_comes_back_after_another_took_its_place_is_written_to_no_more(
    store: RedisStore, fleet: Guarded, key: str
) -> None:
    """For ten seconds it believes that it is one. A store that slept through all of it reaches it under its old address."""
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    old = fleet.master()
    old.kill()
    await soon(lambda: all(named(fleet, sentinel) != old.port for sentinel in fleet.sentinels))
    new = fleet.master()
    old.begin()
    assert old.info("replication")["role"] == "master"
    other = f"{key}.other"
    assert isinstance(await store.patch(other, "", Patch("v1", {})), Written)
    assert (new.client.exists(other), old.client.exists(other)) == (1, 0)
    old.kill()
    fleet.back(old)


def named(fleet: Guarded, sentinel: int) -> int:
    return int(fleet.asked(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])


async def test_nothing_is_lost_where_somebody_orders_a_change_of_masters_and_replicas_are_waited_for(
    fleet: Guarded, url: str, key: str
) -> None:
    """Both live, and the connections to the old one stay open."""
    store, old, over = RedisStore(f"{url}&wait_replicas=1&wait_ms=200"), fleet.master(), False
    known: Loaded = await store.load(key)

    async def order() -> None:
        nonlocal over
        await soon(lambda: ordered(fleet))
        await soon(lambda: fleet.master() is not old)
        old.client.replicaof("127.0.0.1", fleet.master().port)  # the Sentinels say so too, ten seconds later
        await soon(lambda: old.follows(fleet.master()))
        over = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(order)
        for number in itertools.count(1):
            patch = Patch(f"o{number}", {"n": f"{number}"})
            assert isinstance(await again(lambda: store.patch(key, known.version, patch)), Written)  # noqa: B023
            known = Loaded(patch.version, patch.put, 0)
            if over:
                break
    assert (await store.load(key)).fields == known.fields
    await store.close()


def ordered(fleet: Guarded) -> bool:
    """Whether a Sentinel took the order; it refuses soon after another fail-over."""
    try:
        return bool(fleet.asked(fleet.sentinels[0], "SENTINEL", "FAILOVER", SERVICE))
    except redis.ResponseError:
        return False


async def test_a_master_that_was_begun_anew_is_used_again(store: RedisStore, fleet: Guarded, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    master = fleet.master()
    master.kill()
    with pytest.raises(StoreUnreachable):
        await store.load(key)
    master.begin()
    assert (await again(lambda: store.load(key))).version == "v1"
    assert isinstance(await again(lambda: store.patch(key, "v1", Patch("v2", {}))), Written)


def test_a_child_and_later_loops_use_connections_of_their_own(url: str, key: str) -> None:
    store = RedisStore(url)

    async def write(version: str, after: str) -> None:
        assert isinstance(await store.patch(key, version, Patch(after, {})), Written)

    async def both() -> None:
        await write("", "v1")
        child = multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(write("v1", "v2")))
        child.start()
        await anyio.to_thread.run_sync(child.join)
        assert child.exitcode == 0
        await write("v2", "v3")

    anyio.run(both)
    anyio.run(write, "v3", "v4")
    anyio.run(store.close)


# ---- replicas that must have what is written ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """A master, and a replica that nobody puts in its place."""
    folder = tmp_path_factory.mktemp("pair")
    master = Server(folder, free_port(), "--repl-diskless-sync-delay", "0")
    replica = Server(folder, free_port(), "--replicaof", "127.0.0.1", str(master.port))
    until(lambda: replica.follows(master), "it follows")
    yield master, replica
    replica.kill()
    master.kill()


async def test_a_write_counts_only_when_the_replica_has_it_however_often_it_is_made(
    pair: tuple[Server, Server], key: str
) -> None:
    """A connection that wrote nothing waits for nothing: so the patch made again writes, on whichever."""
    master, replica = pair
    url = f"redis://127.0.0.1:{master.port}/0?wait_replicas=1&wait_ms=50"
    stores = [RedisStore(url) for _ in range(3)]
    for each in stores:
        await each.load(key)
    patch = Patch("v1", {"a": "1"})
    replica.signal(signal.SIGSTOP)
    try:
        for each in (*stores, *stores):
            with pytest.raises(StoreUnreachable, match="0 of 1 replicas had what was written within 50 ms"):
                await each.patch(key, "", patch)
        assert (await stores[0].load(key)).version == "v1"
        for each in stores:
            with pytest.raises(StoreUnreachable, match="0 of 1"):
                await each.erase(key + "nothing")
        together = [stores[0].patch(f"{key}.{i}", "", Patch("v1", {})) for i in range(20)]
        looking = [stores[0].load(f"{key}.{i}") for i in range(20)]
        came = await asyncio.gather(*together, *looking, return_exceptions=True)
        assert [type(each) for each in came] == [StoreUnreachable] * 20 + [Loaded] * 20
        refused = await stores[0].patch(key, "v0", Patch("v2", {}))
        assert isinstance(refused, Loaded)
        assert refused.version == "v1"
    finally:
        replica.signal(signal.SIGCONT)
    assert isinstance(await again(lambda: stores[1].patch(key, "", patch)), Written)
    assert replica.client.hgetall(key) == {"v": "v1", "a": "1"}
    assert isinstance(await again(lambda: stores[2].patch(f"{key}.0", "", Patch("v1", {}))), Written)
    for each in stores:
        await each.close()


async def test_where_nobody_waits_for_replicas_a_write_counts_at_once(pair: tuple[Server, Server], key: str) -> None:
    master, replica = pair
    store = RedisStore(f"redis://127.0.0.1:{master.port}/0")
    replica.signal(signal.SIGSTOP)
    try:
        assert isinstance(await store.patch(key, "", Patch("v1", {})), Written)
    finally:
        replica.signal(signal.SIGCONT)
    await store.close()


async def test_a_server_that_is_no_master_any_more_does_not_say_that_a_patch_was_written(
    pair: tuple[Server, Server], key: str
) -> None:
    master, replica = pair
    store, patch = RedisStore(f"redis://127.0.0.1:{master.port}/0"), Patch("v1", {})
    assert isinstance(await store.patch(key, "", patch), Written)
    until(lambda: replica.client.exists(key), "it has it")
    there = RedisStore(f"redis://127.0.0.1:{replica.port}/0")
    with pytest.raises(StoreUnreachable, match="replica"):
        await there.patch(key, "", patch)
    for each in (store, there):
        await each.close()


# ---- URLs -----------------------------------------------------------------------------------------------------------


def test_each_server_is_reached_with_what_stands_in_the_url_and_sentinels_with_what_is_theirs() -> None:
    way = Way.read(
        "rediss+sentinel://u:p%40@a,[::1]:26380/my%20master/3?ssl_cert_reqs=none&sentinel_password=s%2F&wait_replicas=2"
    )
    assert (way.service, way.servers, way.waits) == (
        "my master",
        (Address("a", 26379), Address("::1", 26380)),
        (2, 500),
    )
    assert way.to(Address("10.0.0.1", 6379)) == "rediss://u:p%40@10.0.0.1:6379/3?ssl_cert_reqs=none"
    assert way.to_sentinel(way.servers[1]) == "rediss://:s%2F@[::1]:26380/0?ssl_cert_reqs=none"
    assert Way.read("redis+cluster://:p@a/").to(Address("b", 1)) == "redis://:p@b:1/0"
    assert Way.read("redis://:p@a/3?wait_ms=7&x=1").to() == "redis://:p@a/3?x=1"
    assert Way.read("unix:///run/r.sock?db=2&wait_replicas=1").to() == "unix:///run/r.sock?db=2"
