"""Bytes from WeChat → message or event.

Source: WeChat's pages on receiving messages and events (接收普通消息, 接收事件推送), and on the format of pushes (消息推送: 数据格式), XML
or JSON, of which the raw fields are the same; for messages
https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html

One table says which class a MsgType or an Event is and where its fields come from; what is not in it is a `Message` or an
`Event` with all its raw fields. No DOCTYPE, no entity and no reference outside is ever accepted, and nothing but
`ProtocolError` leaves.
"""

from __future__ import annotations

import codecs
import datetime as dt
import fnmatch
import functools
import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec.structs import force_setattr, replace

from .errors import BadEnvelope, BadMessage, TooLarge

M = TypeVar("M", bound="Message")

#: bytes of a push. A text message has at most some 2,000 characters; the compatible mode sends it twice, once in base64
MOST = 64 * 1024
#: elements inside each other that a push of WeChat never has
DEPTH = 16
#: fields in which space belongs to what the user wrote
VERBATIM = frozenset({"Content"})

_EPOCH = dt.datetime.fromtimestamp(0, dt.timezone.utc)


class Message(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True, weakref=True):
    """Every push, message or event; frozen.

    Made by hand, everything may be left out; the raw fields are then those that WeChat would send, and what is given of
    them stands beside or instead. Raises ValueError for a `time` without a zone; CreateTime has no parts of a second.
    """

    kind: ClassVar[str] = "other"

    #: MsgId; of an event what tells it from others
    id: str = ""
    #: FromUserName
    openid: str = ""
    #: ToUserName (``gh_…``)
    account: str = ""
    #: CreateTime, aware
    time: dt.datetime = _EPOCH
    #: what was typed; what a voice message was recognised as; else ""
    text: str = ""
    #: every field as WeChat sent it
    raw: Mapping[str, Any] = {}
    #: the name of an event, in lower case, and its key; of a message ""
    event: str = ""
    key: str = ""
    _match: re.Match[str] | None = None

    def __post_init__(self) -> None:
        if self.time.utcoffset() is None:
            raise ValueError("time must say in which zone it is: datetime(…, tzinfo=…)")
        if self.time.microsecond:
            force_setattr(self, "time", self.time.replace(microsecond=0))
        if "MsgType" not in self.raw:
            force_setattr(self, "raw", {**_derived(self), **self.raw})

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in ("raw", "_match"))
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        compared = (name for name in self.__struct_fields__ if name != "_match")
        return all(getattr(self, name) == getattr(other, name) for name in compared)

    def __hash__(self) -> int:
        return hash((type(self), self.id, self.openid, self.account, self.time))

    @functools.cached_property
    def created(self) -> int:
        """CreateTime, in seconds since 1970."""
        return int(self.time.timestamp())

    @property
    def match(self) -> re.Match[str]:
        """What the route's pattern found in the text. Raises AttributeError where the route had none."""
        if self._match is None:
            raise AttributeError(
                "message.match is what a route's pattern found, and no pattern brought this message here"
            )
        return self._match

    def with_match(self: M, match: re.Match[str]) -> M:
        """The same message, with what a pattern found in it."""
        return replace(self, _match=match)


class TextMessage(Message, frozen=True, kw_only=True, eq=False):
    """What was typed, as `text` (WeChat's Content); also what tapping a link of ours sends."""

    kind: ClassVar[str] = "text"


class ImageMessage(Message, frozen=True, kw_only=True, eq=False):
    """A picture: `url` is where WeChat shows it (PicUrl), `media_id` what it is fetched by as temporary material."""

    kind: ClassVar[str] = "image"
    url: str = ""
    media_id: str = ""


class VoiceMessage(Message, frozen=True, kw_only=True, eq=False):
    """``text`` is what it was recognised as, if the account has that."""

    kind: ClassVar[str] = "voice"
    media_id: str = ""
    format: str = ""


