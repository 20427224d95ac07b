import pytest
from bot import bot, save_order

from wechat.testing import Chat


@pytest.fixture
def chat(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where orders.db is written
    return Chat(bot)


# --8<-- [start:talk]
def test_an_order(chat):
    assert chat.say("买水果") == "想买什么水果？\n1. 苹果\n2. 香蕉\n3. 橙子"
    assert chat.tap("香蕉") == "买几个？（“返回”换一种）"
    assert chat.say("一百个") == "请回复 1 到 99 的整数"
    assert chat.say("两个") == "下单成功，单号 1。"
    assert chat.waiting is None


# --8<-- [end:talk]
# --8<-- [start:trouble]
def test_an_order_survives_a_crash(chat):
    chat.say("买水果")
    chat.crash()  # the worker dies, and another one goes on
    assert chat.say("第二个") == "买几个？（“返回”换一种）"


def test_an_order_that_is_left(chat):
    chat.say("买水果")
    chat.later(601)
    assert chat.say("苹果").startswith("您离开了一会儿，订单没有保留。")


def test_a_database_that_takes_twenty_seconds(chat):
    chat.say("买水果")
    chat.say("苹果")
    chat.slow(save_order, 20)
    assert chat.say("3") == "正在思考… 继续"
    chat.later(20)
    assert chat.tap("继续") == "回复“3”：\n下单成功，单号 1。"


# --8<-- [end:trouble]
# --8<-- [start:fake]
def test_without_the_database():
    chat = Chat(bot, steps={save_order: lambda openid, fruit, count: 7})
    chat.say("买水果")
    chat.say("苹果")
    assert chat.say("3") == "下单成功，单号 7。"


# --8<-- [end:fake]
# --8<-- [start:others]
def test_others(chat):
    assert chat.follow().startswith("您好！")
    assert chat.image().startswith("您好！")
    chat.say("买水果")
    assert chat.other("oSomebodyElse").say("帮助").startswith("可以说")
    assert chat.waiting == "order"


# --8<-- [end:others]
