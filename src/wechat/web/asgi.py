"""A bot as an ASGI application, at exactly one path: a server's application, or a route of a larger one.

Nothing depends on lifespan events: a larger application need not pass them on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import MOST, Answers, Bots, Request, Response, healthy, not_found, paths, query, respond, written

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: seconds, and rounds of the event loop, within which a server tells that the client had hung up before
MOMENT, ROUNDS = 0.02, 5

_log = logging.getLogger("wechat.web")


@dataclass(frozen=True)
class Endpoint:
    """A bot, wherever it was routed to. An object, not a function: Starlette takes a function for an endpoint of its own kind."""

    bot: Answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is not None:  # else the client is gone
            response = await _answered(self.bot, scope, body, receive)
            await _send(response, send)
            await written(response)


@dataclass(frozen=True)
class App:
    """Finds the bot."""

    bots: Mapping[str, Answers]
    health: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await KINDS[scope["type"]](self, scope, receive, send)

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if self.health is not None and path == self.health:
            await _send(await healthy(self.bots), send)
            return
        bot = self.bots.get(path)
        await (_send(not_found(), send) if bot is None else Endpoint(bot)(scope, receive, send))

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for bot in self.bots.values():
            await _close(bot)
        await send({"type": "lifespan.shutdown.complete"})


KINDS: Mapping[str, Callable[[App, Scope, Receive, Send], Awaitable[None]]] = {
    "http": App.http,
    "websocket": App.websocket,
    "lifespan": App.lifespan,
}


def app(bot: Bots, /, *, path: str = "/wechat", health: str | None = None) -> App:
    """An ASGI application that answers at exactly `path`; several bots, by name, at ``path/name``. Elsewhere: 404.

    At `health`, where that is given, it tells how the worker is (`healthy`): keep it from the public.
    """
    return App(paths(bot, path, health), health)


async def _body(receive: Receive) -> bytes | None:
    """The body, or as much of it as shows that it is too large; None: the client is gone."""
    body, more = b"", True
    while more and len(body) <= MOST:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body, more = body + event.get("body", b""), event.get("more_body", False)
    return body[: MOST + 1]


async def _answered(bot: Answers, scope: Scope, body: bytes, receive: Receive) -> Response:
    given, client = query(scope["query_string"].decode("latin-1")), _Client(receive)
    try:
        return await respond(bot, Request(scope["method"], given, body, client=client))
    finally:
        client.forget()


class _Client:
    """Whoever waits for the response, as far as the server tells."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._loop = receive, asyncio.get_running_loop()
        self._left: asyncio.Future[None] | None = None

    async def gone(self) -> None:
        if self._loop is asyncio.get_running_loop():
            await asyncio.shield(self._leaving())
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.gone(), self._loop))

    async def listens(self) -> bool:
        left = self._leaving()
        await asyncio.wait({left}, timeout=MOMENT)
        for _ in range(ROUNDS):  # where much has piled up, a moment may be less than one round of the event loop
            await asyncio.sleep(0)
        return not left.done()

    def forget(self) -> None:
        if self._left is not None:
            self._left.cancel()

    def _leaving(self) -> asyncio.Future[None]:
        """Done when it has hung up. Most are answered before it pays to look."""
        if self._left is None:
            self._left = asyncio.ensure_future(self._hung_up())
        return self._left

    async def _hung_up(self) -> None:
        """Comes to its end only for a hang-up: what else stands between server and application may say anything, for ever."""
        try:
            event = await self._receive()
        except Exception:
            event = {"type": "unknown"}
        if event["type"] != "http.disconnect":
            await asyncio.get_running_loop().create_future()


async def _send(response: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _close(bot: Answers) -> None:
    try:
        await bot.aclose()
    except Exception:  # the other bots are to be closed all the same
        _log.exception("a bot could not be closed")
