"""What the Redis store does besides the contract in ``test_stores.py``: on real servers, with real processes."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
import redis
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from servers import Between, certificate, free_port, running_redis
from wechat import Bot, ConfigurationError, TextMessage, record, stores
from wechat.errors import StoreUnreachable, UnknownFormat
from wechat.stores import Loaded, Patch, Written
from wechat.stores.redis import RedisStore
from wechat.stores.wire import Wire

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with running_redis(folder, "--unixsocket", "redis.sock") as port:
        yield port


@pytest.fixture
def key() -> str:
    return secrets.token_hex(4)


@pytest.fixture
def url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    with redis.Redis.from_url(url, decode_responses=True) as opened:
        yield opened


@pytest.fixture
async def store(url: str) -> AsyncIterator[RedisStore]:
    opened = RedisStore(url)
    yield opened
    await opened.close()


@pytest.fixture
async def other(url: str) -> AsyncIterator[RedisStore]:
    """Another one, with connections of its own, as another process has it."""
    opened = RedisStore(url)
    yield opened
    await opened.close()


@asynccontextmanager
async def in_time() -> AsyncIterator[TaskGroup]:
    """Tasks that end, long before a wait does by itself."""
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            yield tasks


async def until(happened: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not happened():
            await checkpoint()


# ---- where a record lies --------------------------------------------------------------------------------------------


async def test_a_record_is_one_hash_and_nothing_else(url: str, key: str) -> None:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        client.flushdb()
        store = RedisStore(url)
        now = (await store.load(key)).now
        await store.patch(key, "", Patch("v1", {"h": "1", "s7": "x"}, expires=now + 60_000))
        assert client.keys() == [key]
        assert client.hgetall(key) == {"v": "v1", "h": "1", "s7": "x"}
        assert 0 < client.pttl(key) <= 60_000
        await store.close()


async def test_no_name_of_a_field_is_taken_for_the_version(url: str, key: str) -> None:
    store, names = RedisStore(url), {"v": "1", "vv": "2", "": "3", "version": "4"}
    await store.patch(key, "", Patch("v1", names))
    loaded = await store.load(key)
    assert (loaded.version, dict(loaded.fields)) == ("v1", names)
    await store.patch(key, "v1", Patch("v2", {}, drop=["v", "vv"]))
    assert dict((await store.load(key)).fields) == {"": "3", "version": "4"}
    await store.close()


async def test_a_server_that_knows_no_script_any_more_is_told_it_again(url: str, key: str) -> None:
    store = RedisStore(url)
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    with redis.Redis.from_url(url) as client:
        client.script_flush()
    assert isinstance(await store.patch(key, "v1", Patch("v2", {"a": "2"})), Written)
    await store.close()


async def test_a_record_that_shall_never_expire_has_no_expiry_any_more(
    store: RedisStore, client: Any, key: str
) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}, expires=(await store.load(key)).now + 60_000))
    await store.patch(key, "v1", Patch("v2", {}))
    assert client.pttl(key) == -1


async def test_a_record_of_a_newer_format_is_left_alone_while_its_user_waits(
    store: RedisStore, client: Any, url: str
) -> None:
    bot = Bot("token", store=url, account="gh_1")
    key = bot.key("gh_1", "oUser")
    await store.patch(key, "", Patch("v1", {"h": f'[{record.FORMAT + 1}, {{"new": "head"}}]', "z": "new"}))
    before = client.hgetall(key)
    async with in_time() as tasks:
        tasks.start_soon(bot.deliver, TextMessage(text="hi", id="1", openid="oUser", account="gh_1"))
        await until(lambda: client.pubsub_numsub(key) == [(key, 1)])  # the delivery waits
        tasks.cancel_scope.cancel()
    with pytest.raises(UnknownFormat):
        await bot.user("oUser").remember("name", "Mara")
    assert client.hgetall(key) == before
    await store.patch(key, "v1", Patch("v2", {}, wake=True))  # the newer worker answers
    await bot.aclose()


# ---- the ways to a server -------------------------------------------------------------------------------------------


async def goes_both_ways(url: str, other: RedisStore, client: Any, key: str) -> None:
    """Commands and wake-ups reach the server that `other` uses."""
    store = RedisStore(url)
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    assert (await other.load(key)).version == "v1"
    async with in_time() as tasks:
        tasks.start_soon(store.wait, key, (await store.load(key)).now + 60_000, "v1")
        await until(lambda: client.publish(key, "wake up") == 1)
    await store.close()


async def test_a_unix_socket_leads_to_the_same_server(other: RedisStore, client: Any, folder: Path, key: str) -> None:
    await goes_both_ways(f"unix://{folder}/redis.sock?db=0", other, client, key)


async def test_tls_leads_to_the_same_server_where_its_certificate_is_known(
    other: RedisStore, client: Any, port: int, tmp_path: Path, key: str
) -> None:
    known, context = certificate(tmp_path)
    async with Between(port).serving(context) as safe:
        await goes_both_ways(f"rediss://127.0.0.1:{safe}/0?ssl_ca_certs={known}", other, client, key)
        stranger = RedisStore(f"rediss://127.0.0.1:{safe}/0")
        with pytest.raises(StoreUnreachable, match="cannot be used"):
            await stranger.load(key)
        await stranger.close()


# ---- waking ---------------------------------------------------------------------------------------------------------


def listening(client: Any) -> list[Any]:
    found: list[Any] = client.client_list(_type="pubsub")
    return found


def commands(client: Any) -> int:
    """How many of a store's commands the server has carried out."""
    return int(client.info("commandstats")["cmdstat_evalsha"]["calls"])


