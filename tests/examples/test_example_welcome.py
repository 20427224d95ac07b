"""A follower: met, known again, and forgotten."""

from __future__ import annotations

import datetime as dt
from types import ModuleType

import pytest
from loaded import load

from wechat import UnsubscribeEvent
from wechat.testing import Chat

BEGAN = dt.datetime(2026, 3, 2, 12, tzinfo=dt.timezone.utc)


@pytest.fixture
def welcome(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("WECHAT_ACCOUNT", "gh_shop")
    return load("welcome")


def introduced(welcome: ModuleType) -> Chat:
    chat = Chat(welcome.bot, now=BEGAN)
    chat.follow()
    chat.say("小明")
    chat.say("优惠")
    return chat


def test_a_follower_is_asked_who_they_are(welcome: ModuleType) -> None:
    chat = Chat(welcome.bot)
    assert chat.follow("1") == "欢迎光临南京路店！\n怎么称呼您？"
    chat.crash()
    assert chat.say("小明") == "小明，对什么感兴趣？可以选几个\n1. 新品\n2. 优惠\n3. 活动"
    assert chat.say("1和3") == "记住了：新品、活动。"


@pytest.mark.parametrize(("scene", "asked"), [("", "怎么称呼您？"), ("99", "怎么称呼您？")])
def test_who_comes_by_no_code_of_ours_is_just_asked(welcome: ModuleType, scene: str, asked: str) -> None:
    assert Chat(welcome.bot).follow(scene) == asked


def test_a_follower_who_scans_a_code_is_greeted_by_name(welcome: ModuleType) -> None:
    chat = introduced(welcome)
    assert chat.scan("2") == "欢迎光临淮海路店！\n小明，又见面了！"
    assert chat.follow() == "小明，又见面了！"
    assert chat.other("oOther").scan("2") == "欢迎光临淮海路店！\n怎么称呼您？"


def test_who_does_not_answer_may_introduce_themselves_later(welcome: ModuleType) -> None:
    chat = Chat(welcome.bot)
    chat.follow()
    chat.later(700)
    assert chat.say("小明") == "不急，随时可以介绍自己。"
    assert chat.tap("介绍") == "怎么称呼您？"
    chat.say("小明")
    assert chat.say("活动") == "记住了：活动。"
    assert chat.scan("9") == "小明，又见面了！"


def test_who_follows_no_more_is_forgotten(welcome: ModuleType) -> None:
    chat = introduced(welcome)
    gone = UnsubscribeEvent(id="gone", openid="oUser", account="gh_shop", time=BEGAN + dt.timedelta(minutes=1))
    chat.later(60)
    assert chat.send(gone) is None
    chat.later(60)
    assert chat.follow() == "怎么称呼您？"
