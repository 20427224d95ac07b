"""How often WeChat was left waiting for an account's answers.

WeChat counts pushes that it had to give up after 5 seconds, and alarms the account's owner at 30 in 5 minutes (by default);
when they are very many it pushes nothing for a minute. So an account lets it happen a little less often, whatever the number
of its workers: the count is one record in the store that they share.
Source: "报警排查指引" of WeChat's documentation.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from .errors import StoreError
from .stores import Loaded, Patch, Store

MOST = 20  #: so many in `SPAN`: WeChat's alarm is at 30
SPAN = 300_000  #: ms
FRESH = 1_000  #: so long what was read is good enough (ms)
_SLICE = 10_000  #: they are counted together by so much time (ms)

_log = logging.getLogger("wechat")


class Budget:
    """What one account may still let happen. `now` is the store's time, in ms."""

    def __init__(self, store: Store, account: str, now: Callable[[], int]) -> None:
        self._store, self._key, self._now = store, f"wechat-dialog-waits:{account}", now
        self._read = -FRESH
        self._spent = False
        self._owed = 0  # what is to be counted, and is not on record yet
        self._writes = False

    async def spent(self) -> bool:
        """Whether no more may be left waiting. Read at most once a second; False where the store does not tell."""
        if not 0 <= self._now() - self._read < FRESH:
            self._read = self._now()
            try:
                loaded = await self._store.load(self._key)
            except StoreError:  # whoever waits for an answer finds out, too
                return False
            self._spent = _count(loaded) >= MOST
        return self._spent

    async def add(self) -> None:
        """One more was left waiting. Raises nothing: it is only a count. Those of one moment are written together."""
        self._owed += 1
        if self._writes:
            return
        self._writes = True
        try:
            while self._owed:
                await self._write()
        except StoreError as error:
            _log.debug("time-outs were not counted: %s", error)
        finally:
            self._writes = False

    async def _write(self) -> None:
        """Put on record what is owed, whoever else does the same just now."""
        loaded = await self._store.load(self._key)
        while True:
            owed = self._owed
            came = await self._store.patch(self._key, loaded.version, _more(loaded, owed))
            if not isinstance(came, Loaded):
                self._owed -= owed
                return
            loaded = came


def _slices(loaded: Loaded) -> dict[str, int]:
    """What was counted in the last five minutes, by its slice."""
    first = (loaded.now - SPAN) // _SLICE
    return {name: int(count) for name, count in loaded.fields.items() if int(name) > first}


def _count(loaded: Loaded) -> int:
    return sum(_slices(loaded).values())


def _more(loaded: Loaded, count: int) -> Patch:
    this, counted = str(loaded.now // _SLICE), _slices(loaded)
    gone = [name for name in loaded.fields if name not in counted]
    put = {this: str(counted.get(this, 0) + count)}
    return Patch(secrets.token_urlsafe(9), put, gone, loaded.now + SPAN + _SLICE)
