import datetime as dt
import itertools

import pytest

from wechat import Bot, TextMessage, ask


def before(store):
    bot = Bot(token="test", store=store)

    @bot.text("买水果")
    def order(message):
        count = yield ask.number("买几个？", 1, 99)
        fruit = yield ask.choice("什么水果？", ["苹果", "香蕉"])
        return f"{fruit} {count} 个。"

    return bot


def after(store):
    bot = Bot(token="test", store=store)

    @bot.text("买水果")
    def order(message):
        fruit = yield ask.choice("什么水果？", ["苹果", "香蕉"])
        count = yield ask.number("买几个？", 1, 99)
        return f"{fruit} {count} 个。"

    return bot


class Phone:
    """Says something to any bot: the old one or the new one, on one store."""

    def __init__(self):
        self.ids = itertools.count(1)

    def say(self, bot, text):
        message = TextMessage(
            text=text,
            id=str(next(self.ids)),
            openid="oUser",
            account="gh_0123456789ab",
            time=dt.datetime.now(dt.timezone.utc),
        )
        reply = bot.wait(bot.deliver(message))
        return reply and reply.text


@pytest.fixture
def bots(tmp_path):
    made = [make(f"sqlite:///{tmp_path}/bot.db") for make in (before, after)]
    yield made
    for bot in made:
        bot.wait(bot.aclose())


def test_a_conversation_of_the_old_code_ends_with_one_sentence(bots):
    old, new = bots
    phone = Phone()
    assert phone.say(old, "买水果") == "买几个？"
    assert phone.say(old, "2").startswith("什么水果？")
    assert phone.say(new, "1") == "抱歉，程序更新了，刚才的对话已结束，请重新开始。"
    assert phone.say(new, "买水果").startswith("什么水果？")
