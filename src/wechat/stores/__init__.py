"""What a store is, and which one a URL names.

A store keeps *records*: versioned hashes of text under one key. It knows nothing of conversations. It loads a record, and
writes to it if its version still stands; every rule about what may be written is the core's. So a store is five methods,
and whatever passes the contract in ``tests/test_stores.py`` is one.

Rules that every store obeys:

1. Nothing is opened (file, thread, connection) before the first operation, and everything is opened anew after a fork.
2. A patch happens whole or not at all. Where the caller got an error, either may be: it patches again with the very same
   patch, and the version it was to write tells whether the first one had happened.
3. An expired record is absent at its time, whenever it is swept away.
4. Time is the store's, in milliseconds since 1970.
5. Keys, names and values are any text that UTF-8 can hold; writing any other raises `UnicodeEncodeError`.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

import msgspec

from ..errors import ConfigurationError
from ..turn import Loaded as Loaded

Clock = Callable[[], int]
T = TypeVar("T")


def wall_clock() -> int:
    """This machine's time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


# ---- the protocol ---------------------------------------------------------------------------------------------------


class Patch(msgspec.Struct, frozen=True, gc=False):
    """What a write changes."""

    #: the new version, drawn by the caller and never used before
    version: str
    put: Mapping[str, str]
    #: names of fields; one that is also put is put
    drop: Sequence[str] = ()
    #: when the record expires; None: never. It replaces what was set
    expires: int | None = None
    #: whether those who wait are woken
    wake: bool = False

    def __post_init__(self) -> None:
        if not self.version:
            raise ValueError('a patch needs a new version: "" is that of no record')


class Written(msgspec.Struct, frozen=True, gc=False):
    """The patch is on record."""

    now: int


class Store(Protocol):
    """Keeps records. Every method but `close` raises `StoreUnreachable` where the store does not answer."""

    async def load(self, key: str) -> Loaded:
        """What is there now: one moment's version and fields."""

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        """Write `patch` if `version` stands; give `Loaded`, and write nothing, if it does not.

        `version` is "" for a record that is not there: then it starts afresh, with nothing but what is put. Where the
        stored version is the patch's own, this very patch was written before, and only its acknowledgement was lost:
        that is `Written`. Cancelled, it may or may not have been written.
        """

    async def wait(self, key: str, until: int, seen: str | None = None) -> None:
        """Return on a wake-up, or at `until`; at once where `seen` is given and no longer the version.

        So no wake-up is lost between a `load` and the wait for what comes after it. A hint: it may return early for no
        reason; the record is the truth.
        """

    async def erase(self, key: str) -> None:
        """Forget everything kept under `key`. What the server or the disk keeps besides (backups, Redis's own log) is theirs."""

    async def close(self) -> None:
        """Let go of what is open. What is asked of the store later opens it again."""


# ---- forks ----------------------------------------------------------------------------------------------------------


def after_fork(of: T, forget: Callable[[T], None]) -> None:
    """In every process that is forked from now on, `forget` what of `of` is the parent's. Keeps it no longer alive.

    A fork that Python is not told of (uWSGI's own) is known by the process's number, where that is looked at.
    """
    known = weakref.ref(of)

    def after() -> None:
        alive = known()
        if alive is not None:
            forget(alive)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=after)


# ---- waiting within one process -------------------------------------------------------------------------------------


class Signal:
    """Something that one task awaits, on the event loop where it was made, and that any thread may set."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._set = False
        self._waits: asyncio.Future[None] | None = None

    def set(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            self._loop.call_soon_threadsafe(self.ring)

    def ring(self) -> None:
        """As `set`, on its own event loop."""
        self._set = True
        self.wake()

    def clear(self) -> None:
        """It is as if it had not been set."""
        self._set = False

    def wake(self) -> None:
        """Whoever waits need not any more: it is set, or its time is over. On its own event loop."""
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)

    async def wait(self) -> None:
        if not self._set:
            self._waits = self._loop.create_future()
            await self._waits

    async def within(self, seconds: float) -> bool:
        """Whether it is set by then."""
        timer = self._loop.call_later(seconds, self.wake)
        try:
            await self.wait()
        finally:
            timer.cancel()
        return self._set


#: seconds that two may be apart who say when the same moment is
APART = 0.05


class Alarm:
    """Wakes all who wait for the same moment with one timer, where many do. For one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[int, Due] = {}

    async def within(self, moment: int, seconds: float, signal: Signal) -> None:
        """Wait for the signal until that moment, which is so many seconds away: as far as anybody knows who waits for it."""
        due = self._due.get(moment)
        if due is None:
            due = self._due[moment] = Due(self._loop.call_later(seconds, self._over, moment))
        elif self._loop.time() + seconds < due.timer.when() - APART:  # whoever came first knew it less well
            due.timer.cancel()
            due.timer = self._loop.call_later(seconds, self._over, moment)
        due.signals.add(signal)
        try:
            await signal.wait()
        finally:
            due.signals.discard(signal)
            if not due.signals and self._due.get(moment) is due:  # it is not over
                due.timer.cancel()
                del self._due[moment]

    def _over(self, moment: int) -> None:
        for signal in self._due.pop(moment).signals:
            signal.wake()


