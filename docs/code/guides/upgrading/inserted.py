from wechat import Bot, Dialog, TextMessage, ask

bot = Bot()


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    count = yield from ask.number("买几个？", 1, 99)  # new
    address = yield from ask.text("送到哪里？")
    return f"好的，{count} 个{fruit}送到{address}。"
