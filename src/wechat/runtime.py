"""Carries out the effects of turns.

Rule 1: one event loop for the life of the process: the one on which the first delivery comes, or, for the synchronous
        world, that of one portal thread. Whoever is elsewhere is carried over.
Rule 2: nothing is opened (loop, thread, connection) before it is needed, and everything anew after a fork.
Rule 3: time is the store's as last given, plus the local monotonic clock since.
Rule 4: what is decided, is decided in the core; here it is only done.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import anyio.to_thread

from . import turn
from .attempt import Conduct, Delivery, Turn
from .dialog import Step, innermost, running
from .errors import WeChatError
from .stores import Patch, Store, wall_clock

T = TypeVar("T")
Hooks = Mapping[str, Sequence[Callable[..., Any]]]

#: conversations whose dialog is kept alive between two messages
HOT = 1_000


class _WhileReplaying(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        dialog = running.get()
        return dialog is None or not dialog.replaying


#: for dialogs: silent while one is replayed, so that a line stands in the log once
log = logging.getLogger("wechat.dialog")
log.addFilter(_WhileReplaying())


class Home:
    """The one event loop on which everything of a bot runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def alive(self) -> bool:
        """Whether the loop still runs, and in this process."""
        return self._loop is not None and self._loop.is_running() and self._pid == os.getpid()

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` there, from any event loop."""
        here = asyncio.get_running_loop()
        with self._lock:
            if not self.alive():
                self._settle(here)
        if self._loop is here:
            return await work
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` there, from synchronous code. Raises `WeChatError` on the loop itself, which would wait for itself."""
        with self._lock:
            if not self.alive():
                self._open_portal()
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):
            if asyncio.get_running_loop() is self._loop:
                work.close()
                raise WeChatError("bot.wait() is for synchronous code: here, await it")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._pid = loop, os.getpid()

    def _open_portal(self) -> None:
        """A loop on a thread of its own, for the life of the process: a daemon, so nobody has to close it."""
        loop, running = asyncio.new_event_loop(), threading.Event()
        loop.call_soon(running.set)
        threading.Thread(target=loop.run_forever, name="wechat-dialog", daemon=True).start()
        running.wait()
        self._settle(loop)


class Runtime:
    """Carries out what deliveries and turns ask for, on one store."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        report: Callable[[Turn], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store, self.hooks, self.report = store, hooks, report
        self._monotonic = monotonic
        self._ahead = wall_clock() - int(monotonic() * 1000)
        self._hot: OrderedDict[str, turn.Keep] = OrderedDict()
        self._open: dict[tuple[str, str], list[Held]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pid = os.getpid()

    def now(self) -> int:
        """The store's time."""
        return self._ahead + int(self._monotonic() * 1000)

    def heard(self, now: int) -> None:
        """The store has told its time."""
        self._ahead = now - int(self._monotonic() * 1000)

    async def deliver(self, conduct: Conduct, key: str, message: Any) -> Any:
        """The reply that this delivery of `message` carries, encoded; None where it has none of its own (too late, superseded)."""
        self._after_fork()
        held = Held(Delivery(message, self.now()), asyncio.get_running_loop().create_future())
        waiting = self._open.setdefault((key, message.id), [])
        waiting.append(held)
        owner = secrets.token_urlsafe(6)
        work = turn.deliver(conduct, held.delivery, owner, self.now(), self._hot.pop(key, None))
        task = self._spawn(Drive(self, conduct, key).run(work))
        try:  # whoever hangs up ends this wait, and not the turn
            await asyncio.wait({task, held.said}, return_when=asyncio.FIRST_COMPLETED)
            said = held.said.result() if held.said.done() else task.result()
        finally:  # from now on nobody listens
            held.delivery.open = False
            if not task.done():
                task.add_done_callback(_complain)
            waiting.remove(held)
            if not waiting:
                self._open.pop((key, message.id), None)
        return said

    def answer(self, key: str, message: str, say: Any) -> None:
        """A reply is bound: whoever waits for it here has it."""
        for held in self._open.get((key, message), ()):
            if held.delivery.open:
                held.delivery.open = False
                held.said.set_result(say)

    def keep(self, key: str, kept: turn.Keep) -> None:
        there = self._hot.get(key)
        if kept.machine is None and there is not None and there.machine is not None:
            return  # a live dialog is worth more than a younger record
        self._hot[key] = kept
        self._hot.move_to_end(key)
        while len(self._hot) > HOT:
            _, old = self._hot.popitem(last=False)
            if old.machine is not None:
                old.machine.close()

    async def close(self) -> None:
        """Let turns under way come to their end, and close the store."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self.store.close()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        self._spawn(work).add_done_callback(_complain)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _after_fork(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._hot.clear()
            self._open.clear()
            self._tasks.clear()


class Held:
    """A delivery that waits here, and the reply that somebody else bound to its message meanwhile."""

    def __init__(self, delivery: Delivery, said: asyncio.Future[Any]) -> None:
        self.delivery, self.said = delivery, said


def _complain(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logging.getLogger("wechat").error("a turn broke off", exc_info=task.exception())


class Drive:
    """One generator of effects, driven to its end."""

    def __init__(self, runtime: Runtime, conduct: Conduct, key: str) -> None:
        self._runtime, self._conduct, self._key = runtime, conduct, key
        self._job: asyncio.Task[Any] | None = None

    async def run(self, work: turn.Effects) -> Any:
        came: Any = None
        while True:
            try:
                effect = work.send(came)
            except StopIteration as end:
                return end.value
            came = await CARRY[type(effect)](self, effect)

    async def load(self, effect: turn.Load) -> turn.Loaded:
        loaded = await self._runtime.store.load(self._key)
        self._runtime.heard(loaded.now)
        return loaded

    async def write(self, effect: turn.Write) -> turn.Written | turn.Loaded:
        version = secrets.token_urlsafe(9)
        patch = Patch(version, effect.put, effect.drop, effect.expires, effect.wake)
        came = await self._runtime.store.patch(self._key, effect.version, patch)
        self._runtime.heard(came.now)
        return came if isinstance(came, turn.Loaded) else turn.Written(version, came.now)

    async def wait(self, effect: turn.Wait) -> None:
        await self._runtime.store.wait(self._key, effect.until, effect.version)

    async def do(self, effect: turn.Do) -> Any:
        self._job = asyncio.create_task(perform(effect, self._runtime.now))
        return await self.go_on(None)

    async def hook(self, effect: turn.Hook) -> Any:
        self._job = asyncio.create_task(ask_hooks(self._runtime.hooks, effect.name, effect.args))
        return await self.go_on(None)

    async def go_on(self, effect: turn.GoOn | None) -> turn.Done | turn.Busy | turn.Lost:
        assert self._job is not None
        done, _ = await asyncio.wait({self._job}, timeout=turn.HEARTBEAT / 1000)
        now = self._runtime.now()
        if not done:
            return turn.Busy(now)
        try:
            value, error = self._job.result()
        except asyncio.CancelledError as cancelled:  # the step's own; ours is raised by the wait above
            value, error = None, cancelled
        return turn.Lost(now) if isinstance(error, LeaseRunsOut) else turn.Done(value, error, now)

    async def spawn(self, effect: turn.Spawn) -> None:
        self._runtime.spawn(Drive(self._runtime, self._conduct, self._key).run(effect.work))

    async def answer(self, effect: turn.Answer) -> None:
        self._runtime.answer(self._key, effect.message, effect.say)

    async def keep(self, effect: turn.Keep) -> None:
        self._runtime.keep(self._key, effect)

    async def report(self, effect: turn.Report) -> None:
        self._runtime.report(effect.turn)


CARRY: dict[type[Any], Callable[[Drive, Any], Coroutine[Any, Any, Any]]] = {
    turn.Load: Drive.load,
    turn.Write: Drive.write,
    turn.Wait: Drive.wait,
    turn.Do: Drive.do,
    turn.Hook: Drive.hook,
    turn.GoOn: Drive.go_on,
    turn.Spawn: Drive.spawn,
    turn.Answer: Drive.answer,
    turn.Keep: Drive.keep,
    turn.Report: Drive.report,
}


# ---- steps and hooks ------------------------------------------------------------------------------------------------


class LeaseRunsOut(Exception):
    """The lease would end before the step could begin."""


async def perform(effect: turn.Do, now: Callable[[], int]) -> tuple[Any, BaseException | None]:
    """Do a step: on the loop if it is asynchronous, else in a worker thread. Gives its value, or the exception it raised."""
    arguments = dict(effect.step.kwargs)
    if effect.step.function.keyed:
        arguments.setdefault("idempotency_key", effect.key)

    def check() -> None:  # the last thing before the step, and in its thread
        if now() >= effect.until:
            raise LeaseRunsOut

    value, error = await caught(invoke(effect.step, arguments, check))
    if error is not None and not isinstance(error, LeaseRunsOut):  # the dialog sees its text only: here is where it was
        logging.getLogger("wechat").warning("the step %s failed", effect.step.name, exc_info=error)
    return value, error


async def invoke(step: Step[Any], arguments: Mapping[str, Any], check: Callable[[], None]) -> Any:
    function = step.function.function
    kind = innermost(function)
    if inspect.isasyncgenfunction(kind):
        check()
        return "".join([piece async for piece in function(*step.args, **arguments)])
    if inspect.iscoroutinefunction(kind):
        check()
        return await function(*step.args, **arguments)

    def in_thread() -> Any:
        check()
        made = function(*step.args, **arguments)
        return "".join(made) if inspect.isgeneratorfunction(kind) else made

    made = await anyio.to_thread.run_sync(in_thread, abandon_on_cancel=True)
    return await made if inspect.isawaitable(made) else made


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
