"""A bot as an ASGI application, at exactly one path: a server's application, or a route of a larger one.

Nothing depends on lifespan events: a larger application need not pass them on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import MOST, Answers, Bots, Request, Response, not_found, paths, query, respond, written

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: seconds; WeChat hangs up after five
QUICK = 0.1

_log = logging.getLogger("wechat.web")


@dataclass(frozen=True)
class App:
    """An object, not a function: Starlette takes a function for an endpoint of its own kind."""

    bots: Mapping[str, Answers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await KINDS[scope["type"]](self, scope, receive, send)

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        bot = self.bots.get(scope["path"].removeprefix(scope.get("root_path", "")))
        body = b"" if bot is None else await _body(receive)
        if body is None:  # the client is gone
            return
        response = not_found() if bot is None else await _unless_gone(respond(bot, _request(scope, body)), receive)
        if response is not None:
            await _send(response, send)
            await written(response)

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


def app(bot: Bots, /, *, path: str = "/wechat") -> App:
    """An ASGI application that answers at exactly `path`; several bots, by name, at ``path/name``. Elsewhere: 404."""
    return App(paths(bot, path))


async def _body(receive: Receive) -> bytes | None:
    """The body, or as much of it as shows that it is too large; None: the client is gone."""
    body, more = b"", True
    while more and len(body) <= MOST:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body, more = body + event.get("body", b""), event.get("more_body", False)
    return body[: MOST + 1]


async def _unless_gone(work: Coroutine[Any, Any, Response], receive: Receive) -> Response | None:
    """What `work` gives; None where the client hangs up first. Most answers are there before it pays to look."""
    answer = asyncio.ensure_future(work)
    gone: asyncio.Future[Any] | None = None
    try:
        await asyncio.wait({answer}, timeout=QUICK)
        if not answer.done():
            gone = asyncio.ensure_future(_hung_up(receive))
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else None
    finally:
        for task in (answer, gone):
            if task is not None and not task.done():
                task.cancel()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _request(scope: Scope, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(scope["method"], query(scope["query_string"].decode("latin-1")), headers, body)


async def _send(response: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _close(bot: Answers) -> None:
    try:
        await bot.aclose()
    except Exception:  # the other bots are to be closed all the same
        _log.exception("a bot could not be closed")