def hears(store: RedisStore, key: str) -> bool:
    return store._lines is not None and store._lines.ear.known(key) is not None


async def test_a_patch_that_wakes_is_published_and_one_that_does_not_is_not(
    store: RedisStore, client: Any, key: str
) -> None:
    with client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(key, key + "end")
        await store.patch(key, "", Patch("v1", {}))
        await store.patch(key, "v1", Patch("v2", {}, wake=True))
        await store.patch(key, "v1", Patch("v3", {}, wake=True))  # refused
        await store.patch(key, "v1", Patch("v2", {}, wake=True))  # there already
        client.publish(key + "end", "")
        messages = list(iter(lambda: (heard.get_message(timeout=5) or {}).get("data"), ""))
        assert [data for data in messages if data] == ["v2"]


async def test_a_wake_up_is_heard_without_anything_to_see(store: RedisStore, client: Any, key: str) -> None:
    async with in_time() as tasks:
        tasks.start_soon(store.wait, key, (await store.load(key)).now + 600_000)
        await until(lambda: client.publish(key, "") == 1)


WAKER = """
import sys, anyio
from wechat.stores import Patch
from wechat.stores.redis import RedisStore

async def wake(url, key):
    store = RedisStore(url)
    await store.patch(key, "v1", Patch("v2", {"by": "another"}, wake=True))
    await store.close()

anyio.run(wake, *sys.argv[1:])
"""


async def wait(store: RedisStore, key: str, times: int) -> None:
    """Until it was woken so many times."""
    until = (await store.load(key)).now + 600_000
    for _ in range(times):
        await store.wait(key, until)


async def test_what_others_publish_may_be_no_text(store: RedisStore, client: Any, key: str) -> None:
    async with in_time() as tasks:
        tasks.start_soon(wait, store, key, 2)
        await until(lambda: hears(store, key))
        client.publish(key, b"\xff")
        await until(lambda: not hears(store, key))
        await until(lambda: hears(store, key))
        client.publish(key, "")


async def test_another_process_wakes_all_who_wait_here(store: RedisStore, client: Any, url: str, key: str) -> None:
    now = (await store.load(key)).now
    await store.patch(key, "", Patch("v1", {}))
    async with in_time() as tasks:
        for _ in range(3):
            tasks.start_soon(store.wait, key, now + 600_000, "v1")
        await until(lambda: client.pubsub_numsub(key) == [(key, 1)])
        await anyio.run_process([sys.executable, "-c", WAKER, url, key])
    assert (await store.load(key)).fields == {"by": "another"}


