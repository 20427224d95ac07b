"""What there is to say of a store: whether it does what it must, and what it would lose."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import anyio

from ..errors import ConfigurationError, StoreError
from ..stores import Patch, Store
from ..stores.memory import MemoryStore
from .findings import Finding, masked

Found: TypeAlias = Iterator[Finding]

#: SQLite knows what the store says to it (upserts) from here on; Redis what its scripts do
SQLITE, REDIS = (3, 24), (6, 2)
#: bytes free on the disk: too few, and few
FULL, SCARCE = 20_000_000, 500_000_000
#: seconds that the store's clock may be off
NOTED, OFF = 1.0, 5.0
#: seconds for the round trip, three operations of the store; a turn is one or two
SLOW = 0.3
#: seconds to wait for a Redis
PATIENCE = 3.0


def examined(store: Store, key: str) -> Found:
    """Findings about a store, in which a record is written under `key`, read, and erased."""
    look = next((look for kind, look in _kinds() if isinstance(store, kind)), _reached)
    yield from look(store, key)


def _kinds() -> Iterator[tuple[type, Callable[[Any, str], Found]]]:
    yield MemoryStore, _memory
    with contextlib.suppress(ImportError):  # a Python may be built without SQLite
        from ..stores.sqlite import SQLiteStore

        yield SQLiteStore, _sqlite
    with contextlib.suppress(ConfigurationError):  # without redis-py nobody has one
        from ..stores.redis import RedisStore

        yield RedisStore, _redis


def _memory(store: MemoryStore, key: str) -> Found:
    advice = "for tests; a bot in service needs a file or a Redis: store=, WECHAT_STORE"
    yield Finding("note", "store", "memory://, which forgets everything when the process ends", advice)


def _reached(store: Store, key: str) -> Generator[Finding, None, bool]:
    """Write, read and erase a record. Gives whether that could be done."""
    try:
        with _silent(logging.getLogger("wechat.stores")):  # it would warn of what is said here, too
            seconds = anyio.run(_round_trip, store, key)
    except StoreError as error:
        yield Finding("wrong", "store", masked(str(error)), _hint(str(error)))
        return False
    found = f"{store!r}: written, read and erased in {seconds * 1000:.1f} ms"
    near = seconds <= SLOW
    advice = "" if near else "every turn waits for one or two of these: keep the store close to the bot"
    yield Finding("ok" if near else "note", "store", found, advice)
    return True


async def _round_trip(store: Store, key: str) -> float:
    """Seconds that it took, but for the connecting. Raises `StoreError`."""
    try:
        before = await store.load(key)
        began = time.monotonic()
        patch = Patch(secrets.token_hex(8), {"doctor": "你好"}, expires=before.now + 60_000)
        await store.patch(key, before.version, patch)
        came = await store.load(key)
        await getattr(store, "remove", store.erase)(key)  # what was written is nobody's
        if (came.version, came.fields) != (patch.version, patch.put):
            raise StoreError(f"{store!r} does not give back what was written to it")
        return time.monotonic() - began
    finally:
        await store.close()


#: what a user of a Redis must be allowed
RIGHTS = (
    "~wechat-dialog:* resetchannels &wechat-dialog:* "
    "+@hash +@scripting +@pubsub +@connection +time +pexpireat +persist +unlink +info"
)
#: what else, in a Cluster, behind Sentinels, and where replicas are waited for
MORE_RIGHTS = "+cluster|slots +cluster|info +asking +role +wait"
#: what a store says when it fails, and what to do then
HINTS = {
    r"there is no folder": "make the folder, or name another file",
    r"readonly|unable to open": "let the user that serves write to the file and to its folder",
    r"not a database": "name another file: this one is none of SQLite",
    r"locked": "another process writes for longer than one waits: end it, or see what it does",
    r"Connection refused|Error \d+ connecting|No such file": "is it running, and does it listen at that address?",
    r"Name or service|not known|resolve": "is the name of the host right?",
    r"Timeout|timed out": "is there a firewall in between?",
    r"WRONGPASS|NOAUTH|[Aa]uthentication|invalid username|invalid password|without any password": (
        "the user or the password is wrong: redis://user:password@host:6379/0, special characters as %XX"
    ),
    r"NOPERM|no permission|permissions": (
        f"let the user do what the store does: ACL SETUSER … {RIGHTS} (and where there are several servers {MORE_RIGHTS})"
    ),
    r"replicas had what was written": "see that as many replicas follow the master, or wait for fewer: wait_replicas",
    r"READONLY|read only replica": "this is a replica: name the master, or its Sentinels with redis+sentinel://host:port/name",
    r"MISCONF|OOM": "it takes no writes: see what the following says of its disk and its memory",
    r"knows no master": "the name behind the Sentinels must be the one in their sentinel monitor",
    r"cluster support disabled": "it is a single server: redis:// in place of redis+cluster://",
    r"(the cluster is down|no master keeps)": "some slots have no master: see redis-cli --cluster check",
    r"^\S* ?the Redis at rediss?://\S* cannot be used: (MOVED )?\d+ \S+:\d+$": "it is a Cluster: redis+cluster:// in place of redis://",
}


def _hint(error: str) -> str:
    return next((hint for pattern, hint in HINTS.items() if re.search(pattern, error)), "")


# ---- a SQLite file --------------------------------------------------------------------------------------------------


def _sqlite(store: Any, key: str) -> Found:
    import sqlite3

    path = Path(store.path)
    yield version_of_sqlite(sqlite3.sqlite_version_info)
    yield from _folder(path.parent)
    if not path.exists():
        yield Finding("ok", "store", f"{path} is not there yet: it is made at the first delivery")
        return
    try:
        made, tables = _contents(path)
    except sqlite3.Error as error:
        yield Finding("wrong", "store", f"{path} cannot be used: {error}", _hint(str(error)))
        return
    yield from _file(store, key, made, tables)


def _contents(path: Path) -> tuple[int, list[str]]:
    """The format, and the names of the tables. Makes nothing, and writes nothing. Raises `sqlite3.Error`."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=PATIENCE)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return int(db.execute("PRAGMA user_version").fetchone()[0]), [name for (name,) in tables]


