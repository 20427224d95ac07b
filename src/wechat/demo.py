"""The demo bot: what can be said to it is in 帮助.

It begins with the conversations of the article of 2017, word for word, and goes on with what was not to be had then.
"""

from __future__ import annotations

import os
import re
from typing import Any

import anyio

from . import (
    Article,
    Bot,
    Cancelled,
    ClickEvent,
    Dialog,
    ImageMessage,
    Message,
    News,
    Reroute,
    Router,
    SubscribeEvent,
    TextMessage,
    again,
    ask,
    link,
    now,
    recall,
    remember,
    rng,
    say,
    step,
)

routes = Router("demo")

ILLEGAL = '输入不合法！我们需要一个整数，请输入"开始"重新开启累加器'


# ---- the article's opening scene ------------------------------------------------------------------------------------


@routes.default
def show_help(message: Message) -> str:
    return f"你发{message.text or '这个'}给我干嘛呀？这里是一段帮助信息..."


@routes.text("那你问我一个问题吧")
def fruit(message: TextMessage) -> Dialog:
    name = yield "请发送一个水果名字"
    return f"给你一个{name}=￣ω￣="


# ---- the article's accumulator --------------------------------------------------------------------------------------


@routes.text("累加器", "开始")
def accumulator(message: TextMessage) -> Dialog:
    num_count = yield "您需要累加几个数字？"
    try:
        num_count = int(num_count)
    except ValueError:
        return ILLEGAL
    res = 0
    for i in range(num_count):
        num = yield f"请输入第{i + 1}个数字, 目前累加和:{res}"
        try:
            num = int(num)
        except ValueError:
            return ILLEGAL
        res += num
    return f"累加结束，累加和: {res}"


# ---- what a conversation remembers ----------------------------------------------------------------------------------


@routes.text("会话记录")
def context(message: TextMessage) -> Dialog:
    began = now()
    said = yield f"从 {began:%H:%M:%S} 开始记录会话，回复“结束”结束"
    while said != "结束":
        said = yield f"您在 {began:%H:%M:%S} 开始的会话里说：{said}"
    return f"{began:%H:%M:%S} 开始的会话结束了"


@routes.text("会话菜单")
def menu(message: TextMessage) -> Dialog:
    choice = yield "菜单：\n1. 苹果\n2. 香蕉\n回复数字选择，回复别的会直接跳转，比如回复“累加器”会直接开始累加。"
    if choice == "1":
        return "您选择的是：苹果"
    if choice == "2":
        return "您选择的是：香蕉"
    raise Reroute  # silently: whatever else was said begins what it would have begun


@routes.text("github")
def github(message: TextMessage) -> News:
    return News(
        Article(
            "wechat-dialog",
            "https://github.com/arthurmmm/wechat-dialog",
            "python + redis 让微信公众号根据上下文回复用户消息",
        )
    )


# ---- what was not to be had in 2017 ---------------------------------------------------------------------------------


@routes.subscribe
def welcome(event: SubscribeEvent) -> Dialog:
    visits = (yield from recall("visits", 0)) + 1
    yield from remember("visits", visits)
    if visits > 1:
        yield from say(f"欢迎第 {visits} 次回来！")
    return f"欢迎关注！回复 {link('帮助')} 看看我会什么。"


@routes.text("猜数字", expire=600)
def guess(message: TextMessage) -> Dialog:
    """A random number that survives a restart: it comes from the journal."""
    secret = rng().randint(1, 100)
    number = yield from ask.number("我想好了一个 1 到 100 的整数，猜猜看！", 1, 100)
    tries = 1
    while number != secret:
        number = yield from ask.number("小了" if number < secret else "大了", 1, 100)
        tries += 1
    return f"猜对了，就是 {secret}！用了 {tries} 次。"


@step
def save_order(fruit: str, count: int, *, idempotency_key: str = "") -> str:
    """Once for every order, however often the dialog is replayed."""
    return f"{fruit[:1]}{count}-{idempotency_key[:6]}"


@routes.text("买水果", expire=600)
def order(message: TextMessage) -> Dialog:
    try:
        fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
        count = yield from ask.number("买几个？", 1, 99)
        if not (yield from ask.confirm(f"{count} 个{fruit}，对吗？")):
            return "好的，没有下单。"
    except Cancelled:
        return "好的，不买了。"
    number = yield from save_order(fruit, count)
    return f"下单成功，单号 {number}"


@routes.text("拍照")
def photo(message: TextMessage) -> Dialog:
    picture = yield from ask("请发一张照片", accept=ImageMessage, timeout=300)
    return f"收到照片：{picture.url}"


@step
def points(openid: str) -> int:
    return 100 + sum(map(ord, openid)) % 100


@routes.click("MY_POINTS")
def my_points(event: ClickEvent) -> Dialog:
    """Ends in its first turn, so a conversation that waits goes on as it was."""
    total = yield from points(event.openid)
    return f"您有 {total} 分"


@routes.text(re.compile(r"^复读\s*(.*)"))
def parrot(message: TextMessage, said: int = 0) -> Dialog:
    """Endless, and as short as one turn: its journal starts afresh each time."""
    if said and message.text == "停":
        return f"复读了 {said} 次，再见"
    text = message.text if said else message.match[1]
    return again(f"{text or '（什么也没说）'}\n回复“停”结束", said=said + 1)
    yield


@step
async def ponder(question: str) -> str:
    """Takes as long as a language model that has much to say."""
    await anyio.sleep(20)
    return f"「{question}」我想了二十秒：先睡一觉，明天再说。"


@routes.text("慢慢想")
def slow(message: TextMessage) -> Dialog:
    """WeChat waits five seconds, three times; then the user fetches the answer, whatever happens to the worker meanwhile."""
    question = yield from ask.text("想问什么？我要想二十秒，比微信肯等的时间长。")
    return (yield from ponder(question))


@routes.text("帮助", interrupt=True)
def help_(message: TextMessage) -> str:
    """May be asked in the middle of everything."""
    words = ("累加器", "会话记录", "会话菜单", "猜数字", "买水果", "慢慢想", "拍照", "github")
    return "可以说：" + " ".join(map(link, words)) + "\n随时回复“取消”结束当前对话。"


def make_bot(token: str = "demo", store: Any = None, **settings: Any) -> Bot:
    """The demo bot, on a store of its own."""
    bot = Bot(token, store=store, **settings)
    bot.include(routes)
    return bot


#: of an account that there is not: so that the page can show both modes
KEY, APPID = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx0123456789abcdef"


def served(store: str | None = None) -> Bot:
    """The demo bot as the command serves it: with what the environment says, and else as suits a try."""
    token = os.environ.get("WECHAT_TOKEN") or "demo"
    if os.environ.get("WECHAT_AES_KEY"):
        return make_bot(token, store)
    return make_bot(token, store, aes_key=KEY, appid=APPID, plaintext=True)
