import logging

from bot import bot

from wechat.web import asgi

LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"
logging.basicConfig(level=logging.INFO, format=LINE)

app = asgi.app(bot, health="/healthz")
