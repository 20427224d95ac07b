"""What the page shows, and what it may do: users and what they said, pushes, the timeline, and the worker.

Everything that changes is told to every page that is open; one that opens is told everything (`state`).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import itertools
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from .. import receive
from ..cli import push
from ..errors import ConfigurationError
from . import bubbles
from .crew import Crew, Status
from .platform import Platform, Pushed

Fields: TypeAlias = dict[str, Any]

#: of each user, bubbles, pushes and rows that are kept; events that a page may lag behind
KEPT, BEHIND = 500, 2_000
#: seconds that WeChat waits for a push
SECONDS = push.SECONDS
#: an account and a zone for who has not said theirs
ACCOUNT = "gh_demo"

NO_DIALOG: Fields = {
    **dict.fromkeys(("dialog", "state", "file", "line", "code", "until", "question", "diverged")),
    "unread": [],
    "queue": 0,
    "data": [],
    "journal": [],
    "bytes": 0,
}


class User:
    """One who talks to the bot on the page."""

    def __init__(self, openid: str, name: str) -> None:
        self.openid, self.name = openid, name
        self.following = True
        self.bubbles: OrderedDict[str, Fields] = OrderedDict()
        self.deliveries: OrderedDict[str, Fields] = OrderedDict()
        self.rows: OrderedDict[str, Fields] = OrderedDict()
        self.stand = NO_DIALOG

    def shown(self) -> Fields:
        lists = {name: list(getattr(self, name).values()) for name in ("bubbles", "deliveries", "rows")}
        about = {"openid": self.openid, "name": self.name, "following": self.following}
        return {**about, **lists, "stand": self.stand}


class Stage:
    """`bot` as ``module:variable``, served by a worker at `path`; `url` is where it is reached from outside."""

    def __init__(
        self,
        bot: str,
        path: str,
        url: str,
        *,
        demo: bool = False,
        seconds: float = SECONDS,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.crew = Crew(bot, path, self._told, self._worker, environment)
        self._name, self._path, self._url, self._demo, self._seconds = bot, path, url, demo, seconds
        self._about: Fields = {}
        self._options: Fields = {"encrypt": False, "twice": False, "lose": False, "slow": 0}
        self._users = {user.openid: user for user in (User("oXiaoMing", "小明"), User("oXiaoHong", "小红"))}
        self._pages: set[asyncio.Queue[Fields]] = set()
        self._platform = Platform(self._delivered)
        self._count = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- pages ----

    @contextlib.contextmanager
    def page(self) -> Iterator[asyncio.Queue[Fields]]:
        """What is told to a page, as long as it is open."""
        queue: asyncio.Queue[Fields] = asyncio.Queue(BEHIND)
        queue.put_nowait(self.state())
        self._pages.add(queue)
        try:
            yield queue
        finally:
            self._pages.discard(queue)

    def state(self) -> Fields:
        users = [user.shown() for user in self._users.values()]
        worker = dataclasses.asdict(self.crew.status)
        return {"type": "state", "bot": self._bot(), "worker": worker, "options": self._options, "users": users}

    def _tell(self, type: str, **more: Any) -> None:
        for queue in list(self._pages):
            if queue.full():  # it will ask again, and is told everything
                self._pages.discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait({"type": "gone"})
            else:
                queue.put_nowait({"type": type, **more})

    def _bot(self) -> Fields:
        about = self._about
        return {
            "name": self._name,
            "url": self._url,
            "account": about.get("account") or ACCOUNT,
            "safe": bool(about.get("aes_key")),
            "canEncrypt": bool(about.get("aes_key")) and bool(about.get("plaintext")),
            "store": about.get("store", ""),
            "forgets": bool(about.get("forgets")),
            "demo": self._demo,
            **{name: about.get(name, []) for name in ("try", "keys", "scenes")},
        }

    def _keep(self, user: User, kind: str, thing: Fields) -> None:
        """Of a user a bubble, delivery or row: new, or instead of the one with its id."""
        kept: OrderedDict[str, Fields] = {
            "bubble": user.bubbles,
            "delivery": user.deliveries,
            "row": user.rows,
        }[kind]
        kept[thing["id"]] = thing
        while len(kept) > KEPT:
            kept.popitem(last=False)
        self._tell(kind, user=user.openid, **{kind: thing})

    def _bubble(self, user: User, who: str, message: str, bubble: Fields, **more: Any) -> Fields:
        made = {"id": f"b{next(self._count)}", "from": who, "at": _now(), "message": message, **bubble, **more}
        self._keep(user, "bubble", made)
        return made

    def _delivered(self, openid: str, delivery: Fields) -> None:
        if openid in self._users:
            self._keep(self._users[openid], "delivery", delivery)

    # ---- what the worker says ----

    def _told(self, said: Mapping[str, Any]) -> None:
        if "up" in said:
            self._about = dict(said["up"])
            self._options["encrypt"] = bool(self._about["aes_key"]) and not self._about["plaintext"]
            for user in self._users.values():
                self.crew.tell(do="attend", account=self._bot()["account"], openid=user.openid)
            self._tell(**self.state())  # its routes may be others now
        elif "lint" in said:
            for user in self._users.values():
                row = {"kind": "worker", "title": "lint", "detail": said["lint"], "tone": "warn"}
                self._keep(user, "row", {"id": f"s{next(self._count)}", "at": _now(), **ROW, **row})
        elif "slowed" in said:
            self._option(slow=0)
        elif said["user"] in self._users or "row" in said:
            self._of(said)

    def _of(self, said: Mapping[str, Any]) -> None:
        """Something about one user, who may have come by another way than this page."""
        user = self._users.get(said["user"]) or self._add(said["user"], said["user"][:10])
        if "row" in said:
            self._keep(user, "row", said["row"])
            return
        before, user.stand = user.stand, said["stand"]
        self._tell("stand", user=user.openid, stand=user.stand)
        last = next((row["message"] for row in reversed(user.rows.values()) if row["message"]), "")
        for row in _differences(before, user.stand):
            self._keep(user, "row", {"id": f"s{next(self._count)}", "at": _now(), **ROW, "message": last, **row})
        if not user.bubbles and user.stand["question"] and user.stand["state"] == "waiting":
            self._notice(user, "页面的服务重新启动过，之前的聊天记录没有保留；对话还在：")
            self._bubble(user, "bot", "", {"kind": "text", "segments": bubbles.segments(user.stand["question"])})
        if user.stand["diverged"] and user.stand["diverged"] != before["diverged"]:
            self._notice(user, "这段对话和改过的代码对不上了：下一条消息会告诉用户它结束了。")

    def _notice(self, user: User, text: str) -> None:
        self._bubble(user, "system", "", {"kind": "notice", "text": text})

    def _worker(self, status: Status) -> None:
        self._tell("worker", worker=dataclasses.asdict(status))
        if status.state not in ("up", "down", "broken"):
            return
        changed = ", ".join(status.changed)
        about = {
            "up": changed or f"#{status.number}, pid {status.pid}",
            "broken": status.why.rstrip().rpartition("\n")[2],
        }
        row = {
            "kind": "worker",
            "title": status.state,
            "detail": about.get(status.state, ""),
            "tone": TONES[status.state],
        }
        for user in self._users.values():
            if status.state == "up" and changed and user.bubbles:
                self._notice(user, f"代码改了（{changed}），对话接着进行。")
            self._keep(user, "row", {"id": f"s{next(self._count)}", "at": _now(), **ROW, **row})
            if status.state == "down":
                self._break_off(user)

    def _break_off(self, user: User) -> None:
        """What was under way in a worker that is no more."""
        for row in [row for row in user.rows.values() if row["open"]]:
            took = _now() - row["at"]
            self._keep(user, "row", {**row, "open": False, "tone": "bad", "detail": "✗", "ms": took})

    # ---- what the page does ----

    def send(self, openid: str, kind: str, given: Mapping[str, Any]) -> None:
        """A user sends something. Raises `ConfigurationError` for what cannot be sent."""
        user = self._user(openid)
        fields, bubble = bubbles.sent(kind, given)
        if kind in ("subscribe", "unsubscribe"):
            user.following = kind == "subscribe"
            self._tell("user", user=user.shown())
        task = asyncio.ensure_future(self._deliver(user, fields, bubble))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, user: User, fields: push.Fields, bubble: Fields) -> None:
        shown = self._bubble(user, "user", "", bubble, state="sending")
        await self._worker_up()  # which tells whose account it is
        xml = self._sender(user).message(fields)
        message = receive.parse(xml.encode(), dt.timezone.utc).id
        shown = {**shown, "message": message}
        self._keep(user, "bubble", shown)
        self._row_of(user, message, shown)
        came = await self._platform.deliver(
            lambda: self._sender(user),
            message,
            xml,
            twice=self._options["twice"],
            loses=self._loses,
            ready=self._worker_up,
        )
        state = {"answered": "answered", "silent": "silent"}.get(came.state, "failed")
        self._keep(user, "bubble", {**shown, "state": state})
        self._show_reply(user, message, came)

    def _show_reply(self, user: User, message: str, came: Pushed) -> None:
        if came.state == "answered":
            self._bubble(user, "bot", message, bubbles.replied(came.reply))
        elif came.state != "silent":
            self._bubble(user, "system", message, {"kind": "fault", "text": push.FAULT})

    def _row_of(self, user: User, message: str, shown: Fields) -> None:
        words = "".join(part["text"] for part in shown.get("segments", ())) or shown.get("text") or f"[{shown['kind']}]"
        row = {"kind": "message", "title": words[:80], "message": message}
        self._keep(user, "row", {"id": f"s{next(self._count)}", "at": _now(), **ROW, **row})

    async def _worker_up(self) -> None:
        """A worker that is just beginning is given a moment, as a gateway would."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.crew.up.wait(), self._seconds)

    def _sender(self, user: User) -> push.Sender:
        about = self._about
        cipher = push.cipher(about["aes_key"], about["appid"], about["token"]) if self._options["encrypt"] else None
        url = f"http://127.0.0.1:{self.crew.port or 9}{self._path}"
        return push.Sender(url, user.openid, self._bot()["account"], about.get("token", ""), cipher, self._seconds)

    def _loses(self) -> bool:
        """Whether this reply gets lost on its way: once each time it was asked for."""
        loses = bool(self._options["lose"])
        if loses:
            self._option(lose=False)
        return loses

    def options(self, given: Mapping[str, Any]) -> None:
        """Switches. Raises `ConfigurationError` for one that there is not."""
        for name, value in given.items():
            if name not in SWITCHES or not SWITCHES[name](value):
                raise ConfigurationError(f"there is no switch {name} that may be {value!r}")
        if given.get("encrypt", self._options["encrypt"]) != self._options["encrypt"] and not self._bot()["canEncrypt"]:
            raise ConfigurationError("this bot takes pushes in one mode only: give it an aes_key, and plaintext=True")
        self._option(**given)
        if "slow" in given:
            self.crew.tell(do="slow", seconds=given["slow"])

    def _option(self, **more: Any) -> None:
        self._options.update(more)
        self._tell("options", options=self._options)

    async def worker(self, do: str) -> None:
        """Begin the worker anew, in good order or not. Raises `ConfigurationError` for anything else."""
        if do not in ("restart", "kill"):
            raise ConfigurationError(f"a worker can be told to restart, or be killed, not {do!r}")
        await self.crew.restart(kill=do == "kill")

    def add(self, name: str) -> None:
        """One more user. Raises `ConfigurationError` where there is no name."""
        if not name.strip():
            raise ConfigurationError("a user needs a name")
        self._add(f"o{secrets.token_hex(5)}", name.strip()[:20])

    def _add(self, openid: str, name: str) -> User:
        user = self._users[openid] = User(openid, name)
        self._tell("user", user=user.shown())
        self.crew.tell(do="attend", account=self._bot()["account"], openid=openid)
        return user

    def forget(self, openid: str) -> None:
        """Erase all that is kept of a user, here and in the store."""
        user = self._user(openid)
        self._users[openid] = User(openid, user.name)
        self.crew.tell(do="forget", account=self._bot()["account"], openid=openid)
        self._tell("user", user=self._users[openid].shown())

    def _user(self, openid: str) -> User:
        if openid not in self._users:
            raise ConfigurationError(f"there is no user {openid!r}")
        return self._users[openid]


