"""One user, from outside a dialog: hooks, cron, a payment call-back."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from . import journal, record
from .dialog import remember
from .errors import ConfigurationError
from .record import Record, Shape
from .reply import Say

DAY = 86_400


class Voice(Shape, Protocol):
    """How things are said to this user."""

    def say(self, what: Any) -> Any:
        """Something to say, encoded; None for nothing."""


#: gives whether there is anything to write
Change = Callable[[Record, int, Voice], bool]


class User:
    """What is kept of one user, and a way to say something that no message asked for.

    Every method raises `StoreUnreachable` where the store does not answer, and `ConfigurationError` where nobody said which
    account the user follows: no ``account=`` here or on the bot, and no push came yet.
    """

    def __init__(
        self, openid: str, change: Callable[[Change], Awaitable[None]], erase: Callable[[], Awaitable[None]]
    ) -> None:
        self.openid = openid
        self._change, self._erase = change, erase

    def __repr__(self) -> str:
        return f"<User {self.openid}>"

    async def recall(self, key: str, default: Any = None, /) -> Any:
        """What was remembered of this user under `key`; `default` where there is nothing."""
        found: list[Any] = []

        def look(rec: Record, now: int, voice: Voice) -> bool:
            datum = record.found(rec, now, key)
            found[:] = [default if datum is None else datum.value]
            return False

        await self._change(look)
        return found[0]

    async def remember(self, key: str, value: Any, /, *, expire: float | None = None) -> None:
        """Keep `value` (JSON) under `key`, for `expire` seconds (None: for good). Raises TypeError or ValueError for what is no JSON."""
        remember(key, value, expire=expire)  # what it refuses is refused here
        kept = journal.plain(value)
        lasts = None if expire == math.inf else expire

        def keep(rec: Record, now: int, voice: Voice) -> bool:
            record.keep_data(rec, now, {key: (kept, lasts)})
            return True

        await self._change(keep)

    async def tell(self, say: Say, /, *, key: str, expire: float = 7 * DAY) -> None:
        """Say something that no message asked for: unread, until the user writes or fetches it, or `expire` seconds are over.

        Once per `key` (within a week, or `expire` if that is longer): called again, it does nothing.
        Raises TypeError or ValueError for what cannot be said.
        """
        if not isinstance(key, str) or not key:
            raise ConfigurationError(f"key={key!r}: tell() needs a text by which it knows what it told already")
        if isinstance(expire, bool) or not isinstance(expire, int | float) or not 0 < expire < math.inf:
            raise ConfigurationError(f"expire={expire!r}: a number of seconds above 0")
        ms = int(expire * 1000)

        def tell(rec: Record, now: int, voice: Voice) -> bool:
            said = voice.say(say)
            if said is not None:
                record.tell(rec, now, key, [said], ms, voice)
            return said is not None

        await self._change(tell)

    async def waiting(self) -> str | None:
        """The name of the dialog that waits for this user, or runs; None: none."""
        names: list[str | None] = []

        def look(rec: Record, now: int, voice: Voice) -> bool:
            lapsed = not rec.turn and rec.late(now) > record.GRACE  # it is forgotten when a message comes
            names[:] = [None if lapsed else record.dialog_name(rec)]
            return False

        await self._change(look)
        return names[0]

    async def end(self, say: Say = None, /) -> None:
        """End the conversation, also in the middle of a turn, and leave `say` unread."""

        def end(rec: Record, now: int, voice: Voice) -> bool:
            record.stop(rec, now, voice)
            said = voice.say(say)
            if said is not None:
                for part in voice.pack([said])[0]:
                    record.put(rec, now, "", part, False)
            return True

        await self._change(end)

    async def forget(self) -> None:
        """Erase everything that is kept about this user: conversation, data, unread replies, messages seen.

        Where something is done about a message of theirs just now, the ids of their last messages stay, for a day at most: a
        handler may do this for its own user, and its message must not be taken for a new one.
        """
        await self._erase()
