"""The runtime on real event loops, threads and processes."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest

from hostile import TOKEN, signed
from wechat import Bot, ConfigurationError, Message, Reply, Text, TextMessage, WeChatError, ask, record, step
from wechat.attempt import WECHAT
from wechat.errors import StoreUnreachable
from wechat.runtime import Patience, Runtime
from wechat.stores import Loaded, Patch, Written
from wechat.stores.memory import MemoryStore
from wechat.web import asgi


def message(text: str, id: str = "1", openid: str = "oUser") -> TextMessage:
    return TextMessage(text=text, id=id, openid=openid, account="gh_1")


def order_bot(store: Any = "memory://") -> Bot:
    bot = Bot("token", account="gh_1", store=store)

    @bot.text("order")
    def order(message: Message) -> Any:
        name = yield ask.text("what?")
        return (yield where(name))

    @step
    def where(name: str) -> str:
        return f"{name} in {threading.current_thread() is threading.main_thread()}"

    @bot.text("loop")
    @step
    async def on_the_loop(message: Message) -> str:
        await asyncio.sleep(0)
        return "on the loop"

    @bot.text("thread")
    def in_a_thread(message: Message) -> str:
        return f"{threading.current_thread() is threading.main_thread()}"

    @bot.text("broken")
    def broken(message: Message) -> str:
        raise SystemExit("a step must not take the worker with it")

    return bot


def said(reply: Reply | None) -> str | None:
    return reply.text if isinstance(reply, Text) else None


def test_steps_run_on_the_loop_or_in_threads() -> None:
    async def talk() -> list[str | None]:
        bot = order_bot()
        texts = ["order", "pears", "loop", "thread", "broken"]
        return [said(await bot.deliver(message(text, str(i)))) for i, text in enumerate(texts)]

    assert anyio.run(talk) == ["what?", "pears in False", "on the loop", "False", "抱歉，出错了，请稍后再试。"]


def test_all_bots_serve_synchronous_code_through_one_portal() -> None:
    bot, another = order_bot(), order_bot()
    assert said(another.wait(another.deliver(message("order")))) == "what?"
    assert said(bot.wait(bot.deliver(message("order")))) == "what?"
    replies: list[str | None] = []
    threads = [
        threading.Thread(
            target=lambda i=i: replies.append(said(bot.wait(bot.deliver(message("loop", f"t{i}", f"o{i}")))))
        )
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == ["on the loop"] * 8
    assert [thread.name for thread in threading.enumerate()].count("wechat-dialog") == 1
    bot.wait(bot.aclose())


def test_one_bot_on_two_loops_has_one_home() -> None:
    bot = order_bot()
    assert said(bot.wait(bot.deliver(message("order")))) == "what?"
    assert said(anyio.run(bot.deliver, message("pears", "2"))) == "pears in False"


def test_a_bot_whose_loop_is_gone_goes_on_on_the_next_one() -> None:
    bot = order_bot()
    assert said(anyio.run(bot.deliver, message("order"))) == "what?"
    assert said(anyio.run(bot.deliver, message("pears", "2"))) == "pears in False"


def test_waiting_on_the_bots_own_loop_is_refused() -> None:
    bot = order_bot()

    async def wrong() -> None:
        await bot.deliver(message("order"))
        with pytest.raises(WeChatError, match="await it"):
            bot.wait(bot.deliver(message("x", "2")))

    anyio.run(wrong)


def test_a_uwsgi_in_which_only_requests_are_served_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    bot = order_bot()
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(has_threads=0))
    with pytest.raises(ConfigurationError, match="enable-threads"):
        bot.wait(bot.deliver(message("order")))
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(has_threads=1))
    assert said(bot.wait(bot.deliver(message("order")))) == "what?"


def test_deliveries_at_once_are_one_turn() -> None:
    done: list[str] = []
    bot = Bot("token", store="memory://")
    gate = threading.Event()

    @step
    def slow(id: str) -> str:
        gate.wait(5)
        done.append(id)
        return id

    @bot.text("slow")
    def dialog(message: Message) -> Any:
        return f"done {(yield slow(message.id))}"

    async def talk() -> list[str | None]:
        replies: list[str | None] = []

        async def push() -> None:
            replies.append(said(await bot.deliver(message("slow"))))

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(push)
            await anyio.wait_all_tasks_blocked()
            gate.set()
        return replies

    assert anyio.run(talk) == ["done 1"] * 3
    assert done == ["1"]


def test_users_do_not_wait_for_each_other() -> None:
    bot = Bot("token", store="memory://")
    gates = {"a": threading.Event(), "b": threading.Event()}

    @bot.text("wait")
    def waits(message: Message) -> str:
        gates[message.openid].wait(5)
        return message.openid

    order: list[str] = []

    async def talk() -> None:
        async def push(user: str) -> None:
            await bot.deliver(message("wait", "1", user))
            order.append(user)

        async with anyio.create_task_group() as group:
            group.start_soon(push, "a")
            group.start_soon(push, "b")
            await anyio.wait_all_tasks_blocked()
            gates["b"].set()
            while not order:
                await anyio.lowlevel.checkpoint()
            gates["a"].set()

    anyio.run(talk)
    assert order == ["b", "a"]


def test_a_client_that_hangs_up_does_not_stop_the_turn() -> None:
    bot = Bot("token", store="memory://")
    gate, done = threading.Event(), threading.Event()

    @bot.text("slow")
    def slow(message: Message) -> str:
        gate.wait(5)
        done.set()
        return "done"

    async def talk() -> str | None:
        with anyio.move_on_after(5) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(bot.deliver, message("slow"))
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()
        assert not scope.cancelled_caught
        gate.set()
        return said(await bot.deliver(message("slow")))

    assert anyio.run(talk) == "done"
    assert done.is_set()


SERVER = textwrap.dedent(
    """
    import sys, anyio
    from pathlib import Path
    from wechat import Bot, ClickEvent, TextMessage, ask, step

    bot = Bot("token", store=f"sqlite:///{sys.argv[1]}/bot.db")
    ledger = Path(sys.argv[1], "ledger")

    @step
    def first(openid):
        with ledger.open("a") as file:
            file.write("first\\n")
        return 7

    @step
    def second():
        with ledger.open("a") as file:
            file.write("second\\n")
        if ledger.read_text().count("second") == 1:
            print("in the step", flush=True)
            sys.stdin.read()  # killed here
        return 1

    @bot.click("POINTS")
    def points(event):
        return f"{(yield first(event.openid)) + (yield second())} points"

    @bot.text("form")
    def form(message):
        return f"{(yield 'one?')} {(yield 'two?')}"

    def push(line):
        id, text = line.split()
        common = dict(id=id, openid="o", account="gh_1")
        made = ClickEvent(event="click", key="POINTS", **common) if text == "click" else TextMessage(text=text, **common)
        reply = bot.wait(bot.deliver(made))
        print(getattr(reply, "text", None), flush=True)

    for line in sys.argv[2:]:
        push(line)
    """
)


def serve(folder: Path, *pushes: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder), *pushes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "src"), "PYTHONIOENCODING": "utf-8"},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_process_killed_between_step_and_reply_does_the_recorded_step_no_more(tmp_path: Path) -> None:
    """A menu click with two steps comes in mid-form; the process is killed when the first result is on record."""
    server = serve(tmp_path, "1 form", "2 click")
    assert server.stdout
    assert server.stdout.readline() == "one?\n"
    assert server.stdout.readline() == "in the step\n"
    server.send_signal(signal.SIGKILL)
    server.communicate()
    again = serve(tmp_path, "3 a", "3 a", "4 继续")  # the dead worker's lease lasts longer than one push of WeChat's
    out, _ = again.communicate(timeout=60)
    assert (tmp_path / "ledger").read_text().split() == ["first", "second", "second"]
    assert "two?" in out
    assert "8 points" in out


def test_a_fork_after_the_first_delivery_has_a_portal_of_its_own(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import os, sys
        from wechat import Bot, TextMessage

        bot = Bot("token", store=f"sqlite:///{sys.argv[1]}/bot.db")

        @bot.text("form")
        def form(message):
            return f"{(yield 'one?')} {(yield 'two?')}"

        def push(id, text):
            return bot.wait(bot.deliver(TextMessage(text=text, id=id, openid="o", account="gh_1"))).text

        assert push("1", "form") == "one?"
        child = os.fork()
        if child == 0:
            assert push("2", "a") == "two?"
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert push("3", "b") == "a b"
        """
    )
    if not hasattr(os, "fork"):
        return
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], timeout=60, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_a_step_that_cancels_itself_has_failed() -> None:
    bot = Bot("token", store="memory://")

    @bot.text("x")
    @step
    async def cancels(message: Message) -> str:
        raise asyncio.CancelledError

    assert said(anyio.run(bot.deliver, message("x"))) == "抱歉，出错了，请稍后再试。"


