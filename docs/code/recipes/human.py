from wechat import Bot, Transfer, ask

bot = Bot(token="demo")


@bot.text("人工", "转人工", interrupt=True)  # in the middle of any dialog, too
def human(message):
    if 9 <= message.time.hour < 18:  # in the bot's timezone
        return Transfer()  # WeChat's own customer service takes over
    return "客服 9:00–18:00 在线，请在工作时间再发“人工”。"


@bot.text("退货")
def refund(message):
    number = yield ask.text("订单号？（客服请发“人工”）", longest=20)
    return f"订单 {number} 的退货已登记。"
