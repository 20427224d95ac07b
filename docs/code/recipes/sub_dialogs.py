from wechat import Bot, ask, recall, remember

bot = Bot(token="demo")


def address():
    """A part: it asks, and gives what it found out. It has no route of its own."""
    known = yield recall("address")
    if known and (yield ask.confirm(f"还是送到{known}吗？")):
        return known
    city = yield ask.choice("哪个城市？", ["北京", "上海"])
    street = yield ask.text("街道和门牌？", longest=50)
    yield remember("address", city + street)
    return city + street


@bot.text("送餐")
def deliver(message):
    where = yield from address()
    return f"饭会送到{where}。"


@bot.text("送花")
def flowers(message):
    where = yield from address()
    card = yield ask.text("卡片上写什么？", longest=30)
    return f"花会送到{where}，卡片：{card}"
