from wechatpy import WeChatClient

from wechat import Bot, Image, step

bot = Bot(token="token")
client = WeChatClient("wx0123456789abcdef", "secret")


@step(retries=2, timeout=10)  # a call of WeChat's API is a step, like any other I/O
def upload(path):
    with open(path, "rb") as file:
        return client.media.upload("image", file)["media_id"]


@bot.text("海报")
def poster(message):
    return Image((yield upload("poster.png")))
