from wechat import Bot, Dialog, TextMessage, ask

bot = Bot()


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("来点什么？", ["苹果", "香蕉", "橙子"])  # one more, at the end
    address = yield from ask.text("请告诉我地址。")
    return f"好的，{fruit}送到{address}，一小时内到。"
