"""The quiz: chance that survives a crash, a score, and a best score."""

from __future__ import annotations

import re
from types import ModuleType

import pytest
from loaded import load

from wechat.testing import Chat


@pytest.fixture
def quiz() -> ModuleType:
    return load("quiz")


def asked(quiz: ModuleType, said: object) -> tuple[str, str]:
    """The right answer to what was asked, and a wrong one."""
    [question] = [each for each in quiz.QUESTIONS if each.text in str(said)]
    return question.right, question.wrong[0]


def play(quiz: ModuleType, chat: Chat, *right: bool) -> object:
    """What is said after three answers."""
    said: object = chat.say("答题")
    for good in right:
        said = chat.tap(asked(quiz, said)[not good])
    return said


def test_every_question_can_be_answered(quiz: ModuleType) -> None:
    for question in quiz.QUESTIONS:
        assert len({question.right, *question.wrong}) == 3


def test_answers_are_judged_and_counted(quiz: ModuleType) -> None:
    chat = Chat(quiz.bot)
    said = str(chat.say("答题"))
    assert re.fullmatch(r"一共三题，每题 30 秒。\n第 1 题：.*\n1\. .*\n2\. .*\n3\. .*", said)
    said = str(chat.tap(asked(quiz, said)[0]))
    assert said.startswith("答对了！\n第 2 题：")
    right, wrong = asked(quiz, said)
    said = str(chat.tap(wrong))
    assert said.startswith(f"可惜，是{right}。\n第 3 题：")
    assert chat.tap(asked(quiz, said)[0]) == "答对了！\n新纪录！\n您得了 2 分，最好成绩 2 分。答题"


def test_the_best_score_is_kept_for_each_player(quiz: ModuleType) -> None:
    chat = Chat(quiz.bot)
    assert str(play(quiz, chat, True, True, False)).endswith("新纪录！\n您得了 2 分，最好成绩 2 分。答题")
    assert "新纪录" not in str(play(quiz, chat, True, False, False))
    assert "新纪录" not in str(play(quiz, chat, True, False, True))
    assert str(play(quiz, chat, False, False, False)).endswith("您得了 0 分，最好成绩 2 分。答题")
    assert str(play(quiz, chat, True, True, True)).endswith("新纪录！\n您得了 3 分，最好成绩 3 分。答题")
    assert str(play(quiz, chat.other("oOther"), True, False, False)).endswith("您得了 1 分，最好成绩 1 分。答题")


def test_another_worker_asks_the_same_questions(quiz: ModuleType) -> None:
    def talk(chat: Chat, *, crashes: bool) -> list[object]:
        said: list[object] = [chat.say("答题")]
        for _ in range(3):
            if crashes:
                chat.crash()
            said.append(chat.say("1"))
        return said

    assert talk(Chat(quiz.bot), crashes=True) == talk(Chat(quiz.bot), crashes=False)


def test_who_is_too_slow_loses_the_rest(quiz: ModuleType) -> None:
    chat = Chat(quiz.bot)
    chat.tap(asked(quiz, chat.say("答题"))[0])
    chat.later(40)
    assert chat.say("1") == "时间到！\n新纪录！\n您得了 1 分，最好成绩 1 分。答题"
