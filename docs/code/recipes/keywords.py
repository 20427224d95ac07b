import re

from wechat import Bot

bot = Bot(token="demo")

ANSWERS = {"地址": "人民路 1 号，地铁 2 号线 A 口。", "电话": "010-12345678", "WiFi": "密码：welcome"}


def saying(answer):
    return lambda: answer


for word, answer in ANSWERS.items():  # wifi, ＷＩＦＩ and " WiFi " are the same word
    bot.text(word, name=word)(saying(answer))


@bot.text(re.compile(r"订单\s*(\d+)"))  # anywhere in the text, after the exact words
def parcel(message):
    return f"订单 {message.match[1]} 已发货。"


@bot.default
def help_():
    return f"可以问我：{'、'.join(ANSWERS)}，或者发“订单 123”。"