# ---- a store that is gone for a while -------------------------------------------------------------------------------


class Flaky(MemoryStore):
    """Loses so many acknowledgements, and is away until it is told to come back."""

    def __init__(self, loses: int = 0) -> None:
        super().__init__()
        self.loses, self.away = loses, False
        self.versions: list[str] = []

    async def load(self, key: str) -> Loaded:
        self.look()
        return await super().load(key)

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        self.versions.append(patch.version)
        self.look()
        came = await super().patch(key, version, patch)
        if self.loses:
            self.loses -= 1
            raise StoreUnreachable("the answer was lost")
        return came

    def look(self) -> None:
        if self.away:
            raise StoreUnreachable("nobody is there")


def impatient(bot: Bot, **seconds: float) -> Bot:
    bot._runtime.patience = Patience(**{"pause": 0.001, **seconds})
    return bot


def test_a_patch_whose_answer_was_lost_is_made_again_and_was_made_once() -> None:
    store = Flaky(loses=2)
    bot = impatient(order_bot(store))
    assert said(anyio.run(bot.deliver, message("order"))) == "what?"
    assert len(store.versions) == 3
    assert len(set(store.versions)) == 1


def test_whoever_could_not_be_put_on_record_is_told_in_time_and_no_step_has_run(caplog: Any) -> None:
    store, ran = Flaky(), list[Message]()
    bot = impatient(Bot("token", account="gh_1", store=store), told=0.05)
    store.away = True

    @bot.default
    def words(message: Message) -> str:
        ran.append(message)
        return "words"

    async def talk() -> None:
        with pytest.raises(StoreUnreachable, match=r"could not be used within 0\.05 s") as error:
            await bot.deliver(message("x"))
        assert str(error.value.__cause__) == "nobody is there"
        assert bot._runtime.held == 0
        assert ran == []
        store.away = False  # nothing must be started anew
        assert said(await bot.deliver(message("x"))) == "words"

    anyio.run(talk)
    assert caplog.text.count("asking again: nobody is there") == 1


