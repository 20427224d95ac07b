from wechat import Bot, Dialog, ImageMessage, SubscribeEvent, TextMessage, TimedOut, ask, now, remember, step

bot = Bot()


@step(retries=2)
def save_order(openid: str, fruit: str, count: int, idempotency_key: str = "") -> int:
    raise RuntimeError("no database in a test")


@step
def read_receipt(url: str) -> str:
    raise RuntimeError("no network in a test")


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    try:
        count = yield from ask.number("买几个？", 1, 99)
    except TimedOut:
        return "太久没有回复，没有下单。"
    number = yield from save_order(message.openid, fruit, count)
    yield from remember("fruit", fruit)
    return f"下单成功，单号 {number}。"


@bot.image
def receipt(message: ImageMessage) -> Dialog:
    return f"一共 {(yield from read_receipt(message.url))} 元。"


@bot.text("几点")
def clock(message: TextMessage) -> Dialog:
    return f"{now():%H:%M}"
    yield


@bot.text("帮助", interrupt=True)
def help_(message: TextMessage) -> str:
    return "可以说：买水果"


@bot.click("MENU_HELP")
def menu() -> str:
    return "可以说：买水果"


@bot.subscribe
def welcome(event: SubscribeEvent) -> str:
    return f"欢迎从{event.scene}来！" if event.scene else "欢迎！"
