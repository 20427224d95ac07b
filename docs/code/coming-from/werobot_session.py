from wechat import Bot, ask, recall, remember

bot = Bot(token="tokenhere")


@bot.text("报名")
def signup(message):
    name = yield ask.text("怎么称呼您？")
    age = yield ask.number("您的年龄？", 1, 149)
    count = yield recall("count", 0)
    yield remember("count", count + 1)
    return f"{name}，{age} 岁，第 {count + 1} 次报名成功。"
