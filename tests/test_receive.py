"""Bytes from WeChat: every kind of message, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import json
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechat import journal, receive
from wechat.errors import BadEnvelope, BadMessage, ProtocolError, TooLarge
from wechat.receive import (
    ClickEvent,
    Event,
    ImageMessage,
    LinkMessage,
    LocationMessage,
    Message,
    ScanEvent,
    SubscribeEvent,
    TextMessage,
    UnsubscribeEvent,
    VideoMessage,
    VoiceMessage,
)

ZONE = dt.timezone(dt.timedelta(hours=8))


def push(fields: str, kind: str = "text", sender: str = "oUser", created: str = "1790000000") -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
        f"<CreateTime>{created}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{fields}</xml>"
    ).encode()


def elements(**fields: str) -> str:
    return "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items())


def event(name: str, **fields: str) -> bytes:
    return push(elements(Event=name, **fields), "event")


#: a push, the class it is, and what its fields are
CASES: list[tuple[bytes, type[Message], dict[str, Any]]] = [
    (
        push(elements(Content=" hi ", MsgId="24000000000000001")),
        TextMessage,
        {"text": " hi ", "id": "24000000000000001", "kind": "text"},
    ),
    (
        push(elements(PicUrl="http://p", MediaId="m", MsgId="1"), "image"),
        ImageMessage,
        {"url": "http://p", "media_id": "m", "text": "", "kind": "image"},
    ),
    (
        push(elements(MediaId="m", Format="amr", Recognition="said", MsgId="1"), "voice"),
        VoiceMessage,
        {"media_id": "m", "format": "amr", "text": "said"},
    ),
    (push(elements(MediaId="m", Format="amr", Recognition="", MsgId="1"), "voice"), VoiceMessage, {"text": ""}),
    (
        push(elements(MediaId="m", ThumbMediaId="t", MsgId="1"), "video"),
        VideoMessage,
        {"media_id": "m", "thumb_media_id": "t", "short": False, "kind": "video"},
    ),
    (push(elements(MediaId="m", MsgId="1"), "shortvideo"), VideoMessage, {"short": True, "kind": "video"}),
    (
        push(elements(Location_X="23.134521", Location_Y="-113.5", Scale="20", Label="here", MsgId="1"), "location"),
        LocationMessage,
        {"latitude": 23.134521, "longitude": -113.5, "scale": 20, "label": "here"},
    ),
    (
        push(elements(Title="t", Description="d", Url="u", MsgId="1"), "link"),
        LinkMessage,
        {"title": "t", "description": "d", "url": "u"},
    ),
    (push(elements(MsgId="1"), "file"), Message, {"kind": "other"}),
    (event("subscribe"), SubscribeEvent, {"event": "subscribe", "scene": "", "key": ""}),
    (
        event("subscribe", EventKey="qrscene_12", Ticket="t"),
        SubscribeEvent,
        {"scene": "12", "ticket": "t", "key": "qrscene_12"},
    ),
    (event("unsubscribe"), UnsubscribeEvent, {"kind": "event"}),
    (event("subscribe", EventKey="last_trade_no_1"), SubscribeEvent, {"scene": "", "key": "last_trade_no_1"}),
    (event("SCAN", EventKey="12", Ticket="t"), ScanEvent, {"event": "scan", "scene": "12", "ticket": "t"}),
    (event("CLICK", EventKey="KEY"), ClickEvent, {"event": "click", "key": "KEY"}),
    (event("VIEW", EventKey="http://x", MenuId="5"), Event, {"event": "view", "key": "http://x"}),
    (event("LOCATION", Latitude="1"), Event, {"event": "location"}),
    (event("a_new_one", Whatever="x"), Event, {"event": "a_new_one"}),
]


@pytest.mark.parametrize(("body", "cls", "fields"), CASES)
def test_a_push_is_the_message_that_it_says(body: bytes, cls: type[Message], fields: dict[str, Any]) -> None:
    message = receive.parse(body, ZONE)
    assert type(message) is cls
    assert {name: getattr(message, name) for name in fields} == fields
    assert (message.account, message.openid, message.created) == ("gh_1", "oUser", 1_790_000_000)
    assert message.time.utcoffset() == dt.timedelta(hours=8)


@pytest.mark.parametrize("body", [body for body, *_ in CASES])
def test_what_a_record_keeps_of_a_message_is_the_message(body: bytes) -> None:
    message = receive.parse(body, ZONE)
    assert restored(message) == message
    assert restored(message).raw == message.raw


def restored(message: Message) -> Message:
    return receive.decode(
        receive.encode(message),
        account=message.account,
        openid=message.openid,
        id=message.id,
        created=message.created,
        timezone=message.time.tzinfo or ZONE,
    )


COMMON = {"openid": "o", "account": "gh_1", "id": "7", "time": dt.datetime(2026, 3, 8, tzinfo=ZONE)}
HANDMADE = [
    TextMessage(text="hi", **COMMON),
    TextMessage(text="", **COMMON),
    ImageMessage(url="u", media_id="m", **COMMON),
    VoiceMessage(media_id="m", format="amr", text="said", **COMMON),
    VideoMessage(media_id="m", thumb_media_id="t", short=True, **COMMON),
    LocationMessage(latitude=1.5, longitude=2.5, scale=3, label="x", **COMMON),
    LinkMessage(title="t", description="d", url="u", **COMMON),
    SubscribeEvent(event="subscribe", key="qrscene_1", scene="1", ticket="t", **COMMON),
    UnsubscribeEvent(event="unsubscribe", **COMMON),
    ScanEvent(event="scan", key="1", scene="1", ticket="t", **COMMON),
    ClickEvent(event="click", key="K", **COMMON),
    Event(event="view", key="K", **COMMON),
    # with as little as there can be, and with what is hard to write down
    Message(),
    TextMessage(text="hi"),
    ClickEvent(key="K"),
    SubscribeEvent(scene="1"),
    ScanEvent(key="1"),
    Event(event="VIEW"),
    TextMessage(text="hi", raw={"bizmsgmenuid": "9"}, **COMMON),
    LocationMessage(latitude=1e-07, longitude=-0.1 - 0.2, **COMMON),
    TextMessage(text="hi", id="7", time=dt.datetime(2026, 3, 8, 1, 2, 3, 456_789, ZONE)),
]


@pytest.mark.parametrize("message", HANDMADE, ids=lambda message: type(message).__name__)
def test_a_message_made_by_hand_is_kept_like_any_other(message: Message) -> None:
    assert restored(message) == message
    assert restored(message).raw == message.raw


@pytest.mark.parametrize("message", HANDMADE[:12], ids=lambda message: type(message).__name__)
def test_a_message_made_by_hand_is_what_a_push_of_it_would_be(message: Message) -> None:
    assert receive.build(message.raw, ZONE, message.id) == message


def test_an_event_made_by_hand_knows_its_name_and_its_other_half() -> None:
    assert [cls().event for cls in (SubscribeEvent, UnsubscribeEvent, ScanEvent, ClickEvent)] == [
        "subscribe",
        "unsubscribe",
        "scan",
        "click",
    ]
    assert SubscribeEvent(scene="1").key == "qrscene_1"
    assert SubscribeEvent(key="qrscene_1").scene == "1"
    assert ScanEvent(scene="1").key == ScanEvent(key="1").scene == "1"
    assert Event(event="VIEW").event == "view"
    with pytest.raises(ValueError, match="needs its name"):
        Event(key="K")


def test_a_field_given_by_hand_stands_beside_those_that_wechat_would_send() -> None:
    raw = TextMessage(text="hi", raw={"bizmsgmenuid": "9"}, **COMMON).raw
    assert raw == {**TextMessage(text="hi", **COMMON).raw, "bizmsgmenuid": "9"}


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="in which zone"):
        TextMessage(text="hi", time=dt.datetime(2026, 3, 8))


def test_a_text_is_kept_as_its_text_alone() -> None:
    assert receive.encode(receive.parse(push(elements(Content="5", MsgId="1")), ZONE)) == "5"
    more = receive.parse(push(elements(Content="5", MsgId="1", bizmsgmenuid="9")), ZONE)
    assert receive.encode(more) == {"MsgType": "text", "Content": "5", "bizmsgmenuid": "9"}
    click = receive.parse(event("CLICK", EventKey="K"), ZONE)
    assert receive.encode(click) == {"MsgType": "event", "Event": "CLICK", "EventKey": "K"}


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][a-z]{1,5}", fullmatch=True), st.text(st.characters(categories=["L", "N"]), max_size=4)
    )
)
def test_whatever_fields_come_are_kept(fields: dict[str, str]) -> None:
    raw = {"ToUserName": "gh_1", "FromUserName": "o", "CreateTime": "1", "MsgType": "odd", "MsgId": "1", **fields}
    message = receive.build(raw, ZONE)
    assert restored(message).raw == raw


NAMES = st.from_regex(r"[A-Za-z]{1,6}", fullmatch=True) | st.sampled_from(["Event", "EventKey", "MsgId", "Content"])
TREES: st.SearchStrategy[Any] = st.recursive(
    st.text(max_size=4),
    lambda inner: st.lists(inner, min_size=2, max_size=3) | st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from([*receive.MESSAGES, "file", "event"]),
    st.sampled_from([*receive.EVENTS, "CLICK", "new"]),
    st.sampled_from(["0", "007", "1790000000", 7]),
    st.dictionaries(NAMES, TREES, max_size=4),
)
def test_what_a_record_keeps_of_any_message_is_that_message(
    kind: str, event: str, created: str | int, more: dict[str, Any]
) -> None:
    header = {"ToUserName": "gh_1", "FromUserName": "o", "CreateTime": created, "MsgType": kind, "Event": event}
    message = receive.build({**more, **header}, ZONE)
    assert restored(message) == message
    assert restored(message).raw == {**more, **header}


def test_header_fields_are_stripped_and_what_the_user_wrote_is_not() -> None:
    body = push("<Content> <![CDATA[ hi ]]> </Content><MsgId> 1 </MsgId>").replace(
        b"<![CDATA[text]]>", b" <![CDATA[text]]> "
    )
    message = receive.parse(body, ZONE)
    assert message.text == "  hi  "
    assert message.id == "1"


def test_nested_and_repeated_elements_are_dicts_and_lists() -> None:
    pics = "<SendPicsInfo><Count>2</Count><PicList><item><A>1</A></item><item><A>2</A></item></PicList></SendPicsInfo>"
    message = receive.parse(push(elements(Event="pic_weixin") + pics, "event"), ZONE)
    assert message.raw["SendPicsInfo"] == {"Count": "2", "PicList": {"item": [{"A": "1"}, {"A": "2"}]}}


def test_as_deep_as_a_push_may_be_is_not_too_deep() -> None:
    body = push("<a>" * 15 + "x" + "</a>" * 15 + elements(Content="x", MsgId="1"))
    assert receive.parse(body, ZONE).text == "x"


#: what XML is made of, what it must not hold, and what a reader in a hurry may take for something else
PIECES = (
    *(
        "<a>",
        "</a>",
        "<b>",
        "</b>",
        "<b>2</b>",
        "<b/>",
        "<é>2</é>",
        "<1>2</1>",
        "<b²>2</b²>",
        "<b x='1'>2</b>",
        "<b><c>2</c></b>",
    ),
    *("<![CDATA[", "]]>", "]", "]]", "]]x", ">", "&amp;", "&#10;", "&", "<", "<!---->", "<?a?>", "</xml>", "<xml>"),
    *map(chr, (*range(0x21), 0x7F, 0x85, 0xA0, 0x2028, 0x3000, 0xD800, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10FFFF)),
    *("\r\n", "x", "你好", "😀"),
)
#: where they may stand
PLACES = (
    *("<Content>{}</Content>", "<Content><![CDATA[{}]]></Content>", "<Content>x{}x</Content>"),
    *(
        "<Content><![CDATA[x{}x]]></Content>",
        "<Content>{}<![CDATA[x]]></Content>",
        "<Content><![CDATA[x]]>{}</Content>",
    ),
    *("<c>{}</c>", "<c><![CDATA[{}]]></c>", "<c>x{}</c>", "<c><![CDATA[{}x]]></c>"),
    *("{}<c>1</c>", "<c>1</c>{}", "<c>1</c>{}<d>2</d>", "<c>1</c><b>1</b>{}", "{}", "<c{}>1</c>", "<{}>1</{}>"),
)


def read(body: bytes) -> Any:
    """The fields, or that there are none."""
    try:
        return receive.fields(body)
    except BadMessage:
        return BadMessage


some = st.sampled_from(PIECES) | st.text(max_size=5)
some_element = st.builds(
    lambda name, around, pieces: f"<{name}>{around[0]}{''.join(pieces)}{around[1]}</{name}>",
    st.sampled_from(("a", "b", "c", "Content", "é", "1")),
    st.sampled_from((("<![CDATA[", "]]>"), ("", ""))),
    st.lists(some, max_size=2),
)


def assert_read_as_any(inside: str) -> None:
    """Whether or not a push is written as most are, what it says is the same."""
    body = f"<xml>{inside}</xml>".encode("utf-8", "surrogatepass")
    assert read(body) == read(b'<?xml version="1.0"?>' + body)


@pytest.mark.parametrize("piece", PIECES)
def test_a_push_reads_the_same_whether_or_not_it_is_written_as_most_are(piece: str) -> None:
    for place in PLACES:
        assert_read_as_any(place.replace("{}", piece))


@given(st.lists(some_element, max_size=3) | st.lists(some_element | some))
def test_whatever_is_pushed_reads_the_same_as_any(pieces: list[str]) -> None:
    assert_read_as_any("".join(pieces))


@pytest.mark.parametrize("text", ["", "[微笑]", "]", "]]", "a]]b", " ", "<a>", "&amp;", "é\n", "]]]"])
def test_whatever_a_user_writes_is_what_was_written(text: str) -> None:
    body = push(elements(Content=text, MsgId="1"))
    for each in (
        body,
        b"\n" + body.replace(b"</MsgType>", b"</MsgType>\r\n  ") + b"\n",
        b'<?xml version="1.0"?>' + body,
    ):
        assert receive.parse(each, ZONE).text == text


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(BadMessage):
        receive.fields(push(elements(Content="é", MsgId="1")).replace(b"\xc3\xa9", b"\xc3"))


def test_stray_text_is_ignored() -> None:
    assert receive.parse(push("stray" + elements(Content="x", MsgId="1")), ZONE).text == "x"


# ---- JSON -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [body for body, *_ in CASES])
def test_a_push_in_json_is_the_same_message(body: bytes) -> None:
    raw = receive.fields(body)
    spelled = json.dumps({**raw, "CreateTime": int(raw["CreateTime"]), "Nothing": None}).encode()
    message = receive.parse(body, ZONE)
    other = receive.parse(spelled, ZONE)
    assert other.raw == {**raw, "Nothing": ""}
    fields = [name for name in message.__struct_fields__ if name not in ("raw", "id", "_match")]
    assert [getattr(other, name) for name in fields] == [getattr(message, name) for name in fields]
    assert restored(other).raw == other.raw


def spelled(text: str) -> bytes:
    return f'{{"ToUserName":"gh_1","FromUserName":"o","CreateTime":1,"MsgType":"text",{text}}}'.encode()


def test_a_number_in_json_keeps_its_digits() -> None:
    raw = receive.parse(spelled('"MsgId":24000000000000000001,"Content":"x","Half":0.10,"Yes":true'), ZONE).raw
    assert (raw["MsgId"], raw["Half"], raw["Yes"]) == ("24000000000000000001", "0.10", "true")


def test_in_json_too_only_what_the_user_wrote_keeps_its_space() -> None:
    message = receive.parse(spelled('"MsgId":" 1 ","Content":" hi\\n"'), ZONE)
    assert (message.id, message.text) == ("1", " hi\n")


def test_half_a_surrogate_pair_in_json_is_a_question_mark() -> None:
    message = receive.parse(spelled(r'"MsgId":"1","Content":"\ud83d","\udc00":{"a":["\ude00"]}'), ZONE)
    assert (message.text, message.raw["?"]) == ("?", {"a": ["?"]})


@pytest.mark.parametrize("front", [b"", b" \r\n\t", b"\xef\xbb\xbf"])
def test_json_is_told_by_its_brace(front: bytes) -> None:
    assert receive.is_json(front + b"{")
    assert not receive.is_json(front + b"<xml>{")
    assert receive.parse(front + spelled('"MsgId":"1","Content":"hi"'), ZONE).text == "hi"


def test_as_deep_as_json_may_be_is_not_too_deep() -> None:
    for depth, refused in ((15, False), (16, True)):
        body = spelled('"MsgId":"1","a":' + "[" * depth + "]" * depth)
        with pytest.raises(BadMessage) if refused else contextlib.nullcontext():
            receive.parse(body, ZONE)


DOCTYPE = b"<!DOCTYPE xml [<!ENTITY a 'b'>]>"
TEXT = push(elements(Content="hi", MsgId="1"))
LAUGHS = b'<!DOCTYPE xml [<!ENTITY l0 "ha">%s]>' % b"".join(
    b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 10)
)
REFUSED = {
    "empty": b"",
    "no XML": b"not xml",
    "cut off": push(elements(Content="x"))[:-9],
    "another root": push(elements(Content="x", MsgId="1")).replace(b"xml>", b"html>"),
    "an empty root": b"<xml></xml>",
    "no sender": push(elements(Content="x"), sender=""),
    "no time": push(elements(Content="x"), created="soon"),
    "a time beyond time": push(elements(Content="x"), created="9" * 30),
    "an event without a name": push("", "event"),
    "an internal entity": DOCTYPE + push(elements(Content="x")),
    "an external entity": b'<!DOCTYPE xml SYSTEM "file:///etc/passwd">' + push(elements(Content="x")),
    "an undefined entity": push("<Content>&nope;</Content>"),
    "an instruction": b"<?php x?>" + push(elements(Content="x")),
    "too deep": push("<a>" * 16 + "</a>" * 16 + elements(Content="x", MsgId="1")),
    "no UTF-8": push("<Content>\xff</Content>".replace("\xff", "X")).replace(b"X", b"\xff"),
    "NUL": push("<Content>\0</Content>"),
    "an infinite scale": push(elements(Location_X="1", Location_Y="1", Scale="inf", MsgId="1"), "location"),
    "a latitude that is none": push(elements(Location_X="nan", Location_Y="1", Scale="1", MsgId="1"), "location"),
    "an overflowing scale": push(elements(Location_X="1", Location_Y="1", Scale="1e999", MsgId="1"), "location"),
    "a sender that is nested": push("").replace(b"<![CDATA[oUser]]>", b"<a>x</a>"),
    "no known encoding": b'<?xml version="1.0" encoding="no-such"?>' + TEXT,
    "another encoding": b'<?xml version="1.0" encoding="latin-1"?>' + TEXT,
    "a codec of Python that warns": b'<?xml version="1.0" encoding="unicode_escape"?>' + TEXT,
    "half a surrogate pair": TEXT.replace(b"hi", b"\xed\xa0\x80"),
    "a character that is none": push("<Content>&#xD800;</Content>"),
    "a parameter entity": b'<!DOCTYPE xml [<!ENTITY % a SYSTEM "http://127.0.0.1:9/">%a;]>' + TEXT,
    "a billion laughs": LAUGHS + push("<Content>&l9;</Content>"),
    "a negative time": push("", created="-1"),
    "an unfinished object": spelled('"Content":"x"')[:-1],
    "an object and more": spelled('"Content":"x"') + b"{}",
    "JSON that is no UTF-8": spelled('"Content":"\x80"').replace("\x80".encode(), b"\x80"),
    "JSON in UTF-16": spelled('"Content":"x"').decode().encode("utf-16"),
    "an infinite number": spelled('"Content":Infinity'),
    "not a number": spelled('"Content":NaN'),
    "a JSON bomb": spelled('"a":' + "[" * 30_000 + "]" * 30_000),
    "an open JSON bomb": b'{"a":' * 10_000,
    "two senders in JSON": spelled('"FromUserName":"b"'),
    "a sender that is an object": spelled('"Content":"x"').replace(b'"o"', b'{"a":1}'),
    "no sender in JSON": spelled('"Content":"x"').replace(b'"o"', b"null"),
    "a sender with a NUL in it": spelled('"Content":"x"').replace(b'"o"', b'"o\\u0000"'),
    "a time with a point": spelled('"Content":"x"').replace(b":1,", b":1.5,"),
    "two senders": TEXT.replace(b"<CreateTime>", b"<FromUserName>other</FromUserName><CreateTime>"),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_no_push_is_refused(body: bytes) -> None:
    with pytest.raises(BadMessage):
        receive.parse(body, ZONE)


def test_utf8_may_say_so_and_have_its_mark() -> None:
    for front in (b"", b"\xef\xbb\xbf", b'<?xml version="1.0" encoding="UTF-8"?>', b'<?xml version="1.0"?>'):
        assert receive.parse(front + TEXT, ZONE).text == "hi"


@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: push(text))
    | st.text(max_size=60).map(spelled)
    | st.binary(max_size=60).map(lambda text: b"{" + text)
)
def test_nothing_but_our_own_errors_leaves(body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        receive.parse(body, ZONE)


@given(st.sampled_from([body for body, *_ in CASES]), st.data())
def test_a_push_that_was_tampered_with_is_a_message_or_refused(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + data.draw(st.binary(max_size=3)) + body[at + data.draw(st.integers(0, 3)) :]
    with contextlib.suppress(ProtocolError):
        assert isinstance(receive.parse(changed, ZONE), Message)


def test_the_same_event_twice_is_one_and_any_difference_makes_two() -> None:
    one = receive.parse(event("CLICK", EventKey="A"), ZONE)
    assert receive.parse(event("CLICK", EventKey="A"), ZONE).id == one.id
    assert receive.parse(event("CLICK", EventKey="B"), ZONE).id != one.id
    assert receive.parse(event("LOCATION", EventKey="A"), ZONE).id != one.id


def test_events_that_differ_in_any_one_field_are_two() -> None:
    fields = {"EventKey": "A", "Ticket": "t", "Whatever": "x"}
    bodies = [event("CLICK", **fields), *(event("CLICK", **{**fields, name: "other"}) for name in fields)]
    bodies += [event("CLICK", **{name: text for name, text in fields.items() if name != gone}) for gone in fields]
    bodies += [event("SCAN", **fields), push(elements(Event="CLICK", **fields), "event", sender="oOther")]
    bodies.append(push(elements(Event="CLICK", **fields), "event", created="1790000001"))
    assert len({receive.parse(body, ZONE).id for body in bodies}) == len(bodies)


def test_a_message_can_be_put_in_a_set() -> None:
    assert len({receive.parse(body, ZONE) for body in (TEXT, TEXT, event("CLICK", EventKey="A"))}) == 2


def test_the_same_event_twice_is_one_though_its_ciphertext_differs() -> None:
    """In the compatible mode ``Encrypt`` stands beside the clear fields, made anew for every delivery."""
    one, two = (receive.parse(event("CLICK", EventKey="A", Encrypt=text), ZONE) for text in ("AAAA", "BBBB"))
    assert one.id == two.id == receive.parse(event("CLICK", EventKey="A"), ZONE).id
    assert one.raw["Encrypt"] == "AAAA"


@pytest.mark.parametrize(
    ("name", "silent"),
    [
        ("unsubscribe", True),
        ("VIEW", True),
        ("LOCATION", True),
        ("TEMPLATESENDJOBFINISH", True),
        ("user_get_card", True),
        ("FREEPUBLISHJOBFINISH", True),
        ("subscribe_msg_sent_event", True),
        ("kf_create_session", True),
        ("card_not_pass_check", True),
        ("wx_verify_pay_succ", True),
        ("naming_verify_fail", True),
    ]
    + [("CLICK", False), ("subscribe", False), ("SCAN", False), ("scancode_waitmsg", False), ("brand_new", False)]
    + [("location_select", False), ("user_enter_session_from_card", False), ("my_kf_x", False), ("view2", False)],
)
def test_some_pushes_show_no_reply(name: str, silent: bool) -> None:
    assert receive.silent(receive.parse(event(name), ZONE)) is silent


def test_an_envelope_is_taken_from_a_safe_push() -> None:
    body = b"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[abc=]]></Encrypt></xml>"
    assert receive.envelope(body) == ("gh_1", "abc=")
    with pytest.raises(BadEnvelope):
        receive.envelope(push(elements(Content="x")))


@pytest.mark.parametrize("message", HANDMADE, ids=lambda message: type(message).__name__)
def test_a_message_can_be_copied_and_sent_to_another_process(message: Message) -> None:
    for other in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert (type(other), other, other.raw) == (type(message), message, message.raw)


@pytest.mark.parametrize("message", HANDMADE, ids=lambda message: type(message).__name__)
def test_a_message_can_be_put_on_record_whether_or_not_anybody_looked_at_it(message: Message) -> None:
    kept = journal.plain({"first": restored(message)})
    assert kept["first"]["raw"] == message.raw
    assert journal.restore(kept["first"], type(message)) == restored(message)


def test_nothing_of_a_message_can_be_changed() -> None:
    message = TextMessage(text="hi", **COMMON)
    for name in ("text", "raw", "anything"):
        with pytest.raises(AttributeError):
            setattr(message, name, "x")


def test_match_is_what_a_pattern_found() -> None:
    message = TextMessage(text="w Beijing", **COMMON)
    found = re.search(r"w (\w+)", message.text)
    assert found
    assert message.with_match(found).match[1] == "Beijing"
    assert message.with_match(found) == message
    with pytest.raises(AttributeError, match="no pattern brought"):
        _ = message.match


# ---- 2017's names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_text", [False, True])
def test_a_push_is_read_as_in_2017(as_text: bool) -> None:
    def parsed(body: bytes) -> Any:
        return receive.parse_xml(body.decode() if as_text else body)

    text = parsed(push(elements(Content=" 你好 ", MsgId="1")))
    assert isinstance(text, receive.TextMsg)
    assert (text.ToUserName, text.FromUserName, text.CreateTime, text.MsgType) == (
        "gh_1",
        "oUser",
        "1790000000",
        "text",
    )
    assert text.Content == " 你好 ".encode()
    clicked = parsed(event("CLICK", EventKey="K"))
    assert isinstance(clicked, receive.EventMsg)
    assert clicked.Event == b"CLICK"
    image = parsed(push(elements(PicUrl="http://p", MediaId="m", MsgId="1"), "image"))
    assert (type(image), image.PicUrl, image.MediaId) == (receive.ImageMsg, "http://p", "m")
    link = parsed(push(elements(Title="t", Description="d", Url="u", MsgId="1"), "link"))
    assert (type(link), link.Title, link.Description, link.Url) == (receive.LinkMsg, "t", "d", "u")
    assert type(parsed(push(elements(MsgId="1"), "voice"))) is receive.Msg
    assert json.loads(repr(image))["PicUrl"] == "http://p"


def test_what_is_missing_in_a_push_of_2017_is_empty_and_no_push_is_none() -> None:
    text = receive.parse_xml(push(elements(MsgId="1")))
    assert isinstance(text, receive.TextMsg)
    assert text.Content == b""
    assert receive.parse_xml(b"") is receive.parse_xml("") is None


@pytest.mark.parametrize("body", [body for body in REFUSED.values() if body])
def test_what_is_no_push_is_refused_as_in_2017_it_should_have_been(body: bytes) -> None:
    with pytest.raises(BadMessage):
        receive.parse_xml(body)


def test_a_push_is_no_larger_than_any() -> None:
    for parsed in (lambda body: receive.parse(body, ZONE), receive.parse_xml):
        with pytest.raises(TooLarge):
            parsed(push(elements(Content="x" * receive.MOST)))
