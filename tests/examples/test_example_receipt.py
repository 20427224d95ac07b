"""The receipt: what takes longer than WeChat waits."""

from __future__ import annotations

from decimal import Decimal
from types import ModuleType

import pytest
from loaded import load

from wechat.testing import Chat


@pytest.fixture
def receipt() -> ModuleType:
    return load("receipt")


def slow(receipt: ModuleType, total: Decimal | None = Decimal("12.50")) -> Chat:
    chat = Chat(receipt.bot, steps={receipt.read_total: lambda url: total})
    chat.slow(receipt.read_total, 20)
    return chat


def test_a_photo_is_read_while_the_user_waits_and_its_total_is_confirmed(receipt: ModuleType) -> None:
    chat = slow(receipt)
    assert chat.say("报销") == "请拍一张小票发过来。"
    assert chat.say("在路上") == "请回复图片。\n请拍一张小票发过来。"
    assert chat.image() == "正在思考… 继续"
    chat.later(10)
    assert chat.tap("继续") == "合计 12.50 元，对吗？\n1. 是\n2. 否"
    assert chat.tap("是") == "已登记 12.50 元。"


def test_who_does_not_wait_gets_the_question_with_the_next_reply(receipt: ModuleType) -> None:
    chat = slow(receipt)
    chat.image()
    chat.later(20)
    said = chat.say("好了吗")
    assert said == "（没有收下，请看完问题再回复一次）\n合计 12.50 元，对吗？\n1. 是\n2. 否"
    assert chat.say("是") == "已登记 12.50 元。"


def test_a_total_that_was_misread_is_corrected(receipt: ModuleType) -> None:
    chat = Chat(receipt.bot, steps={receipt.read_total: lambda url: Decimal("1250")})
    assert chat.image() == "合计 1250.00 元，对吗？\n1. 是\n2. 否"
    chat.crash()
    assert chat.say("不对") == "请回复金额："
    assert chat.say("12块五") == "已登记 12.50 元。"


def test_a_worker_that_dies_while_it_reads_is_followed_by_one_that_reads_again(receipt: ModuleType) -> None:
    chat = slow(receipt)
    assert chat.image() == "正在思考… 继续"
    chat.crash()
    chat.later(10)
    assert chat.tap("继续") == "正在思考… 继续"
    chat.later(20)
    assert chat.tap("继续") == "合计 12.50 元，对吗？\n1. 是\n2. 否"


@pytest.mark.parametrize(
    ("url", "text", "asked"),
    [
        ("data:,photo", "牛奶 8.50\n合计：¥12.50", "合计 12.50 元，对吗？\n1. 是\n2. 否"),
        ("data:,photo", "合计 7元", "合计 7.00 元，对吗？\n1. 是\n2. 否"),
        ("data:,photo", "（模糊）", "没有看清合计金额。\n请回复金额："),
        ("data:,another", "合计 7元", "没有看清合计金额。\n请回复金额："),
        ("no address", "合计 7元", "没有看清合计金额。\n请回复金额："),
    ],
)
def test_the_photo_is_fetched_and_its_text_read(receipt: ModuleType, url: str, text: str, asked: str) -> None:
    receipt.read_text = {b"photo": text}.__getitem__
    assert Chat(receipt.bot).image(url) == asked