def _file(store: Any, key: str, made: int, tables: Sequence[str]) -> Found:
    """What is to be said of a file of that format, with those tables. It is written to only if it is the store's."""
    from ..stores.sqlite import FORMAT

    if made > FORMAT:
        found = f"{store.path} was made by a newer version (format {made}, and this one knows {FORMAT})"
        yield Finding("wrong", "store", found, "pip install --upgrade wechat-dialog")
    elif made < FORMAT and tables:
        advice = "give the bot a file of its own: else its tables are put beside these"
        yield Finding("note", "store", f"{store.path} holds something else: {', '.join(tables[:3])}", advice)
    elif made < FORMAT:
        yield Finding("ok", "store", f"{store.path} is empty: its tables are made at the first delivery")
    elif (yield from _reached(store, key)):
        found = f"{_size(os.path.getsize(store.path))}, on the disk before it is acknowledged (WAL, synchronous FULL)"
        yield Finding("ok", "persistence", found)


def version_of_sqlite(version: tuple[int, ...]) -> Finding:
    shown, needed = (".".join(map(str, numbers)) for numbers in (version, SQLITE))
    if version >= SQLITE:
        return Finding("ok", "SQLite", shown)
    advice = "use a Python that was built with a newer one"
    return Finding("wrong", "SQLite", f"{shown}, and the store needs {needed}", advice)


def _folder(folder: Path) -> Found:
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        advice = "make it, and let the user that serves write to it; or name another file: store=, WECHAT_STORE"
        yield Finding("wrong", "folder", f"{folder} cannot be written to: {error.strerror}", advice)
        return
    yield room(folder, free)


def room(folder: Path, free: int) -> Finding:
    found = f"{folder} can be written to, {_size(free)} free"
    if free >= SCARCE:
        return Finding("ok", "folder", found)
    return Finding("wrong" if free < FULL else "note", "folder", found, "make room: on a full disk nothing is taken")


# ---- a Redis --------------------------------------------------------------------------------------------------------

Told: TypeAlias = Mapping[str, Any]


def _redis(store: Any, key: str) -> Found:
    yield from _reached(store, key)
    for url, name in _masters(store).items():
        for finding in _server(url, key):
            yield replace(finding, found=f"{name}: {finding.found}") if name else finding


def _masters(store: Any) -> Mapping[str, str]:
    """The URLs of all servers that keep records, and their names; none where nobody tells, which was said."""
    from redis import RedisError

    from ..stores.topology import masters

    try:
        return anyio.run(masters, store.way, PATIENCE)
    except (RedisError, OSError):
        return {}


def _server(url: str, key: str) -> Found:
    from redis import ConnectionError, RedisError, TimeoutError

    with _client(url) as client:
        try:
            client.ping()
        except (ConnectionError, TimeoutError):
            return  # which was said
        except RedisError:
            pass  # there are others that it may answer
        yield version_of_redis(_told_by(lambda: client.info("server")))
        config = _told_by(lambda: client.config_get("save")) | _told_by(lambda: client.config_get("appendfsync"))
        yield persistence(_told_by(lambda: client.info("persistence")), config)
        yield eviction(_told_by(lambda: client.info("memory")))
        yield _wakes(client, key)
        yield clock(_ahead(client))


def _client(url: str) -> Any:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    waits = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_url(url, **waits, decode_responses=True, protocol=2)


def _told_by(question: Callable[[], Any]) -> dict[str, Any]:
    """What the server tells; nothing where it refuses, as a managed one may."""
    from redis import RedisError

    try:
        return dict(question())
    except RedisError:
        return {}


