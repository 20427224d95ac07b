import logging

from bot import bot

from wechat.web import wsgi

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")

app = wsgi.app(bot, health="/healthz")
