import logging
from collections import Counter

from wechat import Bot, ask

bot = Bot(token="demo")
log = logging.getLogger("shop")

TURNS = Counter()  # or prometheus_client.Counter("turns", …, ["dialog", "outcome"])


@bot.after(pieces=True)
def counted(turn):
    if turn.outcome != "unfinished":
        TURNS[turn.dialog, turn.outcome] += 1
        if turn.seconds > 4 or turn.deliveries > 1:
            log.warning("%s took %.1f s, and %d pushes", turn.dialog, turn.seconds, turn.deliveries)
    return turn.reply  # what is returned is the reply: None would be silence


@bot.text("报名")
def signup(message):
    name = yield ask.text("怎么称呼您？")
    return f"{name}，报名成功。"
