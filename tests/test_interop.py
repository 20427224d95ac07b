"""WeChat's side, played by another implementation: wechatpy seals and signs what is pushed, and opens what comes back.

Every push and every reply goes through six ways: in clear, in the compatible and in the safe mode, as XML and as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from pushes import PUSHES, Fields
from wechat import Article, Bot, Image, Message, Music, News, Reply, Text, Transfer, Video, Voice, receive
from wechat.web import Request, Response, respond

with warnings.catch_warnings():  # it is of 2021
    warnings.simplefilter("ignore")
    from wechatpy.crypto import PrpCrypto, WeChatCrypto
    from wechatpy.replies import deserialize_reply
    from wechatpy.utils import WeChatSigner

TOKEN, APP = "interop", "wx0123456789abcdef"
KEY, OLD_KEY = "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TIME, NONCE = "1790000000", "461056294"
NUMBERS = ("CreateTime", "MsgId")


def signature(*parts: str) -> str:
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


# ---- WeChat's side --------------------------------------------------------------------------------------------------


def as_xml(fields: Fields) -> str:
    """Made by a library, which escapes where WeChat writes CDATA: both are the same text."""
    root = ET.Element("xml")
    grow(root, fields)
    return ET.tostring(root, encoding="unicode")


def grow(parent: ET.Element, fields: Fields) -> None:
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            child = ET.SubElement(parent, name)
            if isinstance(one, dict):
                grow(child, one)
            else:
                child.text = one


def as_json(fields: Fields) -> str:
    """Times and ids are numbers in JSON."""
    return json.dumps({name: int(value) if name in NUMBERS else value for name, value in fields.items()})


FORMATS: dict[str, Callable[[Fields], str]] = {"XML": as_xml, "JSON": as_json}


@dataclass(frozen=True)
class Way:
    """How WeChat pushes, and how it reads what comes back."""

    mode: str
    format: str
    key: str = KEY
    app: str = APP

    def push(self, fields: Fields) -> Request:
        clear = FORMATS[self.format](fields)
        query = {"signature": signature(TOKEN, TIME, NONCE), "timestamp": TIME, "nonce": NONCE, "openid": "oUser"}
        if self.mode == "plain":
            return Request("POST", query, body=clear.encode())
        crypto = WeChatCrypto(TOKEN, self.key, self.app)
        encrypt = PrpCrypto(crypto.key).encrypt(clear, self.app).decode()
        beside = fields if self.mode == "compatible" else {"ToUserName": fields["ToUserName"]}
        query |= {"encrypt_type": "aes", "msg_signature": signature(TOKEN, TIME, NONCE, encrypt)}
        return Request("POST", query, body=FORMATS[self.format]({**beside, "Encrypt": encrypt}).encode())

    def read(self, response: Response) -> str:
        """The reply in clear."""
        assert response.status == 200
        body = response.body.decode()
        if self.mode == "plain":
            return body
        crypto = WeChatCrypto(TOKEN, self.key, self.app)
        sealed: dict[str, Any] = json.loads(body) if self.format == "JSON" else flat(body)
        marks = (sealed["MsgSignature"], str(sealed["TimeStamp"]), sealed["Nonce"])
        return str(crypto.decrypt_message(sealed if self.format == "JSON" else body, *marks))


def flat(xml: str) -> dict[str, Any]:
    """The elements of an envelope, and of a reply by their paths."""
    return {"/".join(path): text for path, text in leaves(ET.fromstring(xml), ())}


def leaves(element: ET.Element, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for number, child in enumerate(element):
        step = f"item{number}" if child.tag == "item" else child.tag
        yield from leaves(child, (*path, step)) if len(child) else [((*path, step), child.text or "")]


def flat_json(value: Any, path: tuple[str, ...] = ()) -> dict[str, str]:
    if isinstance(value, dict):
        pairs = [(name, inner) for name, inner in value.items()]
    elif isinstance(value, list):
        pairs = [(f"item{number}", inner) for number, inner in enumerate(value)]
    else:
        return {"/".join(path): str(value)}
    return {name: text for step, inner in pairs for name, text in flat_json(inner, (*path, step)).items()}


WAYS = [Way(mode, format) for mode, format in itertools.product(("plain", "compatible", "safe"), FORMATS)]
IDS = [f"{way.mode} {way.format}" for way in WAYS]


# ---- our side -------------------------------------------------------------------------------------------------------


class Listener:
    """A real bot that keeps what it hears, and answers what it is told to."""

    def __init__(self, mode: str, says: Any = "好") -> None:
        keys = {} if mode == "plain" else {"aes_key": (KEY, OLD_KEY), "appid": APP}
        self.heard: list[Message] = []
        self.bot, self.says = Bot(TOKEN, store="memory://", **keys), says
        self.bot.default(self.answer)

    def answer(self, message: Message) -> Any:
        self.heard.append(message)
        return self.says

    def asks_for(self, event: str) -> None:
        self.bot.event(event)(self.answer)

    def take(self, request: Request) -> Response:
        async def one() -> Response:
            response = await respond(self.bot, request)
            while others := asyncio.all_tasks() - {asyncio.current_task()}:  # what goes on after it was answered
                await asyncio.wait(others)
            await self.bot.aclose()
            return response

        return asyncio.run(one())


def whole(fields: Fields, **common: str) -> Fields:
    header = {"ToUserName": "gh_0123456789ab", "FromUserName": "oUser", "CreateTime": TIME}
    id = {} if fields["MsgType"] == "event" else {"MsgId": "24000000000000000001"}
    return {**header, **fields, **id, **common}


# ---- what is pushed -------------------------------------------------------------------------------------------------


def name_of(fields: Fields) -> str:
    return str(fields.get("Event", fields["MsgType"]))


@pytest.mark.parametrize("way", WAYS, ids=IDS)
@pytest.mark.parametrize(("fields", "kind", "silent"), PUSHES, ids=[name_of(fields) for fields, *_ in PUSHES])
def test_every_push_arrives_as_it_was_sent(way: Way, fields: Fields, kind: type[receive.Message], silent: bool) -> None:
    listener, sent = Listener(way.mode), whole(fields)
    if sent["MsgType"] == "event":
        listener.asks_for(sent["Event"])
    response = listener.take(way.push(sent))
    (message,) = listener.heard
    assert type(message) is kind
    assert message.raw == sent
    assert (message.account, message.openid, message.created) == (sent["ToUserName"], "oUser", int(TIME))
    assert message.id == sent.get("MsgId", message.id) != ""
    assert message.event == (sent["Event"].lower() if sent["MsgType"] == "event" else "")
    if silent:
        assert response.body == b"success"
    else:
        assert "好" in way.read(response)


def test_an_event_has_one_id_in_every_way() -> None:
    sent, ids = whole({"MsgType": "event", "Event": "CLICK", "EventKey": "K"}), set()
    for way in WAYS:
        listener = Listener(way.mode)
        listener.asks_for("CLICK")
        listener.take(way.push(sent))
        ids.add(listener.heard[0].id)
    assert len(ids) == 1


# ---- what comes back ------------------------------------------------------------------------------------------------

_ARTICLES = [Article(f"标题{i}", f"http://example.com/{i}?a=1&b=2", "简介", "http://p") for i in range(9)]
_HEADER = {"ToUserName": "oUser", "FromUserName": "gh_0123456789ab"}


def _news(*articles: Article) -> dict[str, str]:
    made = {"ArticleCount": str(len(articles))}
    for i, one in enumerate(articles):
        texts = {"Title": one.title, "Description": one.description, "PicUrl": one.image, "Url": one.url}
        made |= {f"Articles/item{i}/{name}": text for name, text in texts.items()}
    return made


#: a reply, and its elements by their paths; to an event where it says so
REPLIES: list[tuple[Reply, dict[str, str], bool]] = [
    (Text("你好\n<a href='http://u'>🍎</a>"), {"MsgType": "text", "Content": "你好\n<a href='http://u'>🍎</a>"}, False),
    (Text("]]></Content><Content>\x00\x08&"), {"MsgType": "text", "Content": "]]></Content><Content>&"}, False),
    (Image("m1"), {"MsgType": "image", "Image/MediaId": "m1"}, False),
    (Voice("m2"), {"MsgType": "voice", "Voice/MediaId": "m2"}, False),
    (Video("m3"), {"MsgType": "video", "Video/MediaId": "m3"}, False),
    (
        Video("m3", "标题", "简介"),
        {"MsgType": "video", "Video/MediaId": "m3", "Video/Title": "标题", "Video/Description": "简介"},
        False,
    ),
    (
        Music("http://m"),
        {"MsgType": "music", "Music/MusicUrl": "http://m", "Music/HQMusicUrl": "http://m"},
        False,
    ),
    (
        Music("http://m", "歌", "曲", "http://hq", "t1"),
        {
            "MsgType": "music",
            "Music/Title": "歌",
            "Music/Description": "曲",
            "Music/MusicUrl": "http://m",
            "Music/HQMusicUrl": "http://hq",
            "Music/ThumbMediaId": "t1",
        },
        False,
    ),
    (News(*_ARTICLES), {"MsgType": "news", **_news(_ARTICLES[0])}, False),
    (News(*_ARTICLES), {"MsgType": "news", **_news(*_ARTICLES[:8])}, True),
    (Transfer(), {"MsgType": "transfer_customer_service"}, False),
    (Transfer("a@b"), {"MsgType": "transfer_customer_service", "TransInfo/KfAccount": "a@b"}, False),
]


def answered(way: Way, said: Reply, to_an_event: bool) -> str:
    """The reply to a message or an event, in clear."""
    listener = Listener(way.mode, said)
    listener.bot.click(listener.answer)
    event = {"MsgType": "event", "Event": "CLICK", "EventKey": "K"}
    return way.read(listener.take(way.push(whole(event if to_an_event else {"MsgType": "text", "Content": "?"}))))


@pytest.mark.parametrize("way", WAYS, ids=IDS)
@pytest.mark.parametrize(("said", "fields", "to_an_event"), REPLIES)
def test_every_reply_arrives_as_it_was_said(way: Way, said: Reply, fields: dict[str, str], to_an_event: bool) -> None:
    clear = answered(way, said, to_an_event)
    came = flat_json(json.loads(clear)) if way.format == "JSON" else flat(clear)
    assert came.pop("CreateTime").isdigit()
    assert came == {**_HEADER, **fields}


#: wechatpy reads no music without a picture, and no news of one article
READABLE = [row for row in REPLIES if row[1]["MsgType"] != "music" and row[1].get("ArticleCount") != "1"]


@pytest.mark.parametrize(("said", "fields", "to_an_event"), READABLE)
def test_a_reply_is_one_that_others_read_too(said: Reply, fields: dict[str, str], to_an_event: bool) -> None:
    read = deserialize_reply(answered(Way("safe", "XML"), said, to_an_event))
    assert (read.type, read.source, read.target) == (fields["MsgType"], "gh_0123456789ab", "oUser")


@pytest.mark.parametrize("way", WAYS, ids=IDS)
def test_nothing_said_is_success_in_clear(way: Way) -> None:
    response = Listener(way.mode, None).take(way.push(whole({"MsgType": "text", "Content": "?"})))
    assert (response.status, response.body) == (200, b"success")


# ---- keys and signatures --------------------------------------------------------------------------------------------


def test_the_access_check_is_signed_as_others_sign_it() -> None:
    query = {"signature": signature(TOKEN, TIME, NONCE), "timestamp": TIME, "nonce": NONCE, "echostr": "5927"}
    for mode in ("plain", "safe"):
        given = dict(parse_qsl(urlencode(query)))
        assert Listener(mode).take(Request("GET", given)).body == b"5927"
        assert Listener(mode).take(Request("GET", {**given, "nonce": "1"})).status == 403


@pytest.mark.parametrize("format", FORMATS)
def test_while_a_key_is_changed_the_old_one_is_answered_with_the_old_one(format: str) -> None:
    way = Way("safe", format, key=OLD_KEY)
    assert "好" in way.read(Listener("safe").take(way.push(whole({"MsgType": "text", "Content": "?"}))))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "other", [{"app": "wx9999999999999999"}, {"key": KEY[::-1].replace("R", "A")}, {"mode": "plain"}]
)
def test_what_is_sealed_for_another_app_or_with_another_key_or_not_at_all_is_refused(
    format: str, other: dict[str, str]
) -> None:
    listener, way = Listener("safe"), Way(**{"mode": "safe", "format": format, **other})
    assert listener.take(way.push(whole({"MsgType": "text", "Content": "?"}))).status == 403
    assert listener.heard == []
