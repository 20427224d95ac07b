"""Records in one SQLite file, which several processes of one machine may share.

Rules that this file obeys:

1. A patch is one ``BEGIN IMMEDIATE``, in a write-ahead log that is on disk before it is acknowledged
   (``synchronous=FULL``): what is acknowledged survives a power cut, as far as the disk tells the truth.
2. SQLite blocks, so it has one thread of its own, and one connection. That costs a patch some 50 µs over the disk's 140,
   half of what borrowing a thread for every operation does. Whoever gives up while an operation still stands in line
   takes it out of the line.
3. No connection is carried across a fork: it is closed before one, and opened again on both sides. A process that
   inherits one believes that it holds locks which the system gave to its parent only; when the parent leaves, it takes
   the log away, and what the child then writes is lost. See "How To Corrupt An SQLite Database File",
   https://www.sqlite.org/howtocorrupt.html, 2.6.
4. After any error the connection is closed, which rolls back what was under way; the next operation opens it again.
5. What is deleted is overwritten (``secure_delete``), which does not reach what SQLite left in the gaps of pages as it moved it
   about. So where somebody is erased, the file is written anew (``VACUUM``), and the log is emptied: for as long as it takes to
   copy the file, nobody else writes, and so a large one is left as it is, with a line in the log. Where another process reads just then for longer than one waits, the log keeps it
   until it is begun anew, as it is after every thousand pages or so.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

import anyio

from ..errors import StoreUnreachable, UnknownFormat
from . import Bell, Clock, Loaded, Patch, Signal, Written, pauses, wall_clock

T = TypeVar("T")
#: bytes of a file that is written anew within WeChat's five seconds, also on a slow disk
WRITTEN_ANEW = 128 * 1024 * 1024

_log = logging.getLogger("wechat.stores")

#: of the tables; kept in ``PRAGMA user_version``, where 0 is a new file
FORMAT = 1
_TABLES = (
    "CREATE TABLE record (key TEXT NOT NULL PRIMARY KEY, version TEXT NOT NULL, expires INTEGER) WITHOUT ROWID",
    "CREATE TABLE field (key TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key, name)) "
    "WITHOUT ROWID",
    "CREATE INDEX expiring ON record (expires) WHERE expires IS NOT NULL",
    f"PRAGMA user_version = {FORMAT}",
)

# one statement is one moment: version and fields belong together, whoever writes meanwhile
_LOAD = (
    "SELECT version, expires, name, value FROM record LEFT JOIN field USING (key) "
    "WHERE key = ? AND (expires IS NULL OR expires > ?)"
)
_VERSION = "SELECT version FROM record WHERE key = ? AND (expires IS NULL OR expires > ?)"
_PUT = "INSERT INTO field VALUES (?, ?, ?) ON CONFLICT (key, name) DO UPDATE SET value = excluded.value"
_DROP = "DELETE FROM field WHERE key = ? AND name = ?"
_STAMP = (
    "INSERT INTO record VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET version = excluded.version, expires = excluded.expires"
)
_ERASE = ("DELETE FROM field WHERE key = ?", "DELETE FROM record WHERE key = ?")
#: a few at a time, with every write
_EXPIRED = "SELECT key FROM record WHERE expires <= ? LIMIT 4"

#: seconds to wait for another process's write: short enough that the user can still be told within WeChat's five
_PATIENCE = 3.0


class SQLiteStore:
    """Keeps records in the file `path`. `clock` gives the store's time, `patience` is in seconds.

    A relative path is one of the folder that is the working folder now.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Clock = wall_clock, *, patience: float = _PATIENCE) -> None:
        self.path = os.path.abspath(path)
        self._clock = clock
        self._bell = Bell()
        self._file = _File(self.path, clock, patience)
        self._thread: _Thread | None = None

    def __repr__(self) -> str:
        return f"SQLiteStore({self.path!r})"

    async def load(self, key: str) -> Loaded:
        return await self._apart(lambda: self._file.load(key))

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        result = await self._apart(lambda: self._file.patch(key, version, patch))
        if patch.wake and isinstance(result, Written):
            self._bell.ring(key)
        return result

    async def wait(self, key: str, until: int, seen: str | None = None) -> None:
        """As every store's; what another process writes, waking or not, is noticed within a quarter of a second."""
        end = time.monotonic() + (until - self._clock()) / 1000
        with self._bell.listening(key) as rung:
            there = await self._apart(lambda: self._file.version(key))
            if seen is not None and there != seen:
                return
            for pause in pauses():
                left = end - time.monotonic()
                if left <= 0 or await rung.within(min(pause, left)):
                    return
                if await self._apart(lambda: self._file.version(key)) != there:
                    return

    async def erase(self, key: str) -> None:
        await self._apart(lambda: self._file.erase(key, traces=True))

    async def remove(self, key: str) -> None:
        """As `erase`, where nobody minds what the file may still hold of it: it is not written anew."""
        await self._apart(lambda: self._file.erase(key, traces=False))

    async def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None and thread.process == os.getpid():
            with anyio.CancelScope(shield=True):
                await thread.do(self._file.close)
            thread.end()

    async def _apart(self, work: Callable[[], T]) -> T:
        if self._thread is None or self._thread.process != os.getpid():  # a fork leaves threads behind
            self._thread = _Thread(self._file)
        return await self._thread.do(work)


