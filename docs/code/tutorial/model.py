import os
from collections.abc import AsyncIterator

from openai import AsyncOpenAI

from wechat import Bot, Dialog, StepFailed, TextMessage, plain, run, say, step, stream

bot = Bot(token="demo")


# --8<-- [start:model]
async def model(question: str) -> AsyncIterator[str]:
    name, messages = os.environ["LLM_MODEL"], [{"role": "user", "content": question}]
    async with AsyncOpenAI() as client:  # asks at OPENAI_BASE_URL, with OPENAI_API_KEY
        chunks = await client.chat.completions.create(model=name, messages=messages, stream=True)
        async for chunk in chunks:
            for choice in chunk.choices:
                yield choice.delta.content or ""


# --8<-- [end:model]
# --8<-- [start:answer]
@step(timeout=120)
async def answer(question: str) -> AsyncIterator[str]:
    yield "（由 AI 生成）\n"
    async for piece in plain(model(question)):  # its Markdown, as a text that WeChat shows
        yield piece


@bot.text  # any text
def chat(message: TextMessage) -> Dialog:
    try:
        yield from stream(answer(message.text))
    except StepFailed:
        yield from say("抱歉，没有答上来，请再问一次。")


# --8<-- [end:answer]
if __name__ == "__main__":
    run(bot)
