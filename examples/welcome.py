"""Meet a new follower: whose QR code it was, a name, interests; and know them when they come back.

    wechat-dialog run welcome:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me --subscribe 1

A dialog may begin with an event, and go on with messages. What it remembers is the user's own datum: here until they
follow no more, for then it is forgotten. Who follows already and scans a code comes to the same dialog, by another
event.
"""

from __future__ import annotations

import os

from wechat import (
    Bot,
    Dialog,
    ScanEvent,
    SubscribeEvent,
    TextMessage,
    TimedOut,
    UnsubscribeEvent,
    ask,
    forget,
    link,
    recall,
    remember,
    run,
    say,
)

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))

#: which of our QR codes hangs where
SHOPS = {"1": "南京路店", "2": "淮海路店"}
TOPICS = ["新品", "优惠", "活动"]


@bot.subscribe(expire=600)
@bot.scan
def welcome(event: SubscribeEvent | ScanEvent) -> Dialog:
    if event.scene in SHOPS:
        yield from say(f"欢迎光临{SHOPS[event.scene]}！")
    name = yield from recall("name", "")
    return f"{name}，又见面了！" if name else (yield from introduction())


@bot.text("介绍", expire=600)
def introduction(message: TextMessage | None = None) -> Dialog:
    """A dialog of its own, and a part of the other one."""
    try:
        name = yield from ask.text("怎么称呼您？", longest=20)
        topics = yield from ask.choices(f"{name}，对什么感兴趣？可以选几个", TOPICS)
    except TimedOut:
        return f"不急，随时可以{link('介绍')}自己。"
    yield from remember("name", name)
    yield from remember("topics", topics)
    return f"记住了：{'、'.join(topics)}。"


@bot.unsubscribe
def goodbye(event: UnsubscribeEvent) -> Dialog:
    """Nobody reads what is said here."""
    yield from forget("name", "topics")
    return None


if __name__ == "__main__":
    run(bot)
