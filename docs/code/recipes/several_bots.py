from wechat import Bot, Router
from wechat.web import asgi

common = Router()  # what both of them can do


@common.text("地址")
def address():
    return "人民路 1 号"


shop = Bot(token="shop", account="gh_00000000shop")
school = Bot(token="school", account="gh_0000000school")
for bot in (shop, school):
    bot.include(common)


@shop.text("营业时间")
def hours():
    return "每天 9:00–21:00"


app = asgi.app({"shop": shop, "school": school})  # at /wechat/shop and /wechat/school; wsgi.app is the same