class VideoMessage(Message, frozen=True, kw_only=True, eq=False):
    """A video, or a short one (``shortvideo``); both are fetched by `media_id`, the still picture by `thumb_media_id`."""

    kind: ClassVar[str] = "video"
    media_id: str = ""
    thumb_media_id: str = ""
    short: bool = False


class LocationMessage(Message, frozen=True, kw_only=True, eq=False):
    """A place that was sent: latitude (Location_X) and longitude (Location_Y) in degrees, the map's `scale`, the address as `label`."""

    kind: ClassVar[str] = "location"
    latitude: float = 0.0
    longitude: float = 0.0
    scale: int = 0
    label: str = ""


class LinkMessage(Message, frozen=True, kw_only=True, eq=False):
    """A link that was shared: the page's `title` and `description`, and its `url`."""

    kind: ClassVar[str] = "link"
    title: str = ""
    description: str = ""
    url: str = ""


class Event(Message, frozen=True, kw_only=True, eq=False):
    """Something that happened; ``event`` in lower case, ``key`` "" where there is none.

    Raises ValueError where it has no name.
    """

    kind: ClassVar[str] = "event"

    def __post_init__(self) -> None:
        if not self.event:
            raise ValueError('an Event needs its name: Event(event="view")')
        force_setattr(self, "event", self.event.lower())
        super().__post_init__()


class SubscribeEvent(Event, frozen=True, kw_only=True, eq=False):
    """Somebody follows; `scene` of the QR code that was scanned, without ``qrscene_``. Of `key` and `scene` one is enough."""

    event: str = "subscribe"
    scene: str = ""
    ticket: str = ""

    def __post_init__(self) -> None:
        _pair(self, "qrscene_")
        super().__post_init__()


class UnsubscribeEvent(Event, frozen=True, kw_only=True, eq=False):
    """Somebody does so no more."""

    event: str = "unsubscribe"


class ScanEvent(Event, frozen=True, kw_only=True, eq=False):
    """A follower scanned a QR code. Of `key` and `scene` one is enough."""

    event: str = "scan"
    scene: str = ""
    ticket: str = ""

    def __post_init__(self) -> None:
        _pair(self, "")
        super().__post_init__()


class ClickEvent(Event, frozen=True, kw_only=True, eq=False):
    """A click on the menu."""

    event: str = "click"


def _pair(event: SubscribeEvent | ScanEvent, prefix: str) -> None:
    """Fills in the one of `key` and `scene` that was not given."""
    if event.scene and not event.key:
        force_setattr(event, "key", prefix + event.scene)
    elif not event.scene and event.key.startswith(prefix):  # else it names no QR code: ``last_trade_no_…``
        force_setattr(event, "scene", event.key.removeprefix(prefix))


# ---- which class, and where its fields come from --------------------------------------------------------------------


def _text(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda raw: raw[name] if isinstance(raw.get(name), str) else ""


def _number(name: str) -> Callable[[Mapping[str, Any]], float]:
    def read(raw: Mapping[str, Any]) -> float:
        value = str(raw.get(name) or 0)
        if not re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,30})?(e-\d{1,3})?", value, re.ASCII):
            raise BadMessage(f"{name} is not a number", value)
        return float(value)

    return read


Readers = Mapping[str, Callable[[Mapping[str, Any]], Any]]

_NONE: Readers = {}
_MEDIA: Readers = {"media_id": _text("MediaId"), "thumb_media_id": _text("ThumbMediaId")}

