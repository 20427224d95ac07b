"""What goes back: well-formed whatever is in it, and never more than fits."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import unquote

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from wechat import reply
from wechat.reply import Article, Image, Music, News, Reply, Text, Transfer, Video, Voice

#: a reply, its MsgType, and where in the XML its fields are
CASES: list[tuple[Reply, str, dict[str, str]]] = [
    (Text("hi"), "text", {"Content": "hi"}),
    (Image("m"), "image", {"Image/MediaId": "m"}),
    (Voice("m"), "voice", {"Voice/MediaId": "m"}),
    (
        Video("m", "t", "d"),
        "video",
        {"Video/MediaId": "m", "Video/Title": "t", "Video/Description": "d"},
    ),
    (
        Music("u", "t", "d", "h", "i"),
        "music",
        {
            "Music/MusicUrl": "u",
            "Music/Title": "t",
            "Music/Description": "d",
            "Music/HQMusicUrl": "h",
            "Music/ThumbMediaId": "i",
        },
    ),
    (
        News(Article("t", "u", "d", "p")),
        "news",
        {
            "ArticleCount": "1",
            "Articles/item/Title": "t",
            "Articles/item/Url": "u",
            "Articles/item/Description": "d",
            "Articles/item/PicUrl": "p",
        },
    ),
    (Transfer(), "transfer_customer_service", {}),
    (Transfer("a@b"), "transfer_customer_service", {"TransInfo/KfAccount": "a@b"}),
]


def read(made: Reply) -> ET.Element:
    return ET.fromstring(reply.format(made, to="oUser", account="gh_1", created=1_790_000_000))


@pytest.mark.parametrize(("made", "kind", "fields"), CASES)
def test_a_reply_is_the_xml_that_wechat_reads(made: Reply, kind: str, fields: dict[str, str]) -> None:
    root = read(made)
    common = {"ToUserName": "oUser", "FromUserName": "gh_1", "CreateTime": "1790000000", "MsgType": kind}
    for path, text in (common | fields).items():
        assert root.findtext(path) == text


@pytest.mark.parametrize(("made", "kind", "fields"), CASES)
def test_a_reply_in_json_says_the_same(made: Reply, kind: str, fields: dict[str, str]) -> None:
    body = json.loads(reply.format(made, to="oUser", account="gh_1", created=1_790_000_000, json=True))
    common = {"ToUserName": "oUser", "FromUserName": "gh_1", "CreateTime": 1_790_000_000, "MsgType": kind}
    assert {name: body.pop(name) for name in common} == common
    inner = body.pop("ArticleCount", None)
    assert inner == (1 if kind == "news" else None)
    for path, text in fields.items():
        value: Any = body
        for name in path.split("/") if path != "ArticleCount" else ():
            value = value[0] if name == "item" else value[name]
        assert value == (body if path == "ArticleCount" else text)


@pytest.mark.parametrize("made", [made for made, *_ in CASES] + [News(Article("a", "b"), Article("c", "d"))])
def test_what_a_record_keeps_of_a_reply_is_the_reply(made: Reply) -> None:
    assert reply.decode(reply.encode(made)) == made


#: what XML 1.0 cannot hold
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def test_nothing_to_say_is_success() -> None:
    assert reply.format(None, to="o", account="g", created=1) == "success"


@given(
    st.text().filter(lambda text: ILLEGAL.sub("", text).strip())
    | st.just("]]>")
    | st.just("x]]></Content><Content>forged")
)
def test_no_text_can_break_or_forge_a_reply(text: str) -> None:
    root = read(Text(text))
    assert len(root.findall("Content")) == 1
    legal = ILLEGAL.sub("", text)
    assert root.findtext("Content") == legal.replace("\r\n", "\n").replace("\r", "\n")
    body = json.loads(reply.format(Text(text), to="o", account="g", created=1, json=True))
    assert body == {"ToUserName": "o", "FromUserName": "g", "CreateTime": 1, "MsgType": "text", "Content": legal}


def test_of_news_a_reply_shows_so_many_articles_and_the_next_reply_the_next() -> None:
    each = [Article(f"{i}", "u") for i in range(10)]
    kept = reply.encode(News(*each))
    for most in (reply.TO_A_MESSAGE, reply.TO_AN_EVENT):
        parts = [reply.decode(part) for part in reply.portions(kept, most)]
        assert parts == [News(*each[at : at + most]) for at in range(0, 10, most)]
    assert reply.portions(reply.encode(Image("m")), 1) == [reply.encode(Image("m"))]


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("x", Text("x")),
        ("", None),
        (" ", None),
        ("\x00\x08", None),
        (None, None),
        ("half \ud83d", Text("half ?")),
        ("\ud83d", Text("?")),
        (Image("m"), Image("m")),
        ([Article("t", "u")], News(Article("t", "u"))),
    ],
)
def test_what_may_be_said(said: Any, made: Reply | None) -> None:
    assert reply.reply(said) == made


HALF = "\ud83d"


@pytest.mark.parametrize(
    ("made", "whole"),
    [
        (Text(HALF), Text("?")),
        (Image(HALF), Image("?")),
        (Voice(HALF), Voice("?")),
        (Video("m", HALF, HALF), Video("m", "?", "?")),
        (Music("u", HALF, HALF, HALF, HALF), Music("u", "?", "?", "?", "?")),
        (News(Article(HALF, HALF, HALF, HALF)), News(Article("?", "?", "?", "?"))),
        (Transfer(HALF), Transfer("?")),
    ],
)
def test_half_a_surrogate_pair_which_no_store_keeps_is_in_no_reply(made: Reply, whole: Reply) -> None:
    assert made == whole
    assert json.dumps(reply.encode(made), ensure_ascii=False).encode()


class Mine(Image):
    """No type that WeChat has."""


@pytest.mark.parametrize("wrong", [5, b"x", [], ["x"], {"a": 1}, object(), Article("t", "u"), Reply(), Mine("m")])
def test_what_may_not_be_said(wrong: Any) -> None:
    with pytest.raises(TypeError, match="cannot be said: say text, a reply"):
        reply.reply(wrong)


@pytest.mark.parametrize(
    "make",
    [
        *(lambda: Text(""), lambda: Text("\x00"), lambda: Image(" "), lambda: Image("\x08\n")),
        *(lambda: News(), lambda: Article("", "u"), lambda: Music("")),
    ],
)
def test_a_reply_that_wechat_would_not_show_is_refused_where_it_is_made(make: Any) -> None:
    with pytest.raises(ValueError, match=r"empty|needs an Article"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Text(5),
        lambda: Video("m", 5),
        lambda: Transfer(None),
        lambda: Article("t", "u", b"d"),
        lambda: News("x"),
    ],
)
def test_a_field_that_is_no_text_is_refused_where_it_is_made(make: Any) -> None:
    with pytest.raises(TypeError, match=r"must be text, not|holds Articles"):
        make()


def test_a_reply_is_a_value() -> None:
    for made, *_ in CASES:
        assert len({made, reply.decode(reply.encode(made))}) == 1


@pytest.mark.parametrize("words", ["报名", "a&b", 'say "x"', "<b>", "100%", "two words", "line\nline", "100%41", "😀"])
def test_a_tap_sends_the_words_of_its_link(words: str) -> None:
    made = reply.link("label", words)
    href = re.fullmatch(r'<a href="weixin://bizmsgmenu\?msgmenucontent=([^"&]*)&msgmenuid=1">label</a>', made)
    assert href, made
    assert unquote(href[1]) == words
    assert reply.visible(f"before {made} after") == "before label after"


def test_a_link_sends_its_label_unless_it_says_otherwise() -> None:
    assert "msgmenucontent=报名&" in reply.link("报名")


def test_options_stand_one_a_line() -> None:
    assert reply.visible(reply.options(["是", "否"])) == "1. 是\n2. 否"
    assert reply.options(["是", "否"], taps=False) == "1. 是\n2. 否"


LINK = reply.link("继续")
PIECES = st.lists(
    st.sampled_from(
        ["甲", "a", " ", "\n", "\n\n", "。", ". ", "👨‍👩‍👧", "é", LINK, "https://example.com/a?b=c", "，", "！"]
    ),
    max_size=60,
).map("".join)


@given(PIECES, st.integers(100, 300))
def test_a_long_text_is_cut_where_it_may_be(text: str, limit: int) -> None:
    pieces = reply.split(text, limit)
    assert all(0 < reply.size(piece) <= limit for piece in pieces)
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)
    for whole in (LINK, "https://example.com/a?b=c"):
        assert sum(piece.count(whole) for piece in pieces) == text.count(whole)
    clusters = [cluster for piece in pieces for cluster in regex.findall(r"\X", piece) if cluster.strip()]
    assert clusters == [cluster for cluster in regex.findall(r"\X", text) if cluster.strip()]


@given(st.text(max_size=50), st.integers(8, 20))
def test_any_text_is_cut_to_fit(text: str, limit: int) -> None:
    pieces = reply.split(text, limit)
    assert all(reply.size(piece) <= limit and Text(piece) for piece in pieces)
    assert visible("".join(pieces)) == visible(text)


def visible(text: str) -> str:
    """Without white space, and without what XML drops."""
    return re.sub("[^!-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\\s", "", text)


def test_a_cut_is_best_between_paragraphs_then_lines_then_sentences() -> None:
    assert reply.split("甲甲甲甲\n\n乙乙\n丙丙", 24) == ["甲甲甲甲", "乙乙\n丙丙"]
    assert reply.split("甲甲甲甲\n乙乙。丙丙", 26) == ["甲甲甲甲", "乙乙。丙丙"]
    assert reply.split("甲甲甲。乙乙，丙丙", 26) == ["甲甲甲。", "乙乙，丙丙"]


def test_a_cut_is_never_inside_a_number_or_a_time() -> None:
    assert reply.split("甲甲 共 1,234,567 元", 17) == ["甲甲 共", "1,234,567 元"]
    assert reply.split("甲甲甲 12:30:45", 15) == ["甲甲甲", "12:30:45"]


def test_no_piece_is_blank_and_no_accent_loses_its_space() -> None:
    assert reply.split("\n" * 5000 + "hi" + " " * 5000) == ["hi"]
    assert reply.split(" " * 5000) == []
    assert reply.split("a" * 20 + " \u0301" + "b" * 10, 20) == ["a" * 20, " \u0301" + "b" * 10]


def test_what_alone_is_too_long_is_cut_at_clusters_and_at_characters_only_where_it_must() -> None:
    family = "👨‍👩‍👧"
    link = reply.link(family * 20)
    for limit in range(90, 110):
        pieces = reply.split(link, limit)
        assert "".join(pieces) == link
        assert sum(piece.count(family) for piece in pieces) == link.count(family)
    tower = "e" + "\u0301" * 100
    assert "".join(reply.split(tower, 50)) == tower


def test_of_links_in_links_the_inner_one_is_the_link() -> None:
    assert reply.visible('<a href="1">a <a href="2">b</a> c') == '<a href="1">a b c'
    for limit in range(90, 110):
        pieces = reply.split('<a href="1">' + "a " * 25 + LINK + " c", limit)
        assert sum(LINK in piece for piece in pieces) == 1


def test_what_fits_is_left_whole() -> None:
    assert reply.LIMIT == 2047  # bytes; what breaks in the field is 2048
    assert reply.split("x" * reply.LIMIT) == ["x" * reply.LIMIT]
    assert reply.split("") == []
    assert [reply.size(piece) for piece in reply.split("x" * (reply.LIMIT + 1))] == [reply.LIMIT, 1]


def test_a_very_long_text_is_cut_piece_by_piece() -> None:
    assert len(reply.split("甲。" * 40_000)) > 100


HOSTILE = st.text(st.sampled_from('<>&"%;=#?/ \n\x00\x85\u2028\ufffe\u200d😀报\u0301a'), min_size=1, max_size=20)


@given(HOSTILE, HOSTILE)
def test_whatever_a_link_says_and_sends_can_be_read_back(label: str, sends: str) -> None:
    made = reply.link(label, sends)
    (found,) = re.findall(r'<a href="weixin://bizmsgmenu\?msgmenucontent=([^"&<> ]*)&msgmenuid=1">([^<>]*)</a>', made)
    shown = label.replace("<", "＜").replace(">", "＞")
    assert (unquote(found[0]), found[1]) == (sends, shown)
    assert reply.visible(f"a {made} b") == f"a {shown} b"
    legal = "".join(ET.fromstring("<x>" + reply.cdata(made) + "</x>").itertext())
    assert unquote(re.findall('content=([^"&]*)&', legal)[0]) == sends


MUCH = 200_000
SLOW = {
    "letters": "a" * MUCH,
    "space": "x" + " " * MUCH + "x",
    "ends": "。" * (MUCH // 3),
    "tags that are not closed": "<a " * (MUCH // 3),
    "links that are not closed": "<a>" * (MUCH // 3),
    "one link closed of many": "<a " * (MUCH // 3) + "</a>",
    "one long link": "<a>" + "x" * MUCH + "</a>",
    "one long address": "https://" * (MUCH // 8),
    "one long cluster": "e" + "\u0301" * (MUCH // 2),
    "a very large family": "👨\u200d" * (MUCH // 7),
    "flags": "🇨🇳" * (MUCH // 8),
    "consonants joined": "क\u094d" * (MUCH // 6),
    "prose": "甲乙丙。\n" * (MUCH // 13),
    "links": reply.link("继续") * (MUCH // 70),
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_two_hundred_kilobytes_of_anything_are_cut_in_no_time(text: str) -> None:
    began = time.process_time()
    for limit in (8, reply.LIMIT):
        assert all(reply.size(piece) <= limit for piece in reply.split(text, limit))
    reply.visible(text)
    assert time.process_time() - began < 4  # what takes quadratic time takes minutes


@given(st.text(st.sampled_from("🇨🇳\u0301\u200d👨a\r\n \u0600क\u094d\u0903"), max_size=12), st.integers(16, 24))
def test_flags_are_cut_where_every_other_cluster_is(text: str, limit: int) -> None:
    wholes = regex.findall(r"\X", text * 5)
    at = {sum(map(len, wholes[:i])) for i in range(len(wholes) + 1)}
    place = 0
    for piece in reply.split(text * 5, limit):
        place = (text * 5).index(piece, place)
        inside = [whole for whole in wholes if reply.size(whole) > limit]
        assert inside or (place in at and place + len(piece) in at)
        place += len(piece)
