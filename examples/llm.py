"""What a language model answers, as an Official Account may say it: the part that llm_chat.py and llm_default.py share.

    pip install "wechat-dialog[server]" openai
    export OPENAI_BASE_URL=https://api.deepseek.com OPENAI_API_KEY=sk-… LLM_MODEL=deepseek-v4-flash

Any server that speaks OpenAI's protocol will do. Nothing is asked of it, or even looked up, before the first question.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

from openai import AsyncOpenAI

from wechat import Message, Say, StepFailed, SubDialog, Turn, now, plain, recall, remember, say, step, stream

#: questions and answers in turn, as the model is sent them
History: TypeAlias = list[dict[str, str]]

PROMPT = "你在微信公众号里回答用户，说中文，简短一些，少用表格。"
#: a label that everybody sees is the law in China: 《人工智能生成合成内容标识办法》
LABEL = "（由 AI 生成）\n"
#: questions a day, for each user
DAILY = 50
#: how much of a conversation the model is told again, in messages and in characters
MESSAGES, CHARACTERS = 20, 6_000
#: your own words here
FORBIDDEN = re.compile("违禁词|敏感词")
REFUSAL = "这个话题我不能聊，换一个吧。"
#: what the user is told of an exception, by its name
SORRY = {
    "NotSetUp": "还没有接上语言模型：请设置 OPENAI_API_KEY 和 LLM_MODEL，再启动。",
    "RateLimitError": "现在问的人太多了，请过一会儿再问。",
    "APITimeoutError": "想了太久，没有答上来，请再问一次。",
    "TimeoutError": "想了太久，没有答完，请再问一次。",
    "BrokenOff": "（没有答完就中断了，请再问一次。）",
}
NO_ANSWER = "语言模型没有回答，请稍后再问。"

#: finish reasons of an answer that is not whole; None: the connection ended before there was one
BROKEN = {None, "length", "content_filter", "insufficient_system_resource"}


class NotSetUp(Exception):
    """Nobody has said which model to ask, or with which key."""


class BrokenOff(Exception):
    """The answer did not come to its end."""


async def completion(history: History) -> AsyncIterator[str]:
    """What the model says next, a few characters at a time. Raises what `openai` raises, `NotSetUp` and `BrokenOff`."""
    model = os.environ.get("LLM_MODEL")
    if not model or not os.environ.get("OPENAI_API_KEY"):
        raise NotSetUp("set OPENAI_API_KEY and LLM_MODEL (and OPENAI_BASE_URL, where it is not OpenAI's own)")
    messages: Any = [{"role": "system", "content": PROMPT}, *history]
    reason: str | None = None
    # it waits 60 s for the next sign of life; how long all of it may take, the step says
    async with AsyncOpenAI(timeout=60, max_retries=0) as client:
        async for chunk in await client.chat.completions.create(model=model, messages=messages, stream=True):
            for choice in chunk.choices:  # the last chunk may have none
                reason = choice.finish_reason or reason
                yield choice.delta.content or ""
    if reason in BROKEN:
        raise BrokenOff(f"finish_reason: {reason}")


@step(timeout=120)
async def answer(history: History) -> AsyncIterator[str]:
    """What the model says next, labelled, as WeChat can show it: a piece as soon as it will stay as it is."""
    said = False
    try:
        async for piece in plain(completion(history)):
            yield piece if said else LABEL + piece
            said = True
    except Exception as error:
        if not said:
            raise
        raise BrokenOff(str(error)) from error
    if not said:
        raise BrokenOff("an empty answer")


def converse(question: str, history: History) -> SubDialog[History]:
    """Say the model's answer to a question. Gives the history with both; as it was, where there was no (whole) answer."""
    today = f"{now():%Y-%m-%d}"
    asked = (yield from recall("llm.asked", dict[str, int]())).get(today, 0)
    if asked >= DAILY:
        yield from say(f"今天的 {DAILY} 个问题已经问完了，明天再来吧。")
        return history
    longer = [*history, {"role": "user", "content": question}]
    try:
        words = yield from stream(answer(longer))
    except StepFailed as failure:  # what there was of an answer is said already
        yield from say(SORRY.get(failure.type, NO_ANSWER))
        return history
    yield from remember("llm.asked", {today: asked + 1}, expire=86_400)
    return bounded([*longer, {"role": "assistant", "content": words.removeprefix(LABEL)}])


def bounded(history: History) -> History:
    """The end of a conversation: as many questions, each with its answer, as the model is to be told again."""
    while len(history) > MESSAGES or sum(len(message["content"]) for message in history) > CHARACTERS:
        history = history[2:]
    return history


def refused(message: Message) -> Say:
    """Before a message: what the model is not asked."""
    return REFUSAL if FORBIDDEN.search(message.text) else None


def masked(turn: Turn) -> Say:
    """After a turn, and as its text is made: words that the model should not say."""
    reply = turn.reply
    return FORBIDDEN.sub(lambda word: "＊" * len(word[0]), reply) if isinstance(reply, str) else reply
