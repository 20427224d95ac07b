"""A bot, talked to in a test: no network, no server, no waiting, and a clock that only the test moves.

    chat = Chat(bot)
    assert chat.say("累加器") == "您需要累加几个数字？"

Rule 1: nothing of the library is replaced but what is outside of it: WeChat, the wire, the worker's event loop, the clock.
Rule 2: time goes by in `Chat.later`, while the user waits for something `Chat.slow`, and a second for each reply that is read.
Rule 3: after every turn its journal is replayed, and must lead to where the dialog stands.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from .. import record
from ..bot import Bot
from ..dialog import StepFunction
from ..receive import (
    ClickEvent,
    ImageMessage,
    LocationMessage,
    Message,
    ScanEvent,
    SubscribeEvent,
    TextMessage,
    UnsubscribeEvent,
    VoiceMessage,
)
from ..reply import Reply, Text, visible
from .world import World

#: what the user sees: a text with its links as their labels, any other reply as itself; None for silence
Said: TypeAlias = str | Reply | None

#: what every message has, and one that has nothing of it
_COMMON = ("id", "openid", "account", "time")
_NOTHING = Message()
_TAP = re.compile(r'<a href="weixin://bizmsgmenu\?msgmenucontent=([^"]*?)&msgmenuid=[^"]*">(.*?)</a>')


class Chat:
    """One user who talks to `bot`, in a store and on a clock of their own.

    `user`: the openid. `steps`: functions that are called instead of those of steps. `now`: when it begins (aware; else the
    day's time). `replay_check`: whether every turn is replayed, which finds dialogs that depend on more than their journal; what is
    between two yields, and in a ``finally``, runs again then, as it does in production. `raises`: whether what a dialog fails with
    is raised here, where no ``on_error`` hook sees to it; else its user gets the apology, as in production.
    """

    def __init__(
        self,
        bot: Bot,
        *,
        user: str = "oUser",
        steps: Mapping[StepFunction[..., Any], Callable[..., Any]] | None = None,
        now: dt.datetime | None = None,
        replay_check: bool = True,
        raises: bool = True,
    ) -> None:
        began = time.time_ns() // 1_000_000 if now is None else int(now.timestamp() * 1000)
        fakes = {step.name: fake for step, fake in (steps or {}).items()}
        self._begin(World(bot, began, fakes), user, replay_check, raises)

    def _begin(self, world: World, user: str, replay_check: bool, raises: bool) -> None:
        self._world, self._user, self._checks, self._raises = world, user, replay_check, raises
        self._last = ""
        world.attend()

    def other(self, user: str) -> Chat:
        """Another user of the same bot, at the same time."""
        chat = Chat.__new__(Chat)
        chat._begin(self._world, user, self._checks, self._raises)
        return chat

    # ---- what the user does: each gives what is shown ----

    def say(self, text: str) -> Said:
        """Type a text. Gives, like all that sends, what the user sees: a text, a picture …, or None for silence."""
        return self.send(TextMessage(text=text))

    def image(self, url: str = "http://mmbiz.example.com/1.jpg", media_id: str = "media-1") -> Said:
        """Send a picture."""
        return self.send(ImageMessage(url=url, media_id=media_id))

    def location(self, latitude: float, longitude: float, label: str = "") -> Said:
        """Send a place, in degrees; `label` is its address."""
        return self.send(LocationMessage(latitude=latitude, longitude=longitude, scale=15, label=label))

    def voice(self, recognition: str = "", media_id: str = "media-2") -> Said:
        """Send a voice message; `recognition` is what WeChat understood, "" where an account has not that."""
        return self.send(VoiceMessage(text=recognition, media_id=media_id, format="amr"))

    def follow(self, scene: str = "") -> Said:
        """Subscribe, perhaps by the QR code of a `scene`."""
        return self.send(SubscribeEvent(scene=scene))

    def unfollow(self) -> Said:
        """Follow no more. Nothing that is answered reaches the user."""
        return self.send(UnsubscribeEvent())

    def scan(self, scene: str) -> Said:
        """Scan the QR code of a `scene`, as a follower."""
        return self.send(ScanEvent(scene=scene))

    def click(self, key: str) -> Said:
        """Click on the menu's button of that key."""
        return self.send(ClickEvent(key=key))

    def tap(self, label: str) -> Said:
        """Tap the link of that label in the last reply: it sends its words. Raises AssertionError where there is none."""
        links = [(visible(shown), unquote(sends)) for sends, shown in _TAP.findall(self._last)]
        words = {sends for shown, sends in links if shown == label}
        labels = sorted({shown for shown, _ in links})
        assert words, f"the last reply has no link {label!r} to tap, only {labels}: {self._last!r}"
        assert len(words) == 1, f"the last reply has several links {label!r}, which say {sorted(words)}"
        return self.say(words.pop())

    def send(self, message: Message) -> Said:
        """Send any message, as WeChat does: pushed up to three times, five seconds apart, until it is answered.

        What it leaves out of ``id openid account time`` is this user's, and of now. One with the same id is the same message.
        """
        message = self._whole(message)
        said = self._world.pushed(message)
        self._last = said.text if isinstance(said, Text) else ""
        if self._raises:
            self._world.complain()
        if self._checks:
            self._world.check(message)
        return visible(said.text) if isinstance(said, Text) else said

    def _whole(self, message: Message) -> Message:
        if not any(getattr(message, name) == getattr(_NOTHING, name) for name in _COMMON):
            return message
        lacks = {
            name: value for name, value in self._common().items() if getattr(message, name) == getattr(_NOTHING, name)
        }
        raw = {name: value for name, value in message.raw.items() if name not in _NOTHING.raw}
        given = {name: getattr(message, name) for name in message.__struct_fields__}
        return type(message)(**{**given, **lacks, "raw": raw})

    def _common(self) -> dict[str, Any]:
        world = self._world
        world.count += 1
        return {"id": f"{world.count:016}", "openid": self._user, "account": world.account, "time": world.time()}

    # ---- what happens meanwhile ----

    def later(self, seconds: float) -> None:
        """Let so much time go by; what is slow goes on meanwhile."""
        self._world.run(lambda: False, self._world.now + int(seconds * 1000))
        if self._raises:
            self._world.complain()

    def slow(self, step: StepFunction[..., Any], seconds: float, /) -> None:
        """From now on that step takes so long."""
        self._world.durations[step.name] = int(seconds * 1000)

    def crash(self) -> None:
        """The worker dies, whatever it does just now, and another one takes its place.

        A step under way is lost, and runs again with the same key once a message comes when the dead worker's time is over
        (``later(10)``), or while that is waited for.
        """
        self._world.crash()

    @property
    def waiting(self) -> str | None:
        """The name of the dialog that waits for this user, or runs; None: none."""
        world = self._world
        rec = world.record(self._user)
        return None if not rec.turn and rec.late(world.now) > record.GRACE else record.dialog_name(rec)
