import os
from pathlib import Path

from wechat import Bot, Dialog, TextMessage, ask, step

bot = Bot()
LETTERS = Path("letters")


@step
def keep(text: str, idempotency_key: str = "") -> str:
    LETTERS.mkdir(exist_ok=True)
    there = LETTERS / f"{idempotency_key}.txt"
    unfinished = there.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, there)  # whole or not at all; again: the same file once more
    return there.name


@bot.text("留言")
def letter(message: TextMessage) -> Dialog:
    text = yield from ask.text("请说。", longest=500)
    yield from keep(text)
    return "收到了，谢谢。"
