import time
from collections import OrderedDict, deque

from wechat import Bot, Message

bot = Bot()
MOST, SPAN, USERS = 10, 60, 10_000
recent: OrderedDict[str, deque[float]] = OrderedDict()


@bot.before
async def limited(message: Message) -> str | None:
    """Ten messages in a minute, as this worker sees them."""
    times, now = recent.setdefault(message.openid, deque(maxlen=MOST)), time.monotonic()
    recent.move_to_end(message.openid)
    if len(recent) > USERS:
        recent.popitem(last=False)
    if len(times) == MOST and now - times[0] < SPAN:
        return "您发得太快了，请一分钟后再试。"
    times.append(now)
    return None


@bot.default
def answer(message: Message) -> str:
    return "收到。"
