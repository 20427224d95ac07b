"""Conformance with messages, replies and numbers of other implementations, where that data is beside the project.

Where the folder is not there, nothing is looked at; where it is, each test says how much it must have looked at.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wechat import receive, reply
from wechat.crypto import Cipher, signature, verify
from wechat.errors import BadSignature, ConfigurationError, ProtocolError
from wechat.reply import Article, Image, Music, News, Reply, Text, Transfer, Video, Voice

FOLDER = Path(__file__).parent.parent.parent / "shared" / "vectors"
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text("utf-8")) if FOLDER.exists() else {}


def cases(section: str, **having: Any) -> list[dict[str, Any]]:
    """The cases of a section that have these values; none at all only where the folder is not there."""
    found = [case for case in MANIFEST.get(section, ()) if having.items() <= case.items()]
    assert found or not MANIFEST, (section, having)
    return found


def body(case: dict[str, Any], name: str = "file") -> bytes:
    return (FOLDER / case[name]).read_bytes()


def flat(fields: Any, path: str = "") -> dict[str, Any]:
    """Nested fields by dotted paths; what is repeated in lists."""
    if isinstance(fields, list):
        merged: dict[str, Any] = {}
        for one in fields:
            for name, text in flat(one, path).items():
                merged.setdefault(name, []).append(text)
        return merged
    if not isinstance(fields, dict):
        return {path: str(fields).strip()}
    return {
        key: text for name, value in fields.items() for key, text in flat(value, f"{path}.{name}".strip(".")).items()
    }


# ---- messages -------------------------------------------------------------------------------------------------------


def test_every_message_of_others_has_the_fields_they_say() -> None:
    assert {case["format"] for case in cases("messages")} <= {"xml", "json"}
    for case in cases("messages"):
        raw = receive.fields(body(case))
        found = flat(raw)
        said = case.get("expect", {}).get("fields", {})
        for name, text in (flat(said) if case["format"] == "json" else said).items():
            wanted = text if isinstance(text, list) else str(text or "").strip()
            assert found.get(name, "") == wanted, (case["id"], name)
        if {"ToUserName", "FromUserName", "MsgType"} <= raw.keys():
            assert receive.build(raw, dt.timezone.utc).raw == raw, case["id"]


#: what others call what we call …
OURS = {
    "target": "account",
    "source": "openid",
    "time": "created",
    "message_id": "id",
    "content": "text",
    "recognition": "text",
    "img": "url",
    "scene_id": "scene",
    **{name: name for name in ("event", "key", "ticket", "url", "media_id", "format", "title", "description")},
    **{name: name for name in ("scale", "label")},
}
#: a job's number is no MsgId, though some call it so; a subscription by a code is one, its key whole; and what devices say
OTHERWISE = {
    ("message_id", "event"),
    ("event", "subscribe_scan"),
    ("event", "subscribe_scan_product"),
    ("key", "keystr"),
    ("content", "123"),
}


def test_what_others_read_in_a_message_is_what_we_read() -> None:
    compared = 0
    for case in cases("messages"):
        message = receive.build(receive.fields(body(case)), dt.timezone.utc)
        for said in case["asserted_by_source"]:
            theirs, ours = said.get("attr", ""), OURS.get(said.get("attr", ""), "")
            if not hasattr(message, ours) or {(theirs, message.kind), (theirs, said["equals"])} & OTHERWISE:
                continue
            assert str(getattr(message, ours)) == str(said["equals"] or ""), (case["id"], theirs)
            compared += 1
    assert compared > 150 or not MANIFEST


def test_what_is_kept_of_a_message_of_others_is_that_message() -> None:
    kept = 0
    for case in cases("messages"):
        raw = receive.fields(body(case))
        if not {"ToUserName", "FromUserName", "MsgType"} <= raw.keys():
            continue
        message = receive.build(raw, dt.timezone.utc)
        record = {"account": message.account, "openid": message.openid, "id": message.id, "created": message.created}
        again = receive.decode(receive.encode(message), timezone=dt.timezone.utc, **record)
        assert (again, again.raw) == (message, raw), case["id"]
        kept += 1
    assert kept > 100 or not MANIFEST


def test_what_others_refuse_is_refused() -> None:
    for case in cases("negative"):
        with pytest.raises((ProtocolError, ConfigurationError)):
            refused(case)


def refused(case: dict[str, Any]) -> None:
    if case["id"].startswith("xml:"):
        receive.parse(body(case), dt.timezone.utc)
    else:
        cipher = Cipher(case["encoding_aes_key"], case.get("app_id", "wx"), case.get("token", "t"))
        cipher.open(case["encrypt"], **query(case))


def test_a_message_is_one_however_often_it_is_pushed() -> None:
    by_id = {case["id"]: case for case in cases("messages")}
    for case in cases("dedupe"):
        if "messages" in case:
            pushed = [receive.parse(body(by_id[id]), dt.timezone.utc) for id in case["messages"]]
            assert len({(message.account, message.openid, message.id) for message in pushed}) == 1, case["id"]


def test_a_push_is_told_from_another_where_others_say_that_it_is_another() -> None:
    for case in cases("dedupe"):
        if "fields" not in case:
            continue
        header = {"ToUserName": "gh_1", "MsgType": "event" if "Event" in case["fields"][0] else "text"}
        one, two = (receive.build({**header, **fields}, dt.timezone.utc) for fields in case["fields"])
        assert case["expect"].startswith("not duplicates")
        assert (one.openid, one.id) != (two.openid, two.id), case["id"]


# ---- replies --------------------------------------------------------------------------------------------------------


def made(fields: dict[str, str]) -> Reply:
    """Our reply with the fields of a reply of WeChat's page."""
    get = {name.split(".")[-1]: text for name, text in fields.items()}.get
    title, description = get("Title", ""), get("Description", "")
    kinds: dict[str, Any] = {
        "text": lambda: Text(fields["Content"]),
        "image": lambda: Image(fields["Image.MediaId"]),
        "voice": lambda: Voice(fields["Voice.MediaId"]),
        "video": lambda: Video(fields["Video.MediaId"], title, description),
        "music": lambda: Music(
            fields["Music.MusicUrl"], title, description, get("HQMusicUrl", ""), get("ThumbMediaId", "")
        ),
        "news": lambda: News(Article(title, get("Url", ""), description, get("PicUrl", ""))),
        "transfer_customer_service": lambda: Transfer(get("KfAccount", "")),
    }
    ours: Reply = kinds[fields["MsgType"]]()
    return ours


