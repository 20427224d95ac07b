"""The demo bot, talked to: the article's scenes word for word, and what came since."""

from __future__ import annotations

import re
from typing import Any

import pytest

import talk
from wechat import News, TextMessage
from wechat.demo import make_bot
from wechat.testing import Chat


@pytest.fixture
def chat() -> Chat:
    return Chat(make_bot(store="memory://"))


def play(chat: Chat, *lines: tuple[str, Any]) -> None:
    for said, answer in lines:
        assert chat.say(said) == answer


def test_the_articles_opening_scene(chat: Chat) -> None:
    play(
        chat,
        ("苹果", "你发苹果给我干嘛呀？这里是一段帮助信息..."),
        ("那你问我一个问题吧", "请发送一个水果名字"),
        ("苹果", "给你一个苹果=￣ω￣="),
    )


@pytest.mark.parametrize("word", ["累加器", "开始"])
def test_the_accumulator_adds_up_across_restarts(chat: Chat, word: str) -> None:
    lines = [
        (word, "您需要累加几个数字？"),
        ("3", "请输入第1个数字, 目前累加和:0"),
        ("10", "请输入第2个数字, 目前累加和:10"),
        ("20", "请输入第3个数字, 目前累加和:30"),
        ("-5", "累加结束，累加和: 25"),
    ]
    for line in lines:
        play(chat, line)
        chat.crash()


def test_the_accumulator_refuses_what_is_no_number(chat: Chat) -> None:
    illegal = '输入不合法！我们需要一个整数，请输入"开始"重新开启累加器'
    play(chat, ("累加器", "您需要累加几个数字？"), ("x", illegal))
    play(chat, ("累加器", "您需要累加几个数字？"), ("1", "请输入第1个数字, 目前累加和:0"), ("y", illegal))


def test_a_conversation_remembers_when_it_began(chat: Chat) -> None:
    began = re.search(r"\d\d:\d\d:\d\d", chat.say("会话记录"))
    assert began
    chat.later(30)
    chat.crash()
    assert chat.say("你好") == f"您在 {began[0]} 开始的会话里说：你好"
    assert chat.say("结束") == f"{began[0]} 开始的会话结束了"


def test_the_menu_lets_anything_else_begin_what_it_begins(chat: Chat) -> None:
    for choice, answer in (("1", "您选择的是：苹果"), ("2", "您选择的是：香蕉"), ("累加器", "您需要累加几个数字？")):
        assert chat.say("会话菜单").startswith("菜单：\n1. 苹果\n2. 香蕉")
        play(chat, (choice, answer))


def test_github_is_a_news_reply(chat: Chat) -> None:
    said = chat.say("github")
    assert isinstance(said, News)
    assert said.articles[0].title == "wechat-dialog"


def test_a_follower_is_welcomed_and_known_when_they_come_back(chat: Chat) -> None:
    assert chat.follow() == "欢迎关注！回复 帮助 看看我会什么。"
    chat.later(5)
    assert chat.follow().startswith("欢迎第 2 次回来！")


def test_the_secret_number_survives_a_restart(chat: Chat) -> None:
    chat.say("猜数字")
    low, high = 1, 100
    for _ in range(8):
        chat.crash()
        middle = (low + high) // 2
        said = chat.say(str(middle))
        if said.startswith("猜对了"):
            return
        low, high = (middle + 1, high) if said == "小了" else (low, middle - 1)
    raise AssertionError("the number changed")


def test_an_order_in_chinese_is_placed_once(chat: Chat) -> None:
    play(
        chat,
        ("买水果", "想买什么水果？\n1. 苹果\n2. 香蕉"),
        ("第二个", "买几个？"),
        ("一百", "请回复 1 到 99 的整数"),
        ("两个", "2 个香蕉，对吗？\n1. 是\n2. 否"),
    )
    yes = TextMessage(text="好的", id="pushed twice")
    said = chat.send(yes)
    assert said.startswith("下单成功，单号 香2-")
    assert chat.send(yes) == said


def test_an_order_can_be_left(chat: Chat) -> None:
    chat.say("买水果")
    play(chat, ("取消", "好的，不买了。"))


def test_a_menu_click_and_a_cry_for_help_leave_the_form_as_it_was(chat: Chat) -> None:
    chat.say("买水果")
    chat.say("1")
    assert re.fullmatch(r"您有 \d+ 分\n刚才问您：买几个？", chat.click("MY_POINTS"))
    assert chat.say("帮助").startswith("可以说：累加器 会话记录")
    play(chat, ("3", "3 个苹果，对吗？\n1. 是\n2. 否"))


def test_a_photo_is_asked_for_until_it_comes(chat: Chat) -> None:
    play(chat, ("拍照", "请发一张照片"), ("好", "请回复图片。\n请发一张照片"))
    assert chat.image("http://x/1.jpg") == "收到照片：http://x/1.jpg"


def test_the_parrot_never_tires_and_its_journal_stays_short() -> None:
    chat = talk.Chat(make_bot(store="memory://"))
    chat.say("复读 你好")
    for word in ("甲", "乙", "丙"):
        play(chat, (word, f"{word}\n回复“停”结束"))
        assert len(chat.record.journal) == 1
    play(chat, ("停", "复读了 4 次，再见"))