#: MsgType → class, and how each of its own fields is read
MESSAGES: dict[str, tuple[type[Message], Readers]] = {
    "text": (TextMessage, {"text": _text("Content")}),
    "image": (ImageMessage, {"url": _text("PicUrl"), "media_id": _text("MediaId")}),
    "voice": (
        VoiceMessage,
        {"media_id": _text("MediaId"), "format": _text("Format"), "text": _text("Recognition")},
    ),
    "video": (VideoMessage, _MEDIA),
    "shortvideo": (VideoMessage, {**_MEDIA, "short": lambda raw: True}),
    "location": (
        LocationMessage,
        {
            "latitude": _number("Location_X"),
            "longitude": _number("Location_Y"),
            "scale": lambda raw: int(_number("Scale")(raw)),
            "label": _text("Label"),
        },
    ),
    "link": (
        LinkMessage,
        {"title": _text("Title"), "description": _text("Description"), "url": _text("Url")},
    ),
}
#: Event, in lower case → the same
EVENTS: dict[str, tuple[type[Message], Readers]] = {
    "subscribe": (SubscribeEvent, {"ticket": _text("Ticket")}),
    "unsubscribe": (UnsubscribeEvent, {}),
    "scan": (ScanEvent, {"ticket": _text("Ticket")}),
    "click": (ClickEvent, {}),
}
#: events whose push shows no reply: nobody is there to read one, or WeChat drops it. ``*``: a family that grows.
#: What is in no row is not silent: a reply that nobody sees costs nothing, a user who is not answered does
SILENT = (
    # nobody is there, or nobody waits: 取消关注, 上报地理位置, 点击菜单跳转
    "unsubscribe",
    "location",
    "view",
    "view_miniprogram",
    # a job of the account has finished: 群发, 模板消息, 发布
    "*jobfinish",
    # 订阅通知, 客服会话, 认证
    "subscribe_msg_*",
    "kf_*",
    "qualification_verify_*",
    "naming_verify_*",
    "wx_verify_*",
    "annual_renew",
    "verify_expired",
    # 授权用户信息变更: sent by the platform, not by the user
    "user_info_modified",
    "user_authorization_revoke",
    "user_authorization_cancellation",
    # 卡券, 礼品卡, 发票, 门店
    "card_*",
    "giftcard_*",
    "user_get_card",
    "user_gifting_card",
    "user_del_card",
    "user_consume_card",
    "user_pay_from_pay_cell",
    "user_view_card",
    "update_member_card",
    "submit_membercard_user_info",
    "user_authorize_invoice",
    "update_invoice_status",
    "submit_invoice_title",
    "poi_check_notify",
    "merchant_order",
    # 小程序
    "weapp_audit_*",
    "wxa_media_check",
)


@functools.cache
def _silent() -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, SILENT)))


def silent(message: Message) -> bool:
    """Whether the push shows no reply, so that `success` is all there is to answer."""
    return message.kind == "event" and _silent().match(message.event) is not None


# ---- from raw fields ------------------------------------------------------------------------------------------------


def build(raw: Mapping[str, Any], timezone: dt.tzinfo, id: str | None = None) -> Message:
    """The typed message of these fields. Raises `BadMessage` where one is missing without which there is no sender or time."""
    _require(raw, "ToUserName", "FromUserName", "MsgType")
    if raw["MsgType"] == "event":
        _require(raw, "Event")
    seconds = _seconds(raw)
    message = _typed(raw, dt.datetime.fromtimestamp(seconds, timezone), _id(raw) if id is None else id)
    message.__dict__["created"] = seconds  # which it would else find out from its time
    return message


def _typed(raw: Mapping[str, Any], time: dt.datetime, id: str) -> Message:
    account = sys.intern(raw["ToUserName"])  # there are few, and many conversations have each
    if raw["MsgType"] == "event":
        event = raw["Event"].lower()
        cls, readers = EVENTS.get(event, (Event, _NONE))
        more = {"event": event, "key": _text("EventKey")(raw)}
    else:
        cls, readers = MESSAGES.get(raw["MsgType"], (Message, _NONE))
        more = {}
    for name, read in readers.items():
        more[name] = read(raw)
    return cls(id=id, openid=raw["FromUserName"], account=account, time=time, raw=raw, **more)


def _require(raw: Mapping[str, Any], *names: str) -> None:
    for name in names:
        value = raw.get(name)
        if not isinstance(value, str) or not value:
            raise BadMessage(f"{name} is missing")
        if not value.isprintable():  # JSON can spell what no reply in XML could be addressed to
            raise BadMessage(f"{name} is no name", value)


