"""A human answers, on an account that cannot write first, and on one that can transfer."""

from __future__ import annotations

from types import ModuleType

import pytest
from loaded import load

from wechat import Transfer
from wechat.testing import Chat

ASK = "请说，您的话会转给客服。回复“结束”离开。"
PASSED_ON = "已转给客服。稍后点 继续 看回答。"


@pytest.fixture
def human() -> ModuleType:
    return load("human")


def test_what_is_said_is_shown_to_a_human_until_the_user_leaves(
    human: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = Chat(human.bot, user="oMe")
    assert chat.say("人工") == ASK
    assert capsys.readouterr().out == ""
    assert chat.say("发货了吗") == PASSED_ON
    shown = "oMe：'发货了吗'\n    python human.py oMe 0000000000000002 您的回答\n"
    assert capsys.readouterr().out == shown
    chat.crash()
    assert chat.say("还有，能退吗") == PASSED_ON
    assert chat.say("结束") == "人工服务结束了，再见。"
    assert chat.waiting is None


def test_what_is_said_does_nothing_to_the_terminal_of_a_human(
    human: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = Chat(human.bot, user="oMe")
    chat.say("人工")
    chat.say("清\x9b2J屏\u202e反\n    python human.py oYou 1 退款")
    first, second = capsys.readouterr().out.splitlines()
    assert first == r"oMe：'清\x9b2J屏\u202e反\n    python human.py oYou 1 退款'"
    assert second.startswith("    python human.py oMe ")


def test_the_answer_is_fetched_or_comes_with_the_next_reply(human: ModuleType) -> None:
    chat = Chat(human.bot)
    chat.say("人工")
    chat.say("发货了吗")
    assert chat.tap("继续") == "客服还没有回答，请稍候。"
    human.answer("oUser", "2", "今天", "发货")
    assert chat.say("继续") == "客服：今天 发货"
    human.answer("oUser", "2", "单号 17")
    chat.crash()
    assert chat.say("谢谢") == f"{PASSED_ON}\n客服：单号 17"


def test_an_answer_reaches_the_user_after_the_conversation_too(human: ModuleType) -> None:
    chat = Chat(human.bot)
    chat.say("人工")
    chat.say("发货了吗")
    chat.say("结束")
    human.answer("oUser", "2", "今天发货")
    chat.later(86_400)
    assert chat.say("继续") == "客服：今天发货"


def test_the_same_answer_to_the_same_message_is_told_once(human: ModuleType) -> None:
    chat = Chat(human.bot)
    chat.say("人工")
    for number in ("2", "2", "3"):
        human.answer("oUser", number, "好的")
    assert chat.say("继续") == "客服：好的\n客服：好的"
    human.answer("oUser", "2", "好的")
    assert chat.say("继续") == "客服还没有回答，请稍候。"


def test_where_there_are_agents_wechat_does_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAS_AGENTS", "1")
    chat = Chat(load("human").bot)
    assert chat.say("人工") == Transfer()
    assert chat.waiting is None
