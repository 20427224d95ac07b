from wechat import Bot, Dialog, TextMessage, ask

bot = Bot()


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    address = yield from ask.text("送到哪里？")
    return f"好的，{fruit}送到{address}。"
