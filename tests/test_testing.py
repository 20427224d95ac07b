"""The test kit: what a developer's tests see of a bot."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from wechat import (
    Article,
    Bot,
    ImageMessage,
    Message,
    News,
    StepFailed,
    TextMessage,
    TimedOut,
    ask,
    link,
    recall,
    remember,
    step,
    stream,
)
from wechat.testing import Chat

SAVED: list[tuple[str, str]] = []
NUMBERS = itertools.count()
LOOPS: set[asyncio.AbstractEventLoop] = set()


@step
def save(what: str, *, idempotency_key: str = "") -> int:
    SAVED.append((what, idempotency_key))
    return len(SAVED)


@step
async def look_up(what: str) -> str:
    LOOPS.add(asyncio.get_running_loop())
    await asyncio.sleep(0)
    return what.upper()


@step(retries=2)
def flaky(state: str) -> str:
    SAVED.append((state, ""))
    if len(SAVED) < 3:
        raise OSError("not yet")
    return "done"


@step
async def poem() -> AsyncIterator[str]:
    for piece in ("Roses are red. ", "Violets are blue."):
        yield piece


@step
def prose() -> Iterator[str]:
    yield "Once upon a time"


def make() -> Bot:
    SAVED.clear()
    bot = Bot("token", store="memory://")

    @bot.text("order", expire=60)
    def order(message: Message) -> Any:
        what = yield ask.choice("what?", ["pears", "figs"])
        if not (yield ask.confirm(f"{what}?")):
            return "never mind"
        return f"no. {yield save(what)}"

    @bot.text("look")
    def look(message: Message) -> Any:
        return f"found {yield look_up((yield 'what?'))}"

    @bot.text("fickle")
    def fickle(message: Message) -> Any:
        yield f"a number: {next(NUMBERS)}"

    @bot.text("poem")
    def recite(message: Message) -> Any:
        yield stream(poem())

    @bot.text("prose")
    def tell(message: Message) -> Any:
        return (yield prose())

    @bot.text("visits")
    def visits(message: Message) -> Any:
        count = yield recall("visits", 0)
        yield remember("visits", count + 1)
        return f"visit {count + 1}"

    @bot.text("late")
    def late(message: Message) -> Any:
        try:
            yield "quick!"
        except TimedOut:
            return "too late"

    @bot.text("flaky")
    def tries(message: Message) -> Any:
        try:
            return (yield flaky("x"))
        except StepFailed as failed:
            return failed.message

    @bot.text("saves")
    def saves(message: Message) -> Any:
        return f"no. {yield save('it')}"

    @bot.text("broken")
    def broken(message: Message) -> Any:
        raise RuntimeError("a bug")
        yield

    @bot.text("news")
    def news(message: Message) -> Any:
        return News(Article("t", "http://x"))

    @bot.text("menu")
    def menu(message: Message) -> Any:
        return f"{link('一', 'order')} {link('look')}"

    @bot.click("K")
    def clicked(event: Any) -> Any:
        return f"clicked {event.key}"

    @bot.subscribe
    def welcome(event: Any) -> Any:
        return f"welcome {event.scene}"

    @bot.unsubscribe
    def gone(event: Any) -> Any:
        SAVED.append((event.openid, event.raw["FromUserName"]))

    @bot.scan("7")
    def scanned(event: Any) -> Any:
        return f"scanned {event.scene}"

    @bot.image
    def seen(message: ImageMessage) -> Any:
        return message.url

    @bot.voice
    def heard(message: Any) -> Any:
        return message.text

    @bot.location
    def place(message: Any) -> Any:
        return message.label

    return bot


@pytest.fixture
def chat() -> Chat:
    return Chat(make())


def test_a_conversation_is_talked_through_as_its_user_sees_it(chat: Chat) -> None:
    assert chat.say("order") == "what?\n1. pears\n2. figs"
    assert chat.waiting == "order"
    assert chat.say("2") == "figs?\n1. 是\n2. 否"
    assert chat.tap("是") == "no. 1"
    assert chat.waiting is None
    assert [what for what, key in SAVED if key] == ["figs"]


def test_every_kind_of_message_can_be_sent(chat: Chat) -> None:
    assert chat.image("http://x/1.jpg") == "http://x/1.jpg"
    assert chat.voice("hello") == "hello"
    assert chat.location(1, 2, "home") == "home"
    assert chat.click("K") == "clicked K"
    assert chat.follow("9") == "welcome 9"
    assert chat.scan("7") == "scanned 7"
    assert chat.say("nobody takes this") is None
    assert chat.say("news") == News(Article("t", "http://x"))


def test_a_link_is_tapped_by_its_label_and_one_that_is_not_there_is_told(chat: Chat) -> None:
    assert chat.say("menu") == "一 look"
    assert chat.tap("一") == "what?\n1. pears\n2. figs"
    with pytest.raises(AssertionError, match=r"no link '三' to tap, only \['figs', 'pears'\]"):
        chat.tap("三")


def test_a_crash_loses_nothing(chat: Chat) -> None:
    chat.say("order")
    chat.crash()
    assert chat.say("1") == "pears?\n1. 是\n2. 否"
    chat.crash()
    assert chat.say("好的") == "no. 1"


def test_a_slow_step_is_met_by_the_placeholder_and_its_answer_is_fetched_by_a_tap(chat: Chat) -> None:
    chat.slow(save, 20)
    chat.say("order")
    chat.say("1")
    assert chat.say("是") == "正在思考… 继续"
    chat.later(10)
    assert chat.tap("继续") == "回复“是”：\nno. 1"
    assert len(SAVED) == 1


def test_a_step_that_is_quicker_than_the_third_push_needs_no_placeholder(chat: Chat) -> None:
    chat.slow(save, 12)
    chat.say("order")
    chat.say("1")
    assert chat.say("是") == "no. 1"


def test_a_worker_that_dies_in_a_slow_step_is_taken_over_and_the_step_has_the_same_key(chat: Chat) -> None:
    chat.slow(save, 30)
    chat.say("order")
    chat.say("1")
    chat.say("是")
    chat.crash()
    chat.slow(save, 1)
    chat.later(7)
    assert chat.say("继续") == "回复“是”：\nno. 2"
    assert len({key for _, key in SAVED}) == 1


def test_time_goes_by_only_as_the_test_says(chat: Chat) -> None:
    assert chat.say("late") == "quick!"
    chat.later(61)
    assert chat.say("here") == "too late"
    chat.say("late")
    chat.later(55)
    assert chat.say("here") is None
    begun = Chat(make(), now=dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc))
    assert begun._world.time().isoformat() == "2030-01-01T08:00:00+08:00"


def test_steps_can_be_replaced_in_a_test() -> None:
    chat = Chat(make(), steps={save: lambda what: 40 + len(what)})
    chat.say("order")
    chat.say("1")
    assert chat.say("是") == "no. 45"
    assert SAVED == []


def test_what_replaces_a_step_gets_its_key_where_it_asks_for_it_and_is_said_as_it_would_be() -> None:
    keys = set[str]()

    def faked(what: str, idempotency_key: str = "") -> int:
        keys.add(idempotency_key)
        return 1

    chat = Chat(make(), steps={save: faked, poem: lambda: "Roses are white. Violets are black."})
    for text in ("order", "1", "是"):
        chat.say(text)
    assert len(keys) == 1
    assert keys != {""}
    chat.slow(poem, 20)
    assert chat.say("poem") == "Roses are white. （未完，继续）"


def test_a_message_made_by_hand_lacks_nothing_and_one_of_the_same_id_is_the_same(chat: Chat) -> None:
    assert chat.send(TextMessage(text="visits")) == "visit 1"
    assert chat.send(TextMessage(text="visits")) == "visit 2"
    twice = TextMessage(text="visits", id="the same")
    assert [chat.send(twice), chat.send(twice)] == ["visit 3", "visit 3"]
    assert chat.send(ImageMessage(url="http://x", raw={"Extra": "1"})) == "http://x"
    assert chat.send(TextMessage(text="visits", openid="oOther")) == "visit 1"
    assert chat.unfollow() is None
    assert SAVED == [("oUser", "oUser")]


def test_a_step_that_is_replaced_may_fail_and_an_assertion_in_it_fails_the_test() -> None:
    def fails(state: str) -> str:
        raise OSError("no luck")

    def asserts(state: str) -> str:
        raise AssertionError("of the test")

    assert Chat(make(), steps={flaky: fails}).say("flaky") == "no luck"
    with pytest.raises(AssertionError, match="of the test"):
        Chat(make(), steps={flaky: asserts}).say("flaky")


def test_a_step_is_tried_again_and_asynchronous_ones_share_one_loop(chat: Chat) -> None:
    assert chat.say("flaky") == "done"
    LOOPS.clear()
    for word in ("a", "b"):
        chat.say("look")
        assert chat.say(word) == f"found {word.upper()}"
    assert len(LOOPS) == 1


def test_texts_that_are_made_in_pieces_are_said_whole_or_as_far_as_they_are(chat: Chat) -> None:
    assert chat.say("poem") == "Roses are red. Violets are blue."
    assert chat.say("prose") == "Once upon a time"
    chat.slow(poem, 20)
    assert chat.say("poem") == "Roses are red. （未完，继续）"
    chat.later(10)
    assert chat.say("继续") == "回复“poem”：\nViolets are blue."


def test_users_have_conversations_and_data_of_their_own(chat: Chat) -> None:
    other = chat.other("oOther")
    assert (chat.say("visits"), chat.say("visits"), other.say("visits")) == ("visit 1", "visit 2", "visit 1")
    chat.say("order")
    assert (chat.waiting, other.waiting) == ("order", None)


def test_what_is_done_from_outside_is_done_to_whoever_talks_here(chat: Chat) -> None:
    chat.say("visits")
    user = chat._world.bot.user("oUser")
    assert chat._world.bot.wait(user.recall("visits")) == 1
    chat._world.bot.wait(user.tell("your parcel", key="p"))
    assert chat.say("visits") == "visit 2\nyour parcel"


def test_what_a_dialog_fails_with_fails_the_test_unless_that_wants_the_apology(chat: Chat) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        chat.say("broken")
    assert chat.say("visits") == "visit 1"
    with pytest.raises(StepFailed, match="no luck") as caught:
        Chat(make(), steps={save: unlucky}).other("oOther").say("saves")
    assert isinstance(caught.value.__cause__, OSError)
    late = Chat(make(), steps={save: unlucky})
    late.slow(save, 20)
    assert late.say("saves") == "正在思考… 继续"
    with pytest.raises(StepFailed):
        late.later(20)


def unlucky(what: str) -> int:
    raise OSError("no luck")


def test_who_sees_to_errors_is_not_disturbed(chat: Chat) -> None:
    bot = make()
    bot.on_error(lambda message, error: f"sorry: {error}")
    assert Chat(bot).say("broken") == "sorry: a bug"


def test_a_bug_in_a_dialog_is_an_apology_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    chat = Chat(make(), raises=False)
    assert chat.say("broken") == "抱歉，出错了，请稍后再试。"
    assert "RuntimeError: a bug" in caplog.text


def test_a_dialog_that_depends_on_anything_else_is_found_unless_the_test_does_not_want_to_know() -> None:
    with pytest.raises(AssertionError, match="must not depend on anything but its messages"):
        Chat(make()).say("fickle")
    assert str(Chat(make(), replay_check=False).say("fickle")).startswith("a number")


def test_what_is_seeded_before_the_first_message_is_there_and_a_slow_step_stays_in_its_own_world() -> None:
    bot = make()
    one = Chat(bot)
    bot.wait(bot.user("oUser").remember("visits", 6))
    assert one.say("visits") == "visit 7"
    two = Chat(bot)
    assert bot.wait(bot.user("oUser").recall("visits", "none")) == "none"
    assert two.say("visits") == "visit 1"
    one.later(1)
    assert bot.wait(bot.user("oUser").recall("visits")) == 7


def test_links_of_one_label_that_say_different_things_are_told() -> None:
    bot = make()
    bot.text("twins")(twins)
    chat = Chat(bot)
    chat.say("twins")
    with pytest.raises(AssertionError, match=r"several links '看', which say \['a', 'b'\]"):
        chat.tap("看")


def twins(message: Any) -> str:
    return f"{link('看', 'a')} {link('看', 'b')}"


def test_two_chats_with_one_bot_know_nothing_of_each_other() -> None:
    bot = make()
    one, two = Chat(bot), Chat(bot)
    assert (one.say("visits"), two.say("visits"), one.say("visits")) == ("visit 1", "visit 1", "visit 2")


def test_it_works_within_an_event_loop() -> None:
    async def talk() -> None:
        chat = Chat(make())
        chat.say("look")
        assert chat.say("a") == "found A"

    asyncio.run(talk())
