"""Where the core meets the protocol: how things are said, and how much of them fits."""

from __future__ import annotations

import datetime as dt

import pytest

from wechat import Article, ClickEvent, Image, ImageMessage, LocationMessage, News, TextMessage, reply
from wechat.dialog import Ask, Sentence
from wechat.medium import Medium
from wechat.replay import Reopening, Said
from wechat.texts import CHINESE

MEDIUM = Medium("gh_1", "oUser", CHINESE, dt.timezone.utc)
IMAGE = reply.encode(Image("m"))


def test_options_stand_below_their_question() -> None:
    (text,) = MEDIUM.render([Said("对吗？", (Sentence("yes"), Sentence("no")))])
    assert reply.visible(text) == "对吗？\n1. 是\n2. 否"
    assert "bizmsgmenu" in text


def test_options_without_a_question_and_below_a_picture() -> None:
    assert MEDIUM.render([Said(None, ("a",), taps=False)]) == ["1. a"]
    assert MEDIUM.render([Said(IMAGE, ("a",), taps=False)]) == [IMAGE, "1. a"]


def test_links_that_are_too_long_for_one_reply_are_plain_numbers() -> None:
    labels = tuple(f"option {i}" for i in range(60))
    (text,) = MEDIUM.render([Said("which?", labels)])
    assert "bizmsgmenu" not in text
    assert "60. option 59" in text


def test_texts_are_joined_and_go_first() -> None:
    assert MEDIUM.pack(["a", IMAGE, "b"]) == (["a\nb", IMAGE], 0)
    assert MEDIUM.pack(["a", IMAGE]) == (["a", IMAGE], 1)
    assert MEDIUM.pack([]) == ([], -1)


def test_every_part_leaves_room_to_say_that_there_is_more() -> None:
    parts, last = MEDIUM.pack(["甲" * 2_000])
    assert last == len(parts) - 1
    assert all(reply.size(MEDIUM.more(part, 99)) <= reply.LIMIT for part in parts)


def test_only_a_text_can_say_that_there_is_more() -> None:
    assert MEDIUM.more(IMAGE, 2) == IMAGE
    assert reply.visible(MEDIUM.more("a", 2)) == "a\n还有 2 条 继续"


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (Ask("x"), "请回复文字。"),
        (Ask("x", accept=(ImageMessage,)), "请回复图片。"),
        (Ask("x", accept=(LocationMessage, TextMessage)), "请回复位置或文字。"),
        (Ask("x", accept=(ClickEvent,)), "请回复菜单。"),
        (Reopening(kind="image"), "请回复图片。"),
        (Reopening(kind="default"), "请回复文字。"),
    ],
)
def test_what_an_ask_expects_is_said_in_words(ask: Ask[str], sentence: str) -> None:
    assert MEDIUM.expects(ask) == sentence


def test_what_is_said_is_shown_to_hooks_as_developers_write_it() -> None:
    news = News(Article("t", "u"))
    assert MEDIUM.public(["a", IMAGE, "b"]) == "a\nb"
    assert MEDIUM.public([reply.encode(news)]) == news
    assert MEDIUM.public([]) is None


def test_a_message_comes_back_with_what_its_routes_pattern_found() -> None:
    message = MEDIUM.message("w Beijing", "1", 0, r"W (\w+)", 2)
    assert message.match[1] == "Beijing"
    assert (message.account, message.openid, message.id) == ("gh_1", "oUser", "1")
