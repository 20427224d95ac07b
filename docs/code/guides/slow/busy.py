from wechat import Bot, Dialog, TextMessage, again, ask, step

bot = Bot()


@step
def think(text: str) -> str:
    return f"关于“{text}”，我想了很久。"


# busy="tell": an answer given before its question was read is not taken
@bot.text("报名")
def signup(message: TextMessage) -> Dialog:
    name = yield from ask.text("怎么称呼您？")
    yield from think(name)
    sure = yield from ask.confirm(f"{name}，对吗？")
    return "好的。" if sure else "没有报名。"


# a chat: whatever is typed meanwhile is the next message
@bot.text("聊天", busy="queue")
def chat(message: TextMessage) -> Dialog:
    said = yield from think(message.text)
    return again(said)
