import signup_2017

from wechat import Bot, ask

bot = Bot.from_module(signup_2017, token="token")


@bot.text("预约")  # a dialog of today, beside those of 2017
def book(message):
    day = yield ask.date("哪天？")
    return f"{day:%m月%d日}，约好了。"


@bot.text(
    "报名", name="signup of today"
)  # takes over from the pattern; the one of 2017 has the function's name already
def signup(message):
    name = yield ask.text("怎么称呼您？")
    age = yield ask.number("您的年龄？", 1, 149)
    return f"{name}，{age} 岁，报名成功。"
