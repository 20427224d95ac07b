import logging

from bot import bot

from wechat.web import wsgi

LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"
logging.basicConfig(level=logging.INFO, format=LINE)

app = wsgi.app(bot, health="/healthz")
