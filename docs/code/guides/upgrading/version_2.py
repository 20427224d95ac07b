from wechat import Bot, Dialog, TextMessage, ask

bot = Bot()


@bot.text("买水果", expire=600, version=2)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    count = yield from ask.number("买几个？", 1, 99)
    address = yield from ask.text("送到哪里？")
    return f"好的，{count} 个{fruit}送到{address}。"


# conversations that began with version 1 end with it; the next deploy may drop it
@bot.version(order, 1)
def order_before(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    address = yield from ask.text("送到哪里？")
    return f"好的，{fruit}送到{address}。"
