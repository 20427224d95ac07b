import re

from wechat import Bot, run

bot = Bot(token="tokenhere")


@bot.text("帮助")
def help_():
    return "请发城市名，如“天气 北京”"


@bot.text(re.compile(r"天气\s*(\S+)"))
def weather(message):
    return f"{message.match[1]}：晴"


@bot.click("HOURS")
def hours():
    return "每天 9:00–21:00"


@bot.subscribe
def hello(message):
    return "欢迎！"


@bot.default
def other(message):
    return "没有听懂。"


if __name__ == "__main__":
    run(bot)
