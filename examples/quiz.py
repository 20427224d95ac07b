"""A quiz: three questions by chance, a score, and the best score of each player.

    wechat-dialog run quiz:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me 答题

`rng()` comes from the journal: a worker that takes over in the middle asks the same questions in the same order. The
best score is the user's own datum, which outlives the conversation. Whoever is too slow meets `TimedOut`, and loses
the rest.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from wechat import Bot, Dialog, TextMessage, TimedOut, ask, link, recall, remember, rng, run, say

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))


class Question(NamedTuple):
    text: str
    right: str
    wrong: tuple[str, ...]


QUESTIONS = [
    Question("中国最长的河是？", "长江", ("黄河", "珠江")),
    Question("“床前明月光”是谁写的？", "李白", ("杜甫", "白居易")),
    Question("离太阳最近的行星是？", "水星", ("金星", "火星")),
    Question("世界上最高的山峰在哪条山脉？", "喜马拉雅山", ("阿尔卑斯山", "安第斯山")),
    Question("《红楼梦》的作者是？", "曹雪芹", ("吴承恩", "罗贯中")),
]


@bot.text("答题", expire=30)
def quiz(message: TextMessage) -> Dialog:
    chance, score = rng(), 0
    yield from say("一共三题，每题 30 秒。")
    try:
        for number, question in enumerate(chance.sample(QUESTIONS, 3), 1):
            options = chance.sample([question.right, *question.wrong], 3)
            # The key: where QUESTIONS change under a quiz, an answer is not taken for that of another question.
            answer = yield from ask.choice(f"第 {number} 题：{question.text}", options, key=question.text)
            score += answer == question.right
            yield from say("答对了！" if answer == question.right else f"可惜，是{question.right}。")
    except TimedOut:
        yield from say("时间到！")
    best = yield from recall("best score", 0)
    if score > best:
        yield from remember("best score", score)
        yield from say("新纪录！")
    return f"您得了 {score} 分，最好成绩 {max(score, best)} 分。{link('答题')}"


if __name__ == "__main__":
    run(bot)
