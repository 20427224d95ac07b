"""Plays WeChat for the page: pushes a message to the bot as WeChat does, and says of each push how it went.

Five seconds for each push, three pushes of one message; what is answered first counts; then the fault. A reply may be lost on
its way on purpose, and every push be made twice.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import anyio.to_thread

from ..cli import push, wire

#: pushes under way at once
MOST = 64
#: seconds before a push is made again that met nobody
AGAIN = 1.0

Fields = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Pushed:
    """What came of one push: the reply's fields where `state` is answered; none where it is silent."""

    state: str
    reply: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Platform:
    """WeChat, as one bot sees it. `told` is told of each push, when it begins and when it is over."""

    def __init__(self, told: Callable[[str, Fields], None]) -> None:
        self._told = told
        self._count = itertools.count(1)
        self._limiter: anyio.CapacityLimiter | None = None

    async def deliver(
        self,
        sender: Callable[[], push.Sender],
        message: str,
        xml: str,
        *,
        twice: bool = False,
        loses: Callable[[], bool],
        ready: Callable[[], Awaitable[None]],
    ) -> Pushed:
        """Push a message, up to three times. Gives what is shown of it: answered, silent, or failed.

        Each push goes to where the bot is then. After one that met nobody the next waits until the bot is `ready`.
        """
        for number in range(1, push.PUSHES + 1):
            one = asyncio.ensure_future(self._push(sender(), message, xml, number, loses))
            twin = asyncio.ensure_future(self._push(sender(), message, xml, number, bool, twin=True)) if twice else None
            came = await one
            if twin is not None and came.state in ("late", "refused"):
                came = await twin
            if came.state in ("answered", "silent", "broken"):
                return came if came.state != "broken" else Pushed("failed")
            if came.state == "refused" and number < push.PUSHES:
                await asyncio.sleep(AGAIN)
                await ready()
        return Pushed("failed")

    async def _push(
        self, sender: push.Sender, message: str, xml: str, number: int, loses: Callable[[], bool], twin: bool = False
    ) -> Pushed:
        query, body = sender.signed(xml)
        sealed = sender.cipher is not None
        delivery: Fields = {
            "id": f"d{next(self._count)}",
            "message": message,
            "number": number,
            "twin": twin,
            "began": _now(),
            "ended": None,
            "ms": None,
            "state": "waiting",
            "status": None,
            "why": "",
            "sealed": sealed,
            "request": xml,
            "response": "",
            **({"sealedRequest": body.decode(), "sealedResponse": ""} if sealed else {}),
        }
        self._told(sender.user, delivery)
        began = time.monotonic()
        pushed, more = await self._came(sender, query, body, loses)
        took = round((time.monotonic() - began) * 1000)
        self._told(sender.user, {**delivery, **more, "state": pushed.state, "ended": _now(), "ms": took})
        return pushed

    async def _came(
        self, sender: push.Sender, query: Mapping[str, str], body: bytes, loses: Callable[[], bool]
    ) -> tuple[Pushed, Fields]:
        """What came of it, and what is told of that."""
        self._limiter = self._limiter or anyio.CapacityLimiter(MOST)
        try:
            answer = await anyio.to_thread.run_sync(sender.post, query, body, limiter=self._limiter)
        except push.Refused as error:
            return Pushed("refused"), {"status": error.status, "why": str(error)}
        except wire.NoAnswer as error:
            return Pushed("late" if error.late else "refused"), {"why": str(error)}
        shown: Fields = {"status": 200, "response": answer.decode("utf-8", "replace")}
        try:
            reply = sender.opened(answer)
            if reply and sender.cipher is not None:
                shown |= {"sealedResponse": shown["response"], "response": sender.clear(answer)}
        except push.BadReply as error:
            return Pushed("broken"), {**shown, "why": str(error)}
        if loses():
            return Pushed("lost"), shown
        return Pushed("answered" if reply else "silent", reply), shown


def _now() -> int:
    return time.time_ns() // 1_000_000
