from wechat import Bot, Dialog, TextMessage, ask

bot = Bot()


@bot.text("寄件", expire=600)
def send(message: TextMessage) -> Dialog:
    receiver = yield from ask.text("收件人？", key="receiver")
    sender = yield from ask.text("寄件人？", key="sender")
    return f"{sender} 寄给 {receiver}。"
