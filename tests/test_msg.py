"""2017's replies: who, to whom, when, and what; and nothing that can break out of it."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from wechat import Transfer, reply
from wechat.msg import Msg


def read(made: Any) -> dict[str, str]:
    root = ET.fromstring(made.format())
    return {child.tag: child.text or "".join(child.itertext()) for child in root}


def test_a_text_says_who_to_whom_when_and_what() -> None:
    before = int(time.time())
    made = read(reply.TextMsg("oUser", "gh_1", "你好"))
    assert before <= int(made.pop("CreateTime")) <= int(time.time())
    assert made == {"ToUserName": "oUser", "FromUserName": "gh_1", "MsgType": "text", "Content": "你好"}


def test_a_picture_and_articles_are_said_alike() -> None:
    assert read(reply.ImageMsg("o", "g", "m1"))["Image"] == "m1"
    root = ET.fromstring(
        reply.NewsMsg("o", "g", [{"title": "t", "description": "d", "pic_url": "p", "url": "u"}]).format()
    )
    assert [child.text for child in root.findall("Articles/item/*")] == ["t", "d", "p", "u"]
    assert root.findtext("ArticleCount") == "1"


def test_formatting_twice_says_the_same_and_changes_no_article() -> None:
    articles = [{"title": "t", "url": "u"}]
    news = reply.NewsMsg("o", "g", articles)
    assert news.format() == news.format()
    assert articles == [{"title": "t", "url": "u"}]
    assert ET.fromstring(news.format()).findtext("Articles/item/PicUrl") == ""


def test_no_text_breaks_out() -> None:
    made = read(reply.TextMsg("o", "g", "]]></Content><Content>forged\x00"))
    assert made["Content"] == "]]></Content><Content>forged"


def test_a_number_is_said_and_nothing_is_success() -> None:
    assert read(reply.TextMsg("o", "g", 5))["Content"] == "5"
    assert reply.TextMsg("o", "g", "").format() == reply.Msg().format() == "success"


def test_any_reply_of_today_may_be_addressed_and_in_json() -> None:
    assert read(Msg("o", "g", Transfer("a@b")))["TransInfo"] == "a@b"
    assert json.loads(Msg("o", "g", "hi", json=True).format())["Content"] == "hi"


@pytest.mark.parametrize("articles", [[], [{"url": "u"}], [{"title": "t"}], [{"title": "", "url": "u"}]])
def test_an_article_without_title_or_address_is_refused(articles: Any) -> None:
    with pytest.raises(ValueError, match="needs"):
        reply.NewsMsg("o", "g", articles)


def test_what_a_reply_holds_can_be_read_in_a_log() -> None:
    assert json.loads(repr(reply.TextMsg("oUser", "gh_1", "你好")))["ToUserName"] == "oUser"


def test_nothing_else_is_found_behind_replys_door() -> None:
    with pytest.raises(AttributeError, match=r"module 'wechat\.reply' has no attribute 'time'"):
        _ = reply.time  # type: ignore[attr-defined]
