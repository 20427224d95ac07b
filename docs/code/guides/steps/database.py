import sqlite3
from contextlib import closing

from wechat import Bot, Dialog, TextMessage, ask, step

bot = Bot()
TABLE = """
    CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, key TEXT UNIQUE, fruit TEXT)
"""
INSERT = "INSERT INTO orders (key, fruit) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
NUMBER = "SELECT number FROM orders WHERE key = ?"


@step(retries=2)
def save_order(fruit: str, idempotency_key: str = "") -> int:
    with closing(sqlite3.connect("orders.db")) as database, database:
        database.execute(TABLE)
        database.execute(INSERT, (idempotency_key, fruit))
        [number] = database.execute(NUMBER, (idempotency_key,)).fetchone()
    return number


@bot.text("买水果")
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    number = yield from save_order(fruit)
    return f"下单成功，单号 {number}。"
