"""The survey: a form, a file that Excel reads, one line for each person."""

from __future__ import annotations

import codecs
import csv
from pathlib import Path
from types import ModuleType

import pytest
from loaded import load

from wechat.testing import Chat


@pytest.fixture
def survey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.chdir(tmp_path)
    return load("survey")


def lines() -> list[list[str]]:
    """What is in the file, without the keys."""
    with Path("survey.csv").open(encoding="utf-8-sig", newline="") as file:
        return [line[1:] for line in csv.reader(file)]


HEAD = ["满意度", "喜欢", "推荐", "建议"]


def fill_in(chat: Chat, wish: str = "没有") -> object:
    for text in ("问卷", "1", "1,3", "10"):
        chat.say(text)
    return chat.say(wish)


def test_four_questions_are_one_line(survey: ModuleType) -> None:
    chat = Chat(survey.bot)
    begun = "四个问题，一分钟。随时回复“取消”退出。\n您对我们的服务满意吗？\n1. 满意\n2. 一般\n3. 不满意"
    assert chat.say("问卷") == begun
    assert chat.tap("一般") == "喜欢哪几样？\n1. 味道\n2. 环境\n3. 价格"
    assert chat.say("环境和价格") == "愿意向朋友推荐吗？请回复 0 到 10"
    chat.crash()
    assert chat.say("11") == "请回复 0 到 10 的整数"
    assert chat.say("八") == "还有什么想说的？没有就说“没有”"
    assert chat.say("座位少，\n常排队") == "谢谢您！"
    assert lines() == [HEAD, ["一般", "环境、价格", "8", "座位少，\n常排队"]]


def test_nobody_is_asked_twice_but_others_are(survey: ModuleType) -> None:
    chat = Chat(survey.bot)
    assert fill_in(chat) == "谢谢您！"
    assert chat.say("问卷") == "您已经填过了，谢谢！"
    assert fill_in(chat.other("oOther"), "=1+1") == "谢谢您！"
    assert lines() == [HEAD, ["满意", "味道、价格", "10", "没有"], ["满意", "味道、价格", "10", "'=1+1"]]
    assert Path("survey.csv").read_bytes().count(codecs.BOM_UTF8) == 1


def test_who_leaves_is_asked_again_and_nothing_is_written(survey: ModuleType) -> None:
    chat = Chat(survey.bot)
    chat.say("问卷")
    chat.say("1")
    assert chat.say("取消") == "已取消。"
    assert not Path("survey.csv").exists()
    assert fill_in(chat) == "谢谢您！"


def test_a_worker_that_dies_when_the_line_is_written_leaves_one_line(survey: ModuleType) -> None:
    chat = Chat(survey.bot)
    chat.slow(survey.save, 20)
    assert fill_in(chat) == "正在思考… 继续"
    assert len(lines()) == 2  # written, and the result is not on record
    chat.crash()
    chat.slow(survey.save, 0)
    chat.later(10)
    assert chat.tap("继续") == "回复“没有”：\n谢谢您！"
    assert len(lines()) == 2
    assert chat.say("问卷") == "您已经填过了，谢谢！"