#: what every row has
ROW: Fields = {"title": "", "detail": "", "ms": None, "open": False, "tone": "plain", "message": ""}
TONES = {"up": "good", "down": "warn", "broken": "bad"}

#: the switches, and what each may be
SWITCHES = {
    "encrypt": lambda value: isinstance(value, bool),
    "twice": lambda value: isinstance(value, bool),
    "lose": lambda value: isinstance(value, bool),
    "slow": lambda value: not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= 120,
}


#: where a question is one that can be answered
ASKS = frozenset({"waiting", "unshown"})


def _differences(before: Fields, after: Fields) -> Iterator[Fields]:
    """What of a conversation's place is worth a row: a question that was asked, what is unread, and what was read."""
    if after["question"] and after["question"] != before["question"] and after["state"] in ASKS:
        at = f"{os.path.basename(after['file'])}:{after['line']}" if after["file"] else ""
        yield {"kind": "ask", "title": after["question"][:200], "detail": at}
    was, now = ([item["text"] for item in stand["unread"]] for stand in (before, after))
    yield from ({"kind": "unread", "title": text[:200], "tone": "warn"} for text in now if text not in was)
    yield from ({"kind": "read", "title": text[:200]} for text in was if text not in now)


def _now() -> int:
    return time.time_ns() // 1_000_000
