from wechat import Bot

bot = Bot(token="demo")

ADMINS = {"oAdmin"}


@bot.before
async def blocked(message):
    words = message.text.split()
    if message.openid in ADMINS and len(words) == 2 and words[0] in ("拉黑", "放行"):
        await bot.user(words[1]).remember("blocked", words[0] == "拉黑")
        return f"已{words[0]} {words[1]}"
    if await bot.user(message.openid).recall("blocked", False):
        return "您暂时不能使用本服务。"
    return None


@bot.default
def echo(message):
    return message.text
