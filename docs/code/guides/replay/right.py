import datetime as dt

from wechat import Bot, Dialog, TextMessage, ask, log, now, rng, say, step

bot = Bot()


@step
def note(name: str, number: int) -> None:
    with open("winners.txt", "a", encoding="utf-8") as file:
        file.write(f"{name} {number}\n")


@bot.text("抽奖")
def draw(message: TextMessage) -> Dialog:
    began = now()
    number = rng().randint(1, 100)
    name = yield from ask.text("怎么称呼您？")
    yield from say(f"{name}，您好。")
    yield from note(name, number)
    log.info("drawn after %s", now() - began)
    return f"您的号码是 {number}，{now() + dt.timedelta(days=7):%m月%d日}前有效。"