#: replies of others that are none: news without news, music without an address
NOTHING = {"werobot:test_replies.py:test_articles_reply:1": News, "wechatpy:music_field": lambda: Music("")}
#: nothing to compare: no reply is one; articles that are too many are another reply here, and no error
NO_FIELDS = {"official:no_reply", "wechatpy:empty", "wechatpy:eleven_articles"}


def test_every_reply_of_others_is_the_one_we_make() -> None:
    compared = 0
    for case in cases("replies"):
        if case["id"] in {*NOTHING, *NO_FIELDS}:
            continue
        fields = {
            name: text for name, text in expected(case).items() if text
        }  # an empty title is one that is not there
        to, account, created = (fields.get(name, "0") for name in ("ToUserName", "FromUserName", "CreateTime"))
        xml = reply.format(made(fields), to=to, account=account, created=int(created))
        ours = flat(receive.fields(xml.encode()))
        whole = "CreateTime" in fields  # else a fragment of one
        assert {name: text for name, text in ours.items() if whole or name in fields} == fields, case["id"]
        compared += 1
    assert compared == len(cases("replies")) - len(NOTHING) - len(NO_FIELDS) or not MANIFEST


def expected(case: dict[str, Any]) -> dict[str, str]:
    """The fields of a reply, or of a fragment of one with the MsgType that it is of."""
    blocks = "".join(case["expect"].get("contains_each_line_block", ()))
    fields: dict[str, str] = case["expect"].get("fields") or flat(receive.fields(f"<xml>{blocks}</xml>".encode()))
    if "Title" in fields:
        fields = {f"Articles.item.{name}": text for name, text in fields.items()}
    first = next(iter(fields)).split(".")[0]
    return fields if "MsgType" in fields else {"MsgType": "news" if first == "Articles" else first.lower(), **fields}


