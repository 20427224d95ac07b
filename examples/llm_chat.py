"""Chat with a language model: one enters with 聊天, and leaves with 再见, or by half an hour of silence.

    wechat-dialog run llm_chat:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me 聊天

The settings, and what the model may say, stand in llm.py. Between two messages nothing runs: `again` hands the conversation so
far to the next message, so it survives a restart, and its journal stays as short as one question.
"""

from __future__ import annotations

import os

from llm import History, converse, masked, refused
from wechat import Bot, Dialog, Message, TextMessage, again, link, run

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))
bot.before(refused)
bot.after(pieces=True)(masked)


@bot.text("聊天", expire=1800, busy="queue")  # who types on while the model thinks is answered next
def chat(message: TextMessage, history: History | None = None) -> Dialog:
    if history is None:
        return again(f"想聊点什么？聊完了说一声{link('再见')}。", history=[])
    if message.text.strip(" 。！!") == "再见":
        return "再见，想聊了再来。"
    history = yield from converse(message.text, history)
    return again(history=history)


@bot.default
def other(message: Message) -> str:
    return f"回复{link('聊天')}，跟我聊聊。"


if __name__ == "__main__":
    run(bot)
