from bots import school, shop

from wechat.web import wsgi

app = wsgi.app(
    {"shop": shop, "school": school}
)  # at /wechat/shop and /wechat/school; one bot: wsgi.app(bot), at /wechat
