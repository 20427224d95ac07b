import os

from wechat import Bot

bot = Bot(os.environ.get("WECHAT_TOKEN") or "demo")
