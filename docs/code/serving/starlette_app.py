from bots import school, shop
from starlette.applications import Starlette
from starlette.routing import Route

from wechat.web import asgi

app = Starlette(
    routes=[
        Route("/wechat", asgi.app(shop)),  # a route: a mount would answer 307, which WeChat does not follow
        Route("/wechat/school", asgi.app(school, path="/wechat/school")),
    ]
)
