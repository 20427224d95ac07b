import signup_2017

from wechat import Bot, ask

bot = Bot.from_module(signup_2017, token="token")


@bot.text("预约")  # a dialog of today, beside those of 2017
def book(message):
    day = yield ask.date("哪天？")
    return f"{day:%m月%d日}，约好了。"
