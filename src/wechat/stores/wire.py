"""One connection to a Redis, on which several commands are asked together.

The package's own client takes a connection out of a pool for each command, packs it in Python and sets a timer to write and
one to read, which costs as much again as the command itself. Here a connection is kept, and one timer watches over all
that is asked, one after the other: it looks again when what is asked by then would be late.

Rule 1: answers come in the order of what was asked. A connection that broke off in between is closed: what it would still
        say is nobody's answer any more.
Rule 2: what a lost connection cut off is asked once more; what is slow is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as SlowAnswer

try:
    import hiredis
except ImportError:
    hiredis = None  # type: ignore[assignment]

_pack = getattr(hiredis, "pack_command", None)  # which is there from 2.1 on


class Wire:
    """Asks on `connection`, of which it takes the time limits, and waits `patience` seconds for all that is asked at once."""

    def __init__(self, connection: Any, patience: float) -> None:
        connection.socket_timeout = None
        self._connection, self._patience, self._loop = connection, patience, asyncio.get_running_loop()
        self._late = self._closed = False
        self._until: float | None = None  #: when what is asked is late; None: nothing is asked
        self._timer: asyncio.TimerHandle | None = None

    def pack(self, *command: Any) -> bytes:
        """The command as it is sent. Raises ValueError or TypeError for what cannot be."""
        if _pack is not None:
            return bytes(_pack(command))
        return b"".join(self._connection.pack_command(*command))

    async def ask(self, packed: Sequence[bytes]) -> list[Any]:
        """The answers; one that is an error, as the error. Raises `Disconnected` or `SlowAnswer`: each may be done or not."""
        try:
            return await self._once(packed)
        except Disconnected:
            if self._closed:
                raise
            return await self._once(packed)

    async def _once(self, packed: Sequence[bytes]) -> list[Any]:
        self._late, self._until = False, self._loop.time() + self._patience
        if self._timer is None:
            self._watch(self._until)
        try:
            await self._connection.send_packed_command(packed, check_health=False)  # it connects where it must
            return await self._answers(len(packed))
        except BaseException as error:
            await self._connection.disconnect(nowait=True)
            if self._late and isinstance(error, Disconnected | OSError):
                raise SlowAnswer(f"no answer within {self._patience:g} s") from error
            raise
        finally:
            self._until = None
            if self._closed:  # while it was being opened
                await self._connection.disconnect(nowait=True)

    async def _answers(self, count: int) -> list[Any]:
        answers: list[Any] = []
        while len(answers) < count:
            try:
                answers.append(await self._connection.read_response())
            except (ResponseError, UnicodeDecodeError) as error:
                answers.append(error)
        return answers

    def _watch(self, until: float) -> None:
        self._timer = self._loop.call_at(until, self._look)

    def _look(self) -> None:
        """Where it is late, whoever waits for the answer, or to send, notices that the connection is gone."""
        self._timer = None
        if self._until is None:
            return
        if self._loop.time() < self._until:  # something else is asked by now
            self._watch(self._until)
            return
        self._late = True
        self._cut()

    async def close(self) -> None:
        """For good: whoever waits for an answer is told that there is none."""
        self._closed = True
        self._cut()
        await self._connection.disconnect(nowait=True)
        await asyncio.sleep(0)  # then the socket is closed, too

    def _cut(self) -> None:
        """At once. To take leave of a server (TLS), or to send what is not sent yet, may take for ever."""
        writer = getattr(self._connection, "_writer", None)  # the package has no name for it
        if writer is not None:
            writer.transport.abort()