async def test_one_connection_listens_for_all_who_wait_and_only_for_them(client: Any, url: str, key: str) -> None:
    store = RedisStore(url, patience=0.5)
    now, before = (await store.load(key)).now, len(listening(client))
    keys = {f"{key}.{i}" for i in range(20)}
    async with in_time() as tasks:
        for one in keys:
            tasks.start_soon(store.wait, one, now + 600_000)
        await until(lambda: keys <= set(client.pubsub_channels()))
        assert len(listening(client)) == before + 1
        tasks.cancel_scope.cancel()
    async with in_time() as tasks:
        tasks.start_soon(store.wait, key, now + 600_000)
        await until(lambda: not keys & set(client.pubsub_channels()) and key in client.pubsub_channels())
        assert len(listening(client)) == before + 1
        tasks.cancel_scope.cancel()
    await store.close()
    await until(lambda: len(listening(client)) == before)


async def test_a_store_that_waits_for_nothing_listens_to_nothing(store: RedisStore, client: Any, key: str) -> None:
    before = len(listening(client))
    await store.patch(key, "", Patch("v1", {}, wake=True))
    await store.wait(key, (await store.load(key)).now + 600_000, "never")
    await store.wait(key, 0)
    assert store._lines is not None
    assert store._lines.ear._life is None
    assert len(listening(client)) == before


async def test_who_waits_where_its_channel_is_heard_asks_nothing(store: RedisStore, client: Any, key: str) -> None:
    """What it saw last stands there, for else it would have heard."""
    await store.patch(key, "", Patch("v1", {}))
    now = (await store.load(key)).now
    async with in_time() as tasks:
        tasks.start_soon(store.wait, key, now + 600_000, "v1")
        await until(lambda: hears(store, key))
        await store.load(key)
        before = commands(client)
        with anyio.move_on_after(0):
            await store.wait(key, now + 600_000, "v1")
        await store.wait(key, 0, "v1")
        assert commands(client) == before
        await store.patch(key, "v1", Patch("v2", {}, wake=True))
        await store.wait(key, now + 600_000, "v1")


async def test_what_was_written_while_a_load_was_under_way_is_seen_by_who_waits_then(
    store: RedisStore, client: Any, key: str
) -> None:
    await store.patch(key, "", Patch("v1", {}))
    now = (await store.load(key)).now
    async with in_time() as tasks:
        tasks.start_soon(store.wait, key, now + 600_000, "v1")
        await until(lambda: hears(store, key))
        ear = store._lines.ear if store._lines else None
        assert ear is not None
        before = ear.known(key)
        client.publish(key, "")
        await until(lambda: ear.known(key) is not before)
        ear.saw(key, "v1", before)  # the answer of a load that was sent before
        assert ear.known(key) != "v1"


async def test_where_the_listening_connection_breaks_who_waits_is_woken_and_it_is_opened_again(
    store: RedisStore, client: Any, key: str
) -> None:
    async with in_time() as tasks:
        tasks.start_soon(wait, store, key, 4)
        for _ in range(3):
            await until(lambda: hears(store, key))
            assert client.client_kill_filter(_type="pubsub") >= 1
            await until(lambda: not hears(store, key))
        await until(lambda: client.publish(key, "") == 1)


async def test_a_listening_connection_that_says_nothing_any_more_is_given_up_for_another(
    client: Any, port: int, key: str
) -> None:
    between = Between(port)
    async with between.serving() as through:
        store = RedisStore(f"redis://127.0.0.1:{through}/0", patience=0.5)
        async with in_time() as tasks:
            tasks.start_soon(wait, store, key, 2)
            await until(lambda: hears(store, key))
            between.silence()
            await until(lambda: not hears(store, key))
            await until(lambda: hears(store, key))
            client.publish(key, "")
        await store.close()


