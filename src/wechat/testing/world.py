"""All that is around the turns of a bot in a test: a store, a worker that can die, and one clock (ms).

Rule 1: the turns are the library's own generators, and so is what they write; here their effects are carried out, one after
        another, on one thread.
Rule 2: time goes by only while nothing else is left to do.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from .. import record, replay, turn
from ..attempt import Delivery, Turn, Worker
from ..bot import Bot
from ..dialog import Ask, innermost
from ..errors import Diverged, StepFailed
from ..receive import Message
from ..reply import Reply, Text, decode
from ..runtime import Runtime, ask_hooks, written
from ..stores import Patch, Written
from ..stores.memory import MemoryStore

T = TypeVar("T")

ACCOUNT = "gh_testing"
#: what WeChat shows where its third push was not answered either
OUT_OF_ORDER = "该公众号提供的服务出现故障，请稍后再试"
#: WeChat pushes a message so often
PUSHES = 3
#: ms that a reply is read before the next message
READING = 1_000


class Host:
    """A worker: what it knows of conversations, and what it does."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.hot: dict[str, turn.Keep] = {}
        self.pushes: list[Push] = []
        self.alive = True
        self.stalls = False  # it lives, and does nothing


@dataclasses.dataclass
class Job:
    """A step that is done, and when that is known. `pieces`: of the text that it made."""

    value: Any
    error: BaseException | None
    pieces: Sequence[str]
    began: int
    end: int

    def made(self, now: int) -> str:
        """The pieces that are there by now: a text grows evenly, and a piece is there when it is whole."""
        length = sum(map(len, self.pieces)) * (now - self.began) // max(1, self.end - self.began)
        ends = itertools.accumulate(map(len, self.pieces))
        return "".join(piece for piece, end in zip(self.pieces, ends, strict=True) if end <= length)


@dataclasses.dataclass(eq=False)
class Work:
    """A generator of effects under way."""

    key: str
    generator: turn.Effects
    host: Host
    until: int = 0  # when it goes on
    job: Job | None = None
    waits: bool = False
    naps: bool = False
    done: bool = False
    value: Any = None


@dataclasses.dataclass(eq=False)
class Push:
    """A push that waits for its answer."""

    work: Work
    delivery: Delivery
    bound: list[Any] = dataclasses.field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.work.done or bool(self.bound)

    @property
    def said(self) -> Any:
        return self.bound[0] if self.bound else self.work.value


