"""Records in this process's memory: for tests, for trying things out, and the model of what a store does.

No operation awaits while it looks or writes, so each is one step of the event loop and needs no lock. Several loops may
use a store one after another, not at once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from . import Bell, Clock, Loaded, Patch, Written, wall_clock

#: how many records each write looks at for whether they have expired: it adds one at most, so the sweep keeps ahead
_SWEPT = 2


@dataclass(frozen=True)
class _Record:
    version: str
    fields: dict[str, str]
    expires: int | None


class MemoryStore:
    """Keeps records until the process ends. `clock` gives the store's time."""

    def __init__(self, clock: Clock = wall_clock) -> None:
        self._clock = clock
        self._bell = Bell()
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __repr__(self) -> str:
        return "MemoryStore()"

    async def load(self, key: str) -> Loaded:
        return self._load(key, self._clock())

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        now = self._clock()
        there = self._load(key, now)
        if there.version == patch.version:
            return Written(now)
        if there.version != version:
            return there
        self._write(key, there, patch)
        self._sweep(now)
        if patch.wake:
            self._bell.ring(key)
        return Written(now)

    async def wait(self, key: str, until: int, seen: str | None = None) -> None:
        if seen is not None and self._load(key, self._clock()).version != seen:
            return
        with self._bell.listening(key) as rung:
            await rung.within((until - self._clock()) / 1000)

    async def erase(self, key: str) -> None:
        self._records.pop(key, None)

    async def close(self) -> None:
        """There is nothing to let go of: the records stay."""

    def _load(self, key: str, now: int) -> Loaded:
        record = self._records.get(key)
        if record is None or _expired(record, now):
            return Loaded("", {}, now)
        return Loaded(record.version, dict(record.fields), now)

    def _write(self, key: str, there: Loaded, patch: Patch) -> None:
        for text in (key, *patch.put, *patch.put.values()):
            text.encode()  # other stores cannot keep half a surrogate pair: find that out here
        dropped = set(patch.drop)
        kept = {name: value for name, value in there.fields.items() if name not in dropped}
        self._records[key] = _Record(patch.version, {**kept, **patch.put}, patch.expires)

    def _sweep(self, now: int) -> None:
        """Look at the next few records, in turn: drop what has expired, and put the others back in line."""
        for _ in range(min(_SWEPT, len(self._records))):
            key, record = self._records.popitem(last=False)
            if not _expired(record, now):
                self._records[key] = record


def _expired(record: _Record, now: int) -> bool:
    return record.expires is not None and record.expires <= now