@pytest.mark.parametrize("forbidden", [["resetchannels"], ["-publish", "-subscribe"]])
async def test_who_may_neither_publish_nor_subscribe_writes_all_the_same_and_looks_instead(
    client: Any, port: int, key: str, forbidden: list[str]
) -> None:
    client.execute_command("ACL", "SETUSER", "shy", "on", ">pw", "~*", "&*", "+@all", *forbidden)
    one, other = (RedisStore(f"redis://shy:pw@127.0.0.1:{port}/0") for _ in range(2))
    assert isinstance(await one.patch(key, "", Patch("v1", {"a": "1"}, wake=True)), Written)
    async with in_time() as tasks:
        tasks.start_soon(one.wait, key, (await one.load(key)).now + 600_000, "v1")
        await other.patch(key, "v1", Patch("v2", {}, wake=True))
    with anyio.fail_after(20):
        before = client.info("stats")["total_connections_received"]
        await one.wait(key, (await one.load(key)).now + 800, "v2")
        assert client.info("stats")["total_connections_received"] <= before + 1  # it does not connect again and again
    await one.close()
    await other.close()


async def test_who_may_subscribe_where_nobody_may_publish_looks_all_the_same(client: Any, port: int, key: str) -> None:
    client.execute_command("ACL", "SETUSER", "mute", "on", ">pw", "~*", "&*", "+@all", "-publish")
    one, other = (RedisStore(f"redis://mute:pw@127.0.0.1:{port}/0") for _ in range(2))
    await one.patch(key, "", Patch("v1", {}, wake=True))
    async with in_time() as tasks:
        tasks.start_soon(one.wait, key, (await one.load(key)).now + 600_000, "v1")
        await until(lambda: client.pubsub_numsub(key) == [(key, 1)])
        before = commands(client)
        await until(lambda: commands(client) > before + 5)  # it looks, and looks
        await other.patch(key, "v1", Patch("v2", {}, wake=True))
    await one.close()
    await other.close()


async def test_who_waits_is_woken_where_another_process_erases_the_record(
    store: RedisStore, client: Any, url: str, key: str
) -> None:
    await store.patch(key, "", Patch("v1", {}))
    other = RedisStore(url)
    async with in_time() as tasks:
        tasks.start_soon(store.wait, key, (await store.load(key)).now + 600_000, "v1")
        await until(lambda: hears(store, key))
        before = commands(client)
        await until(lambda: commands(client) > before)  # it looks for the last time
        await other.erase(key)
    await other.close()


def test_a_wait_on_a_new_event_loop_listens_anew_and_a_loop_that_ends_leaves_nothing_open(
    client: Any, url: str, key: str
) -> None:
    store, before = RedisStore(url), len(listening(client))

    async def hear() -> None:
        async with in_time() as tasks:
            tasks.start_soon(store.wait, key, (await store.load(key)).now + 600_000)
            await until(lambda: client.publish(key, "") == 1)

    for _ in range(3):
        anyio.run(hear)
    anyio.run(until, lambda: len(listening(client)) == before)


# ---- what the server is like ----------------------------------------------------------------------------------------

SAVING = ["--save", "3600", "1"]
EVICTING = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]
UNCONFIGURED = ["--rename-command", "CONFIG", ""]
#: options of a server, and what each warning says
SERVERS: dict[str, tuple[list[str], list[str]]] = {
    "snapshots": (SAVING, []),
    "a log": (["--appendonly", "yes"], []),
    "nothing on disk": ([], ["appendonly yes"]),
    "evicting": ([*SAVING, *EVICTING], ["allkeys-lru.*noeviction"]),
    "evicting what expires": ([*SAVING, *EVICTING[:3], "volatile-ttl"], ["volatile-ttl.*noeviction"]),
    "a policy and memory without end": ([*SAVING, *EVICTING[2:]], []),
    "full and refusing": ([*SAVING, *EVICTING[:3], "noeviction"], []),
    "both": (EVICTING, ["allkeys-lru", "appendonly yes"]),
    "managed": (UNCONFIGURED, []),
    "managed and evicting": ([*UNCONFIGURED, *EVICTING], ["allkeys-lru"]),
}


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_that_would_lose_conversations_is_warned_of_once_behind_the_first_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    options, warnings = SERVERS[name]
    with running_redis(tmp_path, *options) as port:
        store = RedisStore(f"redis://127.0.0.1:{port}/0")
        await store.load("k")
        assert caplog.records == []
        await inspected(store)
        await store.close()
        await store.load("k")
        assert store._lines is not None
        assert store._lines._tasks == set()
        await store.close()
    assert [(line.name, line.levelno) for line in caplog.records] == [("wechat.stores", logging.WARNING)] * len(
        warnings
    )
    for line, words in zip(caplog.records, warnings, strict=True):
        assert re.search(rf"redis://127.0.0.1:{port}/0 can lose conversations: .*{words}", line.getMessage())


