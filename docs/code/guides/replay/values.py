import datetime as dt

from wechat import Bot, Dialog, TextMessage, step

bot = Bot()


@step
def loose():  # nothing says what it gives: what JSON makes of it
    return {"size": (3, 4), "seats": {1: "A"}, "day": dt.date(2026, 3, 8)}


@step
def exact() -> tuple[tuple[int, int], dict[int, str], dt.date]:
    return (3, 4), {1: "A"}, dt.date(2026, 3, 8)


@bot.text("看看")
def look(message: TextMessage) -> Dialog:
    before = yield from loose()
    after = yield from exact()
    return f"{before}\n{after}"
