"""Serves the page, its requests and its events; and hands what comes to the bot's own path on to the worker.

The page is for whoever develops the bot, on this machine: it shows what people write. So it is shown to nobody who comes from
elsewhere, or by another name than this machine's (a page of somebody else's could make a browser ask here), unless it was said.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from ..errors import ConfigurationError
from ..web import MOST
from .stage import Stage

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: nothing is loaded but what is served here; pictures may lie anywhere
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: http: https:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
FILES = {
    "/": ("page.html", "text/html"),
    "/chat/page.css": ("page.css", "text/css"),
    "/chat/page.js": ("page.js", "text/javascript"),
    "/chat/icon.svg": ("icon.svg", "image/svg+xml"),
}
#: seconds after which a page that hears nothing is told that there is nothing
ALIVE = 15.0

ELSEWHERE = "This page is for whoever develops the bot, on the machine where it runs.\n"


class App:
    """`stage`, served. `path` is the bot's; `everyone`: whether the page is shown to whoever comes."""

    def __init__(self, stage: Stage, path: str, *, everyone: bool = False) -> None:
        self._stage, self._path, self._everyone = stage, path, everyone
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        """Let go of the pages that listen, or the server would wait for them to leave. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._life(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close"})

    async def _life(self, receive: Receive, send: Send) -> None:
        await receive()
        self._loop = asyncio.get_running_loop()
        await self._stage.crew.begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._over.set()
        await self._stage.crew.end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == self._path:
            await self._hand_on(scope, receive, send)
        elif not (self._everyone or _is_from_here(scope)):
            await _text(send, 403, ELSEWHERE)
        elif scope["method"] == "GET" and path in FILES:
            await _file(send, *FILES[path])
        elif scope["method"] == "GET" and path == "/chat/events":
            await self._events(receive, send)
        elif scope["method"] == "POST" and path in DOES:
            await self._do(path, scope, receive, send)
        else:
            await _text(send, 404, "There is nothing here.\n")

    # ---- what the page asks for -------------------------------------------------------------------------------------

    async def _do(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if b"x-chat" not in dict(scope["headers"]):  # no other site's page can send that
            await _json(send, 403, {"error": "only the page itself may ask for that"})
            return
        try:
            given = json.loads(await _body(receive))
            if not isinstance(given, dict):
                raise ValueError("a JSON object is needed")
            await DOES[path](self._stage, given)
        except (ConfigurationError, ValueError, KeyError, TypeError) as error:
            await _json(send, 400, {"error": str(error)})
            return
        await _json(send, 202, {})

    async def _events(self, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), *HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(_gone(receive))
        over = asyncio.ensure_future(self._over.wait())
        await send({"type": "http.response.body", "body": b"retry: 500\n\n", "more_body": True})
        with self._stage.page() as queue:
            while not (gone.done() or over.done()):
                event = asyncio.ensure_future(queue.get())
                waits: set[asyncio.Future[Any]] = {event, gone, over}
                await asyncio.wait(waits, timeout=ALIVE, return_when=asyncio.FIRST_COMPLETED)
                if event.done():
                    told = event.result()
                    line = f"data: {json.dumps(told, ensure_ascii=False)}\n\n"
                else:
                    event.cancel()
                    told, line = {}, ": nothing new\n\n"
                if told.get("type") == "gone":
                    break
                await send({"type": "http.response.body", "body": line.encode(), "more_body": True})
        for task in (gone, over):
            task.cancel()
        await send({"type": "http.response.body", "body": b""})

    # ---- the bot's own path -----------------------------------------------------------------------------------------

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What comes to the bot goes to the worker, and its answer back."""
        body = await _body(receive)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stage.crew.up.wait(), 3)
        gone = asyncio.ensure_future(_gone(receive))
        asked = asyncio.ensure_future(_asked(self._stage.crew.port, scope, body))
        try:
            await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                return
            status, headers, answer = asked.result()
        except (OSError, EOFError, ValueError):
            await _text(send, 502, "The bot is not up.\n")
            return
        finally:
            gone.cancel()
            asked.cancel()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


# ---- what the page may do -------------------------------------------------------------------------------------------

Given: TypeAlias = Mapping[str, Any]


async def _send(stage: Stage, given: Given) -> None:
    stage.send(str(given["user"]), str(given["kind"]), given)


async def _options(stage: Stage, given: Given) -> None:
    stage.options(given)


async def _worker(stage: Stage, given: Given) -> None:
    await stage.worker(str(given["do"]))


async def _users(stage: Stage, given: Given) -> None:
    stage.add(str(given["name"]))


async def _forget(stage: Stage, given: Given) -> None:
    stage.forget(str(given["user"]))


DOES: Mapping[str, Callable[[Stage, Given], Awaitable[None]]] = {
    "/chat/send": _send,
    "/chat/options": _options,
    "/chat/worker": _worker,
    "/chat/users": _users,
    "/chat/forget": _forget,
}


# ---- HTTP -----------------------------------------------------------------------------------------------------------


def _is_from_here(scope: Scope) -> bool:
    """Whether it comes from this machine, and asks for it by a name of its own."""
    client = (scope.get("client") or ("",))[0]
    named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    host = named.rsplit(":", 1)[0] if not named.endswith("]") else named
    return _is_loopback(client) and (host == "localhost" or _is_loopback(host.strip("[]")))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= MOST:
        event = await receive()
        if event["type"] == "http.disconnect":
            break
        body, more = body + event.get("body", b""), event.get("more_body", False)
    return body


async def _gone(receive: Receive) -> None:
    """Comes back when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _asked(port: int, scope: Scope, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """The worker's answer. Raises `OSError`, `EOFError` or `ValueError` where there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port or 9)
    try:
        query = scope["query_string"]
        target = scope["path"].encode() + (b"?" + query if query else b"")
        kept = [(name, value) for name, value in scope["headers"] if name not in HOP]
        lines = [scope["method"].encode() + b" " + target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in kept]
        lines += [b"content-length: %d" % len(body), b"connection: close", b"", b""]
        writer.write(b"\r\n".join(lines) + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        answer = await reader.read()
    finally:
        writer.close()
    headers = [(name.lower(), value.strip()) for line in head[1:-2] for name, _, value in [line.partition(b":")]]
    return int(head[0].split()[1]), [pair for pair in headers if pair[0] not in HOP - {b"content-length"}], answer


#: what is said between two ends of one connection only
HOP = {b"connection", b"content-length", b"transfer-encoding", b"keep-alive", b"date", b"server"}


async def _file(send: Send, name: str, kind: str) -> None:
    content = (importlib.resources.files(__package__) / "page" / name).read_bytes()
    await _respond(send, 200, f"{kind}; charset=utf-8", content)


async def _json(send: Send, status: int, value: Any) -> None:
    await _respond(send, status, "application/json; charset=utf-8", json.dumps(value, ensure_ascii=False).encode())


async def _text(send: Send, status: int, text: str) -> None:
    await _respond(send, status, "text/plain; charset=utf-8", text.encode())


async def _respond(send: Send, status: int, kind: str, content: bytes) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