async def inspected(store: RedisStore) -> None:
    assert store._lines is not None
    await asyncio.wait(store._lines._tasks)


async def test_a_server_that_tells_nothing_of_itself_is_not_judged(
    client: Any, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    client.execute_command("ACL", "SETUSER", "guest", "on", ">pw", "~*", "&*", "+@all", "-info", "-config")
    store = RedisStore(f"redis://guest:pw@127.0.0.1:{port}/0")
    await store.load("k")
    await inspected(store)
    await store.close()
    assert caplog.records == []


# ---- what is shared -------------------------------------------------------------------------------------------------

COUNTER = """
import sys, anyio
from wechat.stores import Loaded, Patch, Written
from wechat.stores.redis import RedisStore

async def count(url, key, name):
    store = RedisStore(url)
    known = await store.load(key)
    for i in range(50):
        while True:
            version = f"{name}.{i}"
            patch = Patch(version, {"n": str(int(known.fields.get("n", "0")) + 1)})
            answer = await store.patch(key, known.version, patch)
            if isinstance(answer, Written):
                known = Loaded(version, patch.put, answer.now)
                break
            known = answer
    await store.close()

anyio.run(count, *sys.argv[1:])
"""


async def test_processes_that_write_one_record_lose_no_write(url: str, key: str) -> None:
    workers = [subprocess.Popen([sys.executable, "-c", COUNTER, url, key, f"w{i}"]) for i in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    store = RedisStore(url)
    assert (await store.load(key)).fields == {"n": "150"}
    await store.close()


async def test_what_another_store_writes_ends_a_wait(url: str, key: str) -> None:
    one, other = RedisStore(url), RedisStore(url)
    await one.patch(key, "", Patch("v1", {}))
    async with in_time() as tasks:
        tasks.start_soon(one.wait, key, (await one.load(key)).now + 60_000, "v1")
        await other.patch(key, "v1", Patch("v2", {}, wake=True))
    await one.close()
    await other.close()


def forked(work: Any, *args: Any) -> Any:
    """A child that does this on a loop of its own. (To anyio, the parent's runs there still.)"""
    return multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(work(*args)))


def test_a_child_uses_connections_of_its_own_and_leaves_its_parents_alone(url: str, key: str) -> None:
    async def write(store: RedisStore, version: str, after: str) -> None:
        assert isinstance(await store.patch(key, version, Patch(after, {"by": str(os.getpid())})), Written)

    async def both() -> None:
        store = RedisStore(url)
        await write(store, "", "v1")
        child = forked(write, store, "v1", "v2")
        child.start()
        await anyio.to_thread.run_sync(child.join)
        assert child.exitcode == 0
        assert (await store.load(key)).fields == {"by": str(child.pid)}
        await write(store, "v2", "v3")
        await store.close()

    anyio.run(both)


def test_a_child_listens_on_a_connection_of_its_own_and_its_parent_hears_on(client: Any, url: str, key: str) -> None:
    before = len(listening(client))

    async def hear(store: RedisStore) -> None:
        async with in_time() as tasks:
            tasks.start_soon(store.wait, key, (await store.load(key)).now + 600_000)
            await until(lambda: hears(store, key))
            client.publish(key, "")

    async def both() -> None:
        store = RedisStore(url)
        await hear(store)
        child = forked(hear, store)
        child.start()
        await anyio.to_thread.run_sync(child.join)
        assert child.exitcode == 0
        await until(lambda: len(listening(client)) == before + 1)
        await hear(store)
        await store.close()

    anyio.run(both)


# ---- what goes wrong ------------------------------------------------------------------------------------------------


async def test_a_redis_that_is_not_there_is_a_store_that_cannot_be_reached(key: str) -> None:
    store = RedisStore(f"redis://:hunter2@127.0.0.1:{free_port()}/0")
    for operation in (store.load(key), store.patch(key, "", Patch("v1", {})), store.erase(key), store.wait(key, 0)):
        with pytest.raises(StoreUnreachable, match=r"the Redis at redis://127\.0\.0\.1:\d+/0 cannot be used") as caught:
            await operation
        assert "hunter2" not in str(caught.value)
    await store.close()


@asynccontextmanager
async def silence() -> AsyncIterator[RedisStore]:
    """A store at a server that answers nothing."""

    async def silent(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream):
                while await stream.receive():
                    pass

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, silent)
        store = RedisStore(f"redis://127.0.0.1:{port}/0", patience=0.2)
        yield store
        await store.close()
        tasks.cancel_scope.cancel()


