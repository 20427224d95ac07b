"""One HTTP request of WeChat in, one response out.

`respond` is all there is; `wechat.web.asgi`, `wsgi`, `flask`, `django` and `fastapi` only translate. The rules:

1. Nothing reaches a bot before its signature was verified, and the body was not larger than any push.
2. What is not WeChat's gets a status and a sentence that depends on the status alone: neither a stack trace, nor what
   was sent, nor which of several checks failed (with a cipher that would be an oracle) leaves this module.
3. What is WeChat's is answered 200, whatever happens. A bad status would only provoke a retry, and ``success`` would
   swallow what the user wrote; so where the store cannot be used, or where `wechat` itself fails, the user gets one
   sentence (``Texts.failed``), and the log gets the traceback. What a dialog does wrong the bot answers by itself.
4. The log (``wechat.web``) never holds what people wrote.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import tzinfo
from typing import Any, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec

from .. import crypto, receive, reply
from ..errors import BadEnvelope, BadMethod, BadSignature, ConfigurationError, ProtocolError, TooLarge
from ..runtime import Gone, Health
from ..texts import CHINESE, Texts

T = TypeVar("T")

#: bytes of a body
MOST = receive.MOST
#: a message so old (seconds) may come to a worker that stood still, when WeChat has hung up: its user was told, or another
#: push of it was taken, so that it is to be taken no more
GIVEN_UP = 4.0
#: seconds that a server with one thread may spend on one delivery: five users at once wait less than the five that WeChat waits
HURRY = 0.8

_log = logging.getLogger("wechat.web")


class Client(Protocol):
    """Whoever waits for a response."""

    async def listens(self) -> bool:
        """Whether it has not hung up yet."""

    async def gone(self) -> None:
        """Comes back when it has hung up. From any event loop."""


class Request(msgspec.Struct, frozen=True):
    """What came: the query decoded, of a key that stands twice its first value."""

    method: str
    query: Mapping[str, str] = {}
    body: bytes = b""
    #: seconds after which whoever serves it needs its one thread for others; None: it may be held
    patience: float | None = None
    #: whoever waits for the response; None: nobody can know whether somebody does
    client: Client | None = None


class Response(msgspec.Struct, frozen=True):
    """What goes back: the names of headers in lower case, among them the body's length."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: to be called when all of it was written; None: nobody wants to know
    sent: Callable[[], Coroutine[Any, Any, None]] | None = None


class Settings(Protocol):
    """What `respond` must know of a bot."""

    @property
    def token(self) -> str: ...

    @property
    def ciphers(self) -> tuple[crypto.Cipher, ...]:
        """The newest first; none: plain mode."""

    @property
    def plaintext(self) -> bool:
        """Whether plain pushes are taken although there is a cipher."""

    @property
    def texts(self) -> Texts | Callable[[receive.Message], Texts]: ...

    @property
    def timezone(self) -> tzinfo: ...


class Carried(Protocol):
    """What a delivery is answered with."""

    @property
    def reply(self) -> reply.Reply | None:
        """None: ``success``."""

    @property
    def sent(self) -> Callable[[], Coroutine[Any, Any, None]] | None:
        """To be called when the response was written; None: nobody wants to know."""

    @property
    def unheard(self) -> bool:
        """Whether whoever pushed hung up before."""


class Apology(msgspec.Struct, frozen=True):
    """What is said where the bot cannot say anything."""

    reply: reply.Reply
    sent: None = None
    unheard: bool = False


class Answers(Protocol):
    """Whatever answers messages: a `Bot`."""

    @property
    def settings(self) -> Settings: ...

    async def carry(
        self, message: receive.Message, *, patience: float | None = None, gone: Gone | None = None
    ) -> Carried:
        """What answers this delivery, after so many seconds at most, or when whoever pushed is `gone`. From any event loop."""

    def wait(self, work: Coroutine[Any, Any, T], /) -> T:
        """Run `work` from synchronous code, and give what it gives."""

    async def health(self) -> Health:
        """How this worker is."""

    async def aclose(self) -> None:
        """No delivery comes for now."""


Bots: TypeAlias = "Answers | Mapping[str, Answers]"


# ---- what the adapters share ----------------------------------------------------------------------------------------