#: up to the year 5138; more overflows
_SECONDS = re.compile(r"\d{1,11}", re.ASCII)


def _seconds(raw: Mapping[str, Any]) -> int:
    text = str(raw.get("CreateTime", ""))
    if not _SECONDS.fullmatch(text):
        raise BadMessage("CreateTime is not a number of seconds", text)
    return int(text)


def _id(raw: Mapping[str, Any]) -> str:
    """MsgId; else (events, and what a job sends) a digest of everything: two that differ anywhere are two.

    WeChat's page says FromUserName + CreateTime, which is one for a location report and a click in the same second. But
    for ``Encrypt``, which stands beside the clear fields in the compatible mode and is another in every delivery.
    """
    given = raw.get("MsgId")
    if isinstance(given, str) and given:
        return given
    clear = {name: value for name, value in raw.items() if name != "Encrypt"}
    canonical = json.dumps(clear, sort_keys=True, ensure_ascii=False, default=dict)
    return "e" + hashlib.sha1(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _derived(message: Message) -> dict[str, Any]:
    """The raw fields of a message that was made by hand, or kept as what was typed."""
    short = isinstance(message, VideoMessage) and message.short
    kind = "shortvideo" if short else message.kind  # every other kind is called as its MsgType
    fields = {
        "ToUserName": message.account,
        "FromUserName": message.openid,
        "CreateTime": str(int(message.time.timestamp())),  # `created` would be kept with each
        "MsgType": kind,
        **{raw: str(getattr(message, name)) for raw, name in HANDMADE.get(type(message), ())},
    }
    if isinstance(message, Event):
        fields |= {"Event": message.event, "EventKey": message.key}
    elif message.id:
        fields["MsgId"] = message.id
    return fields


#: where the fields of a message made by hand stand among the raw ones
HANDMADE: dict[type[Message], tuple[tuple[str, str], ...]] = {
    TextMessage: (("Content", "text"),),
    ImageMessage: (("PicUrl", "url"), ("MediaId", "media_id")),
    VoiceMessage: (("MediaId", "media_id"), ("Format", "format"), ("Recognition", "text")),
    VideoMessage: (("MediaId", "media_id"), ("ThumbMediaId", "thumb_media_id")),
    LocationMessage: (("Location_X", "latitude"), ("Location_Y", "longitude"), ("Scale", "scale"), ("Label", "label")),
    LinkMessage: (("Title", "title"), ("Description", "description"), ("Url", "url")),
    SubscribeEvent: (("Ticket", "ticket"),),
    ScanEvent: (("Ticket", "ticket"),),
}


# ---- from bytes -----------------------------------------------------------------------------------------------------


def parse(body: bytes, timezone: dt.tzinfo) -> Message:
    """The message in the body of a push. Raises `TooLarge` for more than `MOST` bytes, `BadMessage` for whatever is none."""
    if len(body) > MOST:
        raise TooLarge(f"the body has more than {MOST} bytes")
    return build(fields(body), timezone)


def envelope(body: bytes) -> tuple[str, str]:
    """(ToUserName, Encrypt) of an encrypted push. Raises `BadEnvelope` where nothing is encrypted, `BadMessage` for no push."""
    raw = fields(body)
    encrypt = raw.get("Encrypt")
    if not isinstance(encrypt, str) or not encrypt:
        raise BadEnvelope("nothing is encrypted in this push")
    return str(raw.get("ToUserName", "")), encrypt


def is_json(body: bytes) -> bool:
    """Whether a push is JSON; what is neither is not well-formed XML."""
    return body.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n").startswith(b"{")


def fields(body: bytes) -> dict[str, Any]:
    """What a push says: texts, dicts of what is nested, lists of what is repeated. Raises `BadMessage`."""
    return _of_json(body) if is_json(body) else _of_xml(body)


def _of_json(body: bytes) -> dict[str, Any]:
    """As texts, like those of XML. A number is kept as it was written: a MsgId has more digits than a float."""
    try:
        whole = _JSON.decode(body.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadMessage(f"the body is no JSON: {error}", body[:200]) from None
    made: dict[str, Any] = _plain(whole, "", DEPTH)
    return made


def _pairs(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise BadMessage("a name stands twice in the JSON")
    return made


def _no_number(name: str) -> Any:
    raise BadMessage("the JSON holds what is no number", name)


_JSON = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=str, parse_float=str, parse_constant=_no_number, strict=False
)


def _plain(value: Any, name: str, depth: int) -> Any:
    if isinstance(value, dict | list) and depth == 0:
        raise BadMessage("the JSON is nested too deep")
    if isinstance(value, dict):
        return {_whole(key): _plain(inner, key, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, name, depth - 1) for inner in value]
    text = "" if value is None else _whole(value) if isinstance(value, str) else str(value).lower()
    return text if name in VERBATIM else text.strip()


def _whole(text: str) -> str:
    """Half a surrogate pair, which JSON can spell, is no text."""
    return text.encode("utf-8", "replace").decode()


def _of_xml(body: bytes) -> dict[str, Any]:
    return _flat(body) or _tree(body)


@functools.cache
def _elements() -> re.Pattern[str]:
    """An element that holds a text, and only characters that XML may hold: its name, and the text as CDATA or in clear.

    What is none, is taken as a whole and without a name: so nothing is read twice, whatever somebody sends.
    """
    not_xml = r"\x00-\x08\x0b-\x1f\ufffe\uffff"
    cdata = rf"<!\[CDATA\[([^\]{not_xml}]*(?:\](?!\]>)[^\]{not_xml}]*)*)\]\]>"
    return re.compile(rf"<([A-Za-z_]\w{{,63}})>(?:{cdata}|([^<&\]{not_xml}]*))</\1>[ \t\r\n]*|(?s:.+)", re.ASCII)


def _flat(body: bytes) -> dict[str, str]:
    """The fields of a push as WeChat writes most of them: one element after the other; {} of any other, for `_tree` to read."""
    try:
        text = body.strip(b" \t\r\n").decode()
    except UnicodeDecodeError:
        return {}
    if not (text.startswith("<xml>") and text.endswith("</xml>")):
        return {}
    found = _elements().findall(text[5:-6].lstrip(" \t\r\n"))
    made = {name: cdata or clear if name in VERBATIM else (cdata or clear).strip() for name, cdata, clear in found}
    return made if len(made) == len(found) and "" not in made else {}


def _tree(body: bytes) -> dict[str, Any]:
    from xml.parsers import expat  # few pushes need it, and whoever imports the package waits for less

    reader = _Reader()
    parser = expat.ParserCreate("utf-8")  # what the body names would be looked up among Python's codecs
    parser.XmlDeclHandler = reader.declaration
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.refuse
    parser.ProcessingInstructionHandler = parser.ExternalEntityRefHandler = reader.refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise BadMessage(f"the body is no XML: {error}", body[:200]) from None
    root = reader.root
    if not isinstance(root, dict):
        raise BadMessage("the XML is empty", body[:200])
    return root


class _Reader:
    """Builds the tree while the parser reads; refuses what a push never has.

    Text counts where nothing is nested, so the text since the last tag is all that need be known.
    """

    def __init__(self) -> None:
        self.root: dict[str, Any] | str | None = None
        self._open: list[dict[str, Any]] = []  # what each open element holds
        self._texts: list[str] = []
        self.text = self._texts.append

    def refuse(self, *_: Any) -> Any:
        raise BadMessage("a DOCTYPE, an entity or an instruction has no place in a push")

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise BadMessage("a push is UTF-8", encoding)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._open) >= DEPTH:
            raise BadMessage("the XML is nested too deep")
        if not self._open and name != "xml":
            raise BadMessage("the root of a push is <xml>", name)
        self._open.append({})
        self._texts.clear()

    def end(self, name: str) -> None:
        value: Any = self._open.pop()
        if not value:
            text = "".join(self._texts)
            value = text if name in VERBATIM else text.strip()
        if not self._open:
            self.root = value
            return
        siblings = self._open[-1]
        if name not in siblings:
            siblings[name] = value
        elif isinstance(siblings[name], list):
            siblings[name].append(value)
        else:
            siblings[name] = [siblings[name], value]


# ---- 2017's names ---------------------------------------------------------------------------------------------------


class Msg:
    """What was pushed, as in 2017: fields are called as WeChat calls them, and are text (but for two: see below)."""

    def __init__(self, raw: Mapping[str, Any], *names: str) -> None:
        for name in ("ToUserName", "FromUserName", "CreateTime", "MsgType", *names):
            setattr(self, name, _text(name)(raw))

    ToUserName: str
    FromUserName: str
    CreateTime: str
    MsgType: str

    def __repr__(self) -> str:
        return json.dumps({name: str(value) for name, value in vars(self).items()}, indent=4)


class TextMsg(Msg):
    """``Content`` is bytes, UTF-8."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        super().__init__(raw)
        self.Content = _text("Content")(raw).encode()


class EventMsg(Msg):
    """``Event`` is bytes, UTF-8."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        super().__init__(raw)
        self.Event = _text("Event")(raw).encode()


class ImageMsg(Msg):
    PicUrl: str
    MediaId: str

    def __init__(self, raw: Mapping[str, Any]) -> None:
        super().__init__(raw, "PicUrl", "MediaId")


class LinkMsg(Msg):
    Title: str
    Description: str
    Url: str

    def __init__(self, raw: Mapping[str, Any]) -> None:
        super().__init__(raw, "Title", "Description", "Url")


#: MsgType → class; whatever else there is, is a `Msg`
MSGS: dict[str, Callable[[Mapping[str, Any]], Msg]] = {
    "text": TextMsg,
    "event": EventMsg,
    "image": ImageMsg,
    "link": LinkMsg,
}


def parse_xml(web_data: bytes | str) -> Msg | None:
    """The push in `web_data`, as in 2017; None for nothing at all. Raises as `parse` does."""
    body = web_data.encode("utf-8", "surrogatepass") if isinstance(web_data, str) else web_data
    if not body:
        return None
    raw = parse(body, dt.timezone.utc).raw
    return MSGS.get(raw["MsgType"], Msg)(raw)


# ---- what a record keeps --------------------------------------------------------------------------------------------


def encode(message: Message) -> str | dict[str, Any]:
    """What is kept of a message beside its id, sender and time; of one that is only text, that text.

    A field that the record would restore otherwise than WeChat sent it is kept, one that was not sent is kept as None.
    """
    raw = message.raw
    known = _known(raw["MsgType"], message.account, message.openid, message.id, message.created)
    content = raw.get("Content")
    if isinstance(content, str) and raw == {**known, "MsgType": "text", "Content": content}:
        return content
    rest = {name: value for name, value in raw.items() if name not in known or value != known[name]}
    if not known.keys() <= raw.keys():
        rest |= {name: None for name in known if name not in raw}
    return rest


def decode(
    kept: str | Mapping[str, Any], *, account: str, openid: str, id: str, created: int, timezone: dt.tzinfo
) -> Message:
    """The message that `encode` was given, with the very same raw fields."""
    time = dt.datetime.fromtimestamp(created, timezone)
    if isinstance(kept, str):
        return TextMessage(id=id, openid=openid, account=account, time=time, text=kept)
    raw = _known(kept["MsgType"], account, openid, id, created)
    absent = [name for name in raw if name in kept and kept[name] is None]
    raw |= kept
    for name in absent:
        del raw[name]
    return _typed(raw, time, id)


def _known(kind: str, account: str, openid: str, id: str, created: int) -> dict[str, str]:
    """The fields that the record knows anyway; the id of an event is no field of it."""
    known = {"ToUserName": account, "FromUserName": openid, "CreateTime": str(created)}
    return known if kind == "event" else {**known, "MsgId": id}
