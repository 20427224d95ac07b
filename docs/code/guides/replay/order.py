from wechat import Bot, Dialog, TextMessage, ask, step

bot = Bot()


@step
def save_order(fruit: str) -> int:
    return 17  # your database


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    number = yield from save_order(fruit)
    address = yield from ask.text(f"单号 {number}，送到哪里？")
    return f"好的，{fruit}送到{address}。"
