import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from wechat import Bot, Dialog, TextMessage, step

bot = Bot()


class State(Enum):
    OPEN = "open"
    PAID = "paid"


@dataclass
class Order:
    number: int
    price: Decimal
    placed: dt.datetime
    state: State = State.OPEN


@step
def open_orders(openid: str) -> list[Order]:
    return [Order(17, Decimal("12.50"), dt.datetime(2026, 3, 8, 9, 30))]  # your database


@bot.text("我的订单")
def orders(message: TextMessage) -> Dialog:
    found = yield from open_orders(message.openid)
    return "\n".join(f"{order.number} 号，{order.price} 元，{order.placed:%m月%d日}" for order in found)
