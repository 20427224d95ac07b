"""The conversation that everybody who is compared has: 累加器, word for word as in the demo, as ready-made pushes of WeChat.

Pushes are made before the clock runs, each with an id and a signature of its own; a user has one conversation, for then he looks
to a bot as users do: somebody who was not there for a while.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from wechat.crypto import Cipher, signature

TOKEN, ACCOUNT = "bench", "gh_0123456789ab"
AES_KEY, APPID = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx0123456789abcdef"
CIPHER = Cipher(AES_KEY, APPID, TOKEN)

#: how many numbers are added
COUNT = 8

ASKED_HOW_MANY = "您需要累加几个数字？"


def asked(i: int, total: int) -> str:
    return f"请输入第{i + 1}个数字, 目前累加和:{total}"


def ended(total: int) -> str:
    return f"累加结束，累加和: {total}"


def turns(count: int = COUNT) -> Iterator[tuple[str, str]]:
    """What is said, and what is to be answered."""
    yield "累加器", ASKED_HOW_MANY
    total = 0
    for i, said in enumerate((count, *range(1, count))):
        total += said if i else 0
        yield str(said), asked(i, total)
    yield str(count), ended(total + count)


#: messages of one conversation
TURNS = len(list(turns()))


def hand_written(state: dict[str, int], text: str) -> str:
    """The dialog as a table of states, for those who have nothing but a dictionary that is kept: changes it, gives the reply."""
    if text == "累加器":
        state.clear()
        state["waits"] = 1
        return ASKED_HOW_MANY
    if "waits" not in state:
        return "？"
    if "count" not in state:
        state.update(count=int(text), i=0, total=0)
        return asked(0, 0)
    state["i"] += 1
    state["total"] += int(text)
    if state["i"] < state["count"]:
        return asked(state["i"], state["total"])
    total = state["total"]
    state.clear()
    return ended(total)


@dataclass(frozen=True)
class Push:
    """One push of WeChat, and what is to be said to it."""

    user: int
    text: str
    query: dict[str, str]
    body: bytes
    says: str

    @property
    def target(self) -> str:
        """What stands behind POST."""
        return f"/wechat?{urlencode(self.query)}"


#: nobody whom another process, or an earlier run, speaks for
_users = itertools.count(int.from_bytes(os.urandom(5), "big") << 20)
_ids = itertools.count(24_000_000_000_000_000 + random.getrandbits(48))


def openid(user: int) -> str:
    """28 characters, as all have."""
    return f"o{user:027d}"


def clear(user: int, text: str, created: int, id: int) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName><FromUserName><![CDATA[{openid(user)}]]></FromUserName>"
        f"<CreateTime>{created}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>"
        f"<MsgId>{id}</MsgId></xml>"
    ).encode()


def push(user: int, text: str, says: str = "", *, safe: bool = False, created: int | None = None) -> Push:
    """Signed; in the safe mode sealed, too."""
    created, nonce = int(time.time()) if created is None else created, f"{random.getrandbits(32):010d}"
    body = clear(user, text, created, next(_ids))
    query = {"signature": signature(TOKEN, str(created), nonce), "timestamp": str(created), "nonce": nonce}
    query["openid"] = openid(user)
    if safe:
        sealed = CIPHER.encrypt(body)
        query |= {"encrypt_type": "aes", "msg_signature": signature(TOKEN, str(created), nonce, sealed)}
        body = (
            f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
        ).encode()
    return Push(user, text, query, body, says)


def conversation(*, safe: bool = False, created: int | None = None) -> list[Push]:
    """All that a new user says."""
    user = next(_users)
    return [push(user, text, says, safe=safe, created=created) for text, says in turns()]