class World:
    """Carries out the effects of turns. What is begun is begun at its `host`."""

    #: what ends the test, and not a step that raises it
    ends: tuple[type[BaseException], ...] = (KeyboardInterrupt, AssertionError)

    def __init__(self, bot: Bot, now: int, fakes: Mapping[str, Callable[..., Any]]) -> None:
        self.bot, self.now, self.fakes = bot, now, fakes
        self.count = 0
        self.durations: dict[str, int] = {}
        self.errors: list[BaseException] = []  # that dialogs failed with
        self._failed: BaseException | None = None  # what the last step to fail raised
        self.store = MemoryStore(lambda: self.now)
        self.host = Host()
        self.works: list[Work] = []
        self.ready: deque[tuple[Work, Any]] = deque()
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
            end, push = self.now + waits, self.push(message)
            self.run(lambda push=push: push.over, end)  # type: ignore[misc]
            if push.over and push.said is not None:
                return self._shown(push)
            self.leave(push)
            self.now = max(self.now, end)
        return Text(OUT_OF_ORDER)

    def attend(self) -> None:
        """From now on `bot.user` is about whoever talks here."""
        if self.bot._runtime.store is not self.store:
            self.bot._runtime = Runtime(
                self.store, self.bot._hooks, self.bot._report, monotonic=lambda: self.now / 1000
            )
            _at_once(self.bot._keep_account(self.account))

    def push(self, message: Message) -> Push:
        """One push, for whose answer nobody waits yet."""
        key = self.bot.key(message.account, message.openid)
        self._versions += 1
        mark, hot = f"{self._versions:02}"[-2:], self.host.hot.pop(key, None)
        delivery = Delivery(message, self.now, mark, worker=self.host.worker, deadlines=self.bot.settings.deadlines)
        work = turn.deliver(self.bot.conduct(message), delivery, f"w{self._versions}", self.now, hot)
        push = Push(self.spawn(key, work), delivery)
        self.host.pushes.append(push)
        return push

    def leave(self, push: Push) -> None:
        """WeChat hangs up, or has its answer."""
        push.delivery.open = False
        if push in push.work.host.pushes:
            push.work.host.pushes.remove(push)

    def _shown(self, push: Push) -> Reply | None:
        said = push.said
        self.leave(push)
        self.sent(push)
        self.now += READING
        return None if said == "" else decode(said)

    def sent(self, push: Push) -> None:
        """Its response has left, which the worker takes note of where that was in doubt."""
        if push.delivery.doubt:
            key = push.work.key
            work = self.spawn(key, turn.sent(push.delivery, self.now, self.host.hot.pop(key, None)))
            self.run(lambda: work.done)

    def crash(self) -> None:
        """The worker is no more, and another one takes its place, which knows only what is on record."""
        self.host.alive = False
        self.host = Host()

    # ---- time, and what is under way ----

    def spawn(self, key: str, generator: turn.Effects) -> Work:
        work = Work(key, generator, self.host)
        self.works.append(work)
        self.ready.append((work, None))
        return work

    def run(self, over: Callable[[], bool], end: int | None = None) -> None:
        """Until it is over, or nothing is left to do, or it is `end` (the clock stands there then)."""
        self.attend()
        while True:
            while self.ready:
                self.step(*self.ready.popleft())
            if over():
                return
            self.works = [work for work in self.works if work.host.alive and not work.done]
            able = (work for work in self.works if not work.host.stalls)
            work = min(able, key=lambda work: work.until, default=None)
            if work is None or (end is not None and work.until > end):
                self.now = self.now if end is None else max(self.now, end)
                return
            self.now = max(self.now, work.until)
            self.ready.append((work, self._came(work)))

    def step(self, work: Work, came: Any) -> None:
        """Let it go on to its next effect."""
        if work.done or not work.host.alive:
            return
        work.waits = False
        try:
            effect = work.generator.send(came)
        except StopIteration as end:
            work.done, work.value = True, end.value
            return
        result = self.carry_out(work, effect)
        if result is not ...:
            self.ready.append((work, result))

    def carry_out(self, work: Work, effect: turn.Effect) -> Any:
        """Gives what comes of it; ... where that takes time."""
        return getattr(self, _CARRY[type(effect)])(work, effect)

    def _came(self, work: Work) -> Any:
        job, naps, work.naps = work.job, work.naps, False
        if naps:
            return turn.Busy(self.now)
        if job is None:
            return None
        if self.now < job.end:
            return turn.Busy(self.now, job.made(self.now))
        work.job = None
        return turn.Done(job.value, job.error, self.now, "".join(job.pieces))

    # ---- effects ----

    def load(self, work: Work, effect: turn.Load) -> Any:
        return _at_once(self.store.load(work.key))

    def write(self, work: Work, effect: turn.Write) -> Any:
        self._versions += 1
        patch = Patch(f"v{self._versions}", effect.put, effect.drop, effect.expires, effect.wake)
        came = _at_once(self.store.patch(work.key, effect.version, patch))
        if not isinstance(came, Written):
            return came
        for over in effect.turns:
            self.reported(over)
        if effect.wake:
            self.wake(work.key)
        return turn.Written(patch.version, came.now)

    def wake(self, key: str) -> None:
        """Who waits for a change there looks again."""
        for other in self.works:
            if other.waits and other.key == key:
                other.until = self.now

    def do(self, work: Work, effect: turn.Do) -> Any:
        if self.now >= effect.until:
            return turn.Lost(self.now)
        step = effect.step
        function = self.fakes.get(step.name, step.function.function)
        given = dict(step.kwargs)
        if step.function.keyed and "idempotency_key" in inspect.signature(function).parameters:
            given.setdefault("idempotency_key", effect.key)
        pieces: list[str] = []
        value, error = self._called(pieces, function, *step.args, **given)
        kind = innermost(step.function.function)
        streams = inspect.isgeneratorfunction(kind) or inspect.isasyncgenfunction(kind)
        if streams and isinstance(value, str) and not pieces:  # what replaces it gives its text whole
            pieces.extend(value)
        work.job = Job(value, error, pieces, self.now, self.now + self.durations.get(step.name, 0))
        return self.go_on(work, turn.GoOn(effect.beat))

    def _called(
        self, pieces: list[str], function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> tuple[Any, BaseException | None]:
        """What a step gives, of whatever kind its function is; asynchronous ones on one event loop for the world's life.

        `pieces` are added to as a text is made.
        """
        try:
            made = function(*args, **kwargs)
            if inspect.isgenerator(made):
                pieces.extend(piece for given in made for piece in written(given))
                return "".join(pieces), None
            if inspect.isasyncgen(made):
                made = _joined(made, pieces)
            return self.bot.wait(_awaited(made)) if inspect.isawaitable(made) else made, None
        except self.ends:
            raise
        except BaseException as error:
            self._failed = error
            return None, error

    def hook(self, work: Work, effect: turn.Hook) -> Any:
        value, error = self.bot.wait(ask_hooks(self.bot._hooks, effect.name, effect.args))
        return turn.Done(value, error, self.now)

    def go_on(self, work: Work, effect: turn.GoOn) -> Any:
        assert work.job is not None
        if work.job.end <= self.now:
            return self._came(work)
        work.until = min(work.job.end, self.now + effect.beat)
        return ...

    def give_up(self, work: Work, effect: turn.Leave) -> None:
        work.job = None

    def nap(self, work: Work, effect: turn.Nap) -> Any:
        work.until, work.naps = self.now + effect.ms, True
        return ...

    def wait(self, work: Work, effect: turn.Wait) -> Any:
        changed = _at_once(self.store.load(work.key)).version != effect.version
        work.until = self.now if changed else max(effect.until, self.now + 1)
        work.waits = True
        return ...

    def start(self, work: Work, effect: turn.Spawn) -> None:
        self.host.worker.works.add(effect.name)
        self.spawn(work.key, effect.work).host = work.host

    def answer(self, work: Work, effect: turn.Answer) -> None:
        for push in work.host.pushes:
            mine = push.work.key == work.key and push.delivery.message.id == effect.message
            if mine and push.delivery.open and not push.over:
                push.bound.append(effect.say)
                push.delivery.open, push.delivery.doubt = False, effect.doubt
                push.work.until = self.now

    def keep(self, work: Work, effect: turn.Keep) -> None:
        work.host.hot[work.key] = effect

    def report(self, work: Work, effect: turn.Report) -> None:
        self.reported(effect.turn)

    def reported(self, over: Turn) -> None:
        self.bot._report(over)
        if over.error is not None and not self.bot._hooks["on_error"]:
            self.errors.append(over.error)

    def complain(self) -> None:
        """Raise what a dialog failed with; a step's failure with what the step itself raised."""
        errors, self.errors = self.errors, []
        if errors:
            raise errors[0] from (self._failed if isinstance(errors[0], StepFailed) else errors[0].__cause__)

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


async def _joined(made: Any, pieces: list[str]) -> str:
    async for given in made:
        pieces.extend(written(given))
    return "".join(pieces)


#: which method carries out what
_CARRY: Mapping[type[Any], str] = {
    turn.Load: "load",
    turn.Write: "write",
    turn.Do: "do",
    turn.Hook: "hook",
    turn.GoOn: "go_on",
    turn.Leave: "give_up",
    turn.Nap: "nap",
    turn.Wait: "wait",
    turn.Spawn: "start",
    turn.Answer: "answer",
    turn.Keep: "keep",
    turn.Report: "report",
}
