"""Where the core meets the protocol: how things are said, and how much of them fits."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs

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
    assert MEDIUM.pack([IMAGE, "a", IMAGE]) == (["a", IMAGE, IMAGE], 2)
    assert MEDIUM.pack([IMAGE, "a"]) == (["a", IMAGE], 0)
    assert MEDIUM.pack([]) == ([], -1)


def test_what_wechat_would_not_show_of_news_is_the_next_part() -> None:
    three = reply.encode(News(Article("1", "u"), Article("2", "u"), Article("3", "u")))
    alone = [reply.encode(News(Article(title, "u"))) for title in "123"]
    assert MEDIUM.pack([three, "a"]) == (["a", *alone], 0)
    assert MEDIUM.pack(["a", three]) == (["a", *alone], 3)
    to_an_event = structs.replace(MEDIUM, articles=reply.TO_AN_EVENT)
    assert to_an_event.pack(["a", three]) == (["a", three], 1)


def test_what_would_show_nothing_is_no_part() -> None:
    assert MEDIUM.pack([" \n"]) == ([], -1)
    assert MEDIUM.pack([IMAGE, "\x00"]) == ([IMAGE], 0)
    assert MEDIUM.pack(["\n" * 3_000 + "a"]) == (["a"], 0)


def test_the_last_said_of_a_long_text_is_its_last_piece() -> None:
    parts, last = MEDIUM.pack([IMAGE, "甲" * 1_500])
    assert (len(parts), last) == (4, 2)
    assert parts[3] == IMAGE
    assert "".join(parts[:3]) == "甲" * 1_500


def test_every_part_leaves_room_to_say_that_there_is_more() -> None:
    parts, last = MEDIUM.pack(["甲" * 2_000])
    assert last == len(parts) - 1
    assert all(reply.size(MEDIUM.more(part, 9_999)) <= reply.LIMIT for part in parts)
    assert max(reply.size(MEDIUM.more(part, 9_999)) for part in MEDIUM.pack(["a" * 9_000])[0]) == reply.LIMIT


def test_a_piece_is_shown_without_the_blank_lines_around_it() -> None:
    text = "第一段。\n\n第二段。\n\n第三段"
    shown, said = MEDIUM.piece([], text[: len("第一段。")])
    assert (shown, said) == ("第一段。", "第一段。")
    shown, said = MEDIUM.piece([], text[len(shown) :])
    assert (shown, said) == ("\n\n第二段。\n\n", "第二段。")


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
    assert message.text == "w Beijing"


def test_a_message_that_its_pattern_does_not_find_has_no_match() -> None:
    with pytest.raises(AttributeError, match="no pattern brought"):
        _ = MEDIUM.message("other", "1", 0, r"W (\w+)", 2).match
    with pytest.raises(AttributeError, match="no pattern brought"):
        _ = MEDIUM.message("other", "1", 0).match


def test_an_event_is_matched_by_its_key_and_comes_back_as_it_was() -> None:
    common = {"openid": "oUser", "account": "gh_1", "time": dt.datetime(2026, 3, 8, tzinfo=dt.timezone.utc)}
    click = ClickEvent(id="7", key="BUY_12", **common)
    message = MEDIUM.message(MEDIUM.payload(click), "7", click.created, r"BUY_(\d+)")
    assert message == click
    assert message.match[1] == "12"
    assert not MEDIUM.silent(message)
    assert MEDIUM.silent(MEDIUM.message({"MsgType": "event", "Event": "VIEW"}, "8", 0))


def test_what_a_developer_says_is_encoded_once() -> None:
    assert MEDIUM.say("a") == "a"
    assert MEDIUM.say(None) is MEDIUM.say(" ") is None
    assert MEDIUM.say(Image("m")) == IMAGE
    with pytest.raises(TypeError, match="int cannot be said"):
        MEDIUM.say(5)


def test_texts_are_joined_and_without_a_text_the_first_is_said() -> None:
    assert MEDIUM.join(["a", IMAGE, "b"]) == "a\nb"
    assert MEDIUM.join([IMAGE]) == IMAGE
    assert MEDIUM.join([]) is None


def test_sentences_are_worded_when_they_are_shown() -> None:
    assert MEDIUM.render([Said(Sentence("yes")), Said(None), Said("{fetch}")]) == ["是", "{fetch}"]
    assert reply.visible(MEDIUM.sentence("more", count=3)) == "还有 3 条 继续"
    assert MEDIUM.party == "gh_1/oUser"


def test_links_stay_as_long_as_they_fit() -> None:
    labels = [f"{i}" for i in range(100)]
    room = max(n for n in range(1, 100) if "bizmsgmenu" in MEDIUM.render([Said("x", tuple(labels[:n]))])[0])
    (fits,) = MEDIUM.render([Said("x", tuple(labels[:room]))])
    assert MEDIUM.pack([fits]) == ([fits], 0)
    (plain,) = MEDIUM.render([Said("x", tuple(labels[: room + 1]))])
    assert plain == "x\n" + reply.options(labels[: room + 1], taps=False)
