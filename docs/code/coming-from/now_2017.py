from wechat import Bot, ask

bot = Bot(token="token")


@bot.text("报名")
def signup(message):
    name = yield ask.text("怎么称呼您？")
    age = yield ask.number("您的年龄？", 1, 149, tries=3)
    return f"{name}，{age} 岁，报名成功"


@bot.default
@bot.subscribe
def show_help():
    return "请发“报名”"
