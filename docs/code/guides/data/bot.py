from wechat import Bot, Dialog, TextMessage, ask, recall

bot = Bot()


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    return f"好的，{fruit}。"


@bot.text("包裹")
def parcel(message: TextMessage) -> Dialog:
    number = yield from recall("parcel")
    return f"最近的包裹是 {number}。" if number else "没有包裹。"
