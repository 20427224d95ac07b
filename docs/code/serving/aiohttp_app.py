from aiohttp import web
from bots import school, shop

from wechat.web import Request, respond, written

BOTS = {"shop": shop, "school": school}


async def wechat(request: web.Request) -> web.Response:
    bot = BOTS[request.match_info["name"]]
    response = await respond(bot, Request(request.method, request.query, await request.read()))
    answer = web.Response(body=response.body, status=response.status, headers=response.headers)
    await answer.prepare(request)
    await answer.write_eof()
    await written(response)
    return answer


app = web.Application()
app.router.add_route("*", "/wechat/{name:shop|school}", wechat)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=8000, access_log=None)
