"""Fruit: an order is one row, though its worker died between the commit and the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from loaded import load
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from wechat.testing import Chat


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setenv("ORDERS_URL", f"sqlite:///{tmp_path}/shop.db")
    module = load("fruit_order")
    yield module
    module.database().dispose()


def orders(shop: ModuleType) -> list[tuple[int, str, str, int]]:
    with Session(shop.database()) as session:
        return [(o.number, o.openid, o.fruit, o.count) for o in session.scalars(select(shop.Order))]


def inserts(shop: ModuleType) -> list[str]:
    """What was sent to the database to be inserted, from now on."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        if statement.startswith("INSERT"):
            sent.append(statement)

    event.listen(shop.database(), "before_cursor_execute", note)
    return sent


def until_confirmed(chat: Chat) -> None:
    chat.say("买水果")
    chat.say("苹果")
    assert chat.say("两个") == "2 个苹果，对吗？\n1. 是\n2. 否"


def test_orders_are_placed_and_listed(shop: ModuleType) -> None:
    chat = Chat(shop.bot)
    assert chat.say("我的订单") == "还没有订单。"
    assert chat.say("买水果") == "想买什么水果？\n1. 苹果\n2. 香蕉\n3. 橙子"
    assert chat.tap("香蕉") == "买几个？"
    assert chat.say("一百") == "请回复 1 到 99 的整数"
    chat.crash()
    assert chat.say("两个") == "2 个香蕉，对吗？\n1. 是\n2. 否"
    assert chat.tap("是") == "下单成功，单号 1。我的订单"
    assert chat.tap("我的订单") == "1 号：2 个香蕉"
    until_confirmed(chat)
    assert chat.say("对") == "下单成功，单号 2。我的订单"
    assert chat.tap("我的订单") == "1 号：2 个香蕉\n2 号：2 个苹果"
    assert chat.other("oOther").say("我的订单") == "还没有订单。"


def test_an_order_that_is_refused_is_not_saved(shop: ModuleType) -> None:
    chat = Chat(shop.bot)
    until_confirmed(chat)
    assert chat.tap("否") == "好的，没有下单。买水果"
    assert chat.tap("买水果") == "想买什么水果？\n1. 苹果\n2. 香蕉\n3. 橙子"
    assert orders(shop) == []


def test_orders_are_listed_in_the_middle_of_another(shop: ModuleType) -> None:
    chat = Chat(shop.bot)
    chat.say("买水果")
    assert chat.say("我的订单") == "还没有订单。"
    assert chat.say("橙子") == "买几个？"


def test_a_worker_that_dies_after_the_commit_leaves_one_row_and_the_user_gets_its_number(shop: ModuleType) -> None:
    sent, chat = inserts(shop), Chat(shop.bot)
    until_confirmed(chat)
    chat.slow(shop.save_order, 20)
    assert chat.tap("是") == "正在思考… 继续"
    assert orders(shop) == [(1, "oUser", "苹果", 2)]  # committed, and the result is not on record
    chat.crash()
    chat.slow(shop.save_order, 0)
    chat.later(10)
    assert chat.tap("继续") == "回复“是”：\n下单成功，单号 1。我的订单"
    assert len(sent) == 2  # it did run again
    assert orders(shop) == [(1, "oUser", "苹果", 2)]
