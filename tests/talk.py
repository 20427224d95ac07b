"""A conversation in a test: the turns' own generators, driven on one thread, on a clock that only the test moves.

Nothing of the library is replaced: what stands in for the world here is the event loop, the wire and the clock.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import inspect
from collections import deque
from collections.abc import Callable
from typing import Any

from wechat import (
    Bot,
    ClickEvent,
    ImageMessage,
    LocationMessage,
    Message,
    SubscribeEvent,
    TextMessage,
    VoiceMessage,
    record,
    reply,
    turn,
)
from wechat.attempt import Delivery, Turn, Worker
from wechat.runtime import ask_hooks

START = 1_790_000_000_000  # ms
ACCOUNT = "gh_test"


class Crash(Exception):
    """The worker is no more."""


class Host:
    """One worker: what it knows of conversations, and the pushes that wait there."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.hot: dict[str, turn.Keep] = {}
        self.listening: list[Push] = []
        self.stalls = False  # it lives, and does nothing


@dataclasses.dataclass
class Work:
    """One generator of effects under way."""

    key: str
    generator: turn.Effects
    host: Host
    until: int = 0  # when it goes on
    job: tuple[Any, int, int] | None = None  # what it does, since when, and when that is done
    naps: bool = False
    done: bool = False
    value: Any = None


@dataclasses.dataclass
class Push:
    """One push under way."""

    work: Work
    delivery: Delivery
    bound: list[Any] = dataclasses.field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.work.done or not self.delivery.open

    @property
    def said(self) -> Any:
        """What it is answered with, encoded; None where it has nothing of its own."""
        return self.work.value if self.work.value is not None or not self.bound else self.bound[0]


