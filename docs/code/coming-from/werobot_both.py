from robot import robot  # your WeRoBot file, without robot.run()
from werobot.parser import process_message

from wechat import Article, Bot, Image, News, ask

bot = Bot(token="tokenhere")

SAYS = {
    "TextReply": lambda reply: reply.content,
    "ImageReply": lambda reply: Image(reply.media_id),
    "ArticlesReply": lambda reply: News(*(Article(a.title, a.url, a.description, a.img) for a in reply._articles)),
}


@bot.default
@bot.subscribe
@bot.scan
@bot.click
def old(message):
    reply = robot.get_reply(process_message(dict(message.raw)))
    return SAYS[type(reply).__name__](reply) if reply else None


@bot.text("报名")  # what has moved is asked first
def signup(message):
    name = yield ask.text("怎么称呼您？")
    return f"{name}，报名成功。"