def test_a_delivery_is_as_old_as_it_is_however_long_the_store_said_nothing() -> None:
    clock = SimpleNamespace(now=100.0)

    class Hangs(MemoryStore):
        asked = 0

        async def load(self, key: str) -> Loaded:
            self.asked += 1
            if self.asked <= 2:
                clock.now += 1.5
                raise StoreUnreachable("it says nothing")
            return await super().load(key)

    async def talk() -> tuple[float, int]:
        bot = order_bot(Hangs(lambda: int(1000 * clock.now)))
        bot._runtime = Runtime(
            bot.store, bot._hooks, bot._report, monotonic=lambda: clock.now, patience=Patience(pause=0)
        )
        came = message("order")
        said, delivery = await bot._runtime.deliver(bot.conduct(came), "key", came)
        assert said == "what?"
        return delivery.start / 1000, delivery.since(int(1000 * clock.now))

    assert anyio.run(talk) == (100.0, 3_000)


def test_a_step_whose_store_is_gone_when_it_ends_is_recorded_when_that_is_back_and_runs_once() -> None:
    store, ran = Flaky(), list[str]()
    bot = impatient(Bot("token", account="gh_1", store=store))

    async def talk() -> str | None:
        away = asyncio.Event()

        def back() -> None:
            store.away = False
            away.set()

        @bot.default
        @step
        async def slow(message: Message) -> str:
            ran.append(message.id)
            store.away = True
            asyncio.get_running_loop().call_later(0.05, back)
            return "words"

        reply = await bot.deliver(message("x"))
        assert away.is_set()
        return said(reply)

    assert anyio.run(talk) == "words"
    assert ran == ["1"]


