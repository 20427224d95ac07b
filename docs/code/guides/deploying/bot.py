from wechat import Bot, Dialog, TextMessage, ask

bot = Bot()


@bot.text("报名")
def signup(message: TextMessage) -> Dialog:
    name = yield from ask.text("怎么称呼您？")
    return f"{name}，报名成功。"
