from wechat import Bot, Dialog, TextMessage, ask, run

bot = Bot(token="demo")


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉", "橙子"])
    count = yield from ask.number("买几个？", 1, 99, retry="我们一次卖 1 到 99 个，您要几个？", tries=3)
    if not (yield from ask.confirm(f"{count} 个{fruit}，对吗？")):
        return "好的，没有下单。"
    return f"下单成功：{count} 个{fruit}。"


if __name__ == "__main__":
    run(bot)