def test_a_worker_that_goes_down_does_not_wait_for_a_store_that_is_gone() -> None:
    store = Flaky()
    bot = impatient(order_bot(store))

    async def talk() -> None:
        await bot.deliver(message("order"))
        store.away = True
        delivery = asyncio.create_task(bot.deliver(message("pears", "2")))
        while len(store.versions) < 2:
            await asyncio.sleep(0)
        await bot.aclose()
        with pytest.raises(StoreUnreachable):
            await delivery

    anyio.run(talk)


# ---- what a delivery does at once, in the task of whoever pushed ------------------------------------------------------


class Slow(MemoryStore):
    """Writes when it is let, and counts what it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.lets, self.asked = asyncio.Event(), list[str]()
        self.lets.set()

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        self.asked.append(patch.version)
        await self.lets.wait()
        return await super().patch(key, version, patch)


def asks(message: Message) -> Any:
    yield "?"


async def until(met: Callable[[], object]) -> None:
    while not met():
        await asyncio.sleep(0)


async def slow_form() -> tuple[Bot, Slow, asyncio.Task[Any]]:
    """A user has begun a form, and their answer is being written."""
    store = Slow()
    bot = Bot("token", account="gh_1", store=store)

    @bot.text("form")
    def form(message: Message) -> Any:
        one = yield "one?"
        two = yield "two?"
        return f"{one} {two}"

    await bot.deliver(message("form"))
    store.lets.clear()
    delivery = asyncio.create_task(bot.deliver(message("a", "2")))
    await until(lambda: len(store.asked) == 2)
    return bot, store, delivery


def test_whoever_hangs_up_while_its_message_is_written_leaves_it_to_be_written() -> None:
    async def talk() -> tuple[str | None, str | None]:
        bot, store, delivery = await slow_form()
        delivery.cancel()
        await until(delivery.done)
        assert delivery.cancelled()
        store.lets.set()
        await until(lambda: not bot._runtime._tasks)
        assert store.asked[1:] == store.asked[1:2] * 2  # the very same patch
        return said(await bot.deliver(message("a", "2"))), said(await bot.deliver(message("b", "3")))

    assert anyio.run(talk) == ("two?", "a b")


def test_whoever_waits_for_a_store_that_says_nothing_is_told_in_time_and_may_go_on() -> None:
    async def talk() -> None:
        store = Slow()
        bot = impatient(order_bot(store), told=0.3, answer=0.01)
        store.lets.clear()
        with pytest.raises(StoreUnreachable, match=r"could not be used within 0\.3 s"):
            await bot.deliver(message("order"))
        assert bot._runtime.held == 0
        await asyncio.sleep(0)  # nobody wants this task to end
        assert len(store.asked) == 1
        store.lets.set()
        assert said(await bot.deliver(message("order"))) == "what?"

    anyio.run(talk)


def test_a_worker_that_was_frozen_listens_to_its_store_before_it_tells_that_there_is_none() -> None:
    """Its timers and the store's answer come in the same moment, and to be understood an answer takes a little longer."""
    clock = SimpleNamespace(now=100.0)

    async def talk() -> str | None:
        store = Slow()
        bot = order_bot(store)
        runtime = bot._runtime = Runtime(
            store, bot._hooks, bot._report, monotonic=lambda: clock.now, patience=Patience(answer=2, more=60)
        )
        store.lets.clear()
        delivery = asyncio.create_task(bot.deliver(message("order")))
        await until(lambda: store.asked)
        clock.now += 10
        await until(lambda: not runtime._new)  # its timers are set, and it is late
        for _ in range(5):
            await asyncio.sleep(0)
        store.lets.set()
        return said(await delivery)

    assert anyio.run(talk) == "what?"


