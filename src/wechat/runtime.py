"""Carries out the effects of turns.

Rule 1: one event loop for the life of the process: the one on which the first delivery comes, or, for the synchronous
        world, that of one portal thread. Whoever is elsewhere is carried over.
Rule 2: nothing is opened (loop, thread, connection) before it is needed, and everything anew after a fork.
Rule 3: time is the store's as last given, plus the local monotonic clock since.
Rule 4: what is decided, is decided in the core; here it is only done.
Rule 5: a store that does not answer is asked again, with the very same patch: a turn outlives its store's restart. Whoever
        waits for a first answer is told in time that there is none.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import logging
import os
import random
import string
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import anyio
import anyio.to_thread
import msgspec
from msgspec import structs

from . import record, turn
from .attempt import Conduct, Delivery, Turn, Worker
from .budget import Budget
from .dialog import Step, innermost, running
from .errors import ConfigurationError, StoreError, StoreUnreachable, WeChatError
from .stores import Alarm, Patch, Signal, Store, after_fork, wall_clock

T = TypeVar("T")
#: comes back when whoever pushed has hung up
Gone: TypeAlias = Callable[[], Awaitable[None]]
Hooks = Mapping[str, Sequence[Callable[..., Any]]]

#: conversations whose dialog is kept alive between two messages
HOT = 1_000
#: what the two letters (`record.MARK`) of a delivery's mark are drawn from; 64, for six bits each
LETTERS = string.ascii_letters + string.digits + "-_"
_MOMENT = 0.25  #: seconds that are one moment for who is in no hurry
_NAP = 0.01  #: seconds, to see how late one wakes
#: seconds that what runs has to come to its end, when the worker goes down
GRACE = 10.0


class Patience(msgspec.Struct, frozen=True):
    """How long is waited for what, in seconds."""

    told: float | None = (
        None  #: after its arrival a delivery that could not be put on record is told so; None: at its last chance
    )
    answer: float = 0.15  #: and so long before that the store was asked for the last time
    more: float = 0.3  #: after whoever pushes has hung up a delivery is over, whatever the store does
    turn: float = 60.0  #: a turn under way waits for a store that does not answer
    outside: float = 3.0  #: and whoever changes a record from outside
    pause: float = 0.1  #: before a store is asked again; then twice as long each time, up to a second
    health: float = 2.0  #: whoever asks how the worker is waits for its store
    budget: float = 1.0  #: after its arrival it is looked up whether a delivery may be left waiting


PATIENT = Patience()


class Health(msgspec.Struct, frozen=True):
    """How a worker is."""

    store: bool  #: whether its store answers
    lag: float  #: seconds that its event loop is behind
    held: int  #: deliveries that wait for an answer


class _WhileReplaying(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        dialog = running.get()
        return dialog is None or not dialog.replaying


#: for dialogs: silent while one is replayed, so that a line stands in the log once
log = logging.getLogger("wechat.dialog")
_log = logging.getLogger("wechat")
log.addFilter(_WhileReplaying())


class Portal(threading.Thread):
    """An event loop for the synchronous world, for the life of the process: a daemon, so nobody has to close it.

    All bots share one. Where threads are greenlets (gevent) there can be no second, for to asyncio they are one thread.
    """

    _opening = threading.Lock()

    def __init__(self) -> None:
        super().__init__(name="wechat-dialog", daemon=True)
        self.loop, self._runs, self._pid = asyncio.new_event_loop(), threading.Event(), os.getpid()
        self.loop.call_soon(self._runs.set)

    def run(self) -> None:
        self.loop.run_forever()

    @classmethod
    def opened(cls) -> Portal:
        """The one there is, or else a new one; its loop runs.

        Raises `ConfigurationError` under a uWSGI whose threads stand still between two requests, as an older one's do unless told.
        """
        if not getattr(sys.modules.get("uwsgi"), "has_threads", True):
            raise ConfigurationError(
                "uWSGI was started without threads: give it enable-threads = true, better threads = 8"
            )
        here = os.getpid()  # uWSGI forks behind Python's back, which then lists threads that are no more
        with cls._opening:
            threads = threading.enumerate()
            portal = next((one for one in threads if isinstance(one, cls) and one._pid == here), None)
            if portal is None:
                portal = cls()
                portal.start()
        portal._runs.wait()
        return portal


class Home:
    """The one event loop on which everything of a bot runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._thread: int | None = None  # threading's name for it: to asyncio, all greenlets are one
        after_fork(self, Home._leave)

    def _leave(self) -> None:
        """Another process's loop is no home, also where it goes on here."""
        self._loop, self._lock = None, threading.Lock()

    def alive(self) -> bool:
        """Whether the loop still runs, and in this process."""
        return self._loop is not None and self._loop.is_running() and self._pid == os.getpid()

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` there, from any event loop."""
        here = asyncio.get_running_loop()
        if self._loop is here:
            return await work
        with self._lock:
            if not self.alive():
                self._settle(here, threading.get_ident())
            home = self._loop
        assert home is not None
        if home is here:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, home))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` there, from synchronous code. Raises `WeChatError` on the loop itself, which would wait for itself."""
        try:
            home = self._elsewhere()
        except WeChatError:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, home).result()

    def _elsewhere(self) -> asyncio.AbstractEventLoop:
        """The loop, which is not this thread's."""
        with self._lock:
            if not self.alive():
                portal = Portal.opened()
                self._settle(portal.loop, portal.ident)
            home = self._loop
        assert home is not None
        if self._thread == threading.get_ident():
            raise WeChatError("bot.wait() is for synchronous code: here, await it")
        return home

    def _settle(self, loop: asyncio.AbstractEventLoop, thread: int | None) -> None:
        self._loop, self._pid, self._thread = loop, os.getpid(), thread


