from wechat import Bot, step, stream

bot = Bot(token="demo")

AI = {"chat"}  # the names of the dialogs whose texts a model writes


@step
async def model(question):  # your model's client; see examples/llm.py
    yield "春天来了，"
    yield "花开了。"


@bot.default
def chat(message):
    yield stream(model(message.text))


@bot.text("地址")
def address():
    return "人民路 1 号"


@bot.after(pieces=True)  # without pieces=True nothing is shown before the text is complete
def labelled(turn):
    if turn.dialog not in AI or not isinstance(turn.reply, str) or turn.outcome == "unfinished":
        return turn.reply
    return f"{turn.reply}\n（内容由 AI 生成）"
