import re
import secrets

from wechat import Bot, ask, step

bot = Bot(token="demo", account="gh_0123456789ab")

GAMES = {}  # your database: number of the game → who began it, and what they chose
HANDS = ["石头", "剪刀", "布"]


@step
def begin(openid, hand):
    number = str(secrets.randbelow(9000) + 1000)
    GAMES[number] = openid, hand
    return number


@step(once=True)
async def finish(number, hand):
    if number not in GAMES:
        return "没有这一局，或者已经有人应战。"
    other, theirs = GAMES.pop(number)
    outcome = (HANDS.index(theirs) - HANDS.index(hand)) % 3  # 0: equal, 1: who joined wins, 2: who began
    said = f"第 {number} 局，{theirs} 对 {hand}："
    await bot.user(other).tell(said + ["平局。", "您输了。", "您赢了！"][outcome], key=f"game {number}")
    return said + ["平局。", "您赢了！", "您输了。"][outcome]


@bot.text("开局")
def start(message):
    hand = yield ask.choice("出什么？", HANDS)
    return f"请让朋友发：应战 {(yield begin(message.openid, hand))}"


@bot.text(re.compile(r"^应战\s*(\d{4})$"))
def join(message):
    hand = yield ask.choice("出什么？", HANDS)
    return (yield finish(message.match[1], hand))
