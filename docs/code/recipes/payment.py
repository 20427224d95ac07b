from wechat import Bot, ask, step

bot = Bot(token="demo", account="gh_0123456789ab")

ORDERS = {}  # your database: key of the step → number and openid


@step
def create(openid, cups, *, idempotency_key=""):
    """Cut off by a crash it runs again, with the same key: then the order is there already."""
    number, _ = ORDERS.setdefault(idempotency_key, (f"A{len(ORDERS) + 1}", openid))
    return number


@bot.text("买咖啡")
def buy(message):
    cups = yield ask.number("几杯？", 1, 9)
    number = yield create(message.openid, cups)
    return f'订单 {number}：<a href="https://example.com/pay/{number}">去支付</a>'


def paid(number):
    """Called by the view of your payment call-back, after it has checked the signature. It may come twice."""
    openid = next(openid for each, openid in ORDERS.values() if each == number)
    bot.wait(bot.user(openid).tell(f"订单 {number} 已支付，请稍候取餐。", key=f"paid {number}"))
