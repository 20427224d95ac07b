"""A bot, talked to in a test: no network, no server, no waiting, and a clock that only the test moves.

    chat = Chat(bot)
    assert chat.say("累加器") == "您需要累加几个数字？"

Rule 1: nothing of the library is replaced but what is outside of it: WeChat, the wire, the worker's event loop, the clock.
Rule 2: time goes by in `Chat.later`, while the user waits for something `Chat.slow`, and a second for each reply that is read.
Rule 3: after every turn its journal is replayed, and must lead to where the dialog stands.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import re
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

from . import record, replay, turn
from .attempt import Delivery, Worker
from .bot import Bot
from .dialog import Ask, StepFunction, innermost
from .errors import Diverged
from .receive import (
    ClickEvent,
    ImageMessage,
    LocationMessage,
    Message,
    ScanEvent,
    SubscribeEvent,
    TextMessage,
    VoiceMessage,
)
from .reply import Reply, Text, decode, visible
from .runtime import Runtime, ask_hooks, written
from .stores import Patch, Written
from .stores.memory import MemoryStore

T = TypeVar("T")
#: what the user sees: a text with its links as their labels, any other reply as itself; None for silence
Said: TypeAlias = str | Reply | None

ACCOUNT = "gh_testing"
#: what WeChat shows where its third push was not answered either
OUT_OF_ORDER = "该公众号提供的服务出现故障，请稍后再试"
#: WeChat pushes a message so often
PUSHES = 3
#: ms that a reply is read before the next message
READING = 1_000

_TAP = re.compile(r'<a href="weixin://bizmsgmenu\?msgmenucontent=([^"]*?)&msgmenuid=[^"]*">(.*?)</a>')


class Chat:
    """One user who talks to `bot`, in a store and on a clock of their own.

    `user`: the openid. `steps`: functions that are called instead of those of steps. `now`: when it begins (aware; else the
    day's time). `replay_check`: whether every turn is replayed, which finds dialogs that depend on more than their journal; what is
    between two yields, and in a ``finally``, runs again then, as it does in production.
    """

    def __init__(
        self,
        bot: Bot,
        *,
        user: str = "oUser",
        steps: Mapping[StepFunction[..., Any], Callable[..., Any]] | None = None,
        now: dt.datetime | None = None,
        replay_check: bool = True,
    ) -> None:
        began = time.time_ns() // 1_000_000 if now is None else int(now.timestamp() * 1000)
        fakes = {step.name: fake for step, fake in (steps or {}).items()}
        self._begin(_World(bot, began, fakes), user, replay_check)

    def _begin(self, world: _World, user: str, replay_check: bool) -> None:
        self._world, self._user, self._checks = world, user, replay_check
        self._last = ""
        world.attend()

    def other(self, user: str) -> Chat:
        """Another user of the same bot, at the same time."""
        chat = Chat.__new__(Chat)
        chat._begin(self._world, user, self._checks)
        return chat

    # ---- what the user does: each gives what is shown ----

    def say(self, text: str) -> Said:
        return self.send(TextMessage(text=text, **self._common()))

    def image(self, url: str = "http://mmbiz.example.com/1.jpg", media_id: str = "media-1") -> Said:
        return self.send(ImageMessage(url=url, media_id=media_id, **self._common()))

    def location(self, latitude: float, longitude: float, label: str = "") -> Said:
        place: dict[str, Any] = {"latitude": latitude, "longitude": longitude, "scale": 15, "label": label}
        return self.send(LocationMessage(**place, **self._common()))

    def voice(self, recognition: str = "", media_id: str = "media-2") -> Said:
        return self.send(VoiceMessage(text=recognition, media_id=media_id, format="amr", **self._common()))

    def follow(self, scene: str = "") -> Said:
        """Subscribe, perhaps by the QR code of a `scene`."""
        return self.send(SubscribeEvent(scene=scene, **self._common()))

    def scan(self, scene: str) -> Said:
        return self.send(ScanEvent(scene=scene, **self._common()))

    def click(self, key: str) -> Said:
        return self.send(ClickEvent(key=key, **self._common()))

    def tap(self, label: str) -> Said:
        """Tap the link of that label in the last reply: it sends its words. Raises AssertionError where there is none."""
        links = [(visible(shown), unquote(sends)) for sends, shown in _TAP.findall(self._last)]
        words = {sends for shown, sends in links if shown == label}
        labels = sorted({shown for shown, _ in links})
        assert words, f"the last reply has no link {label!r} to tap, only {labels}: {self._last!r}"
        assert len(words) == 1, f"the last reply has several links {label!r}, which say {sorted(words)}"
        return self.say(words.pop())

    def send(self, message: Message) -> Said:
        """Send any message, as WeChat does: pushed up to three times, five seconds apart, until it is answered."""
        said = self._world.pushed(message)
        self._last = said.text if isinstance(said, Text) else ""
        if self._checks:
            self._world.check(message)
        return visible(said.text) if isinstance(said, Text) else said

    def _common(self) -> dict[str, Any]:
        world = self._world
        world.count += 1
        return {"id": f"{world.count:016}", "openid": self._user, "account": world.account, "time": world.time()}

    # ---- what happens meanwhile ----

    def later(self, seconds: float) -> None:
        """Let so much time go by; what is slow goes on meanwhile."""
        self._world.run(lambda: False, self._world.now + int(seconds * 1000))

    def slow(self, step: StepFunction[..., Any], seconds: float, /) -> None:
        """From now on that step takes so long."""
        self._world.durations[step.name] = int(seconds * 1000)

    def crash(self) -> None:
        """The worker dies, whatever it does just now, and another one takes its place."""
        self._world.host = _Host()

    @property
    def waiting(self) -> str | None:
        """The name of the dialog that waits for this user, or runs; None: none."""
        world = self._world
        rec = world.record(self._user)
        return None if not rec.turn and rec.late(world.now) > record.GRACE else record.dialog_name(rec)


# ---- the world around the turns ---------------------------------------------------------------------------------------


class _Host:
    """A worker: what it knows of conversations, and what it does."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.hot: dict[str, turn.Keep] = {}
        self.pushes: list[_Push] = []


@dataclasses.dataclass
class _Job:
    """A step or hook that is done, and when that is known."""

    value: Any
    error: BaseException | None
    began: int
    end: int
    pieces: bool = False

    def made(self, now: int) -> str:
        """As much of a text as there is by now."""
        whole = self.value if self.pieces and isinstance(self.value, str) else ""
        return whole[: len(whole) * (now - self.began) // max(1, self.end - self.began)]


@dataclasses.dataclass(eq=False)
class _Work:
    """A generator of effects under way."""

    key: str
    generator: turn.Effects
    host: _Host
    until: int = 0  # when it goes on
    job: _Job | None = None
    waits: bool = False
    naps: bool = False
    done: bool = False
    value: Any = None


@dataclasses.dataclass(eq=False)
class _Push:
    """A push that waits for its answer."""

    work: _Work
    delivery: Delivery
    bound: list[Any] = dataclasses.field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.work.done or bool(self.bound)

    @property
    def said(self) -> Any:
        return self.bound[0] if self.bound else self.work.value


class _World:
    """Carries out the effects of turns, one after another, on one clock (ms)."""

    def __init__(self, bot: Bot, now: int, fakes: Mapping[str, Callable[..., Any]]) -> None:
        self.bot, self.now, self.fakes = bot, now, fakes
        self.count = 0
        self.durations: dict[str, int] = {}
        self.store = MemoryStore(lambda: self.now)
        self.host = _Host()
        self.works: list[_Work] = []
        self._ready: deque[tuple[_Work, Any]] = deque()
        self._versions = 0

    def time(self) -> dt.datetime:
        """A message's, which WeChat gives in whole seconds."""
        return dt.datetime.fromtimestamp(self.now // 1000, self.bot.settings.timezone)

    @property
    def account(self) -> str:
        return self.bot.settings.account or ACCOUNT

    def key(self, openid: str) -> str:
        return self.bot.key(self.account, openid)

    def record(self, openid: str) -> record.Record:
        return record.read(_at_once(self.store.load(self.key(openid))).fields)

    # ---- WeChat ----

    def pushed(self, message: Message) -> Reply | None:
        """What WeChat shows for a message."""
        waits = self.bot.settings.deadlines.waits
        for _ in range(PUSHES):
            end, push = self.now + waits, self._push(message)
            self.run(lambda push=push: push.over, end)  # type: ignore[misc]
            if push.over and push.said is not None:
                return self._shown(push)
            self._leave(push)
            self.now = max(self.now, end)
        return Text(OUT_OF_ORDER)

    def attend(self) -> None:
        """From now on `bot.user` is about whoever talks here."""
        if self.bot._runtime.store is not self.store:
            self.bot._runtime = Runtime(
                self.store, self.bot._hooks, self.bot._report, monotonic=lambda: self.now / 1000
            )
            _at_once(self.bot._keep_account(self.account))

    def _push(self, message: Message) -> _Push:
        key = self.bot.key(message.account, message.openid)
        self._versions += 1
        mark, hot = f"{self._versions:02}"[-2:], self.host.hot.pop(key, None)
        delivery = Delivery(message, self.now, mark, worker=self.host.worker, deadlines=self.bot.settings.deadlines)
        work = turn.deliver(self.bot.conduct(message), delivery, f"w{self._versions}", self.now, hot)
        push = _Push(self.spawn(key, work), delivery)
        self.host.pushes.append(push)
        return push

    def _leave(self, push: _Push) -> None:
        push.delivery.open = False
        if push in push.work.host.pushes:
            push.work.host.pushes.remove(push)

    def _shown(self, push: _Push) -> Reply | None:
        said, doubt = push.said, push.delivery.doubt
        self._leave(push)
        if doubt:
            key = push.work.key
            sent = self.spawn(key, turn.sent(push.delivery, self.now, self.host.hot.pop(key, None)))
            self.run(lambda: sent.done)
        self.now += READING
        return None if said == "" else decode(said)

    # ---- time, and what is under way ----

    def spawn(self, key: str, generator: turn.Effects) -> _Work:
        work = _Work(key, generator, self.host)
        self.works.append(work)
        self._ready.append((work, None))
        return work

    def run(self, over: Callable[[], bool], end: int | None = None) -> None:
        """Until it is over, or nothing is left to do, or it is `end` (the clock stands there then)."""
        self.attend()
        while True:
            while self._ready:
                self._step(*self._ready.popleft())
            if over():
                return
            self.works = [work for work in self.works if work.host is self.host and not work.done]
            work = min(self.works, key=lambda work: work.until, default=None)
            if work is None or (end is not None and work.until > end):
                self.now = self.now if end is None else max(self.now, end)
                return
            self.now = max(self.now, work.until)
            self._ready.append((work, self._came(work)))

    def _step(self, work: _Work, came: Any) -> None:
        if work.done or work.host is not self.host:
            return
        work.waits = False
        try:
            effect = work.generator.send(came)
        except StopIteration as end:
            work.done, work.value = True, end.value
            return
        result = _CARRY[type(effect)](self, work, effect)
        if result is not ...:
            self._ready.append((work, result))

    def _came(self, work: _Work) -> Any:
        job, naps, work.naps = work.job, work.naps, False
        if naps:
            return turn.Busy(self.now)
        if job is None:
            return None
        if self.now < job.end:
            return turn.Busy(self.now, job.made(self.now))
        work.job = None
        return turn.Done(job.value, job.error, self.now, job.made(self.now) if job.error is None else "")

    # ---- effects: ... where it takes time ----

    def load(self, work: _Work, effect: turn.Load) -> Any:
        return _at_once(self.store.load(work.key))

    def write(self, work: _Work, effect: turn.Write) -> Any:
        self._versions += 1
        patch = Patch(f"v{self._versions}", effect.put, effect.drop, effect.expires, effect.wake)
        came = _at_once(self.store.patch(work.key, effect.version, patch))
        if not isinstance(came, Written):
            return came
        for over in effect.turns:
            self.bot._report(over)
        for other in self.works:
            if effect.wake and other.waits and other.key == work.key:
                other.until = self.now
        return turn.Written(patch.version, came.now)

    def do(self, work: _Work, effect: turn.Do) -> Any:
        if self.now >= effect.until:
            return turn.Lost(self.now)
        step = effect.step
        function = self.fakes.get(step.name, step.function.function)
        given = dict(step.kwargs)
        if step.function.keyed and step.name not in self.fakes:
            given.setdefault("idempotency_key", effect.key)
        value, error = self._called(function, *step.args, **given)
        kind = innermost(function)
        pieces = inspect.isgeneratorfunction(kind) or inspect.isasyncgenfunction(kind)
        work.job = _Job(value, error, self.now, self.now + self.durations.get(step.name, 0), pieces)
        return self.go_on(work, turn.GoOn(effect.beat))

    def _called(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, BaseException | None]:
        """What a step gives, of whatever kind its function is; asynchronous ones on one event loop for the world's life."""
        try:
            made = function(*args, **kwargs)
            if inspect.isgenerator(made):
                return "".join(piece for given in made for piece in written(given)), None
            if inspect.isasyncgen(made):
                made = _joined(made)
            return self.bot.wait(_awaited(made)) if inspect.isawaitable(made) else made, None
        except (KeyboardInterrupt, AssertionError):  # of the test itself
            raise
        except BaseException as error:
            return None, error

    def hook(self, work: _Work, effect: turn.Hook) -> Any:
        value, error = self.bot.wait(ask_hooks(self.bot._hooks, effect.name, effect.args))
        return turn.Done(value, error, self.now)

    def go_on(self, work: _Work, effect: turn.GoOn) -> Any:
        assert work.job is not None
        if work.job.end <= self.now:
            return self._came(work)
        work.until = min(work.job.end, self.now + effect.beat)
        return ...

    def leave(self, work: _Work, effect: turn.Leave) -> None:
        work.job = None

    def nap(self, work: _Work, effect: turn.Nap) -> Any:
        work.until, work.naps = self.now + effect.ms, True
        return ...

    def wait(self, work: _Work, effect: turn.Wait) -> Any:
        changed = _at_once(self.store.load(work.key)).version != effect.version
        work.until = self.now if changed else max(effect.until, self.now + 1)
        work.waits = True
        return ...

    def start(self, work: _Work, effect: turn.Spawn) -> None:
        self.host.worker.works.add(effect.name)
        self.spawn(work.key, effect.work)

    def answer(self, work: _Work, effect: turn.Answer) -> None:
        for push in work.host.pushes:
            mine = push.work.key == work.key and push.delivery.message.id == effect.message
            if mine and push.delivery.open and not push.over:
                push.bound.append(effect.say)
                push.delivery.open, push.delivery.doubt = False, effect.doubt
                push.work.until = self.now

    def keep(self, work: _Work, effect: turn.Keep) -> None:
        work.host.hot[work.key] = effect

    def report(self, work: _Work, effect: turn.Report) -> None:
        self.bot._report(effect.turn)

    # ---- replay ----

    def check(self, message: Message) -> None:
        """Raises AssertionError where the journal does not lead to where the dialog stands."""
        rec, kept = self.record(message.openid), self.host.hot.get(self.key(message.openid))
        live = kept.machine if kept is not None else None
        if rec.turn or not rec.journal or live is None:
            return
        voice = self.bot.conduct(message).voice
        try:
            cold = replay.replay(self.bot.scripts, rec.dialog(), voice)
        except Diverged as error:
            raise AssertionError(f"{_DIFFERS}: {error}") from error
        try:
            stands, leads = _place(live, voice), _place(cold, voice)
        finally:
            cold.close()
        assert stands == leads, f"{_DIFFERS}: it stands at {stands}, and its journal leads to {leads}"


_DIFFERS = (
    "the dialog, run again from its journal, does not do what it did: it must not depend on anything but its messages, "
    "steps, now(), rng() and recall() (replay_check=False leaves this check away)"
)


def _place(machine: replay.Machine, voice: Any) -> tuple[str, Any, list[Any]]:
    """Where a dialog stands, what it asks there, and what its last turn said."""
    ask = machine.want
    asked = (ask.name, ask.key, ask.options) if isinstance(ask, Ask) else ask
    return machine.where(), asked, voice.render(machine.said)


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        given: T = end.value
        return given
    raise AssertionError("it waits")


async def _awaited(work: Any) -> Any:
    return await work


async def _joined(pieces: Any) -> str:
    return "".join([text async for piece in pieces for text in written(piece)])


_CARRY: Mapping[type[Any], Callable[[_World, _Work, Any], Any]] = {
    turn.Load: _World.load,
    turn.Write: _World.write,
    turn.Do: _World.do,
    turn.Hook: _World.hook,
    turn.GoOn: _World.go_on,
    turn.Leave: _World.leave,
    turn.Nap: _World.nap,
    turn.Wait: _World.wait,
    turn.Spawn: _World.start,
    turn.Answer: _World.answer,
    turn.Keep: _World.keep,
    turn.Report: _World.report,
}
