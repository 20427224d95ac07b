"""WeChat, as an account's server sees it: signed pushes, five seconds, three of them, and users who read and type."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from wechat import crypto, receive, reply

TOKEN, ACCOUNT = "chaos", "gh_chaos"
SECONDS, PUSHES = 5.0, 3
FAULT = "该公众号提供的服务出现故障，请稍后再试"
THINKING = "正在思考"

_numbers = itertools.count(1)


class WeChat:
    """What is pushed to which worker, and everything that was ever answered to a message."""

    def __init__(self, ports: Callable[[], Sequence[int]], *, repeats: float = 0.0) -> None:
        self.ports, self.repeats = ports, repeats
        self.answers: defaultdict[str, dict[str, float]] = defaultdict(dict)  # and when each was first given
        self.pushes = self.faults = 0
        self.longest = 0.0  # seconds that a push took that was answered
        self._strays: defaultdict[str, list[asyncio.Task[None]]] = defaultdict(list)

    async def send(self, user: str, kind: str, value: str) -> str:
        """A message, until a push of it is answered. Gives what WeChat shows; "" is nothing."""
        number = next(_numbers)
        what = {"text": ("Content", value), "click": ("EventKey", value)}[kind]
        fields = {"ToUserName": ACCOUNT, "FromUserName": user, "CreateTime": str(int(time.time())), what[0]: value}
        fields |= (
            {"MsgType": "text", "MsgId": str(number)} if kind == "text" else {"MsgType": "event", "Event": "CLICK"}
        )
        body = "".join(f"<{name}>{reply.cdata(text)}</{name}>" for name, text in fields.items())
        message = f"{number}"
        for attempt in range(PUSHES):
            if random.random() < self.repeats:
                self._stray(message, body)
            began = time.monotonic()
            try:
                said = await asyncio.wait_for(self._push(message, body), SECONDS)
            except (OSError, EOFError, asyncio.TimeoutError):
                await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - began)) if attempt < PUSHES - 1 else 0)
                continue
            self.longest = max(self.longest, time.monotonic() - began)
            return said
        self.faults += 1
        for stray in self._strays.pop(message, ()):  # who was told that it failed is pushed no more
            stray.cancel()
        return FAULT

    def _stray(self, message: str, body: str) -> None:
        """The same message comes once more, to any worker, at any time; nobody shows what that is answered with."""

        async def later() -> None:
            await asyncio.sleep(random.random() * 3)
            with contextlib.suppress(OSError, EOFError, asyncio.TimeoutError):
                await asyncio.wait_for(self._push(message, body), SECONDS)

        self._strays[message].append(asyncio.create_task(later()))

    async def settle(self) -> None:
        await asyncio.gather(*itertools.chain(*self._strays.values()), return_exceptions=True)

    async def _push(self, message: str, body: str) -> str:
        self.pushes += 1
        began = time.monotonic()
        status, came = await post(random.choice(self.ports()), f"<xml>{body}</xml>".encode())
        if time.monotonic() - began > SECONDS:  # this process was late to hang up: WeChat is not
            raise asyncio.TimeoutError
        if status != 200:
            raise AssertionError(f"a push was answered {status}: {came!r}")
        if came in (b"", b"success"):
            return ""
        text = reply.visible(str(receive.fields(came)["Content"]))
        self.answers[message].setdefault(text, time.monotonic())
        return text


async def post(port: int, body: bytes) -> tuple[int, bytes]:
    """One signed request on a connection of its own. Cancelled, the connection is dropped."""
    now, nonce = str(int(time.time())), str(random.randrange(10**9))
    query = {"signature": crypto.signature(TOKEN, now, nonce), "timestamp": now, "nonce": nonce}
    head = f"POST /wechat?{urlencode(query)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return await exchange(port, head.encode() + body)


async def get(port: int, path: str) -> tuple[int, bytes]:
    return await exchange(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


async def exchange(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        came = await reader.read()
    finally:
        writer.close()
    head, separator, content = came.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if not separator or length is None or len(content) < int(length[1]):
        raise EOFError("the worker hung up")  # it may do so between head and body: that is no answer either
    return int(head.split(b" ", 2)[1]), content


class Broken(AssertionError):
    """What a user saw is not what was promised. `user`: whose, where it is one user's."""

    def __init__(self, what: str, user: str = "") -> None:
        super().__init__(what)
        self.user = user


