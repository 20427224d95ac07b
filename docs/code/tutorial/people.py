import sqlite3
from contextlib import closing

from wechat import Bot, Cancelled, Dialog, Message, SubDialog, TextMessage, TimedOut, WentBack, ask, link, run, step

bot = Bot(token="demo", cancel=("取消", "退出", "不买了"))


TABLE = """CREATE TABLE IF NOT EXISTS orders
           (number INTEGER PRIMARY KEY, openid, fruit, count, key UNIQUE)"""
SAVE = "INSERT OR IGNORE INTO orders (openid, fruit, count, key) VALUES (?, ?, ?, ?)"
NUMBER = "SELECT number FROM orders WHERE key = ?"


@step
def save_order(openid: str, fruit: str, count: int, idempotency_key: str = "") -> int:
    with closing(sqlite3.connect("orders.db")) as db, db:
        db.execute(TABLE)
        db.execute(SAVE, (openid, fruit, count, idempotency_key))
        (number,) = db.execute(NUMBER, (idempotency_key,)).fetchone()
        return int(number)


# --8<-- [start:order]
@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    try:
        fruit, count = yield from which()
    except Cancelled:
        return f"好的，想买的时候再说{link('买水果')}。"
    except TimedOut:
        return f"您离开了一会儿，订单没有保留。{link('买水果')}"
    number = yield from save_order(message.openid, fruit, count)
    return f"下单成功，单号 {number}。"


# --8<-- [end:order]
# --8<-- [start:which]
def which() -> SubDialog[tuple[str, int]]:
    while True:
        fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉", "橙子"])
        try:
            count = yield from ask.number("买几个？（“返回”换一种）", 1, 99, back=True)
        except WentBack:
            continue
        return fruit, count


# --8<-- [end:which]
# --8<-- [start:beside]
@bot.text("帮助", interrupt=True)  # also in the middle of an order
def help_(message: TextMessage) -> str:
    return f"可以说：{link('买水果')}。不想买了，回复“取消”。"


@bot.subscribe  # somebody follows
@bot.default  # whatever no other route takes
def welcome(message: Message) -> str:
    return f"您好！回复{link('买水果')}下单，回复{link('帮助')}看看能说什么。"


# --8<-- [end:beside]
if __name__ == "__main__":
    run(bot)
