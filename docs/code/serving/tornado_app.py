import asyncio

from bots import school, shop
from tornado.web import Application, RequestHandler

from wechat import Bot
from wechat.web import Request, query, respond, written


class WeChat(RequestHandler):
    def initialize(self, bot: Bot) -> None:
        self.bot = bot

    async def exchange(self) -> None:
        request = self.request
        response = await respond(self.bot, Request(request.method, query(request.query), request.body))
        self.set_status(response.status)
        for name, value in response.headers.items():
            self.set_header(name, value)
        await self.finish(response.body)
        await written(response)

    get = post = exchange

    def check_xsrf_cookie(self) -> None:  # WeChat has no cookies
        pass


async def main() -> None:
    app = Application([("/wechat/shop", WeChat, {"bot": shop}), ("/wechat/school", WeChat, {"bot": school})])
    app.listen(8000, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
