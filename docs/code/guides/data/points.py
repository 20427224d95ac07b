from wechat import Bot, Dialog, TextMessage, ask, forget, recall, remember

bot = Bot()


@bot.text("签到")
def check_in(message: TextMessage) -> Dialog:
    if (yield from recall("today", False)):
        return "今天签过到了。"
    points = yield from recall("points", 0)
    yield from remember("points", points + 1)
    yield from remember("today", True, expire=12 * 3600)
    return f"签到成功，您有 {points + 1} 分。"


@bot.text("清零")
def reset(message: TextMessage) -> Dialog:
    yield from remember("asked", True)  # written with the question
    if not (yield from ask.confirm("积分和签到都清掉，对吗？")):
        return "好的，没有清。"
    yield from forget("points", "today")
    return "清掉了。"
