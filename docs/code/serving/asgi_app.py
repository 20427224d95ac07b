from bots import school, shop

from wechat.web import asgi

app = asgi.app(
    {"shop": shop, "school": school}
)  # at /wechat/shop and /wechat/school; one bot: asgi.app(bot), at /wechat
