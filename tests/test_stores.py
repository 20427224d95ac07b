"""The contract of a store, run against every store; then what the memory store and `open` do besides."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio
import pytest
import redis
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint

import model
from fleets import Cluster, Guarded, running_cluster, running_guarded
from servers import running_redis
from wechat import Bot, TextMessage, remember, stores
from wechat.errors import ConfigurationError
from wechat.stores import Alarm, Bell, Loaded, Patch, Signal, Store, Written
from wechat.stores.memory import MemoryStore
from wechat.stores.redis import RedisStore
from wechat.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.anyio

MINUTE = 60_000


# ---- the bench: one kind of store under test ------------------------------------------------------------------------


class Bench(Protocol):
    """Opens stores of one kind, and makes time pass in them.

    Tests let whole minutes pass, so that a store whose clock cannot be moved may move its records' expiry instead.
    """

    def opened(self) -> AbstractAsyncContextManager[Store]: ...
    def now(self) -> int: ...
    def let_pass(self, ms: int) -> None: ...
    def kept(self, store: Store) -> str:
        """All that is there, as it lies there."""


class ClockedBench:
    """For the stores that are handed their clock."""

    def __init__(self, make: Callable[[stores.Clock], Store], kept: Callable[[Store], str]) -> None:
        self._make, self._time = make, 1_732_371_443_000
        self.kept = kept

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        store = self._make(self.now)
        yield store
        await store.close()

    def now(self) -> int:
        return self._time

    def let_pass(self, ms: int) -> None:
        self._time += ms


class RedisBench:
    """For Redis, whose clock nobody moves: what expires does so earlier instead. `masters`: the clients of all that keep records."""

    def __init__(self, url: str, *masters: Any) -> None:
        self._url, self._masters = url, masters or [redis.Redis.from_url(url)]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        store = RedisStore(self._url)
        yield store
        await store.close()

    def now(self) -> int:
        seconds, micros = self._masters[0].time()
        return int(seconds) * 1000 + int(micros) // 1000

    def let_pass(self, ms: int) -> None:
        for client in self._masters:
            for key in client.scan_iter():
                left = client.pttl(key)
                if left >= 0:
                    client.pexpire(key, left - ms)

    def kept(self, store: Store) -> str:
        return repr(
            [
                [(key, client.hgetall(key)) for key in client.scan_iter()] + client.pubsub_channels()
                for client in self._masters
            ]
        )


def _fleet(fleet: Cluster | Guarded, options: str = "") -> RedisBench:
    return RedisBench(fleet.url + options, *(server.client for server in fleet.masters()))


BENCHES: dict[str, Callable[[Path, ExitStack], Bench]] = {
    "memory": lambda folder, servers: ClockedBench(MemoryStore, lambda store: repr(vars(store))),
    "sqlite": lambda folder, servers: ClockedBench(
        lambda clock: SQLiteStore(folder / "bot.db", clock),
        lambda store: repr([file.read_bytes() for file in folder.iterdir()]),
    ),
    "redis": lambda folder, servers: RedisBench(f"redis://127.0.0.1:{servers.enter_context(running_redis(folder))}/3"),
    "cluster": lambda folder, servers: _fleet(servers.enter_context(running_cluster(folder))),
    "sentinel": lambda folder, servers: _fleet(servers.enter_context(running_guarded(folder))),
    "replicas": lambda folder, servers: _fleet(servers.enter_context(running_guarded(folder)), "?wait_replicas=1"),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as servers:
        yield BENCHES[request.param](tmp_path_factory.mktemp("store"), servers)


@pytest.fixture
async def store(bench: Bench) -> AsyncIterator[Store]:
    async with bench.opened() as opened:
        yield opened


@pytest.fixture
def key() -> str:
    return secrets.token_hex(4)


async def there(store: Store, key: str) -> tuple[str, dict[str, str]]:
    loaded = await store.load(key)
    return loaded.version, dict(loaded.fields)


NOTHING: tuple[str, dict[str, str]] = ("", {})


# ---- load and patch -------------------------------------------------------------------------------------------------


async def test_where_nothing_was_written_there_is_no_version_and_no_field(store: Store, key: str) -> None:
    assert await there(store, key) == NOTHING


async def test_what_was_put_is_loaded(store: Store, key: str) -> None:
    assert isinstance(await store.patch(key, "", Patch("v1", {"a": "1", "b": "2"})), Written)
    assert await there(store, key) == ("v1", {"a": "1", "b": "2"})


async def test_a_patch_changes_only_the_fields_it_names(store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1", "b": "2", "c": "3"}))
    await store.patch(key, "v1", Patch("v2", {"b": "two", "d": "4"}, drop=["c", "never there"]))
    assert await there(store, key) == ("v2", {"a": "1", "b": "two", "d": "4"})


async def test_a_field_both_dropped_and_put_is_put(store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    await store.patch(key, "v1", Patch("v2", {"a": "2"}, drop=["a"]))
    assert await there(store, key) == ("v2", {"a": "2"})


@pytest.mark.parametrize("version", ["", "v1", "never"])
async def test_a_version_that_does_not_stand_writes_nothing_and_tells_what_is_there(
    store: Store, key: str, version: str
) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1", "b": "2"}))
    await store.patch(key, "v1", Patch("v2", {"a": "2"}))
    refused = await store.patch(key, version, Patch("v3", {"a": "3", "c": "3"}, drop=["b"], expires=1))
    assert isinstance(refused, Loaded)
    assert (refused.version, dict(refused.fields)) == ("v2", {"a": "2", "b": "2"})
    assert await there(store, key) == ("v2", {"a": "2", "b": "2"})


async def test_a_version_does_not_stand_where_there_is_no_record(store: Store, key: str) -> None:
    refused = await store.patch(key, "v1", Patch("v2", {"a": "1"}))
    assert isinstance(refused, Loaded)
    assert (refused.version, dict(refused.fields)) == NOTHING
    assert await there(store, key) == NOTHING


@pytest.mark.parametrize("version", ["", "v1"])
async def test_a_patch_whose_acknowledgement_was_lost_is_acknowledged_and_not_made_again(
    store: Store, key: str, version: str
) -> None:
    if version:
        await store.patch(key, "", Patch(version, {"a": "1"}))
    patch = Patch("v2", {"a": "2"})
    assert isinstance(await store.patch(key, version, patch), Written)
    assert isinstance(await store.patch(key, version, patch), Written)
    assert await there(store, key) == ("v2", {"a": "2"})


async def test_a_lost_acknowledgement_that_another_write_followed_is_a_version_that_does_not_stand(
    store: Store, key: str
) -> None:
    patch = Patch("v1", {"a": "1"})
    await store.patch(key, "", patch)
    await store.patch(key, "v1", Patch("v2", {"a": "2"}))
    assert isinstance(await store.patch(key, "", patch), Loaded)
    assert await there(store, key) == ("v2", {"a": "2"})


async def test_a_record_may_have_no_field(store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {}))
    assert await there(store, key) == ("v1", {})
    await store.patch(key, "v1", Patch("v2", {"a": "1"}))
    await store.patch(key, "v2", Patch("v3", {}, drop=["a"]))
    assert await there(store, key) == ("v3", {})


async def test_records_know_nothing_of_each_other(store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    await store.patch(key + "0", "", Patch("v2", {"a": "2"}))
    assert await there(store, key) == ("v1", {"a": "1"})
    assert await there(store, key + "0") == ("v2", {"a": "2"})


@pytest.mark.parametrize(
    "text", ["", " ", "买水果", "👩‍👩‍👧", "a\0b", "'; DROP TABLE record; --", "%s{}\\\n", "长" * 400_000], ids=range(8)
)
async def test_any_text_comes_back_as_it_went(store: Store, key: str, text: str) -> None:
    await store.patch(key + text[:50], "", Patch("v" + text[:50], {text[:50]: text}))
    assert await there(store, key + text[:50]) == ("v" + text[:50], {text[:50]: text})


async def test_half_a_surrogate_pair_is_refused_by_every_store_and_nothing_is_written(store: Store, key: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        await store.patch(key, "", Patch("v1", {"a": "1", "b": "\ud83d"}))
    assert await there(store, key) == NOTHING
    assert isinstance(await store.patch(key, "", Patch("v2", {"a": "1"})), Written)


async def test_thousands_of_fields_are_put_and_dropped_in_one_patch(store: Store, key: str) -> None:
    fields = {str(i): f"entry {i}" for i in range(9_000)}
    await store.patch(key, "", Patch("v1", fields))
    assert await there(store, key) == ("v1", fields)
    await store.patch(key, "v1", Patch("v2", {"head": "1"}, drop=list(fields)))
    assert await there(store, key) == ("v2", {"head": "1"})


async def test_what_was_loaded_and_what_was_put_are_no_windows_into_the_store(store: Store, key: str) -> None:
    put = {"a": "1"}
    await store.patch(key, "", Patch("v1", put))
    put["a"] = "spoiled"
    loaded = await store.load(key)
    await store.patch(key, "v1", Patch("v2", {"a": "2"}))
    assert (loaded.version, dict(loaded.fields)) == ("v1", {"a": "1"})
    for answer in (await store.load(key), await store.patch(key, "v1", Patch("v3", {}))):
        assert isinstance(answer, Loaded)
        if isinstance(answer.fields, dict):
            answer.fields["a"] = "spoiled"
    assert await there(store, key) == ("v2", {"a": "2"})


async def test_every_answer_carries_the_stores_time(bench: Bench, store: Store, key: str) -> None:
    before = bench.now()
    answers = [await store.load(key), await store.patch(key, "", Patch("v1", {}))]
    answers += [await store.patch(key, "", Patch("v1", {})), await store.patch(key, "", Patch("v2", {}))]
    after = bench.now()
    assert [type(answer) for answer in answers] == [Loaded, Written, Written, Loaded]
    assert all(before <= answer.now <= after for answer in answers)


def test_a_patch_needs_a_version() -> None:
    with pytest.raises(ValueError, match="new version"):
        Patch("", {"a": "1"})


async def test_writers_that_retry_on_what_they_were_told_lose_no_increment(store: Store, key: str) -> None:
    async def count(times: int) -> None:
        known: Loaded = await store.load(key)
        for _ in range(times):
            while True:
                patch = Patch(secrets.token_hex(8), {"n": str(int(known.fields.get("n", "0")) + 1)})
                answer = await store.patch(key, known.version, patch)
                if isinstance(answer, Written):
                    known = Loaded(patch.version, patch.put, answer.now)
                    break
                known = answer

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(count, 20)
    assert (await store.load(key)).fields == {"n": "100"}


# ---- expiry and erasure ---------------------------------------------------------------------------------------------


async def test_a_record_is_there_until_it_expires_and_absent_from_then_on(bench: Bench, store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}, expires=bench.now() + 2 * MINUTE))
    bench.let_pass(MINUTE)
    assert await there(store, key) == ("v1", {"a": "1"})
    bench.let_pass(MINUTE)
    assert await there(store, key) == NOTHING


async def test_the_version_of_an_expired_record_does_not_stand(bench: Bench, store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}, expires=bench.now() + MINUTE))
    bench.let_pass(MINUTE)
    refused = await store.patch(key, "v1", Patch("v2", {"b": "2"}))
    assert isinstance(refused, Loaded)
    assert (refused.version, dict(refused.fields)) == NOTHING


async def test_a_patch_on_an_expired_record_starts_afresh(bench: Bench, store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1", "b": "1"}, expires=bench.now() + MINUTE))
    bench.let_pass(MINUTE)
    assert isinstance(await store.patch(key, "", Patch("v2", {"b": "2"})), Written)
    assert await there(store, key) == ("v2", {"b": "2"})
    bench.let_pass(1_000 * MINUTE)
    assert await there(store, key) == ("v2", {"b": "2"})


@pytest.mark.parametrize(
    ("first", "then", "left"), [(1, 3, True), (3, 1, False), (1, None, True), (None, 1, False), (None, None, True)]
)
async def test_every_patch_replaces_the_expiry(
    bench: Bench, store: Store, key: str, first: int | None, then: int | None, left: bool
) -> None:
    def at(minutes: int | None) -> int | None:
        return None if minutes is None else bench.now() + minutes * MINUTE

    await store.patch(key, "", Patch("v1", {"a": "1"}, expires=at(first)))
    await store.patch(key, "v1", Patch("v2", {}, expires=at(then)))
    bench.let_pass(2 * MINUTE)
    assert await there(store, key) == (("v2", {"a": "1"}) if left else NOTHING)


async def test_a_record_may_expire_as_it_is_written(bench: Bench, store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    assert isinstance(await store.patch(key, "v1", Patch("v2", {}, expires=bench.now() - MINUTE)), Written)
    assert await there(store, key) == NOTHING


async def test_erasing_forgets_everything_under_the_key_and_nothing_else(store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1", "b": "2"}))
    await store.patch(key + "0", "", Patch("w1", {"a": "1"}))
    await store.erase(key)
    await store.erase(key)
    assert await there(store, key) == NOTHING
    assert isinstance(await store.patch(key, "v1", Patch("v2", {})), Loaded)
    await store.patch(key, "", Patch("v3", {"c": "3"}))
    assert await there(store, key) == ("v3", {"c": "3"})
    assert await there(store, key + "0") == ("w1", {"a": "1"})


async def test_erasing_a_user_leaves_nothing_of_them_and_all_of_the_others(bench: Bench, store: Store) -> None:
    """Not even in the free pages of a file."""
    bot = Bot("token", store=store, account="gh_1", expire=600)
    openids, number = ["oMara", "oNobody"], itertools.count()

    @bot.default
    def chat(message: TextMessage) -> Any:
        for _ in range(30):
            said = yield f"{message.openid} says something"
            yield remember(said[:12], f"{message.openid} said {said}")

    for i in range(40):
        for openid in openids:
            text = f"{i} it is {openid} " + "who writes much " * (i % 3) * 40
            await bot.deliver(TextMessage(text=text, id=f"{next(number)}", openid=openid, account="gh_1"))
    for openid in openids:
        await bot.user(openid).tell(f"only for {openid}", key="news")
    assert all(bench.kept(store).count(openid) > 40 for openid in openids)
    await bot.user("oMara").forget()
    assert "oMara" not in bench.kept(store)
    assert await bot.user("oNobody").recall("39 it is oNo") is not None
    await bot.aclose()


# ---- waiting --------------------------------------------------------------------------------------------------------


async def waiting(store: Store, key: str, until: int, *, task_status: TaskStatus[None]) -> None:
    task_status.started()
    await store.wait(key, until)


async def test_a_wait_ends_at_its_time(bench: Bench, store: Store, key: str) -> None:
    with anyio.fail_after(5):
        await store.wait(key, bench.now() + 20)
        await store.wait(key, bench.now())
        await store.wait(key, bench.now() - MINUTE)


async def test_a_wait_for_what_has_happened_already_ends_at_once(bench: Bench, store: Store, key: str) -> None:
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    with anyio.fail_after(5):
        await store.wait(key, bench.now() + MINUTE, "")
        await store.wait(key, bench.now() + MINUTE, "v0")
    with anyio.move_on_after(0.05) as scope:
        await store.wait(key, bench.now() + MINUTE, "v1")
    assert scope.cancelled_caught


async def test_a_patch_wakes_all_who_wait_for_its_key(bench: Bench, store: Store, key: str) -> None:
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                await tasks.start(waiting, store, key, bench.now() + MINUTE)
            await checkpoint()
            assert isinstance(await store.patch(key, "", Patch("v1", {}, wake=True)), Written)


async def test_a_wait_may_be_given_up_and_begun_again(bench: Bench, store: Store, key: str) -> None:
    with anyio.fail_after(5):
        for version, after in (("", "v1"), ("v1", "v2")):
            async with anyio.create_task_group() as tasks:
                await tasks.start(waiting, store, key, bench.now() + MINUTE)
                tasks.cancel_scope.cancel()
            async with anyio.create_task_group() as tasks:
                await tasks.start(waiting, store, key, bench.now() + MINUTE)
                await store.patch(key, version, Patch(after, {}, wake=True))


# ---- opening and closing --------------------------------------------------------------------------------------------


async def test_a_store_may_be_closed_before_and_after_use_twice_and_used_again(store: Store, key: str) -> None:
    await store.close()
    await store.patch(key, "", Patch("v1", {"a": "1"}))
    await store.close()
    await store.close()
    assert await there(store, key) == ("v1", {"a": "1"})


def test_a_store_outlives_the_event_loops_that_use_it(bench: Bench, key: str) -> None:
    async def turn(store: Store, version: str, after: str) -> None:
        assert (await store.load(key)).version == version
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                await tasks.start(waiting, store, key, bench.now() + MINUTE)
                assert isinstance(await store.patch(key, version, Patch(after, {}, wake=True)), Written)

    async def opened() -> Store:
        return await bench.opened().__aenter__()

    store = anyio.run(opened)
    for version, after in itertools.pairwise(["", "v1", "v2", "v3"]):
        anyio.run(turn, store, version, after)
    anyio.run(store.close)


# ---- the model ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", model.KINDS)
async def test_a_store_does_what_the_model_does(kind: str) -> None:
    """Two thousand operations; ``make model`` does a hundred thousand."""
    comparison = await model.compared(kind, seed=0, count=2_000)
    assert min(comparison.tally[f"  {outcome}"] for outcome in ("written", "refused", "there already")) > 50


async def test_the_model_notices_a_store_that_does_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores.memory, "_expired", lambda record, now: False)
    with pytest.raises(AssertionError, match="memory, seed 3: operation"):
        await model.compared("memory", seed=3, count=2_000)


# ---- the memory store besides ---------------------------------------------------------------------------------------


async def test_a_heart_beat_wakes_nobody_in_memory(key: str) -> None:
    store, woken = MemoryStore(), []

    async def wait() -> None:
        await store.wait(key, stores.wall_clock() + MINUTE)
        woken.append(key)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await checkpoint()
        await store.patch(key, "", Patch("v1", {}))
        await store.patch(key + "0", "", Patch("v1", {}, wake=True))
        for _ in range(5):
            await checkpoint()
        assert woken == []
        tasks.cancel_scope.cancel()


def test_who_listened_on_a_loop_that_is_gone_troubles_no_later_ring(key: str) -> None:
    bell, listening = Bell(), ExitStack()

    async def listen() -> None:
        listening.enter_context(bell.listening(key))

    anyio.run(listen)
    bell.ring(key)
    listening.close()
    assert bell._listening == {}


async def test_one_timer_wakes_all_who_wait_for_one_moment_and_none_is_left_where_nobody_waits() -> None:
    alarm, first, second, third = Alarm(), Signal(), Signal(), Signal()
    async with anyio.create_task_group() as tasks:
        for signal in (first, second, third):
            tasks.start_soon(alarm.within, 7, 3_600.0, signal)
        await checkpoint()
        [due] = alarm._due.values()
        timer, waiting = due.timer, due.signals
        assert waiting == {first, second, third}
        third.set()
        for _ in range(3):
            await checkpoint()
        assert waiting == {first, second}
        alarm._over(7)  # it is time
        tasks.start_soon(alarm.within, 7, 3_600.0, third := Signal())  # for whom it begins once more
        for _ in range(3):
            await checkpoint()
        [due] = alarm._due.values()
        assert due.signals == {third}
        again = due.timer
        tasks.start_soon(alarm.within, 7, 60.0, Signal())  # who knows it better
        await checkpoint()
        assert again.cancelled()
        again = due.timer
        assert again.when() < timer.when()
        tasks.cancel_scope.cancel()
    assert alarm._due == {}
    assert again.cancelled()
    assert again is not timer


async def test_what_expired_in_memory_is_dropped_a_little_with_every_write() -> None:
    time = 0
    store = MemoryStore(lambda: time)
    for i in range(100):
        await store.patch(f"old{i}", "", Patch("v", {"a": "1"}, expires=MINUTE))
    time = MINUTE
    sizes = []
    for i in range(60):
        await store.patch(f"new{i}", "", Patch("v", {"a": "1"}))
        sizes.append(len(store._records))
    assert all(abs(after - before) <= 2 for before, after in itertools.pairwise(sizes))
    assert sizes[-1] == 60


# ---- which store a URL names ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_url_names_a_store(folder: Path) -> None:
    assert isinstance(stores.open("memory://"), MemoryStore)
    relative, absolute = stores.open("sqlite:///data/bot.db"), stores.open("SQLite:////var/lib/机器人.db")
    assert isinstance(relative, SQLiteStore)
    assert isinstance(absolute, SQLiteStore)
    assert (relative.path, absolute.path) == (str(folder / "data" / "bot.db"), "/var/lib/机器人.db")
    for url in (
        "redis://localhost",
        "REDIS://:pw@[::1]:6380/15",
        "rediss://u:p@redis.example.com/0",
        "unix:///run/r.sock?db=2",
        "redis+cluster://localhost",
        "Redis+Cluster://:pw@a.example.com,[::1]:7001,10.0.0.3:7002/0?wait_replicas=2&wait_ms=900",
        "rediss+cluster://u:p%40@a:7000?ssl_cert_reqs=none",
        "redis+sentinel://a,b:26380/mymaster",
        "rediss+sentinel://u:p@a,b:26380/mymaster/3?sentinel_password=s%2F&sentinel_username=w",
        "redis://localhost?wait_replicas=1",
    ):
        assert isinstance(stores.open(url), RedisStore)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("", "is no URL"),
        ("bot.db", "is no URL"),
        ("redis.example.com:6379", "is no URL"),
        ("mysql://localhost/bot", "'mysql'"),
        ("memory://x", "something behind"),
        ("sqlite://bot.db", "three slashes"),
        ("sqlite://", "three slashes"),
        ("sqlite:///", "names no file"),
        ("sqlite:////var/lib/", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///bot.db?mode=ro", "names no file"),
        ("redis://localhost/first", "is no URL of a Redis"),
        ("redis://localhost:port/0", "is no URL of a Redis"),
        ("redis://localhost:66000/0", "is no URL of a Redis"),
        ("rediss://localhost/0?such=nonsense", "is no URL of a Redis"),
        ("unix://", "is no URL of a Redis"),
        ("rediss://localhost@[bad/0", "is no URL of a Redis"),
        ("redis+cluster://", "host:port"),
        ("redis+cluster://a:7000,", "host:port"),
        ("redis+cluster://a:70000", "host:port"),
        ("redis+cluster://a:port", "host:port"),
        ("redis+cluster://a:7000/1", "no database but 0"),
        ("redis+cluster://a:7000?sentinel_password=x", "is no URL of a Redis"),
        ("redis+sentinel://a:26379", "the name they know the master by"),
        ("redis+sentinel://a:26379/", "the name they know the master by"),
        ("redis+sentinel://a:26379/name/first", "the name they know the master by"),
        ("redis+sentinel://a:26379/name?such=nonsense", "is no URL of a Redis"),
        ("redis+nobody://a", "'redis\\+nobody'"),
        ("unix+cluster:///run/r.sock", "'unix\\+cluster'"),
        ("redis://localhost?wait_replicas=some", "wait_replicas cannot be that"),
        ("redis://localhost?wait_replicas=1&wait_ms=3000", "wait_ms must be less than 3000"),
    ],
)
def test_a_url_that_names_none_is_met_by_what_would_be_right(url: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as caught:
        stores.open(url)
    for word in ("store=", "WECHAT_STORE", "sqlite:///bot.db", "redis://", "memory://"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2#x@h:1/0",
        "redis://:hunter2/x@h:1/0",
        "rediss://:hunter2@[bad/0",
        "redis://:hunter2",
        "redis://:hunter2?x@h/y",
        "redis://:hunter2@host/a",
        "redis://:hunter2@host:x",
        ":hunter2@host/0",
        "x:hunter2@host://y",
        "y://:hunter2@h",
    ],
)
def test_a_password_in_a_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        stores.open(url)
    assert "hunter2" not in str(caught.value)
