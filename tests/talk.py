"""The test kit, and what the library's own tests need beside it: several workers, which die between any two effects and stall,
pushes one by one, replies that get lost on their way, and counts of all that.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from wechat import Bot, Message, TextMessage, record, reply, testing, turn
from wechat.attempt import Turn, Worker
from wechat.testing import world
from wechat.testing.world import Host, Push, Work

START = 1_790_000_000_000  # ms
ACCOUNT = "gh_test"


class Crash(Exception):
    """The worker is no more."""


class World(world.World):
    """What is begun is begun `at` one of several workers, on one store."""

    ends = (Crash,)

    def __init__(self, bot: Bot, now: int = START) -> None:
        self.hosts: dict[str, Host] = {}
        self.at = "a"
        super().__init__(bot, now, {})
        self.kept: dict[str, tuple[str, dict[str, str], int | None]] = {}
        self.writes = self.effects = self.trips = 0
        self.turns: list[Turn] = []
        self.crash_before: Callable[[turn.Effect], bool] = lambda effect: False
        self.after_write: Callable[[record.Record], None] = lambda rec: None
        self.loses_replies = False  # on their way out

    @property
    def host(self) -> Host:
        return self.hosts.setdefault(self.at, Host())

    @host.setter
    def host(self, host: Host) -> None:
        self.hosts[self.at] = host

    @property
    def worker(self) -> Worker:
        return self.host.worker

    @property
    def hot(self) -> dict[str, turn.Keep]:
        return self.host.hot

    def attend(self) -> None:
        """`bot.user` is about what the bot's own store keeps."""

    def deliver(self, message: Message, *, patience: int = 5_200) -> Any:
        """One push; gives the encoded reply, None where there is none of its own."""
        end = self.now + patience + 200
        push = self.push(message)
        self.run(lambda: push.over or self.now > end)
        return self.answered(push)

    def answered(self, push: Push) -> Any:
        """The push is over, with whatever it has."""
        said = push.said
        self.leave(push)
        self.run(lambda: push.work.done)
        if not self.loses_replies:
            self.sent(push)
        return None if self.loses_replies else said

    def settle(self, ms: int = 60_000) -> None:
        """Let everything that is under way come to its end."""
        end = self.now + ms
        self.run(lambda: self.now >= end)

    def elapse(self, ms: int) -> None:
        """Let so much time go by, and what is under way go on."""
        self.run(lambda: False, self.now + ms)

    def step(self, work: Work, came: Any) -> None:
        try:
            super().step(work, came)
        except KeyboardInterrupt:  # the dialog's code ends its process
            raise Crash from None

    def carry_out(self, work: Work, effect: turn.Effect) -> Any:
        self.effects += 1
        if self.crash_before(effect):
            raise Crash(type(effect).__name__)
        return super().carry_out(work, effect)

    # ---- effects ----

    def there(self, key: str) -> tuple[str, dict[str, str], int | None]:
        version, fields, expires = self.kept.get(key, ("", {}, None))
        return ("", {}, None) if expires is not None and expires <= self.now else (version, fields, expires)

    def load(self, work: Work, effect: turn.Load) -> Any:
        self.trips += 1
        version, fields, _ = self.there(work.key)
        return turn.Loaded(version, dict(fields), self.now)

    def write(self, work: Work, effect: turn.Write) -> Any:
        version, fields, _ = self.there(work.key)
        if version != effect.version:
            return self.load(work, turn.Load())
        self.trips += 1
        self.writes += 1
        left = {name: value for name, value in fields.items() if name not in set(effect.drop)}
        self.kept[work.key] = (f"v{self.writes}", {**left, **effect.put}, effect.expires)
        self.after_write(record.read(self.kept[work.key][1]))
        self.turns += effect.turns
        if effect.wake:
            self.wake(work.key)
        return turn.Written(f"v{self.writes}", self.now)

    def do(self, work: Work, effect: turn.Do) -> Any:
        return turn.Halted(self.now) if work.host.worker.stopping else super().do(work, effect)

    def wait(self, work: Work, effect: turn.Wait) -> Any:
        changed = self.there(work.key)[0] != effect.version
        work.until = self.now if changed else max(effect.until, self.now + 1)
        work.waits = True
        return ...

    def reported(self, over: Turn) -> None:
        self.turns.append(over)


def shown(said: Any) -> Any:
    """What the user sees of an encoded reply: of a text its words, another as itself, None for silence, … for none."""
    if said is None:
        return "…"
    what = None if said == "" else reply.decode(said)
    return reply.visible(what.text) if isinstance(what, reply.Text) else what


class Chat(testing.Chat):
    """One user who talks to a bot, whose messages are pushed once."""

    def __init__(self, bot: Bot, user: str = "oUser", world: World | None = None) -> None:
        self.world = world or World(bot)
        self.bot, self.user = bot, user
        self.count = 0
        self.last: Message | None = None
        self._begin(self.world, user, False, False)

    def _common(self) -> dict[str, Any]:
        self.count += 1
        time = dt.datetime.fromtimestamp(self.world.now // 1000, self.bot.settings.timezone)
        return {"id": f"{self.user}{self.count}", "openid": self.user, "account": ACCOUNT, "time": time}

    def send(self, message: Message) -> Any:
        """What WeChat shows of the reply to this one push; … where it has none."""
        message = self.last = self._whole(message)
        said = self.world.deliver(message)
        if said is not None:
            self.world.now += world.READING
        return shown(said)

    def again(self) -> Any:
        """The last message is pushed once more."""
        assert self.last
        return self.send(self.last)

    def text(self, text: str) -> TextMessage:
        return TextMessage(text=text, **self._common())

    def later(self, seconds: float) -> None:
        """So much time has gone by, and nothing else has happened."""
        self.world.now += int(seconds * 1000)

    @property
    def key(self) -> str:
        return self.bot.key(ACCOUNT, self.user)

    @property
    def record(self) -> record.Record:
        return record.read(self.world.there(self.key)[1])

    @property
    def outcomes(self) -> list[str]:
        return [turn.outcome for turn in self.world.turns]
