"""wechat-dialog: as it is inside (`respond`: everything but the translation from and to a server), as ASGI, and as WSGI."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlencode

from conversation import AES_KEY, APPID, TOKEN, Push

from wechat import Bot
from wechat.demo import accumulator
from wechat.web import Request, asgi, respond, wsgi

from . import Contender


def bot(store: str, **settings: Any) -> Bot:
    made = Bot(TOKEN, store=store, **settings)
    made.text("累加器", "开始")(accumulator)
    return made


def safe(store: str) -> Bot:
    return bot(store, aes_key=AES_KEY, appid=APPID)


def inside(store: str) -> Contender:
    made = bot(store)

    async def answer(request: Request) -> bytes:
        return (await respond(made, request)).body

    return Contender(answer_async=answer, prepare=lambda push: Request("POST", push.query, push.body))


#: what a server hands over beside the query and the body
HEADERS = {"host": "example.com", "user-agent": "Mozilla/4.0", "content-type": "text/xml", "accept": "*/*"}


def as_asgi(store: str) -> Contender:
    app = asgi.app(bot(store))

    def prepare(push: Push) -> tuple[dict[str, Any], bytes]:
        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        query = urlencode(push.query).encode()
        scope = {"type": "http", "method": "POST", "path": "/wechat", "query_string": query, "headers": headers}
        return scope, push.body

    async def answer(prepared: tuple[dict[str, Any], bytes]) -> bytes:
        scope, body = prepared
        sent: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(event: Any) -> None:
            sent.append(event.get("body", b""))

        await app(scope, receive, send)
        return b"".join(sent)

    return Contender(answer_async=answer, prepare=prepare)


def as_wsgi(store: str) -> Contender:
    app = wsgi.app(bot(store))

    def prepare(push: Push) -> dict[str, Any]:
        headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}
        return headers | {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/wechat",
            "QUERY_STRING": urlencode(push.query),
            "CONTENT_LENGTH": str(len(push.body)),
            "wsgi.input": io.BytesIO(push.body),
            "wsgi.multithread": True,
        }

    def answer(environ: dict[str, Any]) -> bytes:
        came = app(environ, lambda status, headers: None)
        body = b"".join(came)
        getattr(came, "close", lambda: None)()
        return body

    return Contender(answer=answer, prepare=prepare)
