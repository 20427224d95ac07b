"""The menu, tapped in the middle of a form."""

from __future__ import annotations

from types import ModuleType

import pytest
from loaded import load

from wechat.testing import Chat


@pytest.fixture
def chat() -> Chat:
    menu: ModuleType = load("menu")
    return Chat(menu.bot)


def test_the_form_is_filled_in_and_counted(chat: Chat) -> None:
    assert chat.click("POINTS") == "您有 0 分。"
    assert chat.say("报名") == "报名人的姓名？"
    chat.crash()
    assert chat.say("小明") == "手机号？"
    assert chat.say("12345") == "请回复 11 位手机号"
    assert chat.say("138 0013 8000") == "小明（138****8000）报名成功，积 10 分。"
    assert chat.click("POINTS") == "您有 10 分。"


@pytest.mark.parametrize(
    ("key", "shown"), [("HOURS", "每天 9:00–21:00"), ("POINTS", "您有 0 分。\n刚才问您：手机号？")]
)
def test_a_click_that_asks_nothing_leaves_the_form_as_it_was(chat: Chat, key: str, shown: str) -> None:
    chat.say("报名")
    chat.say("小明")
    assert chat.click(key) == shown
    assert chat.waiting == "signup"
    chat.crash()
    assert chat.click(key) == shown
    assert chat.say("13800138000") == "小明（138****8000）报名成功，积 10 分。"


def test_a_click_that_asks_something_takes_the_forms_place(chat: Chat) -> None:
    chat.say("报名")
    assert chat.click("REPORT") == "刚才的对话已结束。\n哪里有问题？\n1. 报名\n2. 积分\n3. 其他"
    assert chat.waiting == "report"
    assert chat.tap("报名") == "请说说是什么问题："
    assert chat.say("提交不了") == "收到（报名：提交不了），我们会尽快处理。"
    assert chat.waiting is None


def test_help_is_given_in_the_middle_of_the_form(chat: Chat) -> None:
    chat.say("报名")
    assert chat.say("帮助") == "回复 报名 参加活动，回复 取消 结束当前的对话。"
    assert chat.waiting == "signup"
    assert chat.tap("取消") == "已取消。"
    assert chat.waiting is None
