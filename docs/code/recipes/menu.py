from wechat import Bot, ask, link

bot = Bot(token="demo")


@bot.click("HOURS")  # the key of a button of type click in 自定义菜单
@bot.text("营业时间", interrupt=True)
def hours():
    return "每天 9:00–21:00"


@bot.click("BOOK")
@bot.text("订座")
def book(message):
    guests = yield ask.number("几位？", 1, 20)
    return f"好的，{guests} 位。"


@bot.text("菜单", "你好")  # the menu of an account that has none
@bot.subscribe
def menu():
    return f"您可以：\n{link('订座')}\n{link('营业时间')}"
