"""Whatever no other route takes goes to a language model: 帮助 and forms of your own beside it stay as they are.

    wechat-dialog run llm_default:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me 长城有多长？

The settings, and what the model may say, stand in llm.py. No dialog waits between two questions; what was said so far is one of
the user's own data, kept for half an hour.
"""

from __future__ import annotations

import os

from llm import History, converse, masked, refused
from wechat import Bot, Dialog, Message, SubscribeEvent, TextMessage, forget, link, recall, remember, run

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))
bot.before(refused)
bot.after(pieces=True)(masked)


@bot.default
def anything(message: Message) -> Dialog:
    if not message.text:
        return "我只看得懂文字和语音。"
    history: History = yield from recall("llm.history", [])
    history = yield from converse(message.text, history)
    yield from remember("llm.history", history, expire=1800)
    return None


@bot.text("新话题")
def anew(message: TextMessage) -> Dialog:
    yield from forget("llm.history")
    return "好，之前说的都忘了。聊点什么？"


@bot.text("帮助", interrupt=True)
def help_(message: TextMessage) -> str:
    return f"想问什么就直接问；回复{link('新话题')}从头开始。"


@bot.subscribe
def welcome(event: SubscribeEvent) -> str:
    return "欢迎！想问什么就直接问，回答由 AI 生成。"


if __name__ == "__main__":
    run(bot)
