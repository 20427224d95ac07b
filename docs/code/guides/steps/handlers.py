from wechat import Bot, TextMessage, step

bot = Bot()


@bot.text("帮助", interrupt=True)  # a plain function: one step, in a thread
def help_(message: TextMessage) -> str:
    return "可以说：积分"


@bot.text("积分", interrupt=True)  # the same, and it says how it is tried
@step(retries=2, timeout=10)
async def points(message: TextMessage) -> str:
    return f"您有 {await count(message.openid)} 分。"


async def count(openid: str) -> int:
    return 30  # your database


@bot.on_error
def failed(message: TextMessage, error: BaseException) -> str:
    return "没有查到，请稍后再试。"
