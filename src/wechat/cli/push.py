"""WeChat's side: what it pushes, how long it waits, and what it shows of a reply.

Sources: "接收普通消息", "接收事件推送", "被动回复用户消息" and "消息加解密说明" of WeChat's documentation.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .. import crypto, receive, reply
from ..errors import ConfigurationError, ProtocolError
from . import wire

#: what WeChat shows where an account gives no proper answer
FAULT = "该公众号提供的服务出现故障，请稍后再试"

#: what it shows (nothing) where the account has nothing to say, for a terminal
SILENCE = "（没有回复）"

#: pushes of one message in all, and seconds that each waits. The page says "重试三次"; what is seen is three pushes
PUSHES, SECONDS = 3, 5.0

Fields: TypeAlias = Mapping[str, str | int | float]


# ---- what is pushed -------------------------------------------------------------------------------------------------


def text(content: str) -> Fields:
    return {"MsgType": "text", "Content": content}


def image(url: str) -> Fields:
    return {"MsgType": "image", "PicUrl": url, "MediaId": _media()}


def voice(recognition: str) -> Fields:
    return {"MsgType": "voice", "MediaId": _media(), "Format": "amr", "Recognition": recognition}


def video() -> Fields:
    return {"MsgType": "video", "MediaId": _media(), "ThumbMediaId": _media()}


def location(place: str) -> Fields:
    """Of ``latitude,longitude`` or ``latitude,longitude,label``. Raises `ValueError` for anything else."""
    latitude, longitude, *label = place.split(",", 2)
    x, y = float(latitude), float(longitude)
    if not (-90 <= x <= 90 and -180 <= y <= 180):
        raise ValueError(place)
    return {"MsgType": "location", "Location_X": x, "Location_Y": y, "Scale": 15, "Label": "".join(label)}


def link(url: str, title: str = "", description: str = "") -> Fields:
    return {"MsgType": "link", "Title": title or url, "Description": description, "Url": url}


def click(key: str) -> Fields:
    return _event("CLICK", EventKey=key)


def scan(scene: str) -> Fields:
    return _event("SCAN", EventKey=scene, Ticket=_media())


def subscribe(scene: str) -> Fields:
    """Of a QR code's scene; ``""``: without one."""
    return (
        _event("subscribe", EventKey=f"qrscene_{scene}", Ticket=_media()) if scene else _event("subscribe", EventKey="")
    )


def unsubscribe() -> Fields:
    return _event("unsubscribe", EventKey="")


def _event(name: str, **more: str) -> Fields:
    return {"MsgType": "event", "Event": name, **more}


def _media() -> str:
    return secrets.token_urlsafe(16)


# ---- how it is pushed -----------------------------------------------------------------------------------------------


class BadReply(Exception):
    """What came back is not what WeChat shows."""


class Refused(wire.NoAnswer):
    """What came back has another status than 200."""

    def __init__(self, answer: wire.Answer) -> None:
        super().__init__(f"HTTP {answer.status}: {answer.body[:200].decode('utf-8', 'replace').strip()}")
        self.status = answer.status


@dataclass(frozen=True)
class Sender:
    """A user who sends to an account, and what WeChat and the server know of each other."""

    url: str
    user: str
    account: str
    token: str
    cipher: crypto.Cipher | None = None
    seconds: float = SECONDS

    def send(self, fields: Fields, note: Callable[[str], None]) -> str | None:
        """What the user sees; ``""``: nothing; None: that the account is broken. `note` is told why."""
        xml = self.message(fields)
        for attempt in range(1, PUSHES + 1):
            try:
                return self.shown(self.post(*self.signed(xml)))
            except BadReply as error:
                note(str(error))
                return None
            except wire.NoAnswer as error:
                note(f"push {attempt} of {PUSHES}: {error}")
        return None

    def message(self, fields: Fields) -> str:
        """The XML of a message; one has an id of its own, and an event has none."""
        common: Fields = {"ToUserName": self.account, "FromUserName": self.user, "CreateTime": int(time.time())}
        own: Fields = {} if fields["MsgType"] == "event" else {"MsgId": secrets.randbits(63)}
        return _xml({**common, **fields, **own})

    def signed(self, xml: str) -> tuple[dict[str, str], bytes]:
        """The query and the body of one push, signed (and encrypted) for itself."""
        if self.cipher is None:
            return {**signature(self.token), "openid": self.user}, xml.encode()
        encrypted = self.cipher.encrypt(xml.encode())
        body = _xml({"ToUserName": self.account, "Encrypt": encrypted})
        return {**signature(self.token, encrypted), "openid": self.user, "encrypt_type": "aes"}, body.encode()

    def post(self, query: Mapping[str, str], body: bytes) -> bytes:
        """One push. Gives the body that came back, of which no more than `wire.MOST` bytes are read. Raises
        `wire.NoAnswer` where none did, `Refused` where its status says so, `ConfigurationError` where the URL is none."""
        answer = wire.line(wire.place(self.url), self.seconds).ask("POST", query, body)
        if answer.status != 200:
            raise Refused(answer)
        return answer.body

    def shown(self, body: bytes) -> str:
        """What of a body the user sees. Raises `BadReply`."""
        came = self.opened(body)
        return SHOWN[_field(came, "MsgType")](came) if came else ""

    def clear(self, body: bytes) -> str:
        """A reply in clear. Raises `BadReply`."""
        return (body if self.cipher is None else _opened(self.cipher, _fields(body))).decode("utf-8", "replace")

    def opened(self, body: bytes) -> Came:
        """The fields of a reply to this user; none where there is no reply. Raises `BadReply`."""
        if body in (b"", b"success"):
            return {}
        if len(body) >= wire.MOST:
            raise BadReply(f"the reply has {wire.MOST:,} bytes and more: WeChat takes none that is so long")
        came = _fields(body if self.cipher is None else _opened(self.cipher, _fields(body)))
        if (_field(came, "ToUserName"), _field(came, "FromUserName")) != (self.user, self.account):
            raise BadReply("the reply is not from this account to this user")
        kind = _field(came, "MsgType")
        if not _field(came, "CreateTime").isdigit() or kind not in SHOWN:
            raise BadReply(f"the reply has no CreateTime, or is of no kind that there is: {kind!r}")
        return came


