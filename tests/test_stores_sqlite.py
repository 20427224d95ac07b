"""What the SQLite store does besides the contract: its file, several processes, forks, and what can go wrong with a file."""

from __future__ import annotations

import contextlib
import functools
import gc
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from wechat import stores
from wechat.errors import StoreUnreachable, UnknownFormat
from wechat.stores import Loaded, Patch, Written
from wechat.stores.sqlite import _TABLES, FORMAT, SQLiteStore

pytestmark = pytest.mark.anyio

MINUTE = 60_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(path)
    yield opened
    await opened.close()


@pytest.fixture
async def other(path: Path) -> AsyncIterator[SQLiteStore]:
    """Another connection to the same file, as another process has it."""
    opened = SQLiteStore(path)
    yield opened
    await opened.close()


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def process() -> Iterator[Start]:
    """Starts another Python that runs a script; none outlives the test."""
    with contextlib.ExitStack() as started:

        def start(script: str, *arguments: object) -> subprocess.Popen[str]:
            pipe, command = subprocess.PIPE, [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
            python = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
            started.enter_context(python)
            started.callback(python.kill)
            return python

        yield start


def output(started: subprocess.Popen[str]) -> str:
    """All that it printed, when it has ended well."""
    out, errors = started.communicate(timeout=60)
    assert started.returncode == 0, errors
    return out


# ---- the file -------------------------------------------------------------------------------------------------------


async def test_nothing_is_opened_before_the_first_operation_and_nothing_is_left_open_by_close(path: Path) -> None:
    before = set(threading.enumerate())
    store = stores.open(f"sqlite:///{path}")
    await store.close()
    assert (path.exists(), set(threading.enumerate()) - before) == (False, set())
    await store.patch("k", "", Patch("v1", {}))
    assert [file.name for file in sorted(path.parent.iterdir())] == ["bot.db", "bot.db-shm", "bot.db-wal"]
    [thread] = set(threading.enumerate()) - before
    await store.close()
    assert [file.name for file in path.parent.iterdir()] == ["bot.db"]
    thread.join(5)
    assert not thread.is_alive()


async def test_what_is_acknowledged_is_on_disk_in_a_write_ahead_log(store: SQLiteStore, path: Path) -> None:
    await store.patch("k", "", Patch("v1", {}))
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    connection = store._file._connection
    assert connection is not None
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


async def test_a_relative_path_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = stores.open("sqlite:///bot.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await store.patch("k", "", Patch("v1", {}))
    await store.close()
    assert (tmp_path / "bot.db").exists()


async def test_records_outlive_the_store_that_wrote_them(path: Path) -> None:
    for version, after in (("", "v1"), ("v1", "v2")):
        store = SQLiteStore(path)
        assert isinstance(await store.patch("k", version, Patch(after, {after: "1"})), Written)
        await store.close()
    assert rows(path, "SELECT * FROM record") == [("k", "v2", None)]
    assert rows(path, "SELECT * FROM field") == [("k", "v1", "1"), ("k", "v2", "1")]
    assert rows(path, "PRAGMA user_version") == [(FORMAT,)]


async def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    rows(path, f"PRAGMA user_version = {FORMAT + 1}")
    before, store = path.read_bytes(), SQLiteStore(path)
    for _ in range(2):
        with pytest.raises(UnknownFormat, match=r"bot\.db") as caught:
            await store.load("k")
        assert (caught.value.found, caught.value.known) == (FORMAT + 1, FORMAT)
    await store.close()
    assert path.read_bytes() == before


async def test_what_expired_is_deleted_a_little_with_every_write(path: Path) -> None:
    time = 0
    store = SQLiteStore(path, lambda: time)
    for i in range(20):
        await store.patch(f"old{i}", "", Patch("v", {"a": "1", "b": "2"}, expires=MINUTE))
    time = MINUTE
    counts = []
    for i in range(10):
        await store.patch("new", f"v{i}" if i else "", Patch(f"v{i + 1}", {"a": "1"}))
        counts.append(rows(path, "SELECT count(*) FROM record")[0][0])
    await store.close()
    assert counts == [17, 13, 9, 5, 1, 1, 1, 1, 1, 1]
    assert rows(path, "SELECT * FROM field") == [("new", "a", "1")]


async def test_erasing_leaves_no_row(store: SQLiteStore, path: Path) -> None:
    await store.patch("k", "", Patch("v1", {"a": "1"}))
    await store.erase("k")
    assert rows(path, "SELECT key FROM record UNION ALL SELECT key FROM field") == []


# ---- two connections, two processes ---------------------------------------------------------------------------------


async def test_of_two_connections_that_know_one_version_one_writes(store: SQLiteStore, other: SQLiteStore) -> None:
    await store.patch("k", "", Patch("v1", {"a": "1"}))
    assert (await other.load("k")).version == "v1"
    assert isinstance(await other.patch("k", "v1", Patch("v2", {"a": "2"})), Written)
    refused = await store.patch("k", "v1", Patch("v3", {"a": "3"}))
    assert isinstance(refused, Loaded)
    assert (refused.version, refused.fields) == ("v2", {"a": "2"})


async def test_a_wait_notices_what_another_connection_wrote(store: SQLiteStore, other: SQLiteStore) -> None:
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.wait, "k", stores.wall_clock() + MINUTE)
            await store.load("k")  # behind the wait's first look, in one line
            await other.patch("k", "", Patch("v1", {}))


async def test_a_wake_up_within_one_process_needs_no_look_at_the_file(path: Path) -> None:
    looks = 0

    def clock() -> int:
        nonlocal looks
        looks += 1
        return 0

    async def looks_until_woken(key: str) -> int:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waited.wait, key, MINUTE)
            await waited.load(key)  # behind the wait's first look, in one line
            await waited.patch(key, "", Patch("v1", {}, wake=True))
            before = looks
        return looks - before

    waited = SQLiteStore(path, clock)
    with anyio.fail_after(5):
        assert 0 in [await looks_until_woken(str(i)) for i in range(5)]  # a slow machine may look in between
    await waited.close()


