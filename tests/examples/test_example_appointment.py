"""The appointment: the way back, and a place that is held no longer than it must be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import ModuleType

import pytest
from loaded import load

from wechat.testing import Chat

DAY = "哪天来？（明天、周五、3月8日…）"
HOUR = "几点？（9 点到 17 点的整点，“返回”换一天）"
PHONE = "手机号？（“返回”换时间）"
FULL = f"15 点约满了。\n{HOUR}"
NUMBER = "13800138000"


@pytest.fixture
def appointment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.chdir(tmp_path)
    return load("appointment")


@pytest.fixture
def chat(appointment: ModuleType) -> Chat:
    return Chat(appointment.bot, now=dt.datetime(2026, 3, 2, 12, tzinfo=dt.timezone(dt.timedelta(hours=8))))


def three_o_clock(chat: Chat) -> object:
    """What is said to who wants to come tomorrow at three."""
    chat.say("预约")
    chat.say("明天")
    return chat.say("三点")


def book(chat: Chat) -> object:
    three_o_clock(chat)
    chat.say(NUMBER)
    return chat.say("对")


def test_an_appointment_is_made(chat: Chat) -> None:
    assert chat.say("预约") == DAY
    assert chat.say("今天") == "请回复 2026-03-03 到 2026-04-02 的日期"
    assert chat.say("明天") == HOUR
    chat.crash()
    assert chat.say("晚上八点") == "请回复 09:00 到 17:00 的时间"
    assert chat.say("下午三点") == PHONE
    assert chat.say("138 0013 8000") == "03月03日 15:00，13800138000，对吗？\n1. 是\n2. 否"
    assert chat.tap("是") == "约好了：03月03日 15:00。"


def test_each_question_leads_back_to_the_one_before(chat: Chat) -> None:
    talk = [
        *[
            ("预约", DAY),
            ("明天", HOUR),
            ("返回", DAY),
            ("后天", HOUR),
            ("9点", PHONE),
            ("上一步", HOUR),
            ("10点", PHONE),
        ],
        *[
            (NUMBER, "03月04日 10:00，13800138000，对吗？\n1. 是\n2. 否"),
            ("返回", PHONE),
            ("返回", HOUR),
            ("返回", DAY),
        ],
        *[("周五", HOUR), ("11点", PHONE)],
        *[("13900139000", "03月06日 11:00，13900139000，对吗？\n1. 是\n2. 否"), ("是", "约好了：03月06日 11:00。")],
    ]
    for text, said in talk:
        assert chat.say(text) == said
        chat.crash()


def test_an_hour_has_two_places(chat: Chat) -> None:
    assert [book(chat.other(name)) for name in ("o1", "o2")] == ["约好了：03月03日 15:00。"] * 2
    assert three_o_clock(chat) == FULL
    assert chat.say("16点") == PHONE


def test_a_place_is_held_for_who_is_still_answering(chat: Chat) -> None:
    assert [three_o_clock(chat.other(name)) for name in ("o1", "o2")] == [PHONE] * 2
    assert three_o_clock(chat) == FULL


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("取消",), "已取消。"),
        ((NUMBER, "不对"), "已取消。"),
        ((NUMBER, "返回", "取消"), "已取消。"),
        (("返回", "四点"), PHONE),
    ],
)
def test_who_leaves_or_moves_makes_room(chat: Chat, texts: tuple[str, ...], said: str) -> None:
    first = chat.other("o1")
    three_o_clock(first)
    book(chat.other("o2"))
    assert three_o_clock(chat) == FULL
    assert [first.say(text) for text in texts][-1] == said
    assert chat.say("三点") == PHONE


def test_who_comes_back_too_late_makes_room(chat: Chat) -> None:
    first = chat.other("o1")
    three_o_clock(first)
    book(chat.other("o2"))
    chat.later(601)
    assert first.say(NUMBER) == "太久没有收到回复，刚才的对话已结束。"
    assert three_o_clock(chat) == PHONE


def test_the_place_of_who_never_comes_back_is_free_after_half_an_hour(chat: Chat) -> None:
    for name in ("o1", "o2"):
        three_o_clock(chat.other(name))
    chat.later(1_700)
    assert three_o_clock(chat) == FULL
    chat.later(100)
    assert chat.say("三点") == PHONE


def test_a_place_that_was_lost_to_others_is_not_booked(chat: Chat) -> None:
    three_o_clock(chat)
    for _ in range(4):
        chat.later(500)
        assert chat.say("？") == "请回复 11 位手机号"
    assert [book(chat.other(name)) for name in ("o1", "o2")] == ["约好了：03月03日 15:00。"] * 2
    chat.say(NUMBER)
    assert chat.say("是") == "抱歉，保留的时间过了，又被别人约满了，请重新预约。"


def test_a_worker_that_dies_when_the_place_is_taken_leaves_one_place_taken(appointment: ModuleType, chat: Chat) -> None:
    chat.slow(appointment.take, 20)
    assert three_o_clock(chat) == "正在思考… 继续"
    chat.crash()
    chat.slow(appointment.take, 0)
    chat.later(10)
    assert chat.tap("继续") == f"回复“三点”：\n{PHONE}"
    assert book(chat.other("o1")) == "约好了：03月03日 15:00。"
    assert three_o_clock(chat.other("o2")) == FULL
