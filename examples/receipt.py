"""Send a photo of a receipt: reading it takes longer than WeChat waits, and nobody has to care.

    wechat-dialog run receipt:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me --image data:,photo

Recognising text takes ten or twenty seconds. The dialog is written as if it took none: the user sees 「正在思考… 继续」, and
a tap on 继续 brings the question. Put your own text recognition into `read_text`.
"""

from __future__ import annotations

import os
import re
import time
from decimal import Decimal
from urllib.request import urlopen

from wechat import Bot, Dialog, ImageMessage, Message, StepFailed, ask, run, say, step

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))


def read_text(photo: bytes) -> str:
    """The text in a picture: stands in for the program or the service that you use."""
    time.sleep(20)
    return "好邻居便利店\n牛奶 8.50\n面包 4.00\n合计：12.50"


@step(timeout=120, retries=1)
def read_total(url: str) -> Decimal | None:
    """The total of the receipt at that address; None: there is none to be read."""
    with urlopen(url, timeout=10) as photo:
        text = read_text(photo.read())
    total = re.search(r"合计\D*(\d+(?:\.\d\d?)?)", text)
    return Decimal(total[1]) if total else None


@bot.image
@bot.text("报销", expire=600)
def claim(message: Message) -> Dialog:
    photo = message if isinstance(message, ImageMessage) else (yield from ask.photo("请拍一张小票发过来。"))
    try:
        total = yield from read_total(photo.url)
    except StepFailed:
        total = None
    if total is None:
        yield from say("没有看清合计金额。")
    if total is None or not (yield from ask.confirm(f"合计 {total:.2f} 元，对吗？")):
        total = yield from ask.amount("请回复金额：", Decimal("0.01"), 5000)
    return f"已登记 {total:.2f} 元。"


if __name__ == "__main__":
    run(bot)