def test_whoever_hangs_up_while_the_store_says_nothing_is_let_go_and_its_message_is_written_later() -> None:
    async def talk() -> str | None:
        store, hung_up = Slow(), asyncio.Event()
        bot = order_bot(store)
        store.lets.clear()
        pushing = asyncio.create_task(bot.carry(message("order"), gone=hung_up.wait))  # type: ignore[arg-type]
        await until(
            lambda: not bot._runtime._new and bot._runtime.held
        )  # its timers are set, and its sender is listened to
        hung_up.set()
        carried = await pushing
        assert carried.unheard
        assert bot._runtime.held == 0
        store.lets.set()
        await bot.aclose()
        assert len(set(store.asked)) == 1
        return said(await bot.deliver(message("order")))

    assert anyio.run(talk) == "what?"


def test_a_delivery_is_over_at_its_time_though_its_second_write_hangs() -> None:
    """What was pushed before is claimed in a write of its own."""

    class HangsLater(Slow):
        async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
            if self.asked:
                self.lets.clear()
            return await super().patch(key, version, patch)

    async def talk() -> bool:
        store = HangsLater()
        bot = impatient(Bot("token", account="gh_1", store=store, waits=1), told=0.3, more=0.0)
        bot.text("form")(asks)
        old = TextMessage(
            text="form",
            id="1",
            openid="o",
            account="gh_1",
            time=dt.datetime.fromtimestamp(time.time() - 5, dt.timezone.utc),
        )
        carried = await bot.carry(old)
        assert store.asked[1:]  # the second hangs
        assert said(carried.reply).startswith("正在思考")  # type: ignore[union-attr]
        store.lets.set()
        return True

    assert anyio.run(talk)


def test_what_a_dialog_sets_in_its_context_is_not_whoever_pusheds() -> None:
    language = ContextVar("language", default="none")
    bot = Bot("token", account="gh_1", store="memory://")

    @bot.text("form")
    def form(message: Message) -> Any:
        before = language.get()
        language.set(message.openid)
        yield before

    async def talk() -> list[str | None]:
        return [said(await bot.deliver(message("form", openid=user))) for user in ("o1", "o2")] + [language.get()]

    assert anyio.run(talk) == ["none", "none", "none"]


def test_a_bot_that_its_own_waiting_dialog_names_is_forgotten_with_all_who_used_it() -> None:
    async def talk() -> weakref.ref[Bot]:
        bot = Bot("token", account="gh_1", store="memory://")

        @bot.text("form")
        def form(message: Message) -> Any:
            yield f"{bot.settings.account}?"

        assert said(await bot.deliver(message("form"))) == "gh_1?"
        await bot.aclose()
        return weakref.ref(bot)

    bot = anyio.run(talk)
    gc.collect()
    assert bot() is None


def test_a_loop_that_ends_while_something_is_written_says_nothing(caplog: Any) -> None:
    async def talk() -> None:
        _, _, delivery = await slow_form()
        assert not delivery.done()

    asyncio.run(talk())
    gc.collect()
    assert caplog.text == ""


def test_a_worker_that_goes_down_lets_be_written_what_is_being_written() -> None:
    async def talk() -> str | None:
        bot, store, delivery = await slow_form()
        assert bot._runtime.held == 1
        closing = asyncio.create_task(bot.aclose())
        await anyio.wait_all_tasks_blocked()
        assert not closing.done()
        store.lets.set()
        await closing
        assert delivery.done()
        return said(await delivery)

    assert anyio.run(talk) == "two?"


