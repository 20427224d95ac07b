"""The line between the stage and a worker: JSON, a line each way, over the loopback.

Whoever connects must know the key that the stage gave its worker. Where one end is gone, the other hears it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

#: bytes of a line: what is kept of a user is one
MOST = 4_000_000


class Channel:
    """One end of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def tell(self, **said: Any) -> None:
        """Say something to the other end, if it is there still."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")

    async def told(self) -> AsyncIterator[dict[str, Any]]:
        """What the other end says, until it is gone."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):
                return
            if not line.endswith(b"\n"):
                return
            yield json.loads(line)

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def reached(host: str, port: int, key: str) -> Channel:
    """The worker's end. Raises `OSError` where there is no stage."""
    channel = Channel(*await asyncio.open_connection(host, port, limit=MOST))
    channel.tell(key=key)
    return channel