def signature(token: str, *sealed: str) -> dict[str, str]:
    """What of a query says that it is WeChat's; of what is encrypted, that too."""
    timestamp, nonce = str(int(time.time())), str(secrets.randbelow(10**9))
    marks = {"signature": crypto.signature(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    return marks | ({"msg_signature": crypto.signature(token, timestamp, nonce, *sealed)} if sealed else {})


def cipher(key: str | None, appid: str | None, token: str) -> crypto.Cipher | None:
    """What an account in safe mode encrypts with; None: plain mode. Raises `ConfigurationError`."""
    if key is None:
        return None
    if appid is None:
        raise ConfigurationError("--aes-key needs --appid (WECHAT_APPID): every message is sealed with it")
    return crypto.Cipher(key, appid, token)


def _xml(fields: Fields) -> str:
    return f"<xml>{''.join(f'<{name}>{_value(value)}</{name}>' for name, value in fields.items())}</xml>"


def _value(value: str | float) -> str:
    return reply.cdata(value) if isinstance(value, str) else str(value)


# ---- what comes back ------------------------------------------------------------------------------------------------

Came: TypeAlias = Mapping[str, Any]


def _fields(body: bytes) -> Came:
    try:
        return receive.fields(body)
    except ProtocolError as error:
        raise BadReply(f"neither XML nor success is in the reply: {error}: {body[:80]!r}") from None


def _field(came: object, path: str) -> str:
    """The text at ``a/b``; "" where there is none."""
    value = came
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def _opened(cipher: crypto.Cipher, came: Came) -> bytes:
    encrypted, signature, timestamp, nonce = (
        _field(came, name) for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
    )
    if not encrypted:
        raise BadReply("the reply is in clear, and must be encrypted")
    try:
        return cipher.open(encrypted, msg_signature=signature, timestamp=timestamp, nonce=nonce)
    except ProtocolError as error:
        raise BadReply(f"the reply cannot be opened: {error}") from None


def _shown_text(came: Came) -> str:
    content = _field(came, "Content")
    if not content:  # which shows the fault, says the page
        raise BadReply("the reply is a text without Content")
    return reply.visible(content)


def _shown_news(came: Came) -> str:
    there = came.get("Articles")
    items = there.get("item") if isinstance(there, Mapping) else None
    articles = items if isinstance(items, list) else [items]
    if _field(came, "ArticleCount") != str(len(articles)) or not all(isinstance(each, Mapping) for each in articles):
        raise BadReply("ArticleCount is not how many articles there are")
    return "\n\n".join(f"{_field(article, 'Title')}\n{_field(article, 'Url')}" for article in articles)


def _shown_media(label: str, *paths: str) -> Callable[[Came], str]:
    """Shows a label, and what there is of these. Raises `BadReply` where there is nothing."""

    def shown(came: Came) -> str:
        found = [value for path in paths if (value := _field(came, path))]
        if not found:
            raise BadReply(f"the reply has no {paths[-1]}")
        return f"[{' '.join([label, *found])}]"

    return shown


def _shown_transfer(came: Came) -> str:
    return f"[{' '.join(filter(None, ['转接客服', _field(came, 'TransInfo/KfAccount')]))}]"


SHOWN: Mapping[str, Callable[[Came], str]] = {
    "text": _shown_text,
    "image": _shown_media("图片", "Image/MediaId"),
    "voice": _shown_media("语音", "Voice/MediaId"),
    "video": _shown_media("视频", "Video/Title", "Video/MediaId"),
    "music": _shown_media("音乐", "Music/Title", "Music/MusicUrl"),
    "news": _shown_news,
    "transfer_customer_service": _shown_transfer,
}
