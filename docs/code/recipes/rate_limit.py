from wechat import Bot

bot = Bot(token="demo")

MOST = 10  # messages a minute


@bot.before
async def limited(message):
    if message.kind == "event":
        return None
    user, minute = bot.user(message.openid), f"rate {message.created // 60}"
    count = await user.recall(minute, 0) + 1
    await user.remember(minute, count, expire=120)
    return "您发得太快了，请过一会儿再试。" if count > MOST else None


@bot.default
def echo(message):
    return message.text
