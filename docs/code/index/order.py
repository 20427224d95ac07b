from wechat import Bot, Dialog, TextMessage, ask, run, step

bot = Bot(token="demo")


@step  # done once, however often the dialog is replayed
def save_order(fruit: str, count: int) -> str:
    return f"{fruit}{count}"  # your database


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    count = yield from ask.number("买几个？", 1, 99)
    order_id = yield from save_order(fruit, count)
    return f"下单成功，单号 {order_id}"


if __name__ == "__main__":
    run(bot)