def numbers(version: str) -> tuple[int, ...]:
    """Of a version, what can be compared."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def version_of_redis(server: Told) -> Finding:
    if valkey := server.get("valkey_version"):
        return Finding("ok", "Valkey", str(valkey))
    version = str(server.get("redis_version", ""))
    if not version:
        return Finding("note", "Redis", "does not tell its version", "it must be Redis 6.2 or newer, or Valkey")
    if numbers(version) >= REDIS:
        return Finding("ok", "Redis", version)
    return Finding("wrong", "Redis", version, "install Redis 6.2 or newer, or Valkey")


def persistence(disk: Told, config: Told) -> Finding:
    """What of an acknowledged write the server may lose."""
    what, advice = "persistence", "set appendonly yes, with appendfsync always (or everysec, which may lose a second)"
    if failed := [name for name in ("aof_last_write_status", "rdb_last_bgsave_status") if disk.get(name) == "err"]:
        return Finding("wrong", what, f"it cannot write to its disk ({failed[0]} is err)", "see its log, and its disk")
    if disk.get("aof_enabled") == 1:
        return _appended(config.get("appendfsync"))
    if not disk:
        return Finding("note", what, "it does not tell what it keeps on its disk", "ask whoever runs it for appendonly")
    if "save" not in config:
        return Finding("note", what, "appendonly no, and whether there are snapshots it does not tell", advice)
    if config["save"]:
        found = f"appendonly no, snapshots only (save {config['save']}): it may lose what came after the last one"
        return Finding("note", what, found, advice)
    return Finding("wrong", what, "it writes nothing to its disk: it loses everything when it ends", advice)


def _appended(fsync: str | None) -> Finding:
    what, found = "persistence", f"appendonly yes, appendfsync {fsync or 'not told'}"
    losses = {"everysec": ", which may lose a second", "no": ", which may lose half a minute"}
    advice = "set appendfsync always, or everysec" if fsync == "no" else ""
    return Finding("note" if advice else "ok", what, found + losses.get(fsync or "", ""), advice)


def eviction(memory: Told) -> Finding:
    """Whether the server drops conversations when its memory is full."""
    used, most, policy = memory.get("used_memory", 0), memory.get("maxmemory"), memory.get("maxmemory_policy")
    if most is None or policy is None:
        advice = "see that its maxmemory-policy is noeviction"
        return Finding("note", "memory", "it does not tell what it does when its memory is full", advice)
    found = f"{_size(used)} used{f' of {_size(most)}' if most else ', no limit'}, {policy}"
    if not most:
        return Finding("ok", "memory", found)
    if policy != "noeviction":
        advice = "set maxmemory-policy noeviction: when its memory is full it drops conversations"
        return Finding("wrong", "memory", found, advice)
    if used > 0.9 * most:
        return Finding("note", "memory", found, "give it more: when its memory is full it takes no message")
    return Finding("ok", "memory", found)


def _wakes(client: Any, channel: str) -> Finding:
    """Whether one worker may wake another."""
    from redis import RedisError

    try:
        with client.pubsub() as ear:
            ear.subscribe(channel)
            ear.get_message(timeout=PATIENCE)
            client.publish(channel, "")
            heard = ear.get_message(timeout=PATIENCE)
    except RedisError as error:
        advice = "ACL SETUSER … &wechat-dialog:* +@pubsub: else workers look for each other's replies 4 times a second"
        return Finding("note", "pub/sub", f"not allowed: {masked(str(error))}", advice)
    if heard is None or heard["type"] != "message":
        return Finding("note", "pub/sub", "what is published does not arrive", "is there a proxy that keeps it?")
    return Finding("ok", "pub/sub", "what one worker publishes, another hears")


def _ahead(client: Any) -> float | None:
    """Seconds by which the server's clock is ahead of this machine's; None where it does not tell."""
    from redis import RedisError

    try:
        before = time.time()
        seconds, microseconds = client.time()
    except RedisError:
        return None
    return float(seconds + microseconds / 1e6 - (before + time.time()) / 2)


def clock(ahead: float | None) -> Finding:
    if ahead is None:
        return Finding("note", "clock", "it does not tell its time", "allow it the command TIME")
    apart = abs(ahead)
    if apart <= NOTED:
        return Finding("ok", "clock", f"{apart * 1000:.0f} ms from this machine's")
    found = f"{apart:.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    advice = "run NTP on both (chrony, systemd-timesyncd): how long a question waits is told by the store's clock"
    return Finding("wrong" if apart > OFF else "note", "clock", found, advice)


# ---- showing --------------------------------------------------------------------------------------------------------


def _size(number: int) -> str:
    """Bytes, for people."""
    power = min(3, max(0, len(str(number)) - 1) // 3)
    return f"{number / 1000**power:.{1 if power else 0}f} {('bytes', 'kB', 'MB', 'GB')[power]}"


@contextlib.contextmanager
def _silent(log: logging.Logger) -> Iterator[None]:
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
