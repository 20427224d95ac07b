"""A user from outside a dialog: what is kept of them, what they are told, and how their conversation ends."""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio
import pytest

from talk import Chat
from wechat import (
    Bot,
    ConfigurationError,
    Image,
    Message,
    Reply,
    StoreError,
    Text,
    TextMessage,
    User,
    again,
    ask,
    recall,
    remember,
    reply,
    step,
)
from wechat.stores import wall_clock
from wechat.stores.memory import MemoryStore

ACCOUNT = "gh_1"
DAY = 86_400


def shown(said: Reply | None) -> Any:
    return reply.visible(said.text) if isinstance(said, Text) else said


class Talk:
    """One user, a bot, and a store on whose clock the test puts time."""

    def __init__(self, **settings: Any) -> None:
        self.ahead = 0
        self.store = MemoryStore(lambda: wall_clock() + self.ahead)
        self.bot = Bot("token", store=self.store, **settings)
        self.count = 0
        self.bot.text("form")(form)
        self.bot.text("visits")(visits)

    def message(self, text: str) -> TextMessage:
        self.count += 1
        time = dt.datetime.fromtimestamp((wall_clock() + self.ahead) // 1_000, dt.timezone.utc)
        return TextMessage(text=text, id=str(self.count), openid="oUser", account=ACCOUNT, time=time)

    def say(self, text: str) -> Any:
        return shown(self.bot.wait(self.bot.deliver(self.message(text))))

    def later(self, seconds: float) -> None:
        self.ahead += int(seconds * 1_000)
        self.ask("waiting")  # the runtime hears of it

    @property
    def user(self) -> User:
        return self.bot.user("oUser", account=ACCOUNT)

    def ask(self, method: str, *args: Any, **more: Any) -> Any:
        return self.bot.wait(getattr(self.user, method)(*args, **more))

    @property
    def fields(self) -> Any:
        return anyio.run(self.store.load, self.bot.key(ACCOUNT, "oUser")).fields


def form(message: Any) -> Any:
    return f"{(yield 'one?')} {(yield 'two?')}"


def visits(message: Any) -> Any:
    count = yield recall("visits", 0)
    yield remember("visits", count + 1)
    return f"visit {count + 1}"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WECHAT_ACCOUNT", raising=False)


# ---- data ------------------------------------------------------------------------------------------------------------


def test_what_a_dialog_remembered_is_recalled_from_outside_and_the_other_way_round() -> None:
    talk = Talk()
    assert talk.ask("recall", "visits") is None
    assert talk.ask("recall", "visits", "default") == "default"
    assert talk.say("visits") == "visit 1"
    assert talk.ask("recall", "visits") == 1
    talk.ask("remember", "visits", 41)
    assert talk.say("visits") == "visit 42"


def test_data_are_json_as_a_dialog_would_see_them() -> None:
    talk = Talk()
    talk.ask("remember", "k", {1: ("a", dt.date(2026, 1, 2))})
    assert talk.ask("recall", "k") == {"1": ["a", "2026-01-02"]}


def test_data_expire_when_it_was_said_and_else_never() -> None:
    talk = Talk()
    talk.ask("remember", "short", 1, expire=100)
    talk.ask("remember", "long", 2)
    talk.ask("remember", "endless", 3, expire=math.inf)
    talk.later(99)
    assert talk.ask("recall", "short") == 1
    talk.later(2)
    assert talk.ask("recall", "short", "gone") == "gone"
    talk.later(400 * DAY)
    assert [talk.ask("recall", key) for key in ("long", "endless")] == [2, 3]


def test_who_is_asked_about_leaves_no_record() -> None:
    talk = Talk()
    assert talk.ask("recall", "k", 5) == 5
    assert talk.ask("waiting") is None
    talk.ask("end")
    assert talk.fields == {}


def test_users_and_accounts_are_told_apart() -> None:
    talk = Talk()
    talk.ask("remember", "k", 1)
    for other in (talk.bot.user("oOther", account=ACCOUNT), talk.bot.user("oUser", account="gh_2")):
        assert talk.bot.wait(other.recall("k")) is None


def test_data_of_a_waiting_conversation_change_nothing_of_it() -> None:
    talk = Talk()
    talk.say("form")
    talk.ask("remember", "k", 1)
    assert talk.say("a") == "two?"
    talk.ask("remember", "k", 2)
    assert talk.say("b") == "a b"


# ---- tell ------------------------------------------------------------------------------------------------------------


def test_what_was_told_is_read_with_the_next_reply_once() -> None:
    talk = Talk()
    talk.ask("tell", "your parcel is here", key="parcel 1")
    assert talk.say("visits") == "visit 1\nyour parcel is here"
    assert talk.say("visits") == "visit 2"


def test_what_was_told_can_be_fetched() -> None:
    talk = Talk()
    talk.say("form")
    talk.ask("tell", "your parcel is here", key="parcel 1")
    assert talk.say("继续") == "your parcel is here"
    assert talk.say("a") == "two?"


def test_a_key_is_told_once() -> None:
    talk = Talk()
    for text in ("first", "second"):
        talk.ask("tell", text, key="parcel 1")
    talk.ask("tell", "another", key="parcel 2")
    assert talk.say("visits") == "visit 1\nfirst\nanother"
    talk.ask("tell", "third", key="parcel 1")
    assert talk.say("visits") == "visit 2"


def test_a_key_is_known_for_a_week_or_as_long_as_its_text() -> None:
    talk = Talk()
    talk.ask("tell", "x", key="short", expire=60)
    talk.ask("tell", "x", key="long", expire=30 * DAY)
    assert talk.say("visits") == "visit 1\nx\nx"
    talk.later(6.9 * DAY)
    talk.ask("tell", "again", key="short")
    assert talk.say("visits") == "visit 2"
    talk.later(0.2 * DAY)
    talk.ask("tell", "short again", key="short")
    talk.ask("tell", "long again", key="long")
    assert talk.say("visits") == "visit 3\nshort again"
    talk.later(23 * DAY)
    talk.ask("tell", "long again", key="long")
    assert talk.say("visits") == "visit 4\nlong again"


def test_what_was_told_expires_unread() -> None:
    for seconds, said in ((99, "visit 1\nsoon"), (101, "visit 1")):
        talk = Talk()
        talk.ask("tell", "soon", key="k", expire=100)
        talk.later(seconds)
        assert talk.say("visits") == said


def test_what_was_told_waits_for_a_week_though_nobody_writes_meanwhile() -> None:
    for days, said in ((6.9, "visit 1\nnews"), (7.1, "visit 1")):
        talk = Talk()
        talk.ask("tell", "news", key="k")
        talk.later(days * DAY)
        assert talk.say("visits") == said


def test_a_text_that_is_longer_than_one_reply_is_told_in_parts_and_whole() -> None:
    talk, text = Talk(), "".join(chr(0x4E00 + i) for i in range(1_500))
    assert len(text.encode()) > 2 * 2_047
    talk.ask("tell", text, key="k")
    parts = []
    for _ in range(3):
        said = talk.say("继续")
        assert len(said.encode()) <= 2_047
        parts.append(said.partition("\n还有")[0])
    assert "".join(parts) == text


def test_what_can_be_said_can_be_told() -> None:
    talk = Talk()
    talk.ask("tell", Image("m1"), key="k")
    assert talk.say("visits") == "visit 1\n还有 1 条 继续"
    assert talk.say("继续") == Image("m1")


def test_nothing_told_is_nothing() -> None:
    talk = Talk()
    talk.ask("tell", None, key="k")
    talk.ask("tell", "something", key="k")
    assert talk.say("visits") == "visit 1\nsomething"


def test_what_was_told_never_answers_starts_or_stops_a_question() -> None:
    talk = Talk()
    talk.say("form")
    talk.ask("tell", "news", key="k")
    assert talk.say("a") == "two?\nnews"
    talk.later(59)
    assert talk.say("b") == "a b"


# ---- the conversation ------------------------------------------------------------------------------------------------


def test_waiting_is_the_name_of_the_dialog_that_waits() -> None:
    def endless(message: Any) -> Any:
        return again("more?")
        yield

    talk = Talk()
    talk.bot.text("endless", name="chat")(endless)
    assert talk.ask("waiting") is None
    talk.say("form")
    assert talk.ask("waiting") == "form"
    talk.say("a"), talk.say("b")
    assert talk.ask("waiting") is None
    talk.say("endless")
    assert talk.ask("waiting") == "chat"


def test_a_conversation_that_nobody_can_go_on_with_waits_no_more() -> None:
    talk = Talk()
    talk.say("form")
    talk.later(600)  # its time-out may still be met
    assert talk.ask("waiting") == "form"
    talk.later(100)
    assert talk.ask("waiting") is None
    assert talk.say("form") == "one?"


def test_end_ends_a_waiting_conversation_and_leaves_its_word_unread() -> None:
    talk = Talk()
    talk.say("form")
    talk.ask("end", "closed for today")
    assert talk.ask("waiting") is None
    assert talk.say("form") == "one?\nclosed for today"
    talk.ask("end")
    assert talk.say("form") == "one?"


def test_end_of_nothing_is_only_its_word() -> None:
    talk = Talk()
    talk.ask("end", "closed for today")
    assert talk.say("visits") == "visit 1\nclosed for today"


def in_mid_turn(done: Callable[[Talk], Any], *more: str) -> tuple[Talk, list[Any]]:
    """A step runs, and more messages wait for their turn; then that is done, and then the step ends. Gives what was said."""
    talk, begun, gate = Talk(), threading.Event(), threading.Event()
    results: list[str] = []

    @step
    def work() -> str:
        begun.set()
        gate.wait(5)
        results.append("done")
        return "done"

    @talk.bot.text("work")
    def working(message: Message) -> Any:
        yield remember("worked", (yield work()))
        return f"asked {(yield ask('what?'))}"

    said: dict[str, Any] = {}

    async def push(text: str) -> None:
        said[text] = shown(await talk.bot.deliver(talk.message(text)))

    async def story() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(push, "work")
            await anyio.to_thread.run_sync(begun.wait, 5)
            for text in more:
                group.start_soon(push, text)
                await anyio.wait_all_tasks_blocked()
            await done(talk)
            gate.set()

    anyio.run(story)
    assert results == ["done"]
    return talk, [said[text] for text in ("work", *more)]


def test_end_in_mid_turn_drops_its_result_and_what_it_would_have_said() -> None:
    talk, said = in_mid_turn(lambda talk: talk.user.end("closed for today"))
    assert said == [None]
    assert talk.ask("waiting") is None
    assert talk.ask("recall", "worked") is None
    assert talk.say("form") == "one?\nclosed for today"


def test_end_in_mid_turn_tells_who_waits_that_it_was_not_taken() -> None:
    talk, said = in_mid_turn(lambda talk: talk.user.end(), "early")
    assert said == [None, "（没有收下，请看完问题再回复一次）"]
    assert talk.say("form") == "one?"


def test_tell_in_mid_turn_waits_for_its_reply() -> None:
    talk, said = in_mid_turn(lambda talk: talk.user.tell("news", key="k"))
    assert said == ["what?\nnews"]
    assert talk.say("x") == "asked x"


def test_what_is_remembered_in_mid_turn_is_seen_by_whoever_recalls_it_later() -> None:
    talk, said = in_mid_turn(lambda talk: talk.user.remember("visits", 6))
    assert said == ["what?"]
    talk.say("x")
    assert talk.say("visits") == "visit 7"


def test_forget_erases_everything() -> None:
    talk = Talk()
    talk.say("visits")
    talk.say("form")
    talk.ask("tell", "news", key="k")
    talk.ask("forget")
    assert talk.fields == {}
    assert talk.ask("waiting") is None
    assert talk.ask("recall", "visits") is None
    assert talk.say("visits") == "visit 1"
    talk.ask("tell", "news again", key="k")
    assert talk.say("visits") == "visit 2\nnews again"


@pytest.mark.parametrize("beside", [True, False])
def test_a_handler_or_a_step_may_forget_its_own_user_and_runs_once(beside: bool) -> None:
    """The message that it is about must not be taken for a new one when its record is gone."""
    runs = []
    bot = Bot("token", store="memory://", account=ACCOUNT)
    bot.text("visits")(visits)

    @step
    async def erased(message: Any) -> str:
        runs.append(message.text)
        await bot.user("oUser").forget()
        return "erased"

    def dialog(message: Any) -> Any:
        return (yield erased(message))

    bot.text("erase me")(erased if beside else dialog)
    texts = ("visits", "visits", "erase me", "visits")
    messages = [TextMessage(text=text, id=f"{i}", openid="oUser", account=ACCOUNT) for i, text in enumerate(texts)]
    shown_ = [shown(bot.wait(bot.deliver(message))) for message in messages]
    assert shown_ == ["visit 1", "visit 2", "erased" if beside else None, "visit 1"]
    assert shown(bot.wait(bot.deliver(messages[2]))) == shown_[2]
    assert runs == ["erase me"]


def test_forget_in_mid_turn_leaves_nothing_of_that_turn() -> None:
    """Its result has nowhere to go. The push that still waits for it is a new message: it begins anew."""
    bot = Bot("token", store="memory://")

    @step
    def work() -> str:
        return "done"

    @bot.text("work")
    def working(message: Message) -> Any:
        yield remember("worked", (yield work()))
        return f"asked {(yield ask('what?'))}"

    chat = Chat(bot)
    chat.world.durations["work"] = 2_000
    push = chat.world.push(chat.text("work"))
    chat.world.elapse(1_000)
    chat.world.kept.clear()  # as `forget` does
    chat.world.elapse(1_500)
    assert chat.world.kept == {}
    chat.world.elapse(3_600)
    assert push.said is None
    assert chat.send(push.delivery.message) == "what?"
    assert chat.say("x") == "asked x"


# ---- whose user it is ------------------------------------------------------------------------------------------------


def test_before_any_push_it_must_be_said_which_account() -> None:
    bot = Bot("token", store="memory://")
    user = bot.user("oUser")
    for work in (
        user.recall("k"),
        user.remember("k", 1),
        user.tell("x", key="k"),
        user.waiting(),
        user.end(),
        user.forget(),
    ):
        with pytest.raises(ConfigurationError, match=r"account=.*WECHAT_ACCOUNT") as caught:
            bot.wait(work)
        assert "user(openid, account=…)" in str(caught.value)


@pytest.mark.parametrize("says", ["the argument", "the variable", "the call"])
def test_it_may_be_said_before_any_push(says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if says == "the variable":
        monkeypatch.setenv("WECHAT_ACCOUNT", ACCOUNT)
    bot = Bot("token", store="memory://", account=ACCOUNT if says == "the argument" else None)
    bot.text("visits")(visits)
    user = bot.user("oUser", account=ACCOUNT if says == "the call" else None)
    bot.wait(user.remember("visits", 9))
    message = TextMessage(text="visits", id="1", openid="oUser", account=ACCOUNT)
    assert shown(bot.wait(bot.deliver(message))) == "visit 10"


def test_the_first_push_tells_it_to_every_bot_on_the_same_store() -> None:
    talk = Talk()
    talk.say("visits")
    talk.bot.wait(talk.bot.aclose())
    assert talk.bot.wait(talk.bot.user("oUser").recall("visits")) == 1
    cron = Bot("token", store=talk.store)
    assert cron.wait(cron.user("oUser").recall("visits")) == 1


def test_where_one_bot_serves_several_accounts_the_first_is_meant_unless_another_is_named() -> None:
    talk = Talk()
    talk.say("visits")
    second = TextMessage(text="visits", id="1", openid="oUser", account="gh_2")
    for _ in range(2):
        talk.bot.wait(talk.bot.deliver(second))
    talk.bot.wait(talk.bot.user("oUser").remember("visits", 5))
    assert talk.bot.wait(talk.bot.user("oUser", account="gh_2").recall("visits")) == 1
    assert talk.say("visits") == "visit 6"


def test_an_account_that_was_made_up_to_try_the_bot_gives_way_to_a_real_one_and_to_no_other() -> None:
    bot = Bot("token", store="memory://")
    bot.text("visits")(visits)
    for id, account in enumerate(("gh_demo", "gh_test", "gh_0123456789ab", "gh_ba9876543210", "gh_demo")):
        bot.wait(bot.deliver(TextMessage(text="visits", id=f"{id}", openid=account, account=account)))
        expected = "gh_demo" if id < 2 else "gh_0123456789ab"
        assert bot.wait(bot.user(expected).recall("visits")) == 1
    assert bot.wait(bot.user("gh_ba9876543210").recall("visits")) is None


def test_to_look_at_a_user_writes_nothing() -> None:
    talk = Talk()
    talk.say("visits")
    talk.later(3 * DAY)  # there would be something to tidy up
    before = anyio.run(talk.store.load, talk.bot.key(ACCOUNT, "oUser")).version
    assert talk.ask("recall", "visits") == 1
    assert talk.ask("waiting") is None
    assert anyio.run(talk.store.load, talk.bot.key(ACCOUNT, "oUser")).version == before


def test_a_user_of_a_module_of_2017_needs_no_account() -> None:
    def opened(to_user: str) -> Any:
        return ("TextMsg", f"{(yield ('TextMsg', 'one?'))}, {(yield ('TextMsg', 'two?'))}")

    module = ModuleType("of_2017")
    vars(module).update(ROUTER={"text": [("^form$", "opened")]}, REDIS_KEY="demo:%(open_id)s", opened=opened)
    bot = Bot.from_module(module, token="token", store="memory://")

    def say(text: str, id: str) -> Any:
        return shown(bot.wait(bot.deliver(TextMessage(text=text, id=id, openid="oUser", account=ACCOUNT))))

    user = bot.user("oUser")
    bot.wait(user.remember("k", 1))
    assert say("form", "1") == "one?"
    assert bot.wait(user.waiting()) == "opened"
    bot.wait(user.tell("news", key="k"))
    assert say("a", "2") == "two?\nnews"
    bot.wait(user.end())
    assert bot.wait(user.waiting()) is None
    assert bot.wait(user.recall("k")) == 1
    bot.wait(user.forget())
    assert bot.wait(user.recall("k")) is None


# ---- what is refused -------------------------------------------------------------------------------------------------


WRONG: list[tuple[str, tuple[Any, ...], dict[str, Any], type[Exception]]] = [
    ("tell", ("x",), {"key": ""}, ConfigurationError),
    ("tell", ("x",), {"key": None}, ConfigurationError),
    ("tell", ("x",), {"key": 5}, ConfigurationError),
    ("tell", ("x",), {"key": "k", "expire": 0}, ConfigurationError),
    ("tell", ("x",), {"key": "k", "expire": -1}, ConfigurationError),
    ("tell", ("x",), {"key": "k", "expire": math.nan}, ConfigurationError),
    ("tell", ("x",), {"key": "k", "expire": math.inf}, ConfigurationError),
    ("tell", ("x",), {"key": "k", "expire": True}, ConfigurationError),
    ("tell", ("x",), {"key": "k", "expire": "60"}, ConfigurationError),
    ("tell", (5,), {"key": "k"}, TypeError),
    ("tell", (ask("q?"),), {"key": "k"}, TypeError),
    ("end", (5,), {}, TypeError),
    ("remember", ("k", object()), {}, TypeError),
    ("remember", ("k", math.nan), {}, ValueError),
    ("remember", ("k", "\ud800"), {}, ValueError),
    ("remember", ("k", 1), {"expire": 0}, ConfigurationError),
    ("remember", (5, 1), {}, ConfigurationError),
]


@pytest.mark.parametrize(("method", "args", "more", "error"), WRONG)
def test_what_makes_no_sense_is_refused_and_leaves_no_trace(method: str, args: Any, more: Any, error: Any) -> None:
    talk = Talk()
    talk.say("form")
    before = talk.fields
    with pytest.raises(error):
        talk.ask(method, *args, **more)
    assert talk.fields == before
    assert talk.say("a") == "two?"


@pytest.mark.parametrize("openid", ["", None, 5])
def test_an_openid_is_a_text(openid: Any) -> None:
    with pytest.raises(ConfigurationError, match="openid="):
        Bot("token", store="memory://").user(openid)


def test_a_store_that_does_not_answer_is_said_so(tmp_path: Any) -> None:
    bot = Bot("token", store=f"sqlite:///{tmp_path}/none/there/bot.db", account=ACCOUNT)
    with pytest.raises(StoreError):
        bot.wait(bot.user("oUser").tell("x", key="k"))


def test_repr_names_the_user() -> None:
    assert repr(Bot("token", store="memory://").user("oUser")) == "<User oUser>"