def paths(bots: Bots, path: str, health: str | None = None) -> dict[str, Answers]:
    """Which bot answers at which exact path: one bot at `path`, several by their names below it.

    Raises `ConfigurationError` where there is none, or one where `health` is to be told.
    """
    found = {f"{path}/{name}": bot for name, bot in bots.items()} if isinstance(bots, Mapping) else {path: bots}
    if not found:
        raise ConfigurationError("an application needs a bot, and there is none in the mapping")
    if health in found:
        raise ConfigurationError(f"health={health!r} is where a bot answers: give it a path of its own, like /healthz")
    return found


def query(raw: str) -> dict[str, str]:
    """A query string, decoded. Of a key that stands twice, the first value."""
    if "%" in raw or "+" in raw:
        return dict(reversed(parse_qsl(raw, keep_blank_values=True)))
    pairs = [pair.partition("=") for pair in raw.split("&") if pair]  # as WeChat's are
    return {name: value for name, _, value in reversed(pairs)}


def drawn(read: Callable[[int], bytes], length: int = MOST + 1) -> bytes:
    """What `read` gives: at most `length` bytes, and never more than one above `MOST`, which shows that it is too large."""
    body, left = b"", min(length, MOST + 1)
    while left > 0 and (piece := read(left)):
        body, left = body + piece, left - len(piece)
    return body


async def healthy(bots: Mapping[str, Answers]) -> Response:
    """How this worker is, for whoever watches it, as JSON: 200, or 503 where a bot's store does not answer.

    By path: ``store`` ("ok" or "unreachable"), ``lag_ms`` of the event loop, ``held`` deliveries. Nothing of what people wrote.
    """
    found = dict(zip(bots, await asyncio.gather(*(bot.health() for bot in bots.values())), strict=True))
    told = {
        path: {"store": "ok" if each.store else "unreachable", "lag_ms": round(each.lag * 1000), "held": each.held}
        for path, each in found.items()
    }
    status = 200 if all(each.store for each in found.values()) else 503
    return _response(status, "application/json", json.dumps(told) + "\n")


def given_up() -> Response:
    """For a client that has hung up. It is no ``success``: whoever reads it all the same is to see that something is wrong."""
    return _plain(200, GONE)


def not_found() -> Response:
    """For every path but the bots'."""
    return _plain(404, SENTENCES[404])


# ---- respond --------------------------------------------------------------------------------------------------------


async def respond(bot: Answers, request: Request) -> Response:
    """Answer one request. Raises nothing but what cancels it.

    200: the access check's echo, a reply, or ``success``. 403: not signed with the bot's token, not to be opened with
    its keys, or in clear where it must not be. 400: not a message. 405: neither GET nor POST. 413: too large.
    500: a bug of `wechat` that met no message.
    """
    try:
        return await METHODS.get(request.method, _refuse)(bot, request)
    except ProtocolError as error:
        _log.warning("%s %d %s: %s", request.method, error.status, type(error).__name__, error)
        return _plain(error.status, SENTENCES.get(error.status, SENTENCES[400]))
    except Exception:
        _log.exception("%s failed", request.method)
        return _plain(500, SENTENCES[500])


async def _check(bot: Answers, request: Request) -> Response:
    """The access check: WeChat wants its ``echostr`` back, as it is, in clear in every mode.

    Source: "接入概述" of WeChat's documentation. The signature does not cover the echostr: it must never become a page.
    """
    if not request.query:
        return _plain(403, VISITOR)
    _verify(bot.settings, request.query)
    return _plain(200, request.query.get("echostr", ""))


async def _push(bot: Answers, request: Request) -> Response:
    body, cipher = _opened(bot.settings, request)
    message = receive.parse(body, bot.settings.timezone)
    client = request.client
    if client is not None and time.time() - message.created >= GIVEN_UP and not await client.listens():
        return given_up()
    carried = await _carried(bot, message, request.patience, None if client is None else client.gone)
    if carried.unheard:
        return given_up()
    if carried.reply is None:
        return _success()
    return _reply(carried, carried.reply, message, cipher, receive.is_json(body))


async def _refuse(bot: Answers, request: Request) -> Response:
    raise BadMethod("neither GET nor POST")


Method: TypeAlias = Callable[[Answers, Request], Awaitable[Response]]

METHODS: Mapping[str, Method] = {"GET": _check, "POST": _push}


# ---- what came ------------------------------------------------------------------------------------------------------


def _verify(settings: Settings, given: Mapping[str, str]) -> None:
    crypto.verify(settings.token, given.get("signature"), given.get("timestamp"), given.get("nonce"))