def test_an_error_of_ours_at_once_is_its_own_deliverys_and_leaves_nothing_behind() -> None:
    class Wrong(MemoryStore):
        async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
            raise ZeroDivisionError

    async def talk() -> None:
        bot = order_bot(Wrong())
        with pytest.raises(ZeroDivisionError):
            await bot.deliver(message("order"))
        runtime = bot._runtime
        assert (runtime.held, runtime._tasks, runtime._drives) == (0, set(), {})

    anyio.run(talk)


# ---- how long a delivery is held ------------------------------------------------------------------------------------


def held_bot(**settings: Any) -> tuple[Bot, threading.Event]:
    bot, gate = Bot(**{"token": "token", "store": "memory://", **settings}), threading.Event()

    @bot.default
    def slow(message: Message) -> str:
        gate.wait(30)
        return "at last"

    return bot, gate


def test_a_server_with_one_thread_has_the_placeholder_after_a_moment_and_is_told_once_why(caplog: Any) -> None:
    bot, gate = held_bot()
    for number in range(2):
        carried = bot.wait(bot.carry(message("x", f"{number}", f"o{number}"), patience=0.02))
        assert said(carried.reply).startswith("正在思考")  # type: ignore[union-attr]
        assert carried.sent is None  # it may be pushed again: no doubt
    gate.set()
    assert caplog.text.count("this server has one thread") == 1
    assert said(bot.wait(bot.deliver(message("继续", "f", "o0")))).endswith("at last")  # type: ignore[union-attr]


def test_a_delivery_is_held_for_the_next_push_or_told_at_once_as_the_bot_says() -> None:
    held, placeholder = Bot("token"), Bot("token", slow="placeholder")
    assert held._chance("gh_1", None)[0] is None
    assert placeholder._chance("gh_1", None) == (WECHAT.last_chance, None)
    with pytest.raises(ConfigurationError, match='slow= must be "hold" or "placeholder"'):
        Bot("token", slow="later")  # type: ignore[arg-type]


def test_where_too_many_were_left_waiting_a_delivery_is_told_at_once() -> None:
    bot, gate = held_bot()
    impatient(bot, budget=0.001)

    async def talk() -> int | None:
        _, budget = bot._chance("gh_1", None)
        assert budget is not None
        for _ in range(20):
            await budget.add()
        waiting = asyncio.create_task(bot.deliver(message("x")))
        while not (held := bot._runtime._open.get((bot.key("gh_1", "oUser"), "1"))) or held[0].delivery.chance is None:
            await asyncio.sleep(0)
        chance = held[0].delivery.chance
        gate.set()
        await waiting
        return chance

    assert anyio.run(talk) == WECHAT.last_chance


class Asked(MemoryStore):
    """Knows how often it was waited at. Its `breaks`-th patch fails, for no reason that anybody knows."""

    def __init__(self, breaks: int = 0) -> None:
        super().__init__()
        self.waits, self.breaks = 0, breaks

    async def wait(self, key: str, until: int, seen: str | None = None) -> None:
        self.waits += 1
        await super().wait(key, until, seen)

    async def patch(self, key: str, version: str, patch: Patch) -> Written | Loaded:
        self.breaks -= 1
        if self.breaks == 0:
            raise ValueError("nobody knows")
        return await super().patch(key, version, patch)


def test_two_deliveries_of_what_is_done_here_are_held_without_a_wait_at_the_store() -> None:
    store = Asked()
    bot, gate = held_bot(store=store)

    async def talk() -> list[Any]:
        first = asyncio.create_task(bot.carry(message("x")))
        while not bot._runtime.jobs:
            await asyncio.sleep(0)
        second = asyncio.create_task(bot.carry(message("x")))
        while bot._runtime.held < 2:
            await asyncio.sleep(0)
        gate.set()
        return [(await one).reply for one in (first, second)]

    replies = anyio.run(talk)
    assert "at last" in map(said, replies)
    assert store.waits == 0


