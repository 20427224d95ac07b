import sqlite3
from contextlib import closing

from wechat import Bot, Dialog, TextMessage, ask, run, step

bot = Bot(token="demo")


# --8<-- [start:save]
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


# --8<-- [end:save]
# --8<-- [start:order]
@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉", "橙子"])
    count = yield from ask.number("买几个？", 1, 99)
    if not (yield from ask.confirm(f"{count} 个{fruit}，对吗？")):
        return "好的，没有下单。"
    number = yield from save_order(message.openid, fruit, count)
    return f"下单成功，单号 {number}。"


# --8<-- [end:order]
if __name__ == "__main__":
    run(bot)