INCREMENT = """
    import secrets, sys, anyio
    from wechat import stores

    async def main(path, times):
        store = stores.open(f"sqlite:///{path}")
        known = await store.load("k")
        for _ in range(times):
            while True:
                new = stores.Patch(secrets.token_hex(8), {"n": str(int(known.fields.get("n", "0")) + 1)})
                answer = await store.patch("k", known.version, new)
                if isinstance(answer, stores.Written):
                    known = stores.Loaded(new.version, new.put, answer.now)
                    break
                known = answer
        await store.close()

    sys.stdin.readline()
    anyio.run(main, sys.argv[1], int(sys.argv[2]))
"""


def test_processes_that_begin_at_once_on_a_new_file_lose_no_increment(path: Path, process: Start) -> None:
    writers = [process(INCREMENT, path, 200) for _ in range(2)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        output(writer)
    assert rows(path, "SELECT value FROM field") == [("400",)]


WRITE_FOR_EVER = """
    import sys, anyio
    from wechat import stores

    async def main(path):
        store, n = stores.open(f"sqlite:///{path}"), 0
        while True:
            put = {name: str(n + 1) for name in "abcdefgh"}
            assert isinstance(await store.patch("k", f"v{n}" if n else "", stores.Patch(f"v{n + 1}", put)), stores.Written)
            n += 1
            print(n, flush=True)

    anyio.run(main, sys.argv[1])
"""


def test_a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_half_written(
    path: Path, process: Start
) -> None:
    writer = process(WRITE_FOR_EVER, path)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    writer.wait()
    [(version,)] = rows(path, "SELECT version FROM record")
    n = int(str(version)[1:])
    assert acknowledged[-1] <= n <= acknowledged[-1] + 1
    assert rows(path, "SELECT DISTINCT value FROM field") == [(str(n),)]


# ---- forks ----------------------------------------------------------------------------------------------------------

FORK = """
    import os, sys, anyio
    from wechat import stores

    store = stores.open(f"sqlite:///{sys.argv[1]}")

    def write(version, after):
        answer = anyio.run(store.patch, "k", version, stores.Patch(after, {after: "1"}))
        assert isinstance(answer, stores.Written), answer

    write("", "v1")
    to_parent, to_child = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.read(to_parent[0], 1)
        write("v2", "v3")
        anyio.run(store.close)      # the last connection takes the log away with it; this one must not believe it is
        os.write(to_child[1], b"x")
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    write("v1", "v2")
    os.write(to_parent[1], b"x")
    os.read(to_child[0], 1)
    write("v3", "v4")
    os._exit(0)     # as a kill does: nothing is put in order
"""


def test_parent_and_child_of_a_fork_both_write_on_and_lose_nothing(path: Path, process: Start) -> None:
    output(process(FORK, path))
    assert rows(path, "SELECT version FROM record") == [("v4",)]
    assert rows(path, "SELECT name FROM field") == [("v1",), ("v2",), ("v3",), ("v4",)]


FORK_IN_THE_MIDDLE = """
    import os, signal, sys, threading, anyio
    from wechat import stores
    from wechat.stores.sqlite import SQLiteStore

    entered, forked = threading.Event(), threading.Event()

    def clock():
        entered.set()
        forked.wait(0.2)    # the fork does not come before this is over
        return 0

    store = SQLiteStore(sys.argv[1], clock)
    writer = threading.Thread(target=anyio.run, args=(store.patch, "k", "", stores.Patch("v1", {"a": "1"})))
    writer.start()
    entered.wait()
    child = os.fork()
    forked.set()
    if child:
        writer.join()
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    signal.alarm(20)
    os._exit(anyio.run(store.load, "k").fields != {"a": "1"})
"""


def test_a_fork_waits_for_the_write_that_another_thread_is_at(path: Path, process: Start) -> None:
    output(process(FORK_IN_THE_MIDDLE, path))


# ---- what can go wrong with a file ----------------------------------------------------------------------------------


def in_no_folder(path: Path) -> Path:
    return path.parent / "nowhere" / "bot.db"


def a_folder(path: Path) -> Path:
    path.mkdir()
    return path


def not_a_database(path: Path) -> Path:
    path.write_text("买水果" * 1_000, encoding="utf-8")
    return path


def another_database(path: Path) -> Path:
    rows(path, "CREATE TABLE record (x)")
    return path


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (in_no_folder, "there is no folder .*nowhere"),
        (a_folder, "unable to open"),
        (not_a_database, "not a database"),
        (another_database, "already exists"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named(path: Path, spoil: Callable[[Path], Path], why: str) -> None:
    store = SQLiteStore(spoil(path))
    for operation in (
        lambda: store.load("k"),
        lambda: store.patch("k", "", Patch("v1", {})),
        lambda: store.wait("k", stores.wall_clock() + MINUTE),
        lambda: store.erase("k"),
    ):
        with pytest.raises(StoreUnreachable, match=rf"bot\.db.*{why}"):
            await operation()
    await store.close()


async def test_a_store_goes_on_when_its_file_can_be_used_again(path: Path) -> None:
    store = SQLiteStore(in_no_folder(path))
    with pytest.raises(StoreUnreachable):
        await store.load("k")
    in_no_folder(path).parent.mkdir()
    assert isinstance(await store.patch("k", "", Patch("v1", {})), Written)
    await store.close()


async def test_a_file_locked_for_longer_than_one_waits_can_be_read_and_not_written(path: Path) -> None:
    store = SQLiteStore(path, patience=0.01)
    await store.patch("k", "", Patch("v1", {"a": "1"}))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnreachable, match=r"bot\.db.*locked"):
            await store.patch("k", "v1", Patch("v2", {"a": "2"}))
        assert (await store.load("k")).version == "v1"
        db.execute("COMMIT")
    assert isinstance(await store.patch("k", "v1", Patch("v2", {"a": "2"})), Written)
    await store.close()


@pytest.mark.parametrize("journal", ["delete", "wal"])
async def test_a_new_file_in_which_another_process_makes_the_tables_just_now_is_waited_for(
    path: Path, journal: str
) -> None:
    store, loaded = SQLiteStore(path), anyio.Event()

    async def load() -> None:
        assert (await store.load("k")).version == ""
        loaded.set()

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute("BEGIN IMMEDIATE")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(load)
            with anyio.move_on_after(0.05):
                await loaded.wait()
            assert not loaded.is_set()
            for statement in _TABLES:
                db.execute(statement)
            db.execute("COMMIT")
    assert loaded.is_set()
    await store.close()


def test_a_store_that_is_forgotten_ends_its_thread_and_closes_its_file(path: Path) -> None:
    before = set(threading.enumerate())
    anyio.run(SQLiteStore(path).load, "k")
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()
    assert [file.name for file in path.parent.iterdir()] == ["bot.db"]


def test_a_store_that_nobody_closes_lets_its_process_end(path: Path, process: Start) -> None:
    script = "import sys, anyio; from wechat import stores; s = stores.open(sys.argv[1]); print(anyio.run(s.load, 'k'))"
    assert "version=''" in output(process(script, f"sqlite:///{path}"))


FULL = """
    import resource, sys, anyio
    from wechat import stores
    from wechat.errors import StoreUnreachable

    async def main(path):
        store = stores.open(f"sqlite:///{path}")
        await store.patch("k", "", stores.Patch("v1", {"a": "1"}))
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, most))
        much = stores.Patch("v2", {"a": "2", "b": "x" * 1_000_000})
        try:
            await store.patch("k", "v1", much)
        except StoreUnreachable as error:
            print(error)
        print(*(await store.load("k")).fields)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        print(type(await store.patch("k", "v1", much)).__name__)
        await store.close()

    anyio.run(main, sys.argv[1])
"""


def test_a_full_disk_writes_nothing_of_a_patch_and_once_there_is_room_it_is_made(path: Path, process: Start) -> None:
    error, fields, answer = output(process(FULL, path)).splitlines()
    assert str(path) in error
    assert (fields, answer) == ("a", "Written")
    assert rows(path, "SELECT version FROM record") == [("v2",)]


# ---- cancellation ---------------------------------------------------------------------------------------------------


async def test_an_operation_given_up_while_it_stood_in_line_is_not_done(path: Path) -> None:
    held, entered = threading.Event(), threading.Event()

    def clock() -> int:
        entered.set()
        held.wait(5)
        return 0

    store = SQLiteStore(path, clock)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.load, "first")  # the store's thread stands in its clock
            while not entered.is_set():
                await checkpoint()
            async with anyio.create_task_group() as given_up:
                given_up.start_soon(store.patch, "k", "", Patch("v1", {}))
                await checkpoint()
                await checkpoint()
                given_up.cancel_scope.cancel()
            held.set()
        assert (await store.load("k")).version == ""
    await store.close()


async def test_a_large_file_is_not_written_anew_where_somebody_is_erased_and_the_log_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("wechat.stores.sqlite.WRITTEN_ANEW", 0)
    store = SQLiteStore(path)
    await store.patch("k", "", Patch("v1", {"a": "1"}))
    await store.erase("k")
    assert "until you run VACUUM on it" in caplog.text
    assert (await store.load("k")).version == ""
    await store.close()


async def test_who_is_erased_is_gone_though_the_file_cannot_be_written_anew(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SQLiteStore(path)
    await store.patch("k", "", Patch("v1", {"a": "1"}))
    erase = sqlite3.Connection.execute

    class Busy(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> Any:
            if sql == "VACUUM":
                raise sqlite3.OperationalError("database is locked")
            return erase(self, sql, *given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("wechat.stores.sqlite.sqlite3.connect", functools.partial(sqlite3.connect, factory=Busy))
        await store.close()
        await store.erase("k")
    assert "could not be written anew" in caplog.text
    assert (await store.load("k")).version == ""
    await store.close()
