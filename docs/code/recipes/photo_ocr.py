from urllib.request import urlopen

from wechat import Bot, ask, step

bot = Bot(token="demo")


def recognised(picture):
    """Your OCR."""
    return "总计 28.00"


@step(retries=2, timeout=20)
def read(url):
    with urlopen(url, timeout=10) as answer:
        return recognised(answer.read())


@bot.image
def receipt(message):
    text = yield read(message.url)
    if (yield ask.confirm(f"读到：{text}\n对吗？")):
        return "已记账。"
    amount = yield ask.amount("那么是多少钱？")
    return f"已记账 {amount} 元。"