@pytest.mark.parametrize("make", NOTHING.values(), ids=NOTHING)
def test_what_would_show_nothing_is_no_reply_here(make: Callable[[], Reply]) -> None:
    with pytest.raises(ValueError, match=r"needs an Article|is empty"):
        make()


def test_no_reply_is_what_wechat_takes_for_none() -> None:
    for case in cases("replies", id="official:no_reply"):
        assert reply.format(None, to="o", account="g", created=1) in case["expect"]["bodies_accepted"]


# ---- signatures and envelopes ---------------------------------------------------------------------------------------


def test_every_signature_of_others_is_ours() -> None:
    for case in cases("signature"):
        token, *parts = case["parts"]
        if case["expect"] == "reject":
            with pytest.raises(BadSignature):
                verify(token, case["given"], *parts)
        else:
            assert signature(token, *parts) == case["expect"], case["id"]
            verify(token, case["expect"], *parts)


def query(case: dict[str, Any]) -> dict[str, str]:
    return {name: case[name] for name in ("msg_signature", "timestamp", "nonce")}


def ciphers() -> Iterator[tuple[dict[str, Any], Cipher]]:
    """Each case with a key, and the cipher of it."""
    for case in cases("crypto"):
        if "encoding_aes_key" in case:
            yield case, Cipher(case["encoding_aes_key"], case["app_id"], case.get("token", ""))


def plain(case: dict[str, Any]) -> bytes:
    """What is in the envelope, wherever the case says it."""
    both = {**case, **case["expect"]}
    if "plaintext_repeat" in both:
        text, times = both["plaintext_repeat"]
        return str(text * times).encode()
    return str(both["plaintext"]).encode() if "plaintext" in both else body(both, "plaintext_file")


def test_every_envelope_of_others_is_looked_at() -> None:
    """By one of the tests that follow: all but one, which has no key."""
    looked = {
        case["id"] for case, _ in ciphers() if {"msg_signature", "encrypt", "roundtrip"} & {*case, *case["expect"]}
    }
    assert len(looked) == len(cases("crypto")) - 1 or not MANIFEST


def test_what_others_sealed_is_opened() -> None:
    opened = 0
    for case, cipher in ciphers():
        if "msg_signature" not in case:
            continue
        encrypt = case.get("encrypt") or receive.envelope(body(case, "body_file"))[1]
        if "error" in case["expect"]:
            with pytest.raises(ProtocolError):
                cipher.open(encrypt, **query(case))
        else:
            found = cipher.open(encrypt, **query(case))
            assert found == plain(case), case["id"]
            said = case["expect"].get("fields")
            assert said is None or flat(receive.fields(found)) == said, case["id"]
            opened += 1
    assert opened > 3 or not MANIFEST


def test_what_we_seal_is_what_others_seal() -> None:
    sealed = 0
    for case, cipher in ciphers():
        if not case["expect"].get("encrypt"):
            continue
        encrypt = cipher.encrypt(plain(case), case["random"].encode())
        assert encrypt == case["expect"]["encrypt"], case["id"]
        if "msg_signature" in case["expect"]:
            mark = signature(case["token"], case["timestamp"], case["nonce"], encrypt)
            assert mark == case["expect"]["msg_signature"], case["id"]
        assert reopened(cipher, encrypt) == plain(case), case["id"]
        sealed += 1
    assert sealed > 10 or not MANIFEST


def test_what_we_seal_ourselves_with_the_keys_of_others_we_open() -> None:
    for case, cipher in ciphers():
        if "roundtrip" in case["expect"]:
            assert reopened(cipher, cipher.encrypt(plain(case))) == plain(case), case["id"]


def reopened(cipher: Cipher, encrypt: str) -> bytes:
    mark = signature(cipher.token, "1", "n", encrypt)
    return cipher.open(encrypt, msg_signature=mark, timestamp="1", nonce="n")


def test_an_envelope_is_the_very_one_of_others() -> None:
    for case, cipher in ciphers():
        if "envelope_file" not in case["expect"]:
            continue
        xml = plain(case).decode()
        random = case["random"].encode()
        sealed = cipher.seal(xml, timestamp=int(case["timestamp"]), nonce=case["nonce"], random=random)
        assert receive.fields(sealed.encode()) == receive.fields(body(case["expect"], "envelope_file")), case["id"]
