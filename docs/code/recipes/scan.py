from wechat import Bot, ask

bot = Bot(token="demo")


@bot.subscribe  # somebody who follows because of the code, or without any: then the scene is ""
@bot.scan  # somebody who follows already
def table(event):
    if not event.scene.startswith("table-"):
        return "欢迎！"
    number = event.scene.removeprefix("table-")
    dish = yield ask.choice(f"您在 {number} 号桌，吃什么？", ["面", "饭"])
    return f"{number} 号桌：{dish}，请稍候。"
