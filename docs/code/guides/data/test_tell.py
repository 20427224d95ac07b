from bot import bot
from outside import parcel_arrived, tidied_up

from wechat.testing import Chat


def test_what_is_told_goes_with_the_next_reply():
    chat = Chat(bot)
    for _ in range(2):  # called twice, told once
        bot.wait(parcel_arrived("oUser", "17"))
    assert chat.say("包裹") == "最近的包裹是 17。\n您的包裹 17 到了，在门口的柜子里。"
    assert chat.say("包裹") == "最近的包裹是 17。"


def test_what_is_told_can_be_fetched_for_a_week():
    chat = Chat(bot)
    bot.wait(parcel_arrived("oUser", "18"))
    chat.later(6 * 86400)
    assert chat.say("继续") == "您的包裹 18 到了，在门口的柜子里。"
    bot.wait(parcel_arrived("oUser", "19"))
    chat.later(8 * 86400)
    assert chat.say("包裹") == "最近的包裹是 19。"


def test_a_conversation_is_ended_from_outside():
    chat = Chat(bot)
    chat.say("买水果")
    bot.wait(tidied_up("oUser"))
    assert chat.waiting is None
    assert chat.say("继续") == "今天打烊了，明天再来。"