class World:
    """A store, a clock, and workers that can die: what is begun is begun `at` one of them."""

    def __init__(self, bot: Bot, now: int = START) -> None:
        self.bot, self.now = bot, now
        self.kept: dict[str, tuple[str, dict[str, str], int | None]] = {}
        self.writes = self.effects = self.trips = 0
        self.turns: list[Turn] = []
        self.durations: dict[str, int] = {}
        self.stand_ins: dict[str, Callable[..., Any]] = {}
        self.crash_before: Callable[[turn.Effect], bool] = lambda effect: False
        self.after_write: Callable[[record.Record], None] = lambda rec: None
        self.loses_replies = False  # on their way out
        self.hosts: dict[str, Host] = {}
        self.at = "a"
        self.pushes = 0
        self.works: list[Work] = []
        self.ready: deque[tuple[Work, Any]] = deque()

    @property
    def host(self) -> Host:
        return self.hosts.setdefault(self.at, Host())

    @property
    def worker(self) -> Worker:
        return self.host.worker

    @property
    def hot(self) -> dict[str, turn.Keep]:
        return self.host.hot

    def revive(self) -> None:
        """A new worker in its place, that knows nothing but what is on record."""
        dead, self.hosts[self.at] = self.host, Host()
        self.works = [work for work in self.works if work.host is not dead]
        self.ready = deque(item for item in self.ready if item[0].host is not dead)

    def deliver(self, message: Message, *, patience: int = 5_200) -> Any:
        """One push; gives the encoded reply, None where there is none of its own."""
        end = self.now + patience + 200
        push = self.push(message)
        self.run(lambda: push.over or self.now > end)
        return self.answered(push)

    def push(self, message: Message) -> Push:
        """One push, for whose answer nobody waits yet."""
        key = self.bot.key(message.account, message.openid)
        self.pushes += 1
        delivery = Delivery(message, self.now, f"{self.pushes:02d}"[-2:], worker=self.worker)
        generator = turn.deliver(
            self.bot.conduct(message), delivery, f"w{self.pushes}", self.now, self.hot.pop(key, None)
        )
        push = Push(self.spawn(key, generator), delivery)
        self.host.listening.append(push)
        return push

    def answered(self, push: Push) -> Any:
        """The push is over, with whatever it has."""
        answered, push.delivery.open = push.said, False
        push.work.host.listening.remove(push)
        self.run(lambda: push.work.done)
        if push.delivery.doubt and not self.loses_replies:
            work = self.spawn(push.work.key, turn.sent(push.delivery, self.now, self.hot.pop(push.work.key, None)))
            self.run(lambda: work.done)
        return None if self.loses_replies else answered

    def settle(self, ms: int = 60_000) -> None:
        """Let everything that is under way come to its end."""
        end = self.now + ms
        self.run(lambda: not self.works or self.now >= end)

    def elapse(self, ms: int) -> None:
        """Let so much time go by, and what is under way go on."""
        self.run(lambda: False, self.now + ms)

    def spawn(self, key: str, generator: turn.Effects) -> Work:
        work = Work(key, generator, self.host)
        self.works.append(work)
        self.ready.append((work, None))
        return work

    def run(self, over: Callable[[], bool], end: int | None = None) -> None:
        """Until it is over, nothing is left to do, or (the clock stands there then) it is `end`."""
        while True:
            while self.ready:
                self.step(*self.ready.popleft())
            if over():
                return
            work = min((work for work in self.works if not work.host.stalls), key=lambda work: work.until, default=None)
            if work is None or (end is not None and work.until > end):
                self.now = self.now if end is None else max(self.now, end)
                return
            self.now = max(self.now, work.until)
            self.ready.append((work, self.came(work) if work.job else None))

    def step(self, work: Work, came: Any) -> None:
        if work.done:
            return
        try:
            effect = work.generator.send(came)
        except StopIteration as end:
            work.done, work.value = True, end.value
            self.works.remove(work)
            return
        except KeyboardInterrupt:  # the dialog's code ends its process
            raise Crash from None
        self.effects += 1
        if self.crash_before(effect):
            raise Crash(type(effect).__name__)
        result = CARRY[type(effect)](self, work, effect)
        if result is not Ellipsis:
            self.ready.append((work, result))

    # ---- effects: Ellipsis where it takes time ----

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
        dropped = {name: value for name, value in fields.items() if name not in set(effect.drop)}
        self.kept[work.key] = (f"v{self.writes}", {**dropped, **effect.put}, effect.expires)
        self.after_write(record.read(self.kept[work.key][1]))
        self.turns += effect.turns
        if effect.wake:
            for other in self.works:
                if other.key == work.key and other is not work and other.job is None and other.until > self.now:
                    other.until = self.now
        return turn.Written(f"v{self.writes}", self.now)

    def do(self, work: Work, effect: turn.Do) -> Any:
        if work.host.worker.stopping:
            return turn.Halted(self.now)
        if self.now >= effect.until:
            return turn.Lost(self.now)
        step = effect.step
        function = self.stand_ins.get(step.name, step.function.function)
        arguments = dict(step.kwargs) | ({"idempotency_key": effect.key} if step.function.keyed else {})
        return self.begin(work, effect.beat, self.durations.get(step.name, 0), function, *step.args, **arguments)

    def hook(self, work: Work, effect: turn.Hook) -> Any:
        value, error = asyncio.run(ask_hooks(self.bot._hooks, effect.name, effect.args))
        return turn.Done(value, error, self.now)

    def begin(self, work: Work, beat: int, ms: int, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        value: Any = None
        error: BaseException | None = None
        try:
            value = called(function, *args, **kwargs)
        except Crash:
            raise
        except BaseException as raised:
            error = raised
        work.job = ((value, error), self.now, self.now + ms)
        return self.came(work) if ms == 0 else self.goon(work, turn.GoOn(beat))

    def goon(self, work: Work, effect: turn.GoOn) -> Any:
        assert work.job
        work.until = min(work.job[2], self.now + effect.beat)
        return ...

    def leave(self, work: Work, effect: turn.Leave) -> None:
        work.job = None

    def nap(self, work: Work, effect: turn.Nap) -> Any:
        work.job = ((None, None), self.now, self.now + 10 * effect.ms)  # it ends at the next look
        work.until, work.naps = self.now + effect.ms, True
        return ...

    def came(self, work: Work) -> Any:
        assert work.job
        (value, error), began, end = work.job
        if work.naps:
            work.job, work.naps = None, False
            return turn.Busy(self.now)
        if self.now < end:  # a text is made as time goes on
            made = value[: len(value) * (self.now - began) // (end - began)] if isinstance(value, str) else ""
            return turn.Busy(self.now, made)
        work.job = None
        return turn.Done(value, error, self.now)

    def wait(self, work: Work, effect: turn.Wait) -> Any:
        changed = self.there(work.key)[0] != effect.version
        work.until = self.now if changed else max(effect.until, self.now + 1)
        return ...

    def answer(self, work: Work, effect: turn.Answer) -> None:
        for push in work.host.listening:
            delivery = push.delivery
            if push.work.key == work.key and delivery.message.id == effect.message and delivery.open:
                push.bound.append(effect.say)
                delivery.open, delivery.doubt = False, effect.doubt
                for other in self.works:
                    if other.job is None:
                        other.until = min(other.until, self.now)

    def keep(self, work: Work, effect: turn.Keep) -> None:
        work.host.hot[work.key] = effect

    def report(self, work: Work, effect: turn.Report) -> None:
        self.turns.append(effect.turn)

    def start(self, work: Work, effect: turn.Spawn) -> None:
        work.host.worker.works.add(effect.name)
        self.spawn(work.key, effect.work).host = work.host


CARRY: dict[type[Any], Callable[[World, Work, Any], Any]] = {
    turn.Load: World.load,
    turn.Write: World.write,
    turn.Do: World.do,
    turn.Hook: World.hook,
    turn.GoOn: World.goon,
    turn.Leave: World.leave,
    turn.Nap: World.nap,
    turn.Wait: World.wait,
    turn.Spawn: World.start,
    turn.Answer: World.answer,
    turn.Keep: World.keep,
    turn.Report: World.report,
}


def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a step gives, of whatever kind its function is."""
    made = function(*args, **kwargs)
    if inspect.isasyncgen(made):
        return asyncio.run(_joined(made))
    if inspect.isgenerator(made):
        return "".join(made)
    return asyncio.run(made) if inspect.iscoroutine(made) else made


def shown(said: Any) -> Any:
    """What the user sees of an encoded reply: of a text its words, another as itself, None for silence, … for none."""
    if said is None:
        return "…"
    what = None if said == "" else reply.decode(said)
    return reply.visible(what.text) if isinstance(what, reply.Text) else what


async def _joined(pieces: Any) -> str:
    return "".join([piece async for piece in pieces])


class Chat:
    """One user who talks to a bot."""

    def __init__(self, bot: Bot, user: str = "oUser", world: World | None = None) -> None:
        self.world = world or World(bot)
        self.bot, self.user = bot, user
        self.count = 0
        self.last: Message | None = None

    def _common(self) -> dict[str, Any]:
        self.count += 1
        time = dt.datetime.fromtimestamp(self.world.now // 1000, self.bot.settings.timezone)
        return {"id": f"{self.user}{self.count}", "openid": self.user, "account": ACCOUNT, "time": time}

    def send(self, message: Message) -> Any:
        """What WeChat shows for a message that is pushed once: text as the user sees it, another reply as itself, None for silence."""
        self.last = message
        said = self.world.deliver(message)
        if said is not None:
            self.world.now += 1_000  # people take a while to read
        return shown(said)

    def again(self) -> Any:
        """The last message is pushed once more."""
        assert self.last
        return self.send(self.last)

    def text(self, text: str) -> TextMessage:
        return TextMessage(text=text, **self._common())

    def say(self, text: str) -> Any:
        return self.send(self.text(text))

    def image(self, url: str = "http://x/1.jpg") -> Any:
        return self.send(ImageMessage(url=url, media_id="m1", **self._common()))

    def voice(self, recognition: str = "") -> Any:
        return self.send(VoiceMessage(text=recognition, media_id="m2", format="amr", **self._common()))

    def location(self, latitude: float, longitude: float, label: str = "") -> Any:
        return self.send(
            LocationMessage(latitude=latitude, longitude=longitude, scale=15, label=label, **self._common())
        )

    def click(self, key: str) -> Any:
        return self.send(ClickEvent(event="click", key=key, **self._common()))

    def follow(self) -> Any:
        return self.send(SubscribeEvent(event="subscribe", key="", scene="", ticket="", **self._common()))

    def later(self, seconds: float) -> None:
        self.world.now += int(seconds * 1000)

    def crash(self) -> None:
        self.world.revive()

    @property
    def key(self) -> str:
        return self.bot.key(ACCOUNT, self.user)

    @property
    def record(self) -> record.Record:
        return record.read(self.world.there(self.key)[1])

    @property
    def outcomes(self) -> list[str]:
        return [turn.outcome for turn in self.world.turns]
