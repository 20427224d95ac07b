"""A form, and what happens when the user taps the account's menu in the middle of it.

    wechat-dialog run menu:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me 报名
    wechat-dialog send http://127.0.0.1:8000/wechat --user me --click HOURS

- HOURS, a plain function, answers beside the form, which waits on.
- POINTS, a dialog that ends at once, does so, too; the question is shown again.
- REPORT, a dialog that asks something itself, takes the place of the form, and says so.
- 帮助, a route with `interrupt=True`, is a text that does not answer the form.

The keys are those of the buttons of type click in your menu (自定义菜单).
"""

from __future__ import annotations

import os

from wechat import Bot, ClickEvent, Dialog, TextMessage, ask, link, recall, remember, run

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))


@bot.text("报名", expire=600)
def signup(message: TextMessage) -> Dialog:
    name = yield from ask.text("报名人的姓名？", longest=20)
    phone = yield from ask.phone("手机号？")
    points = yield from recall("points", 0)
    yield from remember("points", points + 10)
    return f"{name}（{phone[:3]}****{phone[-4:]}）报名成功，积 10 分。"


@bot.click("HOURS")
def hours() -> str:
    return "每天 9:00–21:00"


@bot.click("POINTS")
def points(event: ClickEvent) -> Dialog:
    total = yield from recall("points", 0)
    return f"您有 {total} 分。"


@bot.click("REPORT")
def report(event: ClickEvent) -> Dialog:
    where = yield from ask.choice("哪里有问题？", ["报名", "积分", "其他"])
    trouble = yield from ask.text("请说说是什么问题：", longest=200)
    return f"收到（{where}：{trouble}），我们会尽快处理。"


@bot.text("帮助", interrupt=True)
def help_() -> str:
    return f"回复 {link('报名')} 参加活动，回复 {link('取消')} 结束当前的对话。"


if __name__ == "__main__":
    run(bot)