class User:
    """Somebody who adds numbers, reads what the account says, and does not give up.

    `failed_over`: whether the store may have gone back in time by now. Then results that were shown may be gone, which is
    counted; what is there must hold together all the same.
    """

    def __init__(
        self, wechat: WeChat, name: str, numbers: Sequence[int], failed_over: Callable[[], bool] = lambda: False
    ) -> None:
        self.wechat, self.name, self.numbers, self._failed_over = wechat, name, numbers, failed_over
        self.receipts: list[str] = []
        self.lost = 0  # results that were shown, and are gone
        self.told: list[tuple[int, list[str]]] = []  # each sum, and of what
        self.seen: list[str] = []
        self.unseen = False

    async def talk(self) -> None:
        said, silent = await self._say("累加器"), 0
        for _ in range(60 + 20 * len(self.numbers)):
            if (end := re.search(r"一共 (\d+) \[(.*?)\]", said)) is not None:
                self._check(int(end[1]), len(self.numbers), end[2])
                return
            typed = self._answer(said)
            if said == "" and self._ended_unseen():
                self.unseen = True
                return
            silent = silent + 1 if said == "" else 0
            if silent > 3 and self._failed_over():  # not even that something was begun is known
                self._lose(0)
                typed, silent = "累加器", 0
            if typed == "继续":
                await asyncio.sleep(0.5)
            said = await self._say(typed)
        raise Broken(f"{self.name} never came to an end: {self.seen}", self.name)

    def _ended_unseen(self) -> bool:
        """Whether the end may have gone with a push that was not the last, while no later one reached a living worker.

        That counts as read (P5). Nothing waits then, so 继续 has no answer.
        """
        last = next((line for line in reversed(self.seen) if not line.startswith("继续")), "")
        return last == f"{self.numbers[-1]} → {FAULT}"

    def _answer(self, said: str) -> str:
        """What to type now; 继续 where nothing was asked."""
        for wrong in ("对话已结束", "太晚了", "程序更新了"):
            if wrong in said:
                raise Broken(f"{self.name} was told: {said}", self.name)
        asked = re.findall(r"第 (\d+) 个，合计 (\d+) \[(.*?)\]", said)
        if asked:
            place, total, receipts = max(
                asked, key=lambda each: int(each[0])
            )  # a late refusal quotes an older question
            self._check(int(total), int(place) - 1, receipts)
            return str(self.numbers[int(place) - 1])
        return str(len(self.numbers)) if "几个数" in said else "继续"

    def _check(self, total: int, count: int, receipts: str) -> None:
        """The sum is right, and what a step gave once is what it gave for ever."""
        used = receipts.split()
        self.told.append((total, used))
        if self._failed_over() and len(used) == count:  # whether it adds up is judged in the end
            pairs = enumerate(zip(used, self.receipts, strict=False))
            self._lose(next((place for place, (one, other) in pairs if one != other), len(self.receipts)))
            self.receipts = max(used, self.receipts, key=len)
            return
        same = used[: len(self.receipts)] == self.receipts[: len(used)]
        if total != sum(self.numbers[:count]) or len(used) != count or not same:
            raise Broken(
                f"{self.name} has {self.numbers}, {self.receipts}: {count} of them are {total} {used}: {self.seen[-8:]}",
                self.name,
            )
        self.receipts = max(used, self.receipts, key=len)

    def _lose(self, kept: int) -> None:
        self.lost += len(self.receipts) - kept
        self.receipts = self.receipts[:kept]

    async def _say(self, text: str) -> str:
        said = await self.wechat.send(self.name, "text", text)
        self.seen.append(f"{text} → {said}")
        return said