class Due:
    """Who waits for one moment."""

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self.timer, self.signals = timer, set[Signal]()


class Bell:
    """Wakes those of this process who wait for a key."""

    def __init__(self) -> None:
        self._listening: dict[str, set[Signal]] = {}

    def listening(self, key: str) -> Listening:
        """A signal that is set when the key is rung."""
        return Listening(self._listening, key)

    def awaited(self) -> set[str]:
        """The keys that somebody waits for."""
        return set(self._listening)

    def ring(self, key: str) -> None:
        for signal in tuple(self._listening.get(key, ())):
            signal.set()


class Listening:
    """While somebody listens to a key. A class, for many wait, and a generator would take twice as long for each."""

    def __init__(self, all_of_them: dict[str, set[Signal]], key: str) -> None:
        self._all, self._key, self._signal = all_of_them, key, Signal()

    def __enter__(self) -> Signal:
        self._all.setdefault(self._key, set()).add(self._signal)
        return self._signal

    def __exit__(self, *_: object) -> None:
        signals = self._all[self._key]
        signals.discard(self._signal)
        if not signals:
            del self._all[self._key]


#: seconds between looks for what other processes wrote: the first, how it grows, and the longest
_FIRST_LOOK, _GROWTH, _LAST_LOOK = 0.02, 1.5, 0.25


def pauses() -> Iterator[float]:
    """Seconds between looks for what nobody tells."""
    pause = _FIRST_LOOK
    while True:
        yield pause
        pause = min(pause * _GROWTH, _LAST_LOOK)


# ---- which store ----------------------------------------------------------------------------------------------------


def wrong(what: str) -> ConfigurationError:
    """What is wrong with a store's URL, and which would be right."""
    return ConfigurationError(
        f"the store (argument store=, variable WECHAT_STORE) {what}. Right would be: sqlite:///bot.db, a file in the "
        "working folder; sqlite:////var/lib/bot.db, a file anywhere; redis://:password@localhost:6379/0, a Redis; "
        "redis+cluster://:password@host:6379,host:6379, a Redis Cluster; redis+sentinel://:password@host:26379,host:26379/name/0, "
        "the master of that name behind Sentinels; memory://, lost when the process ends"
    )


def _memory(rest: str) -> Store:
    if rest:
        raise wrong("is memory:// with something behind it")
    from .memory import MemoryStore

    return MemoryStore()


def _sqlite(rest: str) -> Store:
    path = rest[1:]
    if not rest.startswith("/"):
        raise wrong("needs three slashes after sqlite:, and a fourth before a path that begins at the root")
    if path in ("", ":memory:") or path.endswith("/") or "?" in path:
        raise wrong("names no file after sqlite:/// (options are not taken)")
    from .sqlite import SQLiteStore

    return SQLiteStore(path)


def _redis(url: str) -> Store:
    from .redis import RedisStore

    return RedisStore(url)


#: which store a scheme names, and whether it is handed the whole URL, or what is behind ``://``
_SCHEMES: Mapping[str, tuple[Callable[[str], Store], bool]] = {
    "memory": (_memory, False),
    "sqlite": (_sqlite, False),
    "redis": (_redis, True),
    "rediss": (_redis, True),
    "unix": (_redis, True),
    "redis+cluster": (_redis, True),
    "rediss+cluster": (_redis, True),
    "redis+sentinel": (_redis, True),
    "rediss+sentinel": (_redis, True),
}


def open(url: str) -> Store:
    """The store that `url` names. Opens nothing yet.

    Raises `ConfigurationError` for what names none, never repeating what may hold a password, and for a Redis where the
    package for it is not installed.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise wrong("is no URL: there is no :// in it")
    if scheme.lower() not in _SCHEMES:
        raise wrong(f"is of a kind that nobody here knows, {scheme.rpartition('@')[2]!r}")
    make, whole = _SCHEMES[scheme.lower()]
    return make(f"{scheme.lower()}://{rest}" if whole else rest)
