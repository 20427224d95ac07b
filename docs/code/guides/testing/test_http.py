import asyncio
import hashlib
import time

import httpx
from shop import bot

from wechat.web import asgi

XML = (
    "<xml><ToUserName>gh_0123456789ab</ToUserName><FromUserName>oUser</FromUserName>"
    "<CreateTime>{time}</CreateTime><MsgType>text</MsgType><Content>{text}</Content><MsgId>{id}</MsgId></xml>"
)


def signed(token="test"):
    timestamp, nonce = str(int(time.time())), "nonce"
    signature = hashlib.sha1("".join(sorted([token, timestamp, nonce])).encode()).hexdigest()
    return {"signature": signature, "timestamp": timestamp, "nonce": nonce}


async def posted(query, text="买水果"):
    transport = httpx.ASGITransport(asgi.app(bot, path="/wechat"))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        body = XML.format(time=int(time.time()), text=text, id=time.time_ns())
        return await client.post("/wechat", params=query, content=body)


def test_a_signed_push_is_answered():
    response = asyncio.run(posted(signed()))
    assert response.status_code == 200
    assert "想买什么水果？" in response.text


def test_a_forged_push_is_refused():
    assert asyncio.run(posted(signed("wrong"))).status_code == 403
