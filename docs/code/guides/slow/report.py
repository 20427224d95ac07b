from wechat import Bot, Dialog, TextMessage, ask, step

bot = Bot()


@step(timeout=120)
def report(year: int) -> str:
    return f"{year} 年您一共买了 38 次。"  # half a minute of work


@bot.text("年报")
def yearly(message: TextMessage) -> Dialog:
    year = yield from ask.number("哪一年？", 2017, 2026)
    text = yield from report(year)
    return text
