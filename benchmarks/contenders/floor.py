"""The floor: the write of one hot turn of ours and nothing else, by the same client with the same settings.

The arguments are those of a real turn, caught on their way; only the version goes on, so that each is a write.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import redis.asyncio
from conversation import Push, conversation

from wechat.stores import redis as ours
from wechat.web import Request, respond

from . import Contender
from .ours import bot


async def hot_turn(store: str) -> tuple[str, Sequence[Any]]:
    """The key and the arguments of the write of a turn in the middle of a conversation."""
    made, caught = bot(store), list[tuple[str, Sequence[Any]]]()
    kept = made.store
    assert isinstance(kept, ours.RedisStore)
    run = kept._run

    async def catch(command: str, key: str, *arguments: Any) -> Any:
        if command == "patch":
            caught.append((key, arguments))
        return await run(command, key, *arguments)

    kept._run = catch  # type: ignore[method-assign]
    for push in conversation()[:5]:
        await respond(made, Request("POST", push.query, push.body))
    await made.aclose()
    return caught[-1]


def contender(store: str) -> Contender:
    key, arguments = asyncio.run(hot_turn(store))
    _, version, *rest = arguments
    loop_has: list[Any] = []  # the script, of a client that belongs to the loop
    versions: dict[int, str] = {}
    numbers = itertools.count()

    async def answer(push: Push) -> bytes:
        if not loop_has:
            client = redis.asyncio.Redis.from_url(store, decode_responses=True, socket_timeout=3, protocol=2)
            loop_has.append(client.register_script(ours._PATCH))
        stands = versions.get(push.user, "")
        new = versions[push.user] = f"{next(numbers):0{len(version)}d}"
        done = await loop_has[0](keys=[f"{key[:-12]}{push.user % 10**12:012d}"], args=[stands, new, *rest])
        assert done[0] == 1
        return b""

    return Contender(answer_async=answer, speaks=False)