class _Thread:
    """Does the file's work, one piece after another, for whatever event loop asks. It ends when its store is forgotten."""

    def __init__(self, file: _File) -> None:
        self.process = os.getpid()
        self._line: SimpleQueue[_Work[Any] | None] = SimpleQueue()
        self.end = weakref.finalize(self, self._line.put, None)
        # nobody has to close a store, so its thread must not keep the process alive
        Thread(target=_serve, args=(self._line, file), name="wechat-sqlite", daemon=True).start()

    async def do(self, work: Callable[[], T]) -> T:
        """What `work` gives. Cancelled before it began, it is not done."""
        piece = _Work(work)
        self._line.put(piece)
        try:
            await piece.done.wait()
        except BaseException:
            piece.given_up = True
            raise
        return piece.outcome()


class _Work(Generic[T]):
    """One piece of work, and what came of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self.done, self.given_up = Signal(), False
        self.outcome: Callable[[], T]

    def run(self) -> None:
        try:
            result = self._work()
            self.outcome = lambda: result
        except BaseException as error:  # whoever asked gets it, not the thread
            self.outcome = partial(_throw, error)
        self.done.set()


def _throw(error: BaseException) -> Any:
    raise error


def _serve(line: SimpleQueue[_Work[Any] | None], file: _File) -> None:
    while (piece := line.get()) is not None:
        if not piece.given_up:
            piece.run()
        del piece  # while the next is awaited, nothing of this one is kept
    file.close()


class _File:
    """The file itself, without event loops: every method blocks."""

    def __init__(self, path: str, clock: Clock, patience: float) -> None:
        self._path, self._clock, self._patience = path, clock, patience
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        if sys.platform != "win32":
            _close_before_fork(self, self._lock)

    def load(self, key: str) -> Loaded:
        with self._open() as db:
            return _load(db, key, self._clock())

    def version(self, key: str) -> str:
        with self._open() as db:
            return _version(db, key, self._clock())

    def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        with self._writing() as db:
            now = self._clock()  # now that it is our turn to write
            there = _version(db, key, now)
            if there == patch.version:
                return Written(now)
            if there != version:
                return _load(db, key, now)
            _write(db, key, patch, fresh=not there)
            _sweep(db, now)
            return Written(now)

    def erase(self, key: str, *, traces: bool) -> None:
        with self._writing() as db:
            _erase(db, key)
        with self._open() as db:
            if traces:
                self._write_anew(db)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _write_anew(self, db: sqlite3.Connection) -> None:
        """Without what stands in the gaps of pages. It is not worth that everybody waits for long, or is told of an error."""
        size = db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
        if size > WRITTEN_ANEW:
            _log.warning("%s is large: what was erased may stand in its gaps until you run VACUUM on it", self._path)
            return
        try:
            db.execute("VACUUM")
        except sqlite3.OperationalError as error:
            _log.warning(
                "%s could not be written anew, so what was erased may stand in its gaps: %s", self._path, error
            )

    def close(self) -> None:
        with self._lock:
            self.disconnect()

    def disconnect(self) -> None:
        """Close the connection. Whoever calls it holds the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                yield self._connection
            except BaseException as error:
                self.disconnect()
                if not isinstance(error, sqlite3.Error):
                    raise
                raise StoreUnreachable(f"the SQLite file {self._path} cannot be used: {error}{self._why()}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def _why(self) -> str:
        folder = os.path.dirname(self._path)
        return "" if os.path.isdir(folder) else f" (there is no folder {folder})"

    def _connect(self) -> sqlite3.Connection:
        # its thread is the only one, but for the one that closes it before a fork, which holds the lock
        db = sqlite3.connect(self._path, timeout=self._patience, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        self._known(db)  # before anything is changed
        _keep_a_log(db, time.monotonic() + self._patience)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        if self._known(db):
            return
        db.execute("BEGIN IMMEDIATE")
        for statement in () if self._known(db) else _TABLES:  # another process may have been first
            db.execute(statement)
        db.execute("COMMIT")

    def _known(self, db: sqlite3.Connection) -> bool:
        """Whether the tables are there. Raises `UnknownFormat` where a newer version made them."""
        found = int(db.execute("PRAGMA user_version").fetchone()[0])
        if found > FORMAT:
            raise UnknownFormat(f"the SQLite file {self._path} was made by a newer version", found=found, known=FORMAT)
        return found == FORMAT


def _close_before_fork(file: _File, lock: Lock) -> None:
    """Hold the lock for as long as a fork takes, with the connection closed. It keeps no store alive."""
    known, held = weakref.ref(file), False

    def before() -> None:
        nonlocal held
        held = lock.acquire()
        alive = known()
        if alive is not None:
            alive.disconnect()

    def after() -> None:
        nonlocal held
        if held:  # a store made by another thread while this one forks was not asked before
            held = False
            lock.release()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)


def _keep_a_log(db: sqlite3.Connection, until: float) -> None:
    """Make it keep a write-ahead log. For this one step SQLite does not wait by itself where another process does it."""
    while True:
        try:
            (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)
    if mode != "wal":
        raise sqlite3.OperationalError(f"no write-ahead log is possible there, its journal is {mode!r}")


def _load(db: sqlite3.Connection, key: str, now: int) -> Loaded:
    rows = db.execute(_LOAD, (key, now)).fetchall()
    version = rows[0][0] if rows else ""
    return Loaded(version, {name: value for _, _, name, value in rows if name is not None}, now)


def _version(db: sqlite3.Connection, key: str, now: int) -> str:
    row = db.execute(_VERSION, (key, now)).fetchone()
    return row[0] if row else ""


def _write(db: sqlite3.Connection, key: str, patch: Patch, *, fresh: bool) -> None:
    if fresh:
        _erase(db, key)  # what expired and is not swept away yet
    db.executemany(_DROP, [(key, name) for name in patch.drop])
    db.executemany(_PUT, [(key, name, value) for name, value in patch.put.items()])
    db.execute(_STAMP, (key, patch.version, patch.expires))


def _sweep(db: sqlite3.Connection, now: int) -> None:
    for (key,) in db.execute(_EXPIRED, (now,)).fetchall():
        _erase(db, key)


def _erase(db: sqlite3.Connection, key: str) -> None:
    for statement in _ERASE:
        db.execute(statement, (key,))