def test_who_waits_here_for_a_turn_that_breaks_off_is_told_and_waits_for_whoever_takes_it_over() -> None:
    store = Asked(breaks=3)  # the account, the claim, the result
    bot, gate = held_bot(store=store, waits=1.2)
    gate.set()

    async def talk() -> None:
        await bot.carry(message("x"))
        await bot.aclose()

    anyio.run(talk)
    assert store.waits > 0


def test_a_turn_whose_store_is_gone_for_too_long_is_under_way_no_more() -> None:
    """Else this worker, of all, would not take it over."""
    store = Flaky()
    bot, gate = held_bot(store=store)
    impatient(bot, turn=0.01)

    async def talk() -> set[str]:
        waiting = asyncio.create_task(bot.carry(message("x")))
        while not bot._runtime.jobs:
            await asyncio.sleep(0)
        store.away = True
        gate.set()
        while len(bot._runtime._tasks) > 1:  # the delivery's
            await asyncio.sleep(0)
        names = set(bot._runtime.worker.works)
        waiting.cancel()
        store.away = False
        return names

    gc.disable()
    try:
        assert anyio.run(talk) == set()
    finally:
        gc.enable()


def test_a_turn_on_a_loop_that_was_closed_troubles_nobody_on_the_next() -> None:
    bot, gate = held_bot()

    async def begin() -> None:
        asyncio.create_task(bot.carry(message("x")))  # noqa: RUF006
        while not bot._runtime.jobs:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    gate.set()
    assert said(bot.wait(bot.carry(message("y", "2"))).reply) == "at last"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_delivery_that_may_be_left_waiting_no_longer_has_its_placeholder_in_time(elsewhere: bool) -> None:
    """Whether its turn runs on this worker or on another."""
    store = MemoryStore()
    bot, gate = held_bot(waits=1.2, store=store)
    other, other_gate = held_bot(waits=1.2, store=store)
    impatient(bot, budget=0.01)

    async def talk() -> Any:
        _, budget = bot._chance("gh_1", None)
        assert budget is not None
        for _ in range(20):
            await budget.add()
        first = asyncio.create_task(other.deliver(message("x"))) if elsewhere else None
        while first and not other._runtime.jobs:
            await asyncio.sleep(0)
        await bot.carry(message("x"))
        bound = record.read((await store.load(bot.key("gh_1", "oUser"))).fields).seen["1"].reply
        gate.set()
        other_gate.set()
        if first:
            await first
        return bound

    assert "正在思考" in str(anyio.run(talk))


def test_a_client_that_hangs_up_is_noticed_and_its_turn_goes_on() -> None:
    bot, gate = held_bot(token=TOKEN)
    asked, sent = list[int](), list[Any]()
    fields = {"ToUserName": "gh_1", "FromUserName": "oUser", "CreateTime": int(time.time()), "MsgType": "text"}
    body = "".join(f"<{name}>{value}</{name}>" for name, value in {**fields, "Content": "x", "MsgId": 1}.items())

    async def talk() -> str | None:
        hung_up = asyncio.Event()

        async def receive() -> dict[str, Any]:
            asked.append(1)
            if len(asked) == 1:
                return {"type": "http.request", "body": f"<xml>{body}</xml>".encode()}
            await hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            sent.append(event.get("status") or event["body"])

        given = urlencode(signed()).encode()
        scope = {"type": "http", "method": "POST", "path": "/wechat", "query_string": given, "headers": []}
        serving = asyncio.create_task(asgi.app(bot)(scope, receive, send))
        while len(asked) < 2:
            await asyncio.sleep(0)
        assert bot._runtime.held == 1
        hung_up.set()
        await serving
        assert sent == [200, b"The client had hung up."]
        assert bot._runtime.held == 0
        gate.set()
        while bot._runtime.jobs:
            await asyncio.sleep(0)
        return said(await bot.deliver(message("继续", "f")))

    assert anyio.run(talk).endswith("at last")  # type: ignore[union-attr]
