"""WeRoBot with its session in Redis: what its own view for Bottle does with a request (``werobot.contrib.bottle``)."""

from __future__ import annotations

from typing import Any

import redis
import werobot
from conversation import AES_KEY, APPID, TOKEN, Push, hand_written
from werobot.session.redisstorage import RedisStorage

from . import Contender


def robot(store: str, **config: str) -> Any:
    made = werobot.WeRoBot(token=TOKEN, enable_session=True, session_storage=RedisStorage(redis.Redis.from_url(store)))
    made.config.update(config)

    @made.text
    def accumulator(message: Any, session: Any) -> str:
        return hand_written(session, message.content)

    return made


def safe(store: str) -> Any:
    return robot(store, APP_ID=APPID, ENCODING_AES_KEY=AES_KEY)


def contender(store: str) -> Contender:
    made = robot(store)

    def answer(push: Push) -> bytes:
        timestamp, nonce = push.query["timestamp"], push.query["nonce"]
        if not made.check_signature(timestamp, nonce, push.query["signature"]):
            raise ValueError("the signature is wrong")
        message = made.parse_message(push.body, timestamp=timestamp, nonce=nonce, msg_signature="")
        return made.get_encrypted_reply(message).encode()

    return Contender(answer=answer)
