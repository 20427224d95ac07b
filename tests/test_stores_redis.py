"""What the Redis store does besides the contract in ``test_stores.py``: on real servers, with real processes."""

from __future__ import annotations

import multiprocessing
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
import redis

from servers import free_port, running_redis
from wechat import ConfigurationError, stores
from wechat.errors import StoreUnreachable
from wechat.stores import Patch, Written
from wechat.stores.redis import RedisStore

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


async def test_a_unix_socket_and_a_number_name_the_same_server(url: str, folder: Path, key: str) -> None:
    store, other = RedisStore(url), RedisStore(f"unix://{folder}/redis.sock?db=0")
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    assert (await other.load(key)).version == "v1"
    await store.close()
    await other.close()


async def test_a_server_that_knows_no_script_any_more_is_told_it_again(url: str, key: str) -> None:
    store = RedisStore(url)
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    with redis.Redis.from_url(url) as client:
        client.script_flush()
    assert isinstance(await store.patch(key, "v1", Patch("v2", {"a": "2"})), Written)
    await store.close()


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
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.wait, key, (await one.load(key)).now + 60_000, "v1")
            await other.patch(key, "v1", Patch("v2", {}, wake=True))
    await one.close()
    await other.close()


def test_a_child_uses_connections_of_its_own_and_leaves_its_parents_alone(url: str, key: str) -> None:
    async def write(store: RedisStore, version: str, after: str) -> None:
        assert isinstance(await store.patch(key, version, Patch(after, {"by": str(os.getpid())})), Written)

    def in_child(store: RedisStore) -> None:
        anyio.run(write, store, "v1", "v2")

    async def both() -> None:
        store = RedisStore(url)
        await write(store, "", "v1")
        child = multiprocessing.get_context("fork").Process(target=in_child, args=(store,))
        child.start()
        await anyio.to_thread.run_sync(child.join)
        assert child.exitcode == 0
        assert (await store.load(key)).fields == {"by": str(child.pid)}
        await write(store, "v2", "v3")
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


async def test_a_redis_that_answers_nothing_is_given_up_before_wechat_gives_up(key: str) -> None:
    async def silent(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            while await stream.receive():
                pass

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, silent)
        store = RedisStore(f"redis://127.0.0.1:{port}/0", patience=0.2)
        with anyio.fail_after(5), pytest.raises(StoreUnreachable):
            await store.load(key)
        await store.close()
        tasks.cancel_scope.cancel()


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