class Runtime:
    """Carries out what deliveries and turns ask for, on one store."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        report: Callable[[Turn], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        patience: Patience = PATIENT,
    ) -> None:
        self.store, self.hooks, self.report = store, hooks, report
        self.monotonic, self.patience = monotonic, patience
        self._ahead = self._at_most = wall_clock() - int(monotonic() * 1000)
        self._hot: dict[str, turn.Keep] = {}  # whose turn was longest ago first
        self._open: dict[tuple[str, str], list[Held]] = {}
        self._drives: dict[str, set[Drive]] = {}
        self._new, self._round_comes = set[Held](), False  # those whose timers are not set, and who sets them
        self._here: set[asyncio.Future[Any]] = set()  # what will be said to those who are here
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None  # for which all of this is; None: to be looked at
        self.loop: asyncio.AbstractEventLoop  # the same: to ask asyncio for it takes a system call
        self.alarm: Alarm  # of that loop
        after_fork(self, Runtime._leave)
        self._dice = random.Random()  # seeded by the system; nobody gains by guessing
        self.worker = Worker()
        self.jobs: set[Job] = set()
        #: who carries out an effect of which kind
        self.carry: Mapping[type[Any], Carrier] = CARRY

    def now(self) -> int:
        """The store's time."""
        return self._ahead + int(self.monotonic() * 1000)

    def latest(self) -> int:
        """What the store's time is at the latest: where an answer took long, it told its time somewhere in between."""
        return self._at_most + int(self.monotonic() * 1000)

    def heard(self, now: int, asked: float) -> None:
        """The store has told its time, to whoever asked at that moment of the local clock."""
        self._ahead, self._at_most = now - int(self.monotonic() * 1000), now - int(asked * 1000)

    @property
    def held(self) -> int:
        """How many deliveries wait for an answer."""
        return len(self._here)

    async def health(self) -> Health:
        """How this worker is: looked up now."""
        self.after_fork()
        began = self.monotonic()
        await asyncio.sleep(_NAP)
        lag = max(0.0, self.monotonic() - began - _NAP)
        try:
            with anyio.fail_after(self.patience.health):
                await self.store.load("wechat-dialog:health")
        except (StoreError, TimeoutError) as error:
            _log.warning("the store does not answer: %s", error)
            return Health(False, lag, self.held)
        return Health(True, lag, self.held)

    async def deliver(
        self,
        conduct: Conduct,
        key: str,
        message: Any,
        *,
        chance: int | None = None,
        budget: Budget | None = None,
        gone: Gone | None = None,
    ) -> tuple[Any, Delivery]:
        """The reply that this delivery of `message` carries, encoded; None where it has none of its own (too late, superseded).

        `UNHEARD` where whoever pushed is `gone`, which is looked at where the reply is not there at once.
        `chance`: so long after its arrival it takes what there is (ms); None: not before WeChat's last push, as long as the
        `budget` lasts. Raises `StoreUnreachable` where it could not be put on record in time.
        """
        self.after_fork()
        delivery = self._arrived(conduct, message, chance)
        work = turn.deliver(conduct, delivery, self.drawn(), self.now(), self._hot.pop(key, None))
        held = Held(self, delivery, Drive(self, key, self.patience.turn), budget, gone)
        self._attend(held)
        self._here.add(held.said)
        try:  # whoever hangs up ends its own wait, and not the turn
            if not await held.at_once(work):
                await self._beside(held, work)
            return held.said.result(), delivery
        finally:
            held.leave()
            self._new.discard(held)
            self._here.discard(held.said)

    async def _beside(self, held: Held, work: turn.Effects) -> None:
        """What takes longer has a task of its own, and is answered by whoever binds the reply."""
        name = held.drive.key, held.delivery.message.id
        waiting = self._open.setdefault(name, [])
        waiting.append(held)
        held.task = self._spawn(held.look(work))
        try:
            await held.said
        finally:
            waiting.remove(held)
            if not waiting:
                self._open.pop(name, None)

    def _arrived(self, conduct: Conduct, message: Any, chance: int | None) -> Delivery:
        one, two = divmod(self._dice.getrandbits(12), len(LETTERS))
        # one text for all that drew the same: it is kept with each message
        mark, came = sys.intern(LETTERS[one] + LETTERS[two]), self.monotonic()
        return Delivery(
            message,
            self.now(),
            mark,
            chance=chance,
            worker=self.worker,
            age=lambda: int((self.monotonic() - came) * 1000),
            deadlines=conduct.deadlines,
        )

    def _attend(self, held: Held) -> None:
        """Most deliveries are answered before it pays to set their timers: who is here in a moment, has them set then."""
        self._new.add(held)
        if not self._round_comes:
            self._round_comes = True
            self.loop.call_later(_MOMENT, self._round)

    def _round(self) -> None:
        self._round_comes = False
        new, self._new = self._new, set()
        for held in new:
            held.stay()

    async def sent(self, key: str, delivery: Delivery) -> None:
        """The response to a delivery was written."""
        self.after_fork()
        await Drive(self, key, self.patience.outside).run(turn.sent(delivery, self.now(), self._hot.pop(key, None)))

    async def outside(self, key: str, change: Callable[[record.Record, int], bool]) -> None:
        """Change a record from outside of any turn."""
        self.after_fork()
        await Drive(self, key, self.patience.outside).run(turn.outside(change))

    async def erase(self, key: str) -> None:
        self.after_fork()
        self._hot.pop(key, None)
        await self.store.erase(key)

    def begun(self, drive: Drive) -> None:
        """As long as it is under way, it hears of what others here find out of its record."""
        self._drives.setdefault(drive.key, set()).add(drive)

    def over(self, drive: Drive) -> None:
        drives = self._drives.get(drive.key, set())
        drives.discard(drive)
        if not drives:
            self._drives.pop(drive.key, None)

    def ring(self, key: str, by: Drive) -> None:
        """Wake those who wait here for this record."""
        for drive in self._drives.get(key, ()):
            if drive is not by:
                with contextlib.suppress(RuntimeError):  # its loop has ended
                    drive.rung.ring()

    def answer(self, key: str, message: str, say: Any, doubt: bool) -> None:
        """A reply is bound: whoever waits for it here has it."""
        for held in self._open.get((key, message), ()):
            if held.delivery.open and not held.said.done():
                held.delivery.open, held.delivery.doubt = False, doubt
                held.said.set_result(say)

    def keep(self, key: str, kept: turn.Keep) -> None:
        there = self._hot.get(key)
        if kept.machine is None and there is not None and there.machine is not None:
            return  # a live dialog is worth more than a younger record
        self._hot.pop(key, None)
        self._hot[key] = kept
        while len(self._hot) > HOT:
            old = self._hot.pop(next(iter(self._hot)))
            if old.machine is not None:
                old.machine.close()

    async def close(self, grace: float = GRACE) -> None:
        """Begin nothing more, let what runs come to its end or, after `grace` seconds, hand it over; close the store.

        What cannot be broken off (a step in a thread, one that may run once only) is waited for.
        """
        self.after_fork()
        self.worker.stopping = True
        end = self.monotonic() + grace
        while under_way := {*self._tasks, *(said for said in self._here if not said.done())}:
            left = end - self.monotonic()
            done, _ = await asyncio.wait(under_way, timeout=max(0, left) if self._halting() else None)
            if not done:
                for job in self._halting():
                    job.halt()
        try:
            await self.store.close()
        finally:
            self.worker = Worker()  # a later delivery is a new beginning

    def _halting(self) -> list[Job]:
        return [job for job in self.jobs if job.halts and not job.halted]

    def orphan(self, job: Job) -> None:
        """Nobody waits for it any more. It runs out; a worker that goes down waits for it, or breaks it off as any other."""
        self._tasks.add(job.task)
        job.task.add_done_callback(self._tasks.discard)
        job.task.add_done_callback(lambda _: self.jobs.discard(job))

    def spawn(self, work: Coroutine[Any, Any, Any], name: str = "") -> None:
        """Do `work` beside. `name`: what is under way here until then."""
        self.after_fork()
        works, task = self.worker.works, self._spawn(work)
        task.add_done_callback(lambda _: works.discard(name))  # if it never began
        task.add_done_callback(_complain)

    def go_on(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do `work` beside, of whoever was cancelled: perhaps with all others, for the event loop ends, and then it is not done."""
        task = self._spawn(work)
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # as `asyncio.gather` says it of what it leaves
        task.add_done_callback(_complain)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def drawn(self) -> str:
        """A name that nobody else has drawn, of a version or an owner."""
        return f"{self._dice.getrandbits(48):012x}"

    def _leave(self) -> None:
        self._loop = None

    def after_fork(self) -> None:
        """What another process held is not ours. A process that was forked runs another event loop, or was told of it."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self._loop = self.loop = loop
        self.alarm = Alarm()
        self._new, self._round_comes = set(), False  # another loop may have ended with a round to come
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._hot.clear()
            self._open.clear()
            self._drives.clear()
            self._dice = random.Random()
            self._tasks.clear()
            self._here.clear()
            self.jobs.clear()
            self.worker = Worker()


#: what is said to whoever has hung up
UNHEARD = object()


class Held:
    """A delivery that is here. Whatever answers it sets ``said``: its own look, whoever binds its reply, or its time.

    It looks in the task of ``_whoever_pushed``, and where that takes longer than the store does, in a ``task`` of its own.
    """

    task: asyncio.Task[Any] | None = None
    _whoever_pushed: asyncio.Task[Any] | None = None

    def __init__(
        self, runtime: Runtime, delivery: Delivery, drive: Drive, budget: Budget | None, gone: Gone | None
    ) -> None:
        self._runtime, self.delivery, self.drive, self._budget, self._gone = runtime, delivery, drive, budget, gone
        self._cut = False  # whether whoever pushed is to wait no more, though the store says nothing
        self._dismissed = False  # whether it is to look no more, for nothing could be put on record in time
        drive.unsettled = budget is not None
        self._listening: asyncio.Task[None] | None = None
        self._loop, self._timers = runtime.loop, list[asyncio.TimerHandle]()
        self.said: asyncio.Future[Any] = self._loop.create_future()

    async def at_once(self, work: turn.Effects) -> bool:
        """Look, as far as that goes without a task of its own: for most deliveries, to the end. Gives whether it is over."""
        here = self._whoever_pushed = asyncio.current_task(self._loop)
        try:
            reply = await self.drive.at_once(work)
        except asyncio.CancelledError:
            if self._dismissed:
                self.drive.end(work)
            else:
                self._runtime.go_on(self.drive.run(work))
            if not (self._cut and _uncancelled(here)):
                raise
            return True
        except BaseException:
            self.drive.end(work)
            raise
        finally:
            self._whoever_pushed = None
        if self._cut:  # and the store has swallowed that
            _uncancelled(here)
        if self.drive.stands is None and not self.said.done():
            self.said.set_result(reply)
        return self.drive.stands is None

    async def look(self, work: turn.Effects) -> None:
        """Look on, whether or not anybody still waits."""
        try:
            reply = await self.drive.run(work)
        except asyncio.CancelledError:
            self.said.cancel()
            raise
        except Exception as error:
            if self.said.done():  # nobody hears it
                _log.error("a turn broke off", exc_info=error)
            else:
                self.said.set_exception(error)
        else:
            if not self.said.done():
                self.said.set_result(reply)

    def stay(self) -> None:
        """It is no quick one: from now on its time runs."""
        deadlines, patience = self.delivery.deadlines, self._runtime.patience
        told = deadlines.last_chance / 1000 if patience.told is None else patience.told
        self._at(told, self._ask_whether_reached, told, patience.answer)
        self._at(max(told, deadlines.give_up / 1000 + patience.more), self._give_up)
        if self._budget:
            self._at(patience.budget, self._judge, self._budget)
            self._at(deadlines.answer_by / 1000, self._count, self._budget)
        if self._gone:
            self._listening = self._loop.create_task(self._listen(self._gone))

    def leave(self) -> None:
        """Nobody waits any more."""
        self.delivery.open = False
        self.said.cancel()
        for timer in self._timers:
            timer.cancel()
        if self._listening is not None:
            self._listening.cancel()

    async def _listen(self, gone: Gone) -> None:
        try:
            await gone()
        except Exception:  # nobody can know any more
            return
        self._end(UNHEARD)

    def _at(self, seconds: float, do: Callable[..., None], *given: Any) -> None:
        """Seconds after its arrival."""
        self._timers.append(self._loop.call_later(max(0, seconds - self.delivery.age() / 1000), do, *given))

    def _ask_whether_reached(self, told: float, more: float) -> None:
        """Its sender is told where not even anything of it is on record; but a write may be under way."""
        if self.drive.reached or self.said.done():
            return
        if more:  # from now on: a worker that was frozen is late, and its store's answer comes in the same moment
            self._timers.append(self._loop.call_later(more, self._ask_whether_reached, told, 0))
            return
        error = StoreUnreachable(f"{self._runtime.store!r} could not be used within {told} s")
        error.__cause__ = self.drive.trouble
        self.said.set_exception(error)
        self._dismissed = True
        if not self._cut_short() and self.task is not None:
            self.task.cancel()

    def _give_up(self) -> None:
        self._end(None)

    def _end(self, said: Any) -> None:
        """Nobody listens any more: from this moment on, nothing is bound to it."""
        self.delivery.open = False
        if not self.said.done():
            self.said.set_result(said)
            self._cut_short()

    def _cut_short(self) -> bool:
        """Whoever pushed still looks itself, and is to wait for the store no more. Gives whether it is so."""
        if self._whoever_pushed is None:
            return False
        self._cut = True
        self._whoever_pushed.cancel()
        return True

    def _judge(self, budget: Budget) -> None:
        """A delivery may be left waiting while the budget lasts."""
        self._runtime.spawn(self._judged(budget))

    async def _judged(self, budget: Budget) -> None:
        spent = await budget.spent()
        self.drive.unsettled = False
        if spent:
            self.delivery.chance = self.delivery.deadlines.last_chance
            self.drive.look_again()

    def _count(self, budget: Budget) -> None:
        """One that was left waiting counts."""
        if self.delivery.open:
            self._runtime.spawn(budget.add())


def _uncancelled(task: asyncio.Task[Any] | None) -> bool:
    """Take back the one cancellation that was ours. Gives whether nobody else wants the task to end."""
    uncancel = getattr(task, "uncancel", None)  # from Python 3.11 on
    return uncancel is None or uncancel() == 0


def _complain(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("a turn broke off", exc_info=task.exception())


class Drive:
    """One generator of effects, driven to its end."""

    def __init__(self, runtime: Runtime, key: str, patience: float) -> None:
        self._runtime, self.key, self._patience = runtime, key, patience
        self.reached = False  # whether anything of it is on record, or was there already
        self.trouble: StoreUnreachable | None = None  # what the store said last, if it cannot be used
        self._jobs: list[Job] = []  # the last is waited for; a hook may be asked while a step runs
        self.unsettled = (
            False  # whether it may hear that what it waits for has changed: to be ready for that takes time
        )
        self._waiting: anyio.CancelScope | None = None
        self.rung = Signal()  # something came to be known here since the store was asked last
        self.stands: turn.Effect | None = None  # what is to be done next, where it was driven as far as it goes at once
        self._patch: Patch | None = None  # what is being written: made again, it is the very same
        self._first: float | None = None  # when what is being asked of the store was asked first

    async def at_once(self, work: turn.Effects) -> Any:
        """As far as it goes without waiting for more than the store, which is asked once. Gives what came of it, or ``stands``."""
        came: Any = None
        carry, patience, self._patience = self._runtime.carry, self._patience, 0
        apart = contextvars.copy_context().run  # what a dialog sets is none of whoever pushed
        self._runtime.begun(self)
        try:
            while True:
                self.stands = apart(work.send, came)
                if type(self.stands) not in AT_ONCE:
                    return None
                came = await carry[type(self.stands)](self, self.stands)
        except StopIteration as end:
            self.stands = None
            self._runtime.over(self)
            return end.value
        except StoreUnreachable as error:
            _log.warning("asking again: %s", error)
            return None
        finally:
            self._patience = patience

    async def run(self, work: turn.Effects) -> Any:
        """To its end, from where it stands."""
        came: Any = None
        carry, effect = self._runtime.carry, self.stands
        self._runtime.begun(self)
        try:
            while True:
                if effect is not None:
                    came = await carry[type(effect)](self, effect)
                try:
                    effect = work.send(came)
                except StopIteration as end:
                    return end.value
        finally:
            self.end(work)

    def end(self, work: turn.Effects) -> None:
        """It is over, or broke off: it is under way no more."""
        self._runtime.over(self)
        work.close()
        for job in self._jobs:
            self._runtime.orphan(job)

    async def load(self, effect: turn.Load) -> turn.Loaded:
        began, asked, loaded = await self._ask(lambda: self._runtime.store.load(self.key))
        self._runtime.heard(loaded.now, asked)
        waited = int((asked - began) * 1000)
        return structs.replace(loaded, waited=waited) if waited else loaded

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> tuple[float, float, T]:
        """When the store was asked first, when it was asked last, and what it answered. Every operation may be made twice."""
        monotonic, pause = self._runtime.monotonic, self._runtime.patience.pause
        asked = monotonic()
        began = self._first = asked if self._first is None else self._first
        while True:
            self.rung.clear()
            try:
                answer = await ask()
                self._first = None
                return began, asked, answer
            except StoreUnreachable as error:
                self.trouble = error
                if self._runtime.worker.stopping or asked - began + pause > self._patience:
                    raise
                if asked == began:
                    _log.warning("asking again: %s", error)
            await asyncio.sleep(pause)
            asked, pause = monotonic(), min(2 * pause, 1.0)

    async def write(self, effect: turn.Write) -> turn.Written | turn.Loaded:
        patch = self._patch or Patch(self._runtime.drawn(), effect.put, effect.drop, effect.expires, effect.wake)
        self._patch = patch
        _, asked, came = await self._ask(lambda: self._runtime.store.patch(self.key, effect.version, patch))
        self._patch = None
        self._runtime.heard(came.now, asked)
        if effect.wake or isinstance(came, turn.Loaded):
            self._runtime.ring(self.key, self)
        if isinstance(came, turn.Loaded):
            return came
        self.reached = True
        for over in effect.turns:
            self._runtime.report(over)
        return turn.Written(patch.version, came.now)

    async def wait(self, effect: turn.Wait) -> None:
        self.reached = True
        if effect.here:
            await self.rung.within((effect.until - self._runtime.now()) / 1000)
            return
        with contextlib.suppress(StoreUnreachable):  # it is a hint: the load that follows asks again
            if not self.unsettled:
                await self._runtime.store.wait(self.key, effect.until, effect.version)
                return
            with anyio.CancelScope() as self._waiting:
                await self._runtime.store.wait(self.key, effect.until, effect.version)

    def look_again(self) -> None:
        """What it waits for has changed."""
        self.rung.ring()
        if self._waiting is not None:
            self._waiting.cancel()

    async def do(self, effect: turn.Do) -> Any:
        made: list[str] = []
        work = perform(effect, self._runtime.latest, self._runtime.worker, made)
        return await self._begun(
            Job(work, made, halts=not effect.step.function.once and ends_at_once(effect.step)), effect.beat
        )

    async def hook(self, effect: turn.Hook) -> Any:
        job = Job(ask_hooks(self._runtime.hooks, effect.name, effect.args), [], halts=False)
        return await self._begun(job, turn.HEARTBEAT)

    async def _begun(self, job: Job, beat: int) -> Any:
        self._jobs.append(job)
        self._runtime.jobs.add(job)
        return await self._look(beat)

    async def go_on(self, effect: turn.GoOn) -> Any:
        return await self._look(effect.beat)

    async def _look(self, beat: int) -> turn.Done | turn.Busy | turn.Lost | turn.Halted:
        job = self._jobs[-1]
        moment, seconds = self._together(beat / 1000)
        await self._runtime.alarm.within(moment, seconds, job.over)
        now = self._runtime.now()
        if not job.task.done():
            return turn.Busy(now, "".join(job.made))
        self._jobs.pop()
        self._runtime.jobs.discard(job)
        return job.outcome(now)

    def _together(self, seconds: float) -> tuple[int, float]:
        """A moment (ms, of the local clock), and how far it is: a little less, so that many who wait long wake in one moment.

        A store sends what they write together.
        """
        end = self._runtime.monotonic() + seconds
        late = end % _MOMENT if seconds > 2 * _MOMENT else 0.0
        return round(1000 * (end - late)), seconds - late

    async def leave(self, effect: turn.Leave) -> None:
        job = self._jobs.pop()
        if effect.cancels:
            job.task.cancel()
        self._runtime.orphan(job)

    async def nap(self, effect: turn.Nap) -> turn.Busy:
        await asyncio.sleep(effect.ms / 1000)
        return turn.Busy(self._runtime.now())

    async def spawn(self, effect: turn.Spawn) -> None:
        self._runtime.worker.works.add(effect.name)
        drive = Drive(self._runtime, self.key, self._runtime.patience.turn)
        self._runtime.spawn(drive.beside(effect.work), effect.name)

    async def beside(self, work: turn.Effects) -> None:
        """What others here may wait for: they are told when it is over, whatever became of it."""
        try:
            await self.run(work)
        finally:
            self._runtime.ring(self.key, self)

    async def answer(self, effect: turn.Answer) -> None:
        self._runtime.answer(self.key, effect.message, effect.say, effect.doubt)

    async def keep(self, effect: turn.Keep) -> None:
        self._runtime.keep(self.key, effect)

    async def report(self, effect: turn.Report) -> None:
        self._runtime.report(effect.turn)


Carrier: TypeAlias = Callable[[Drive, Any], Coroutine[Any, Any, Any]]
CARRY: Mapping[type[Any], Carrier] = {
    turn.Load: Drive.load,
    turn.Write: Drive.write,
    turn.Wait: Drive.wait,
    turn.Do: Drive.do,
    turn.Hook: Drive.hook,
    turn.GoOn: Drive.go_on,
    turn.Leave: Drive.leave,
    turn.Nap: Drive.nap,
    turn.Spawn: Drive.spawn,
    turn.Answer: Drive.answer,
    turn.Keep: Drive.keep,
    turn.Report: Drive.report,
}


#: what waits for nothing but the store
AT_ONCE = frozenset({turn.Load, turn.Write, turn.Answer, turn.Keep, turn.Report})


# ---- steps and hooks ------------------------------------------------------------------------------------------------


class LeaseRunsOut(Exception):
    """The lease would end before the step could begin."""


class GoesDown(Exception):
    """The worker goes down before the step could begin."""


class Job:
    """A step or hook that is being done. `made`: the text so far; `halts`: whether it can be broken off."""

    def __init__(self, work: Coroutine[Any, Any, Any], made: list[str], *, halts: bool) -> None:
        self.task, self.over = asyncio.create_task(work), Signal()
        self.task.add_done_callback(lambda _: self.over.ring())
        self.made, self.halts, self.halted = made, halts, False

    def halt(self) -> None:
        self.halted = True
        self.task.cancel()

    def outcome(self, now: int) -> turn.Done | turn.Lost | turn.Halted:
        try:
            value, error = self.task.result()
        except asyncio.CancelledError as cancelled:  # ours, or the step's own
            if self.halted:
                return turn.Halted(now)
            value, error = None, cancelled
        if isinstance(error, LeaseRunsOut):
            return turn.Lost(now)
        return turn.Halted(now) if isinstance(error, GoesDown) else turn.Done(value, error, now, "".join(self.made))


def ends_at_once(step: Step[Any]) -> bool:
    """Whether a step ends when it is cancelled: one in a thread does not."""
    kind = innermost(step.function.function)
    return inspect.iscoroutinefunction(kind) or inspect.isasyncgenfunction(kind)


async def perform(
    effect: turn.Do, now: Callable[[], int], worker: Worker, made: list[str]
) -> tuple[Any, BaseException | None]:
    """Do a step: on the loop if it is asynchronous, else in a worker thread. Gives its value, or the exception it raised.

    `made` is what a step that makes text has made so far.
    """
    arguments = dict(effect.step.kwargs)
    if effect.step.function.keyed:
        arguments.setdefault("idempotency_key", effect.key)

    def check() -> None:  # the last thing before the step, and in its thread
        if worker.stopping:
            raise GoesDown
        if now() >= effect.until:
            raise LeaseRunsOut

    value, error = await caught(invoke(effect.step, arguments, check, made))
    if error is not None and not isinstance(
        error, LeaseRunsOut | GoesDown
    ):  # the dialog sees its text only: here is where it was
        logging.getLogger("wechat").warning("the step %s failed", effect.step.name, exc_info=error)
    return value, error


async def invoke(step: Step[Any], arguments: Mapping[str, Any], check: Callable[[], None], text: list[str]) -> Any:
    function = step.function.function
    kind = innermost(function)
    if inspect.isasyncgenfunction(kind):
        check()
        async for piece in function(*step.args, **arguments):
            text.extend(written(piece))
        return "".join(text)
    if inspect.iscoroutinefunction(kind):
        check()
        return await function(*step.args, **arguments)

    def in_thread() -> Any:
        check()
        made = function(*step.args, **arguments)
        if not inspect.isgeneratorfunction(kind):
            return made
        for piece in made:
            text.extend(written(piece))
        return "".join(text)

    made = await anyio.to_thread.run_sync(in_thread, abandon_on_cancel=True)
    return await made if inspect.isawaitable(made) else made


def written(piece: Any) -> list[str]:
    """A piece of a text; None is none (as the last of a language model's often is). Raises TypeError for what is no text."""
    if piece is None or isinstance(piece, str):
        return [piece] if piece else []
    raise TypeError(f"a step that makes text yields pieces of text, not {type(piece).__name__}")


async def ask_hooks(hooks: Hooks, name: str, args: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
    return await caught(ASK[name](hooks[name], *args))


async def _first(hooks: Sequence[Callable[..., Any]], *args: Any) -> Any:
    """What the first hook says that says something."""
    for hook in hooks:
        said = await _called(hook, *args)
        if said is not None:
            return said
    return None


async def _in_turn(hooks: Sequence[Callable[..., Any]], over: Turn) -> Any:
    """Each hook sees what the one before made of the reply."""
    for hook in hooks:
        over = over.saying(await _called(hook, over))
    return over.reply


#: how several hooks of a kind are one
ASK: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {"before": _first, "on_error": _first, "after": _in_turn}


async def _called(hook: Callable[..., Any], *args: Any) -> Any:
    if inspect.iscoroutinefunction(innermost(hook)):
        return await hook(*args)
    said = await anyio.to_thread.run_sync(hook, *args, abandon_on_cancel=True)
    return await said if inspect.isawaitable(said) else said


async def caught(work: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    try:
        return await work, None
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, too: a step costs its user an apology, not everybody the worker
        return None, error
