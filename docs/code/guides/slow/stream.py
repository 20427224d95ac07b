from collections.abc import AsyncIterator

from wechat import Bot, Dialog, TextMessage, plain, step, stream

bot = Bot()


async def model(question: str) -> AsyncIterator[str]:
    for line in ("**西湖**在杭州。", "三面是山，一面是城。", "断桥最有名。", "春天去最好。", "坐船也行。"):
        yield f"{line}\n\n"  # your language model


@step(timeout=300)
async def answer(question: str) -> AsyncIterator[str]:
    async for piece in plain(model(question)):
        yield piece


@bot.default
def ask_the_model(message: TextMessage) -> Dialog:
    yield from stream(answer(message.text))
    return None
