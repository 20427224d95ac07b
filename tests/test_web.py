"""One request in, one response out: `respond`, on a stand-in for a bot, and the adapters."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta, timezone, tzinfo
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlencode
from wsgiref.validate import validator

import flask
import httpx
import pytest
from django import setup
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings
from django.urls import path
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route
from werkzeug.test import EnvironBuilder

from wechat import crypto, receive, reply
from wechat.bot import Carried
from wechat.errors import BadMessage, ConfigurationError, StoreUnreachable
from wechat.runtime import Health
from wechat.texts import CHINESE, ENGLISH, Texts
from wechat.web import (
    HURRY,
    METHODS,
    MOST,
    Answers,
    Request,
    Response,
    asgi,
    django,
    drawn,
    fastapi,
    query,
    respond,
    wsgi,
)
from wechat.web.flask import view

T = TypeVar("T")

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "ATOMIC_REQUESTS": True}}
settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES=DATABASES,
    SECRET_KEY="of this test",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    MIDDLEWARE=[
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ],
)
setup()

TOKEN, APPID = "token", "wx1234567890"
NEW, OLD, FOREIGN = (crypto.Cipher(letter * 43, APPID, TOKEN) for letter in "abc")
SECRET = "谁也不该在日志里看到这句话"


@dataclass(frozen=True)
class Settings:
    token: str = TOKEN
    ciphers: tuple[crypto.Cipher, ...] = ()
    plaintext: bool = False
    texts: Texts | Callable[[receive.Message], Texts] = CHINESE
    timezone: tzinfo = timezone(timedelta(hours=8))


@dataclass
class Parrot:
    """All that `respond` knows of a bot."""

    settings: Settings = field(default_factory=Settings)
    says: Callable[[receive.Message], reply.Reply | None] = lambda message: reply.Text(message.text)
    heard: list[receive.Message] = field(default_factory=list)
    patience: list[float | None] = field(default_factory=list)
    closed: int = 0
    doubts: bool = False  # whether it wants to know what was written
    sent: int = 0

    async def carry(self, message: receive.Message, *, patience: float | None = None, gone: Any = None) -> Carried:
        self.heard.append(message)
        self.patience.append(patience)
        return Carried(self.says(message), self.written if self.doubts else None)

    async def written(self) -> None:
        self.sent += 1

    def wait(self, work: Coroutine[Any, Any, T], /) -> T:
        with ThreadPoolExecutor(1) as elsewhere:
            return elsewhere.submit(asyncio.run, work).result()

    async def health(self) -> Health:
        return Health(True, 0.0, 0)

    async def aclose(self) -> None:
        self.closed += 1


def safe(*ciphers: crypto.Cipher, **more: Any) -> Parrot:
    return Parrot(Settings(ciphers=ciphers, **more))


def ask(bot: Answers, request: Request) -> Response:
    return asyncio.run(respond(bot, request))


def xml(content: str = "你好") -> bytes:
    return (
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[me]]></FromUserName>"
        "<CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA["
        f"{content}]]></Content><MsgId>1</MsgId></xml>"
    ).encode()


def signed(**more: str) -> dict[str, str]:
    return {"signature": crypto.signature(TOKEN, "1700000000", "42"), "timestamp": "1700000000", "nonce": "42", **more}


def plain(body: bytes | None = None) -> Request:
    return Request("POST", signed(), body=xml() if body is None else body)


def sealed(cipher: crypto.Cipher, body: bytes | None = None, /, **more: str) -> Request:
    """As the safe mode pushes it, in the format of `body`; without ``signature``, which there does not count."""
    encrypted = cipher.encrypt(xml() if body is None else body)
    mark = crypto.signature(TOKEN, "1700000000", "42", encrypted)
    given = {"timestamp": "1700000000", "nonce": "42", "encrypt_type": "aes", "msg_signature": mark} | more
    envelope = f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    if body is not None and receive.is_json(body):
        envelope = json.dumps({"ToUserName": "gh_1", "Encrypt": encrypted})
    return Request("POST", given, body=envelope.encode())


def unsealed(cipher: crypto.Cipher, response: Response) -> dict[str, Any]:
    came = receive.fields(response.body)
    return receive.fields(
        cipher.open(
            came["Encrypt"], msg_signature=came["MsgSignature"], timestamp=came["TimeStamp"], nonce=came["Nonce"]
        )
    )


def without(request: Request, name: str) -> Request:
    left = {key: value for key, value in request.query.items() if key != name}
    return Request(request.method, left, request.body)


# ---- GET ------------------------------------------------------------------------------------------------------------


def test_the_access_check_gets_its_echostr_back_as_it_is() -> None:
    response = ask(Parrot(), Request("GET", signed(echostr="5927 + 一")))
    assert (response.status, response.body) == (200, "5927 + 一".encode())


def test_the_echo_is_never_a_page() -> None:
    """The signature does not cover it: whoever saw one signed address could otherwise serve a script from it."""
    headers = ask(Parrot(), Request("GET", signed(echostr="<script>"))).headers
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce"])
def test_an_access_check_without_one_of_its_parts_is_refused(name: str) -> None:
    response = ask(Parrot(), without(Request("GET", signed(echostr="5927")), name))
    assert response.status == 403
    assert b"5927" not in response.body


@pytest.mark.parametrize("wrong", ["", "0" * 40, "签名", "\udc80"])
def test_an_access_check_with_a_wrong_signature_is_refused(wrong: str) -> None:
    assert ask(Parrot(), Request("GET", signed(echostr="5927", signature=wrong))).status == 403


def test_the_access_check_is_in_clear_in_the_safe_mode_too() -> None:
    assert ask(safe(NEW), Request("GET", signed(echostr="5927"))).body == b"5927"


def test_a_visitor_is_told_what_this_address_is_for() -> None:
    response = ask(Parrot(), Request("GET"))
    assert response.status == 403
    assert "服务器配置" in response.body.decode()


# ---- POST, in clear -------------------------------------------------------------------------------------------------


def test_a_reply_goes_back_to_whoever_wrote() -> None:
    response = ask(Parrot(), plain())
    came = receive.fields(response.body)
    assert response.status == 200
    assert response.headers["content-type"] == "application/xml; charset=utf-8"
    assert (came["ToUserName"], came["FromUserName"], came["Content"]) == ("me", "gh_1", "你好")


def test_no_reply_is_success() -> None:
    response = ask(Parrot(says=lambda message: None), plain())
    assert (response.status, response.body) == (200, b"success")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_length_of_every_body_is_given() -> None:
    for request in (plain(), plain(b"?"), Request("PUT"), Request("GET")):
        response = ask(Parrot(), request)
        assert response.headers["content-length"] == str(len(response.body))


def test_times_are_told_in_the_time_zone_of_the_bot() -> None:
    bot = Parrot()
    ask(bot, plain())
    assert bot.heard[0].time.isoformat() == "2023-11-15T06:13:20+08:00"


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce"])
def test_a_push_that_is_not_signed_reaches_no_bot(name: str) -> None:
    bot = Parrot()
    assert ask(bot, without(plain(), name)).status == 403
    assert bot.heard == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"{}",
        b"<xml/>",
        b"<xml>",
        b'<?xml version="1.0" encoding="no-such"?><xml/>',
        xml().replace(b"FromUserName", b"From"),
        b"<!DOCTYPE xml [<!ENTITY a 'b'>]>" + xml(),
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    bot = Parrot()
    assert ask(bot, plain(body)).status == 400
    assert bot.heard == []


def test_a_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    exact = xml("a" * (MOST - len(xml(""))))
    assert ask(Parrot(), plain(exact)).status == 200
    assert ask(Parrot(), plain(exact + b" ")).status == 413
    assert ask(safe(NEW), sealed(NEW, exact)).status == 413


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "get", ""])
def test_other_methods_are_told_which_there_are(method: str) -> None:
    response = ask(Parrot(), Request(method, signed(), body=xml()))
    assert (response.status, response.headers["allow"]) == (405, "GET, POST")


# ---- POST, encrypted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cipher", [NEW, OLD])
def test_an_encrypted_push_is_answered_with_the_key_that_opened_it(cipher: crypto.Cipher) -> None:
    response = ask(safe(NEW, OLD), sealed(cipher))
    assert response.status == 200
    assert unsealed(cipher, response)["Content"] == "你好"


def test_every_reply_is_sealed_anew() -> None:
    bot, request = safe(NEW), sealed(NEW)
    assert receive.fields(ask(bot, request).body)["Nonce"] != receive.fields(ask(bot, request).body)["Nonce"]


def test_the_time_on_a_sealed_reply_is_in_seconds_as_the_one_within() -> None:
    """In milliseconds WeChat reports a fault."""
    before = int(time.time())
    response = ask(safe(NEW), sealed(NEW))
    given, within = receive.fields(response.body)["TimeStamp"], unsealed(NEW, response)["CreateTime"]
    assert given == within
    assert before <= int(given) <= time.time()


@pytest.mark.parametrize("seal", [False, True])
def test_a_push_in_json_is_answered_in_json(seal: bool) -> None:
    """WeChat wants the format back that it pushes. Source: "消息推送", 数据格式."""
    raw = receive.fields(xml())
    body = json.dumps({**raw, "CreateTime": int(raw["CreateTime"])}).encode()
    response = ask(safe(NEW), sealed(NEW, body)) if seal else ask(Parrot(), plain(body))
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    came = unsealed(NEW, response) if seal else json.loads(response.body)
    assert (came["ToUserName"], came["Content"]) == ("me", "你好")


def test_no_reply_to_an_encrypted_push_is_success_in_clear() -> None:
    bot = safe(NEW)
    bot.says = lambda message: None
    assert ask(bot, sealed(NEW)).body == b"success"


@pytest.mark.parametrize(
    "request_",
    [
        sealed(FOREIGN),
        sealed(NEW, msg_signature="0" * 40),
        sealed(NEW, nonce="43"),
        without(sealed(NEW), "msg_signature"),
        without(sealed(NEW, **signed()), "msg_signature"),
        Request("POST", sealed(NEW).query, body=sealed(NEW).body),
        Request("POST", signed(encrypt_type="aes"), body=xml()),
        plain(),
    ],
    ids=["foreign key", "forged", "moved", "unsigned", "signed as in plain mode", "another's", "in clear", "plain"],
)
def test_what_no_key_opens_reaches_no_bot(request_: Request) -> None:
    bot = safe(NEW, OLD)
    assert ask(bot, request_).status == 403
    assert bot.heard == []


def test_every_refusal_says_the_same() -> None:
    """Which check failed would tell a forger how far he came."""
    refused = [sealed(FOREIGN), sealed(NEW, msg_signature="0" * 40), plain(), Request("POST", body=xml())]
    assert len({ask(safe(NEW), request).body for request in refused}) == 1


def test_an_encrypted_push_without_a_key_is_refused_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    assert ask(Parrot(), sealed(NEW)).status == 403
    assert "aes_key" in caplog.text


def both(clear: str, hidden: str) -> Request:
    """As the compatible mode pushes it: what is sealed beside what is in clear, and both signatures."""
    request = sealed(NEW, xml(hidden))
    envelope = receive.fields(request.body)["Encrypt"].encode()
    body = xml(clear).replace(b"</xml>", b"<Encrypt>" + envelope + b"</Encrypt></xml>")
    return Request("POST", {**signed(), **request.query}, body=body)


def test_of_a_push_that_is_both_what_is_sealed_counts() -> None:
    assert unsealed(NEW, ask(safe(NEW), both("clear", "hidden")))["Content"] == "hidden"


@pytest.mark.parametrize("type", [{}, {"encrypt_type": "raw"}, {"encrypt_type": ""}])
def test_the_encrypt_type_decides_and_not_what_is_in_the_body(type: dict[str, str]) -> None:
    request = without(both("clear", "hidden"), "encrypt_type")
    request = Request("POST", {**request.query, **type}, body=request.body)
    for bot in (Parrot(), safe(NEW, plaintext=True)):
        assert receive.fields(ask(bot, request).body)["Content"] == "clear"
    assert ask(safe(NEW), request).status == 403


def test_a_plain_push_beside_a_key_is_taken_where_the_bot_says_so() -> None:
    response = ask(safe(NEW, plaintext=True), plain())
    assert receive.fields(response.body)["Content"] == "你好"


# ---- what goes wrong inside -----------------------------------------------------------------------------------------


def failing(error: Exception, **settings: Any) -> Parrot:
    def says(message: receive.Message) -> reply.Reply | None:
        raise error

    return Parrot(Settings(**settings), says)


@pytest.mark.parametrize("error", [StoreUnreachable("it does not answer"), RuntimeError(SECRET)])
def test_where_the_bot_fails_the_user_gets_one_sentence_and_the_log_the_rest(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    response = ask(failing(error), plain())
    assert (response.status, receive.fields(response.body)["Content"]) == (200, CHINESE.failed)
    assert "Traceback" in caplog.text
    assert b"Traceback" not in response.body


def test_the_sentence_is_in_the_words_of_the_bot_and_sealed_like_any_other() -> None:
    bot = failing(RuntimeError(), ciphers=(NEW,), texts=lambda message: ENGLISH)
    assert unsealed(NEW, ask(bot, sealed(NEW)))["Content"] == ENGLISH.failed


def test_the_sentence_is_there_even_where_the_words_fail() -> None:
    def texts(message: receive.Message) -> Texts:
        raise KeyError(message.openid)

    assert receive.fields(ask(failing(RuntimeError(), texts=texts), plain()).body)["Content"] == CHINESE.failed


def test_a_push_that_the_bot_itself_refuses_is_no_failure() -> None:
    assert ask(failing(BadMessage("of another account")), plain()).status == 400


class Unheard(reply.Reply):
    """Of a kind that nobody can format."""


def test_a_bug_of_ours_leaves_no_trace_outside(caplog: pytest.LogCaptureFixture) -> None:
    response = ask(Parrot(says=lambda message: Unheard()), plain())
    assert (response.status, response.body) == (500, b"Something went wrong.")
    assert "Traceback" in caplog.text


def test_what_cancels_a_delivery_goes_through() -> None:
    def says(message: receive.Message) -> reply.Reply | None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        ask(Parrot(says=says), plain())


def test_the_log_never_holds_what_people_wrote(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = xml(SECRET)
    for request in (
        plain(body),
        sealed(NEW, body),
        sealed(FOREIGN, body),
        Request("POST", body=body),
        plain(body[:-3]),
    ):
        for bot in (Parrot(), safe(NEW), failing(StoreUnreachable("gone")), Parrot(says=lambda message: Unheard())):
            ask(bot, request)
    assert caplog.text
    assert SECRET not in caplog.text


names = st.sampled_from(["signature", "timestamp", "nonce", "msg_signature", "encrypt_type", "echostr", "x"])
pieces = st.sampled_from(
    ["<xml>", "</xml>", "<Encrypt>", "<![CDATA[", "]]>", "<MsgType>text", "&amp;", "<!DOCTYPE a>", "="]
)
bodies = st.binary(max_size=200) | st.lists(pieces | st.text(max_size=9)).map(
    lambda some: "".join(some).encode("utf-8", "replace")
)


@given(
    st.sampled_from(["GET", "POST", "PUT", "\n"]), st.dictionaries(names, st.text(max_size=20)), bodies, st.booleans()
)
def test_whatever_comes_gets_a_clear_status(method: str, strange: Mapping[str, str], body: bytes, sign: bool) -> None:
    """P10: no exception, no 500, and no bot hears of what is not signed."""
    for bot in (Parrot(), safe(NEW)):
        response = ask(bot, Request(method, {**strange, **(signed() if sign else {})}, body=body))
        assert response.status in ({200, 400, 403, 405} if sign else {400, 403, 405})
        assert bot.heard == []


# ---- what the adapters share ----------------------------------------------------------------------------------------


def test_of_a_key_that_stands_twice_the_first_value_counts() -> None:
    assert query("a=1&b=&a=2&b=3&c=%E4%BD%A0+x&%ff") == {"a": "1", "b": "", "c": "你 x", "\ufffd": ""}


@pytest.mark.parametrize(("length", "most"), [(10, 10), (10**9, MOST + 1), (0, 0), (-1, 0)])
def test_no_more_is_read_than_shows_that_it_is_too_much(length: int, most: int) -> None:
    def read(size: int) -> bytes:
        assert 0 < size <= MOST + 1
        return bytes(min(size, 4096))

    assert len(drawn(read, length)) == most


# ---- the adapters ---------------------------------------------------------------------------------------------------

BOTH = {"a": Parrot(says=lambda message: reply.Text("a")), "b": Parrot(says=lambda message: reply.Text("b"))}
Exchange = Callable[[str, str, bytes], tuple[int, bytes]]


def asked_by_asgi(application: Any) -> Exchange:
    async def exchange(method: str, url: str, body: bytes) -> tuple[int, bytes]:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.request(method, url, content=body)
            return response.status_code, response.content

    return lambda method, url, body: asyncio.run(exchange(method, url, body))


def asked_by_wsgi(application: Any) -> Exchange:
    def exchange(method: str, url: str, body: bytes) -> tuple[int, bytes]:
        transport = httpx.WSGITransport(application)
        with httpx.Client(transport=transport, base_url="http://test") as client:
            response = client.request(method, url, content=body)
            return response.status_code, response.content

    return exchange


def by_asgi(bots: Any) -> Exchange:
    return asked_by_asgi(asgi.app(bots))


def by_wsgi(bots: Any) -> Exchange:
    return asked_by_wsgi(validator(wsgi.app(bots)))


def by_starlette(bot: Any) -> Exchange:
    return asked_by_asgi(Starlette(routes=[Route("/wechat", asgi.app(bot))]))


def by_fastapi(bot: Any) -> Exchange:
    app = FastAPI()
    app.include_router(fastapi.router(bot))
    return asked_by_asgi(app)


def fastapi_below_a_prefix(bot: Any) -> Exchange:
    app = FastAPI()
    app.include_router(fastapi.router(bot, "/chat"), prefix="/we")
    return lambda method, url, body: asked_by_asgi(app)(method, url.replace("/wechat", "/we/chat"), body)


def in_django(bot: Any, view: Any, asked: Callable[[Any], Exchange], handler: Any) -> Exchange:
    """Where every view asks for a login and a token, and is in a transaction, unless it says otherwise."""
    urls = ModuleType("urls")
    urls.urlpatterns = [path("wechat", view(bot))]  # type: ignore[attr-defined]

    def exchange(method: str, url: str, body: bytes) -> tuple[int, bytes]:
        with override_settings(ROOT_URLCONF=urls):
            return asked(handler())(method, url, body)

    return exchange


def by_django(bot: Any) -> Exchange:
    return in_django(bot, django.view, asked_by_wsgi, WSGIHandler)


def by_django_on_one_thread(bot: Any) -> Exchange:
    def one_thread() -> Any:
        handler = WSGIHandler()
        return lambda environ, start: handler({**environ, "wsgi.multithread": False}, start)

    return in_django(bot, django.view, asked_by_wsgi, one_thread)


def by_asynchronous_django(bot: Any) -> Exchange:
    return in_django(bot, django.async_view, asked_by_asgi, ASGIHandler)


def by_the_wrong_view_of_django(bot: Any) -> Exchange:
    return in_django(bot, django.view, asked_by_asgi, ASGIHandler)


def by_the_other_wrong_view_of_django(bot: Any) -> Exchange:
    return in_django(bot, django.async_view, asked_by_wsgi, WSGIHandler)


def flask_app(bot: Any) -> flask.Flask:
    app = flask.Flask("test")
    app.add_url_rule("/wechat", view_func=view(bot))
    return app


def by_flask(bot: Any) -> Exchange:
    def exchange(method: str, url: str, body: bytes) -> tuple[int, bytes]:
        with flask_app(bot).test_client().open(url, method=method, data=body) as response:
            return response.status_code, response.get_data()

    return exchange


ADAPTERS: list[Callable[[Any], Exchange]] = [
    by_asgi,
    by_wsgi,
    by_flask,
    by_starlette,
    by_fastapi,
    fastapi_below_a_prefix,
    by_django,
    by_asynchronous_django,
    by_the_wrong_view_of_django,
    by_the_other_wrong_view_of_django,
]
adapters = pytest.mark.parametrize("adapter", ADAPTERS)
several = pytest.mark.parametrize("adapter", [by_asgi, by_wsgi])


@adapters
@pytest.mark.parametrize("doubts", [True, False])
def test_a_bot_that_wants_to_know_is_told_when_its_reply_was_written(
    adapter: Callable[[Any], Exchange], doubts: bool
) -> None:
    bot = Parrot(doubts=doubts)
    assert adapter(bot)("POST", f"/wechat?{urlencode(signed())}", xml())[0] == 200
    assert bot.sent == doubts


@adapters
def test_a_message_comes_through_and_its_reply_goes_back(adapter: Callable[[Any], Exchange]) -> None:
    status, body = adapter(Parrot())("POST", f"/wechat?{urlencode(signed())}&nonce=another", xml())
    assert (status, receive.fields(body)["Content"]) == (200, "你好")


@adapters
def test_a_refusal_comes_through(adapter: Callable[[Any], Exchange]) -> None:
    exchange = adapter(Parrot())
    assert exchange("POST", "/wechat", xml())[0] == 403
    assert exchange("POST", f"/wechat?{urlencode(signed())}", bytes(MOST + 1))[0] == 413
    assert exchange("PUT", "/wechat", b"")[0] == 405
    assert exchange("OPTIONS", "/wechat", b"")[0] == 405
    assert exchange("GET", "/wechat", b"")[0] == 403
    assert exchange("GET", f"/wechat?{urlencode(signed(echostr='1+一'))}", b"") == (200, "1+一".encode())


@adapters
@pytest.mark.parametrize("path", ["/", "/wechat/", "/wechat/x", "/x/wechat", "/Wechat"])
def test_only_the_very_path_is_answered(adapter: Callable[[Any], Exchange], path: str) -> None:
    bot = Parrot()
    status, _ = adapter(bot)("POST", f"{path}?{urlencode(signed())}", xml())
    redirects = path == "/wechat/" and adapter in (by_fastapi, by_starlette, fastapi_below_a_prefix)
    assert (status, bot.heard) == (307 if redirects else 404, [])  # WeChat follows no redirect


@several
def test_several_bots_are_told_apart_by_their_names(adapter: Callable[[Any], Exchange]) -> None:
    exchange = adapter(BOTH)
    said = [exchange("POST", f"/wechat/{name}?{urlencode(signed())}", xml()) for name in BOTH]
    assert [receive.fields(body)["Content"] for _, body in said] == ["a", "b"]
    assert exchange("POST", f"/wechat?{urlencode(signed())}", xml())[0] == 404


@pytest.mark.parametrize(
    ("adapter", "patience"),
    [
        (by_django, None),  # this server has threads
        (by_django_on_one_thread, HURRY),
        (by_asynchronous_django, None),
        (by_the_wrong_view_of_django, None),
        (by_the_other_wrong_view_of_django, None),
    ],
)
def test_a_view_of_django_is_held_only_where_that_keeps_nobody_else_waiting(
    adapter: Callable[[Any], Exchange], patience: float | None
) -> None:
    bot = Parrot()
    adapter(bot)("POST", f"/wechat?{urlencode(signed())}", xml())
    assert bot.patience == [patience]


def test_flask_takes_the_methods_and_the_name_from_the_view() -> None:
    (rule,) = (rule for rule in flask_app(Parrot()).url_map.iter_rules() if rule.rule == "/wechat")
    assert rule.methods is not None
    assert (rule.endpoint, rule.methods - {"HEAD"}) == ("wechat", set(METHODS))


class Socket:
    """Both ends of an ASGI connection, with what comes in a row."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events, self.sent = list(events), list[Any]()

    async def receive(self) -> dict[str, Any]:
        if not self.events:  # the client listens
            await asyncio.Event().wait()
        return self.events.pop(0)

    async def send(self, event: Any) -> None:
        self.sent.append(event)

    def run(self, bots: Any, kind: str = "http", **more: Any) -> list[Any]:
        scope = {"type": kind, "method": "POST", "path": "/wechat", "headers": [], **more}
        scope["query_string"] = urlencode(signed()).encode()
        asyncio.run(asgi.app(bots)(scope, self.receive, self.send))
        return self.sent