def _opened(settings: Settings, request: Request) -> tuple[bytes, crypto.Cipher | None]:
    """The push in clear, and what opened it. Raises `TooLarge`, `BadSignature`, `BadEnvelope`, `BadMessage`."""
    if len(request.body) > MOST:
        raise TooLarge(f"the body has more than {MOST} bytes")
    if request.query.get("encrypt_type") == "aes":
        return _deciphered(settings, request)
    _verify(settings, request.query)
    if settings.ciphers and not settings.plaintext:
        raise BadEnvelope("the push is in clear, and this bot has an aes_key (plaintext=True would let it in)")
    return request.body, None


def _deciphered(settings: Settings, request: Request) -> tuple[bytes, crypto.Cipher]:
    """Here ``msg_signature`` counts, and ``signature`` does not.

    Source: "消息加解密说明" of WeChat's documentation. While a key is changed, pushes come with the old or the new one.
    """
    if not settings.ciphers:
        raise BadEnvelope("the push is encrypted, and this bot has no aes_key (WECHAT_AES_KEY)")
    _, encrypted = receive.envelope(request.body)
    refusals = []
    for cipher in settings.ciphers:
        try:
            return _open(cipher, encrypted, request.query), cipher
        except BadEnvelope as error:
            refusals.append(error)
    raise refusals[0]


def _open(cipher: crypto.Cipher, encrypted: str, given: Mapping[str, str]) -> bytes:
    signature, timestamp, nonce = (given.get(name, "") for name in ("msg_signature", "timestamp", "nonce"))
    return cipher.open(encrypted, msg_signature=signature, timestamp=timestamp, nonce=nonce)


# ---- what goes back -------------------------------------------------------------------------------------------------


async def _carried(bot: Answers, message: receive.Message, patience: float | None, gone: Gone | None) -> Carried:
    """The bot's reply; where it cannot give one, the apology (rule 3)."""
    try:
        return await bot.carry(message, patience=patience, gone=gone)
    except ProtocolError:
        raise
    except Exception as error:
        _log.exception("a message to %s could not be answered: %s", message.account, type(error).__name__)
        return Apology(reply.Text(_texts(bot.settings, message).failed))


async def written(response: Response) -> None:
    """Whoever wrote a response says so. Raises nothing."""
    try:
        if response.sent is not None:
            await response.sent()
    except Exception:  # the user may be told once more; nothing is lost
        _log.exception("a reply was sent, and it could not be put on record")


def _texts(settings: Settings, message: receive.Message) -> Texts:
    try:
        return settings.texts if isinstance(settings.texts, Texts) else settings.texts(message)
    except Exception:
        _log.exception("texts= failed")
        return CHINESE


def _reply(
    carried: Carried, said: reply.Reply, message: receive.Message, cipher: crypto.Cipher | None, json: bool
) -> Response:
    """In the format of the push. Source: "消息推送" of WeChat's documentation, 数据格式."""
    now = int(time.time())
    body = reply.format(said, to=message.openid, account=message.account, created=now, json=json)
    if cipher is not None:
        body = cipher.seal(body, timestamp=now, nonce=secrets.token_hex(8), json=json)
    return _response(200, "application/json" if json else "application/xml", body, carried.sent)


def _success() -> Response:
    """No reply; in clear in every mode. Source: "被动回复用户消息" of WeChat's documentation."""
    return _plain(200, "success")


def _plain(status: int, text: str) -> Response:
    return _response(status, "text/plain", text)


def _response(
    status: int, kind: str, text: str, sent: Callable[[], Coroutine[Any, Any, None]] | None = None
) -> Response:
    body = text.encode("utf-8", "replace")
    headers = {
        "content-type": f"{kind}; charset=utf-8",
        "content-length": str(len(body)),
        "x-content-type-options": "nosniff",
    }
    if status == BadMethod.status:
        headers["allow"] = ", ".join(METHODS)
    return Response(status, headers, body, sent)


SENTENCES: Mapping[int, str] = {
    400: "This is not a message of WeChat.",
    BadSignature.status: "This is not from WeChat, or Token, EncodingAESKey or AppID are not those of the account.",
    404: "There is no bot here.",
    BadMethod.status: "Only GET and POST.",
    TooLarge.status: "This is larger than any message of WeChat.",
    500: "Something went wrong.",
}

GONE = "The client had hung up."

VISITOR = """\
这里是一个微信公众号的服务器地址，只和微信说话。
请把这个网址填进公众号的服务器配置（URL），然后到微信里和它聊天。

This address talks to WeChat only. Enter it as the URL in the account's server settings, and chat there.
"""
