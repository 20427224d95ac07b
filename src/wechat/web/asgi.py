"""A bot as an ASGI application, at exactly one path: a server's application, or a route of a larger one.

Nothing depends on lifespan events: a larger application need not pass them on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import MOST, Answers, Bots, Request, Response, given_up, healthy, not_found, paths, query, respond, written

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: seconds; WeChat hangs up after five
QUICK = 0.1
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
            response = await _answer(self.bot, scope, body, receive)
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


async def _answer(bot: Answers, scope: Scope, body: bytes, receive: Receive) -> Response:
    """The response; what nobody reads where the client hangs up first. Most are there before it pays to look."""
    client = _Client(receive)
    answer = asyncio.ensure_future(respond(bot, _request(scope, body, client)))
    looks = asyncio.get_running_loop().call_later(QUICK, client.watch, answer)
    try:
        return await answer
    except asyncio.CancelledError:
        if not client.left:
            raise
        return given_up()
    finally:
        looks.cancel()
        client.forget()


class _Client:
    """Whoever waits for the response, as far as the server tells."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone: asyncio.Future[None] | None = None

    def gone(self) -> asyncio.Future[None]:
        """Done when it has hung up."""
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._hung_up())
        return self._gone

    @property
    def left(self) -> bool:
        """Whether it is known to have hung up."""
        return self._gone is not None and self._gone.done() and not self._gone.cancelled()

    def watch(self, answer: asyncio.Future[Response]) -> None:
        """Nobody waits for an answer whose client has hung up."""
        self.gone().add_done_callback(lambda _: answer.cancel())

    async def listened(self) -> None:
        """Comes back where it has not."""
        gone = self.gone()
        await asyncio.wait({gone}, timeout=MOMENT)
        for _ in range(ROUNDS):  # where much has piled up, a moment may be less than one round of the event loop
            await asyncio.sleep(0)
        if gone.done():
            await asyncio.get_running_loop().create_future()  # nobody is there: `_answer` cancels this

    def forget(self) -> None:
        if self._gone is not None:
            self._gone.cancel()

    async def _hung_up(self) -> None:
        """Comes to its end only for a hang-up: what else stands between server and application may say anything, for ever."""
        try:
            event = await self._receive()
        except Exception:
            event = {"type": "unknown"}
        if event["type"] != "http.disconnect":
            await asyncio.get_running_loop().create_future()


def _request(scope: Scope, body: bytes, client: _Client) -> Request:
    return Request(scope["method"], query(scope["query_string"].decode("latin-1")), body, listened=client.listened)


async def _send(response: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _close(bot: Answers) -> None:
    try:
        await bot.aclose()
    except Exception:  # the other bots are to be closed all the same
        _log.exception("a bot could not be closed")
