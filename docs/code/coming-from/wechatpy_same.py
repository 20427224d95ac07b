from flask import Flask

from wechat import Article, Bot, Image, News
from wechat.web.flask import view

bot = Bot(token="token", appid="wx0123456789abcdef", aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")


@bot.text("新闻")
def news(message):
    return News(Article("标题", "https://example.com", "描述", "https://example.com/1.png"))


@bot.text
def echo(message):
    return message.text


@bot.image
def picture(message):
    return Image(message.media_id)


@bot.subscribe
def hello(message):
    return f"欢迎！{message.scene}"


app = Flask(__name__)
app.add_url_rule("/wechat", view_func=view(bot))
