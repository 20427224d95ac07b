"""What somebody writes by hand who needs nothing else: one GET and one SET with redis-py, and no promise kept but the sum."""

from __future__ import annotations

import hashlib
import json
import time
from xml.etree import ElementTree

import redis
from conversation import TOKEN, Push, hand_written

from . import Contender

REPLY = (
    "<xml><ToUserName><![CDATA[{to}]]></ToUserName><FromUserName><![CDATA[{account}]]></FromUserName>"
    "<CreateTime>{now}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content></xml>"
)


def contender(store: str) -> Contender:
    client = redis.Redis.from_url(store)

    def answer(push: Push) -> bytes:
        signed = "".join(sorted((TOKEN, push.query["timestamp"], push.query["nonce"])))
        if hashlib.sha1(signed.encode()).hexdigest() != push.query["signature"]:
            raise ValueError("the signature is wrong")
        fields = {each.tag: each.text or "" for each in ElementTree.fromstring(push.body)}
        key = f"plain:{fields['FromUserName']}"
        state = json.loads(client.get(key) or "{}")
        said = hand_written(state, fields["Content"])
        client.set(key, json.dumps(state))
        account, now = fields["ToUserName"], int(time.time())
        return REPLY.format(to=fields["FromUserName"], account=account, now=now, text=said).encode()

    return Contender(answer=answer)
