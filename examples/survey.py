"""A survey: four questions from the fields of a dataclass, one line of a CSV file for each person.

    wechat-dialog run survey:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me 问卷

`ask.form` asks for every field by its type. The step that appends to survey.csv does so once for each key; Excel
reads the file as it is. The threads of one worker may share a file; several workers need a database, as in
fruit_order.py.
"""

from __future__ import annotations

import csv
import dataclasses
import os
import threading
from pathlib import Path
from typing import Literal

from wechat import Bot, Dialog, TextMessage, ask, recall, remember, run, say, step

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))

FILE = Path("survey.csv")
WRITING = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Answers:
    content: Literal["满意", "一般", "不满意"] = dataclasses.field(metadata={"ask": "您对我们的服务满意吗？"})
    likes: list[str] = dataclasses.field(metadata={"ask": "喜欢哪几样？", "options": ["味道", "环境", "价格"]})
    score: int = dataclasses.field(metadata={"ask": "愿意向朋友推荐吗？请回复 0 到 10", "low": 0, "high": 10})
    wish: str = dataclasses.field(metadata={"ask": "还有什么想说的？没有就说“没有”", "longest": 200})


def cell(text: str) -> str:
    """Excel takes for a formula what begins like one, and anybody may have written it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


@step
def save(answers: Answers, idempotency_key: str = "") -> None:
    """Append a line, unless a run of this very step that was cut off has done so."""
    with WRITING:
        begun = FILE.exists()
        if begun and idempotency_key in FILE.read_text("utf-8-sig"):
            return
        with FILE.open("a", encoding="utf-8-sig", newline="") as file:
            lines = csv.writer(file)
            if not begun:
                lines.writerow(["key", "满意度", "喜欢", "推荐", "建议"])
            likes = "、".join(answers.likes)
            lines.writerow([idempotency_key, answers.content, likes, answers.score, cell(answers.wish)])


@bot.text("问卷", expire=1800)
def survey(message: TextMessage) -> Dialog:
    if (yield from recall("surveyed", False)):
        return "您已经填过了，谢谢！"
    yield from say("四个问题，一分钟。随时回复“取消”退出。")
    answers = yield from ask.form(Answers)
    yield from save(answers)
    yield from remember("surveyed", True)
    return "谢谢您！"


if __name__ == "__main__":
    run(bot)
