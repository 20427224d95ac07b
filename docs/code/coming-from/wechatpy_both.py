import xmltodict
from answers import answer  # what you had: a function of wechatpy's message
from wechatpy import parse_message
from wechatpy.replies import create_reply

from wechat import Article, Bot, Image, News, ask

bot = Bot(token="token")

SAYS = {
    "text": lambda reply: reply.content,
    "image": lambda reply: Image(reply.media_id),
    "news": lambda reply: News(
        *(Article(a["title"], a["url"], a.get("description", ""), a.get("image", "")) for a in reply.articles)
    ),
}


@bot.default
@bot.subscribe
@bot.scan
@bot.click
def old(message):
    reply = create_reply(answer(parse_message(xmltodict.unparse({"xml": dict(message.raw)}))))
    return SAYS[reply.type](reply) if reply.type in SAYS else None


@bot.text("报名")  # what has moved is asked first
def signup(message):
    name = yield ask.text("怎么称呼您？")
    return f"{name}，报名成功。"
