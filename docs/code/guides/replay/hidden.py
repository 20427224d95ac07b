from wechat import Bot, ask

bot = Bot()
names = []  # belongs to one process, and to all users of it


@bot.text("排队")
def queue(message):
    name = yield ask.text("怎么称呼您？")
    names.append(name)
    sure = yield ask.confirm(f"{name}，您是第 {len(names)} 位，排吗？")
    return "好的。" if sure else "下次再来。"