def piece(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_pieces_is_put_together() -> None:
    sent = Socket(piece(xml()[:100]), piece(b""), piece(xml()[100:], more=False)).run(Parrot())
    assert [event.get("status") for event in sent] == [200, None]


def test_a_push_that_wechat_gave_up_before_it_was_read_is_not_taken() -> None:
    """It came to a worker that stood still; its user was told, or another push of it was taken."""
    bot = Parrot()
    start, body = Socket(piece(xml(), more=False), {"type": "http.disconnect"}).run(bot)
    assert (start["status"], body["body"]) == (200, b"The client had hung up.")  # which is no `success`
    assert bot.heard == []


@pytest.mark.parametrize("then", [piece(b"", more=False), RuntimeError("Unexpected message received: http.request")])
def test_whatever_stands_between_server_and_application_a_client_that_listens_is_answered(then: Any) -> None:
    """A middleware that has read the body may replay it, for ever, or raise where more is received."""

    class Replaying(Socket):
        async def receive(self) -> dict[str, Any]:
            if self.events:
                return self.events.pop(0)
            if isinstance(then, Exception):
                raise then
            return dict(then)

    bot = Parrot()
    assert Replaying(piece(xml(), more=False)).run(bot)[0]["status"] == 200
    assert len(bot.heard) == 1


def test_a_young_push_is_taken_though_its_client_is_gone() -> None:
    """It will be pushed again, and is better answered then."""
    bot = Parrot()
    young = xml().replace(b"1700000000</C", f"{int(time.time())}</C".encode())
    Socket(piece(young, more=False), {"type": "http.disconnect"}).run(bot)
    assert [message.id for message in bot.heard] == ["1"]


HEALTH = {"store": "ok", "lag_ms": 12, "held": 3}


@dataclass
class Watched(Parrot):
    """A bot whose store may be gone."""

    store: bool = True

    async def health(self) -> Health:
        return Health(self.store, 0.0123, 3)


@pytest.mark.parametrize(("store", "status", "told"), [(True, 200, "ok"), (False, 503, "unreachable")])
def test_whoever_watches_is_told_how_a_worker_is_where_the_operator_wants_it(
    store: bool, status: int, told: str
) -> None:
    bots = {"first": Watched(store=store), "second": Watched()}
    expected = {"/wechat/first": {**HEALTH, "store": told}, "/wechat/second": HEALTH}

    async def over_asgi() -> list[Any]:
        socket = Socket(piece(b"", more=False))
        scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": [], "query_string": b""}
        await asgi.app(bots, health="/healthz")(scope, socket.receive, socket.send)
        return socket.sent

    start, body = asyncio.run(over_asgi())
    assert (start["status"], json.loads(body["body"])) == (status, expected)
    statuses: list[str] = []
    served = wsgi.app(bots, health="/healthz")(
        {"PATH_INFO": "/healthz", "REQUEST_METHOD": "GET"}, lambda line, headers: statuses.append(line)
    )
    assert (statuses[0][:3], json.loads(b"".join(served))) == (str(status), expected)
    assert Socket(piece(b"", more=False)).run(Watched(), path="/healthz")[0]["status"] == 404


@pytest.mark.parametrize("made", [asgi.app, wsgi.app])
def test_an_application_without_a_bot_or_with_two_at_one_path_is_refused(made: Any) -> None:
    with pytest.raises(ConfigurationError, match="needs a bot"):
        made({})
    with pytest.raises(ConfigurationError, match="give it a path of its own"):
        made(Parrot(), health="/wechat")


def test_of_a_huge_body_the_rest_is_never_received() -> None:
    socket = Socket(*[piece(bytes(MOST // 2))] * 9)
    assert socket.run(Parrot())[0]["status"] == 413
    assert len(socket.events) == 6


def test_whoever_leaves_before_the_body_is_complete_gets_nothing() -> None:
    bot = Parrot()
    assert Socket(piece(xml()), {"type": "http.disconnect"}).run(bot) == []
    assert bot.heard == []


def test_a_mounted_application_is_found_below_its_mount() -> None:
    sent = Socket(piece(xml(), more=False)).run(Parrot(), path="/bots/wechat", root_path="/bots")
    assert sent[0]["status"] == 200


def test_a_websocket_is_closed() -> None:
    assert Socket({"type": "websocket.connect"}).run(Parrot(), "websocket") == [{"type": "websocket.close"}]


def test_bots_are_closed_when_the_server_goes_down_even_where_one_fails() -> None:
    class Stuck(Parrot):
        async def aclose(self) -> None:
            raise StoreUnreachable("gone")

    bot = Parrot()
    sent = Socket({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}).run({"a": Stuck(), "b": bot}, "lifespan")
    assert [event["type"] for event in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert bot.closed == 1


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"CONTENT_LENGTH": str(len(xml()))}, 200),
        ({"wsgi.input_terminated": True}, 200),
        ({}, 400),
        ({"CONTENT_LENGTH": ""}, 400),
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "a lot"}, 400),
        ({"CONTENT_LENGTH": "9" * 5000}, 200),
    ],
)
def test_a_body_is_read_as_far_as_its_length_says(more: dict[str, Any], status: int) -> None:
    began: list[str] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/wechat", "QUERY_STRING": urlencode(signed())}
    list(wsgi.app(Parrot())({**environ, "wsgi.input": io.BytesIO(xml()), **more}, lambda line, _: began.append(line)))
    assert re.match(str(status), began[0])


class Endless(io.RawIOBase):
    """A body that has no end; how much of it was read is its position."""

    position = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        self.position += size
        return bytes(size)

    def readinto(self, buffer: Any) -> int:
        self.position += len(buffer)
        return len(buffer)


@pytest.mark.parametrize("application", [wsgi.app(Parrot()), flask_app(Parrot())])
def test_of_a_huge_body_the_rest_is_never_read(application: wsgi.App) -> None:
    began: list[str] = []
    body = Endless()
    environ = EnvironBuilder(path="/wechat", method="POST", query_string=signed()).get_environ()
    environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(10**12)}
    list(application(environ, lambda line, *_: began.append(line)))
    assert began[0].startswith("413")
    assert body.position <= 2 * MOST


@pytest.mark.parametrize(("path", "status"), [("/wechat/甲".encode().decode("latin-1"), "403"), ("/wechat/甲", "404")])
def test_a_path_is_read_as_wsgi_hands_it_over(path: str, status: str) -> None:
    began: list[str] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "wsgi.input": io.BytesIO()}
    list(wsgi.app({"甲": Parrot()})(environ, lambda line, _: began.append(line)))
    assert began[0].startswith(status)