async def test_a_redis_that_answers_nothing_is_given_up_before_wechat_gives_up(key: str) -> None:
    async with silence() as store:
        with anyio.fail_after(5), pytest.raises(StoreUnreachable):
            await store.load(key)


async def test_a_restarted_redis_is_used_again(tmp_path: Path, key: str) -> None:
    with running_redis(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as port:
        store = RedisStore(f"redis://127.0.0.1:{port}/0")
        await store.patch(key, "", Patch("v1", {"a": "1"}))
    with pytest.raises(StoreUnreachable):
        await store.load(key)
    with running_redis(tmp_path, "--appendonly", "yes", port=port):
        assert (await store.load(key)).version == "v1"
        assert isinstance(await store.patch(key, "v1", Patch("v2", {})), Written)
        await store.close()


async def test_a_connection_that_the_server_dropped_is_not_noticed(url: str, key: str) -> None:
    store = RedisStore(url)
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    with redis.Redis.from_url(url) as client:
        client.client_kill_filter(_type="normal", skipme=True)
    assert isinstance(await store.patch(key, "v1", Patch("v2", {})), Written)
    await store.close()


async def test_what_is_no_record_is_not_touched(url: str, key: str) -> None:
    store = RedisStore(url)
    with redis.Redis.from_url(url) as client:
        client.set(key, "somebody else's")
        for operation in (store.load(key), store.patch(key, "", Patch("v1", {"a": "1"}))):
            with pytest.raises(StoreUnreachable, match="WRONGTYPE"):
                await operation
        assert client.get(key) == b"somebody else's"
    await store.close()


async def test_a_password_is_used_and_never_shown(tmp_path: Path, key: str) -> None:
    with running_redis(tmp_path, "--requirepass", "hunter/2@:") as port:
        store = RedisStore(f"redis://:hunter%2F2%40%3A@127.0.0.1:{port}/0")
        assert isinstance(await store.patch(key, "", Patch("v1", {})), Written)
        assert repr(store) == f"RedisStore('redis://127.0.0.1:{port}/0')"
        for wrong in ("", ":hunter3@"):
            closed = RedisStore(f"redis://{wrong}127.0.0.1:{port}/0")
            with pytest.raises(StoreUnreachable) as caught:
                await closed.load(key)
            assert "hunter" not in str(caught.value)
            await closed.close()
        await store.close()


def test_without_the_package_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['redis'] = None; from wechat import stores; stores.open('redis://localhost/0')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert re.search(r"ConfigurationError: .*pip install 'wechat-dialog\[redis\]'", done.stderr)


def test_a_url_is_looked_at_before_anything_is_opened() -> None:
    assert isinstance(stores.open("redis://nowhere.invalid:1/0"), RedisStore)
    with pytest.raises(ConfigurationError, match="is no URL of a Redis"):
        RedisStore("redis://localhost/first")


# ---- many at once ---------------------------------------------------------------------------------------------------


async def gathered(*work: Any) -> list[Any]:
    with anyio.fail_after(20):
        return list(await asyncio.gather(*work, return_exceptions=True))


async def test_many_at_once_are_each_told_what_is_theirs(store: RedisStore, client: Any, key: str) -> None:
    keys = [f"{key}{i}" for i in range(200)]
    written = await gathered(*(store.patch(each, "", Patch(f"v{i}", {"a": f"{i}"})) for i, each in enumerate(keys)))
    assert all(isinstance(came, Written) for came in written)
    client.script_flush()
    loaded = await gathered(*(store.load(each) for each in keys))
    assert [(came.version, came.fields) for came in loaded] == [(f"v{i}", {"a": f"{i}"}) for i in range(200)]


async def test_what_is_wrong_with_one_of_many_is_told_to_it_alone(store: RedisStore, client: Any, key: str) -> None:
    client.set(f"{key}no record", "text")
    odd = [store.load(f"{key}no record"), store.patch(f"{key}half", "", Patch("v1", {"a": "\ud800"}))]
    fine = [store.patch(f"{key}{i}", "", Patch("v1", {})) for i in range(30)]
    came = await gathered(*fine[:15], *odd, *fine[15:])
    assert isinstance(came[15], StoreUnreachable)
    assert isinstance(came[16], UnicodeEncodeError)
    assert all(isinstance(each, Written) for each in came[:15] + came[17:])


async def test_many_who_are_answered_nothing_all_give_up_together(key: str) -> None:
    async with silence() as store:
        came = await gathered(*(store.load(f"{key}{i}") for i in range(100)))
    assert all(isinstance(each, StoreUnreachable) for each in came)


async def test_who_still_waits_as_a_store_is_closed_is_told_so(url: str, client: Any, key: str) -> None:
    store = RedisStore(url)
    await store.load(key)
    client.execute_command("CLIENT", "PAUSE", "300", "ALL")
    asked = [asyncio.ensure_future(store.load(f"{key}{i}")) for i in range(50)]
    while store._lines is None or not (store._lines.only and store._lines.only._waiting):
        await checkpoint()
    await store.close()
    came = await gathered(*asked)
    assert all(isinstance(each, StoreUnreachable | Loaded) for each in came)


async def test_many_who_ask_at_once_need_one_connection(url: str, client: Any, key: str) -> None:
    store = RedisStore(url)
    await store.load(key)
    await until(lambda: not store._lines._tasks)  # type: ignore[union-attr]  # it has looked what the server is like
    before = client.info("stats")["total_connections_received"]
    for crowd in (1, 300, 1, 2, 300):
        came = await gathered(*(store.load(f"{key}{i}") for i in range(crowd)))
        assert [each.version for each in came] == [""] * crowd
    assert client.info("stats")["total_connections_received"] == before
    await store.close()


async def test_who_asks_just_as_a_store_is_closed_is_told_so(url: str, key: str) -> None:
    async def a_moment_later(work: Any) -> Any:
        await checkpoint()
        return await work

    store = RedisStore(url)
    await store.load(key)
    await gathered(store.load(key), store.load(key), store.load(key))  # several together: they wait for each other
    line = store._lines.only  # type: ignore[union-attr]
    assert line is not None
    asked = [store.load(key), a_moment_later(store.load(key)), a_moment_later(store.close())]
    came = await gathered(*asked)
    assert all(isinstance(each, StoreUnreachable) for each in came[:2])
    with anyio.fail_after(5), pytest.raises(redis.exceptions.ConnectionError):
        await line.ask("look", key, ())


async def test_who_gives_up_takes_nobody_else_along(store: RedisStore, key: str) -> None:
    asked = [asyncio.ensure_future(store.patch(f"{key}{i}", "", Patch("v1", {}))) for i in range(100)]
    await checkpoint()
    for i in range(0, 100, 3):
        asked[i].cancel()
    came = await gathered(*(each for i, each in enumerate(asked) if i % 3))
    assert all(isinstance(each, Written) for each in came)


async def test_a_redis_that_stops_reading_is_given_up_in_time_though_not_all_is_sent(
    port: int, client: Any, key: str
) -> None:
    store, server = RedisStore(f"redis://127.0.0.1:{port}/0", patience=0.3), client.info()["process_id"]
    await store.load(key)  # it is connected
    os.kill(server, signal.SIGSTOP)
    try:
        with anyio.fail_after(5), pytest.raises(StoreUnreachable):
            await store.patch(key, "", Patch("v1", {"large": "x" * 50_000_000}))
    finally:
        os.kill(server, signal.SIGCONT)
    assert (await store.load(f"{key}2")).version == ""
    await store.close()


async def test_who_asks_while_the_timer_of_another_runs_has_all_its_time() -> None:
    clock, timers = SimpleNamespace(now=0.0), list[tuple[float, Callable[[], None]]]()
    said, hung_up = asyncio.Event(), asyncio.Event()

    class Connection:
        _writer = SimpleNamespace(transport=SimpleNamespace(abort=hung_up.set))

        async def send_packed_command(self, packed: Any, check_health: bool) -> None: ...

        async def read_response(self) -> str:
            while not said.is_set():
                await checkpoint()
                if hung_up.is_set():
                    raise redis.exceptions.ConnectionError
            said.clear()
            return "+"

        async def disconnect(self, nowait: bool) -> None: ...

    def call_at(when: float, do: Callable[[], None]) -> Any:
        timers.append((when, do))
        return SimpleNamespace()

    wire = Wire(Connection(), 10)
    wire._loop = SimpleNamespace(time=lambda: clock.now, call_at=call_at)  # type: ignore[assignment]
    said.set()
    assert await wire.ask([b"one"]) == ["+"]
    clock.now = 9
    asking = asyncio.ensure_future(wire.ask([b"two"]))
    await checkpoint()
    for clock.now in (10, 19):
        when, look = timers[-1]
        assert (when, hung_up.is_set()) == (clock.now, False)
        look()
    with pytest.raises(redis.exceptions.TimeoutError, match="no answer within 10 s"):
        await asking
    assert len(timers) == 2


async def test_who_is_asked_apart_takes_no_flight_from_the_others(store: RedisStore, key: str) -> None:
    """Where a Cluster moves records, several are asked so at once."""
    await store.load(key)
    line = store._lines.only  # type: ignore[union-attr]
    assert line is not None
    apart = [line.ask_where_it_comes("look", f"{key}{i}", ()) for i in range(6)]
    with anyio.fail_after(5):
        await gathered(*apart, *(store.load(f"{key}{i}") for i in range(20)))


FORKED = """
import asyncio, os, sys
from wechat.stores import Patch
from wechat.stores.redis import RedisStore
from wechat.runtime import Runtime
store = RedisStore(sys.argv[1])
runtime = Runtime(store, {}, lambda turn: None)
loop = asyncio.new_event_loop()

async def told(name):
    runtime.after_fork()
    for i in range(200):
        loaded = await store.load(f"forked:{name}")
        assert loaded.fields == {"name": name}, loaded
    return runtime.drawn()

async def write():
    for name in ("a", "b"):
        await store.erase(f"forked:{name}")
        await store.patch(f"forked:{name}", "", Patch("v1", {"name": name}))
    runtime.after_fork()

loop.run_until_complete(write())
children = []
for name in ("a", "b"):
    reads, writes = os.pipe()
    if not os.fork():
        os.write(writes, loop.run_until_complete(told(name)).encode())
        os._exit(0)
    children.append(reads)
drawn = []
for reads in children:
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
for reads in children:
    drawn.append(os.read(reads, 100))
assert len(set(drawn)) == 2, drawn
"""


def test_a_process_that_is_forked_and_goes_on_with_the_same_event_loop_shares_nothing(url: str) -> None:
    done = subprocess.run([sys.executable, "-c", FORKED, url], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
