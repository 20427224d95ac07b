"""Hand the user over to a human, on an account of any kind.

    wechat-dialog run human:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me 人工
    python human.py me 1001 您好，我是小王

Where the account has WeChat's customer service (set HAS_AGENTS=1), the reply is `Transfer()`, and WeChat does the
rest. Where it has not, nobody can write to the user first: each message is shown to you, and what you answer from a
second terminal is told with the next reply, or when the user taps 继续. 结束 leaves.
"""

from __future__ import annotations

import os
import sys

from wechat import Bot, Dialog, TextMessage, Transfer, again, link, run, step

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))

HAS_AGENTS = os.environ.get("HAS_AGENTS") == "1"


@step
def notify(openid: str, number: str, text: str) -> None:
    """Here: a line in the server's terminal. Yours may be a mail, or a message to a group of colleagues."""
    # !r: what strangers write must not do anything to a terminal
    print(f"{openid}：{text!r}\n    python human.py {openid} {number} 您的回答", flush=True)


@bot.text("人工", expire=1800, busy="queue")
def human(message: TextMessage, talking: bool = False) -> Dialog:
    if HAS_AGENTS:
        return Transfer()
    if not talking:
        return again("请说，您的话会转给客服。回复“结束”离开。", talking=True)
    if message.text == "结束":
        return "人工服务结束了，再见。"
    if message.text == "继续":  # only where nothing is unread: else it is fetched, and no dialog sees the word
        return again("客服还没有回答，请稍候。", talking=True)
    yield from notify(message.openid, message.id, message.text)
    return again(f"已转给客服。稍后点 {link('继续')} 看回答。", talking=True)


def answer(openid: str, number: str, *words: str) -> None:
    """Tell the user, once: the same answer to the same message, sent again, is not told again."""
    text = " ".join(words)
    bot.wait(bot.user(openid).tell(f"客服：{text}", key=f"answer {number} {text}"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer(*sys.argv[1:])
    else:
        run(bot)
