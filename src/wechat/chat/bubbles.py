"""What is said, as the page shows it: what a user sends, and what a reply holds. No HTML: the page makes its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..cli import push
from ..errors import ConfigurationError

Fields = dict[str, Any]

#: a link in a text
_LINK = re.compile(r'<a\s[^<>]*?href="([^"]*)"[^<>]*>(.*?)</a>', re.DOTALL | re.IGNORECASE)
_TAP = "weixin://bizmsgmenu"


def segments(text: str) -> list[Fields]:
    """A text in pieces: words, links that say something when they are tapped, and links that lead elsewhere."""
    found: list[Fields] = []
    end = 0
    for link in _LINK.finditer(text):
        if link.start() > end:
            found.append({"text": text[end : link.start()]})
        found.append(_link(unescape(link[1]), link[2]))
        end = link.end()
    if end < len(text) or not found:
        found.append({"text": text[end:]})
    return found


def _link(address: str, label: str) -> Fields:
    if address.startswith(_TAP):
        query = parse_qs(urlsplit(address).query)
        return {
            "text": label,
            "sends": query.get("msgmenucontent", [label])[0],
            "menu": query.get("msgmenuid", [""])[0],
        }
    web = address.startswith(("http://", "https://"))
    return {"text": label, "href": address} if web else {"text": label}


# ---- what a user sends: the message that is pushed, and the bubble ---------------------------------------------------

Sent = tuple[push.Fields, Fields]


def sent(kind: str, given: Mapping[str, Any]) -> Sent:
    """What is pushed for a message that the page sends, and how it is shown. Raises `ConfigurationError` for what is none."""
    if kind not in SENT:
        raise ConfigurationError(f"there is no message of the kind {kind!r}")
    try:
        return SENT[kind](given)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"a message of the kind {kind} lacks something: {error}") from None


def _text(given: Mapping[str, Any]) -> Sent:
    text = str(given["text"])
    if not text.strip():
        raise ValueError("an empty text")
    return push.text(text), {"kind": "text", "segments": [{"text": text}]}


def _tap(given: Mapping[str, Any]) -> Sent:
    fields, bubble = _text(given)
    return {**fields, "bizmsgmenuid": str(given.get("menu") or "1")}, bubble


def _location(given: Mapping[str, Any]) -> Sent:
    latitude, longitude, label = float(given["latitude"]), float(given["longitude"]), str(given.get("label", ""))
    bubble = {"kind": "location", "latitude": latitude, "longitude": longitude, "label": label}
    return push.location(f"{latitude},{longitude},{label}"), bubble


def _shared(given: Mapping[str, Any]) -> Sent:
    url, title, description = (str(given.get(name, "")) for name in ("url", "title", "description"))
    bubble = {"kind": "link", "url": url, "title": title or url, "description": description}
    return push.link(url, title, description), bubble


def _event(fields: push.Fields, text: str) -> Sent:
    return fields, {"kind": "event", "text": text}


SENT: Mapping[str, Callable[[Mapping[str, Any]], Sent]] = {
    "text": _text,
    "tap": _tap,
    "image": lambda it: (push.image(str(it["url"])), {"kind": "image", "url": str(it["url"])}),
    "voice": lambda it: (
        push.voice(str(it.get("recognition", ""))),
        {"kind": "voice", "recognition": str(it.get("recognition", ""))},
    ),
    "video": lambda it: (push.video(), {"kind": "video"}),
    "location": _location,
    "link": _shared,
    "click": lambda it: _event(push.click(str(it["key"])), f"点了菜单 {it['key']}"),
    "scan": lambda it: _event(push.scan(str(it["scene"])), f"扫了二维码 {it['scene']}"),
    "subscribe": lambda it: _event(push.subscribe(str(it.get("scene") or "")), "关注了公众号"),
    "unsubscribe": lambda it: _event(push.unsubscribe(), "取消了关注"),
}


# ---- what a reply holds ---------------------------------------------------------------------------------------------


def replied(came: Mapping[str, Any]) -> Fields:
    """The bubble of a reply, from its fields."""
    return REPLIES[came["MsgType"]](came)


def _under(came: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = came.get(name)
    return value if isinstance(value, Mapping) else {}


def _media(kind: str, name: str) -> Callable[[Mapping[str, Any]], Fields]:
    return lambda came: {"kind": kind, "media": _under(came, name).get("MediaId", "")}


def _video(came: Mapping[str, Any]) -> Fields:
    it = _under(came, "Video")
    words = {"title": it.get("Title", ""), "description": it.get("Description", "")}
    return {"kind": "video", "media": it.get("MediaId", ""), **words}


def _music(came: Mapping[str, Any]) -> Fields:
    it = _under(came, "Music")
    return {
        "kind": "music",
        "url": it.get("MusicUrl", ""),
        "title": it.get("Title", ""),
        "description": it.get("Description", ""),
    }


def _news(came: Mapping[str, Any]) -> Fields:
    there = _under(came, "Articles").get("item")
    items = there if isinstance(there, list) else [there]
    articles = [
        {
            "title": it.get("Title", ""),
            "description": it.get("Description", ""),
            "url": it.get("Url", ""),
            "image": it.get("PicUrl", ""),
        }
        for it in items
        if isinstance(it, Mapping)
    ]
    return {"kind": "news", "articles": articles}


REPLIES: Mapping[str, Callable[[Mapping[str, Any]], Fields]] = {
    "text": lambda came: {"kind": "text", "segments": segments(str(came.get("Content", "")))},
    "image": _media("image", "Image"),
    "voice": _media("voice", "Voice"),
    "video": _video,
    "music": _music,
    "news": _news,
    "transfer_customer_service": lambda came: {
        "kind": "transfer",
        "agent": _under(came, "TransInfo").get("KfAccount", ""),
    },
}
