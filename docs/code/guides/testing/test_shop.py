# --8<-- [start:setup]
import datetime as dt

import pytest
from shop import bot, read_receipt, save_order

from wechat import StepFailed
from wechat.testing import Chat


@pytest.fixture
def orders():
    return []


@pytest.fixture
def chat(orders):
    def save(openid, fruit, count):
        orders.append((openid, fruit, count))
        return len(orders)

    return Chat(bot, steps={save_order: save, read_receipt: lambda url: "12.50"})


# --8<-- [end:setup]


# --8<-- [start:talk]
def test_an_order(chat, orders):
    assert chat.say("买水果") == "想买什么水果？\n1. 苹果\n2. 香蕉"
    assert chat.tap("香蕉") == "买几个？"
    assert chat.say("两个") == "下单成功，单号 1。"
    assert orders == [("oUser", "香蕉", 2)]
    assert chat.waiting is None


@pytest.mark.parametrize("said", ["1", "苹果", "第一个", "一"])
def test_a_fruit_is_chosen_in_many_ways(chat, said):
    chat.say("买水果")
    assert chat.say(said) == "买几个？"


# --8<-- [end:talk]


# --8<-- [start:time]
def test_who_answers_too_late_has_ordered_nothing(chat, orders):
    chat.say("买水果")
    chat.say("苹果")
    chat.later(601)
    assert chat.say("两个") == "太久没有回复，没有下单。"
    assert orders == []


def test_the_time_of_day():
    chat = Chat(bot, now=dt.datetime(2026, 3, 8, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=8))))
    assert chat.say("几点") == "09:30"
    chat.later(3600)
    assert chat.say("几点") == "10:30"


# --8<-- [end:time]


# --8<-- [start:crash]
def test_it_goes_on_after_a_crash(chat):
    chat.say("买水果")
    chat.crash()
    assert chat.say("苹果") == "买几个？"


def test_a_crash_in_the_middle_of_a_step(chat, orders):
    chat.say("买水果")
    chat.say("苹果")
    chat.slow(save_order, 20)
    assert chat.say("2") == "正在思考… 继续"
    chat.crash()  # its result is not on record yet
    chat.slow(save_order, 0)
    chat.later(10)  # the dead worker's lease runs out
    assert chat.tap("继续") == "回复“2”：\n下单成功，单号 2。"
    assert len(orders) == 2  # it ran again: the real one would see the same idempotency key


# --8<-- [end:crash]


# --8<-- [start:slow]
def test_a_receipt_that_takes_twelve_seconds_is_held(chat):
    chat.slow(read_receipt, 12)
    assert chat.image() == "一共 12.50 元。"


def test_a_receipt_that_takes_a_minute_is_fetched(chat):
    chat.slow(read_receipt, 60)
    assert chat.image() == "正在思考… 继续"
    chat.later(60)
    assert chat.tap("继续") == "一共 12.50 元。"


# --8<-- [end:slow]


# --8<-- [start:fails]
def down(openid, fruit, count):
    raise ConnectionError("refused")


def test_a_bug_is_raised_where_it_happens():
    chat = Chat(bot, steps={save_order: down})
    chat.say("买水果")
    chat.say("苹果")
    with pytest.raises(StepFailed, match="ConnectionError: refused"):
        chat.say("2")


def test_what_the_user_reads_when_the_database_is_down():
    chat = Chat(bot, steps={save_order: down}, raises=False)
    chat.say("买水果")
    chat.say("苹果")
    assert chat.say("2") == "抱歉，出错了，请稍后再试。"
    assert chat.waiting is None


# --8<-- [end:fails]


# --8<-- [start:kinds]
def test_other_kinds_of_messages(chat):
    assert chat.follow() == "欢迎！"
    assert chat.follow("海报") == "欢迎从海报来！"
    assert chat.click("MENU_HELP") == "可以说：买水果"
    assert chat.image("http://example.com/receipt.jpg") == "一共 12.50 元。"
    assert chat.voice(recognition="买水果") == "想买什么水果？\n1. 苹果\n2. 香蕉"
    assert chat.location(30.25, 120.17, label="西湖") == "请回复文字。\n想买什么水果？\n1. 苹果\n2. 香蕉"


def test_help_in_the_middle_of_an_order(chat):
    chat.say("买水果")
    assert chat.say("帮助") == "可以说：买水果"
    assert chat.waiting == "order"


def test_two_users(chat, orders):
    other = chat.other("oOther")
    chat.say("买水果")
    assert other.say("苹果") is None  # this one asked for nothing
    other.say("买水果")
    other.say("苹果")
    other.say("1")
    assert orders == [("oOther", "苹果", 1)]


# --8<-- [end:kinds]


# --8<-- [start:data]
def test_what_is_remembered(chat):
    user = bot.user("oUser")
    chat.say("买水果")
    chat.say("苹果")
    assert bot.wait(user.recall("fruit")) is None
    chat.say("2")
    assert bot.wait(user.recall("fruit")) == "苹果"


# --8<-- [end:data]
