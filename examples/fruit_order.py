"""Order fruit: each order is one row of a database, whenever the worker dies.

    wechat-dialog run fruit_order:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me 买水果

A step whose result is on record never runs again. One that was cut off does, and nobody knows whether its transaction
was committed; but it runs with the same `idempotency_key`, and the database takes a key once. 我的订单 lists what was
ordered.

Needs SQLAlchemy 2 (pip install sqlalchemy). Orders are kept in orders.db, or where ORDERS_URL says.
"""

from __future__ import annotations

import functools
import os

from sqlalchemy import Engine, String, create_engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from wechat import Bot, Dialog, TextMessage, ask, link, run, step

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    number: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    openid: Mapped[str] = mapped_column(String(64), index=True)
    fruit: Mapped[str] = mapped_column(String(16))
    count: Mapped[int]


@functools.cache
def database() -> Engine:
    """Opened by the first step that needs it, not by an import: a worker process may be forked after that."""
    engine = create_engine(os.environ.get("ORDERS_URL", "sqlite:///orders.db"))
    Base.metadata.create_all(engine)
    return engine


@step(retries=2)
def save_order(openid: str, fruit: str, count: int, idempotency_key: str = "") -> int:
    """The number of the order, which may have been saved already, by a run of this very step that was cut off."""
    with Session(database()) as session:
        session.add(Order(key=idempotency_key, openid=openid, fruit=fruit, count=count))
        try:
            session.commit()
        except IntegrityError:
            session.rollback()
        return session.scalars(select(Order.number).where(Order.key == idempotency_key)).one()


@bot.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉", "橙子"])
    count = yield from ask.number("买几个？", 1, 99)
    if not (yield from ask.confirm(f"{count} 个{fruit}，对吗？")):
        return f"好的，没有下单。{link('买水果')}"
    number = yield from save_order(message.openid, fruit, count)
    return f"下单成功，单号 {number}。{link('我的订单')}"


@bot.text("我的订单", interrupt=True)
def my_orders(message: TextMessage) -> str:
    """A plain function runs in a thread of its own, so it may ask the database."""
    with Session(database()) as session:
        orders = session.scalars(select(Order).where(Order.openid == message.openid).order_by(Order.number)).all()
    return "\n".join(f"{order.number} 号：{order.count} 个{order.fruit}" for order in orders) or "还没有订单。"


if __name__ == "__main__":
    run(bot)
