"""Modules of 2017: what they may name, and how their dialogs run."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from talk import ACCOUNT, Chat
from wechat import Article, Bot, ConfigurationError, Event, Image, Message, News, UnsubscribeEvent, ask, module, step
from wechat.bot import UnexpectAnswer


def written(**names: Any) -> ModuleType:
    """A module with these names in it; functions are dialogs of their name."""
    made = ModuleType("written")
    vars(made).update(names)
    return made


def chat(*dialogs: Any, router: dict[str, Any] | None = None, **names: Any) -> Chat:
    """A talk with the module that has these dialogs, each under its own name."""
    rows = [(f"^{dialog.__name__}$", dialog.__name__) for dialog in dialogs]
    source = written(ROUTER=router or {"text": rows}, **{dialog.__name__: dialog for dialog in dialogs}, **names)
    return Chat(Bot.from_module(source, token="token", store="memory://"))


def of_kind(talk: Chat, kind: str) -> Message:
    """A message of a kind that is called so."""
    return Message(**talk._common() | {"raw": {**talk.text("").raw, "MsgType": kind}})


def two(to_user: str) -> Any:
    """As the article writes them."""
    yield None
    opened = yield None
    one = yield ("TextMsg", f"{opened}: one?")
    two = yield ("TextMsg", "two?")
    return ("TextMsg", f"{to_user} said {one} {two}")


# ---- what is said and heard -----------------------------------------------------------------------------------------


def test_a_dialog_asks_by_its_tuples_and_ends_with_its_last() -> None:
    talk = chat(two)
    assert [talk.say(text) for text in ("two", "a", "b", "c")] == ["two: one?", "two?", "oUser said a b", None]
    assert talk.record.journal == []


def test_a_dialog_goes_on_in_another_process() -> None:
    talk = chat(two)
    talk.say("two")
    talk.crash()
    assert talk.say("a") == "two?"
    talk.crash()
    assert talk.say("b") == "oUser said a b"


def test_bare_yields_at_the_beginning_give_what_opened_the_dialog_and_later_ones_wait_in_silence() -> None:
    def bare(to_user: str) -> Any:
        first, second = (yield), (yield None)
        third = yield
        return ("TextMsg", f"{first} {second} {third}")

    talk = chat(bare)
    assert [talk.say("bare"), talk.say("x")] == [None, "bare bare x"]


@pytest.mark.parametrize("many", [0, 1])
def test_bare_yields_may_be_left_away(many: int) -> None:
    def hasty(to_user: str) -> Any:
        for _ in range(many):
            yield None
        answer = yield ("TextMsg", "well?")
        yield ("TextMsg", answer)

    talk = chat(hasty)
    assert [talk.say("hasty"), talk.say("x")] == ["well?", "x"]


def test_a_tuple_says_what_its_name_says() -> None:
    def all_kinds(to_user: str) -> Any:
        yield ("ImageMsg", "m1")
        yield ("NewsMsg", [{"title": "t", "url": "http://u", "description": "d", "pic_url": "http://p"}])
        yield ("NewsMsg", [{"title": "t", "url": "http://u"}])
        yield ("TextMsg", 5)
        yield ("TextMsg", "")
        yield "text"
        yield ("TextMsg", "x]]></Content>")

    talk = chat(all_kinds)
    assert talk.say("all_kinds") == Image("m1")
    news, bare = talk.say("a"), talk.say("b")
    assert isinstance(news, News)
    assert isinstance(bare, News)
    assert news.articles[0] == Article("t", "http://u", "d", "http://p")
    assert bare.articles[0].image == ""
    assert [talk.say(text) for text in "cdef"] == ["5", None, "text", "x]]></Content>"]


@pytest.mark.parametrize(
    "wrong", [("MusicMsg", "m"), ("NewsMsg", [{"title": "t"}]), ("NewsMsg", []), ("ImageMsg", ""), 5, ("TextMsg",)]
)
def test_what_nobody_can_say_costs_the_user_an_apology_and_the_next_word_is_heard(wrong: Any) -> None:
    def says(to_user: str) -> Any:
        yield wrong

    talk = chat(says, two)
    assert talk.say("says") == "抱歉，出错了，请稍后再试。"
    assert talk.say("two") == "two: one?"
    assert talk.world.turns[0].outcome == "failed"


def test_an_answer_that_is_no_text_is_heard_as_default() -> None:
    talk = chat(two)
    talk.say("two")
    talk.image()
    assert talk.voice("recognised") == "oUser said default default"
    talk.say("two")
    assert talk.send(of_kind(talk, "file")) == "two?"


def test_no_word_cancels_unless_the_bot_says_so() -> None:
    talk = chat(two)
    talk.say("two")
    assert talk.say("取消") == "two?"
    assert talk.say("返回") == "oUser said 取消 返回"
    source = written(ROUTER={"text": [("two", "two")]}, two=two)
    talk = Chat(Bot.from_module(source, token="token", store="memory://", cancel=("停",)))
    talk.say("two")
    assert talk.say("停") == "已取消。"


# ---- which dialog ---------------------------------------------------------------------------------------------------


def heard(to_user: str) -> Any:
    yield None
    return ("TextMsg", f"heard {(yield None)}")


def other(to_user: str) -> Any:
    yield None
    return ("TextMsg", f"other {(yield None)}")


ROUTER = {
    "text": [("a", "heard"), (r"b\b", "other"), ("^$", "other")],
    "event": [("^CLICK$", "heard"), ("sub", "other")],
    "image": [("default", "heard")],
    "shortvideo": [("^never$", "heard")],
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "heard a"),
        ("ab", "heard ab"),
        ("b a", "other b a"),
        ("bc", None),
        ("ba", None),
        (" a", None),
        ("Ａ", None),
        ("", "other "),
    ],
)
def test_a_pattern_is_matched_from_the_beginning_of_the_raw_text_and_the_first_wins(
    text: str, said: str | None
) -> None:
    assert chat(heard, other, router=ROUTER).say(text) == said


def test_an_event_is_matched_by_its_name_as_wechat_writes_it() -> None:
    talk = chat(heard, other, router=ROUTER)
    click = {"MsgType": "event", "Event": "CLICK", "EventKey": "K"}
    common = {**talk._common(), "raw": {**talk.text("").raw, **click}}
    assert talk.send(Event(event="click", key="K", **common)) == "heard CLICK"
    assert talk.follow() == "other subscribe"


def test_every_other_kind_is_matched_as_default_and_what_is_not_in_router_is_answered_in_silence() -> None:
    talk = chat(heard, other, router=ROUTER)
    assert talk.image() == "heard default"
    assert talk.voice("a") is None
    assert talk.location(1, 2) is None
    assert talk.send(of_kind(talk, "shortvideo")) is None


def test_an_event_stands_beside_the_dialog_that_waits() -> None:
    talk = chat(two, heard, router={"text": [("two", "two")], "event": [(".*", "heard")]})
    talk.say("two")
    assert talk.click("K") == "heard click\n刚才问您：two: one?"
    assert talk.say("a") == "two?"


def test_a_push_that_shows_no_reply_says_nothing_now_or_later() -> None:
    gone: list[str] = []

    def left(to_user: str) -> Any:
        yield None
        gone.append((yield None))
        return ("TextMsg", "lost")

    talk = chat(two, left, router={"text": [("two", "two")], "event": [(".*", "left")]})
    talk.say("two")
    assert talk.send(Event(event="location", **talk._common())) is None
    assert talk.record.unread == {}
    assert talk.send(UnsubscribeEvent(**talk._common())) is None
    assert gone == ["location", "unsubscribe"]


# ---- how a conversation ends ----------------------------------------------------------------------------------------


def test_a_minute_later_the_conversation_is_forgotten_without_a_word() -> None:
    talk = chat(two, heard, router={"text": [("two", "two"), (".*", "heard")]})
    talk.say("two")
    talk.later(58)
    assert talk.say("a") == "two?"
    talk.later(61)
    assert talk.say("b") == "heard b"
    assert [turn.outcome for turn in talk.world.turns] == ["asked", "asked", "ended"]


def test_an_event_that_comes_too_late_finds_it_forgotten_too() -> None:
    talk = chat(two, heard, router={"text": [("two", "two")], "event": [(".*", "heard")]})
    talk.say("two")
    talk.later(61)
    assert talk.click("K") == "heard click"


def choosy(to_user: str) -> Any:
    yield None
    yield None
    if (yield ("TextMsg", "1 or 2?")) not in ("1", "2"):
        raise UnexpectAnswer
    return ("TextMsg", "chosen")


def test_an_unexpected_answer_ends_the_dialog_and_is_routed_as_if_none_had_waited() -> None:
    talk = chat(choosy, two, heard, router={"text": [("choosy", "choosy"), ("two", "two"), ("h", "heard")]})
    talk.say("choosy")
    assert talk.say("h") == "heard h"
    assert talk.say("1") is None
    talk.say("choosy")
    assert talk.say("two") == "two: one?"
    talk.crash()
    assert talk.say("a") == "two?"
    talk.say("b")
    talk.say("choosy")
    assert talk.say("nobody knows this") is None
    assert talk.record.journal == []
    talk.say("choosy")
    assert talk.say("choosy") == "1 or 2?"


def test_an_answer_that_no_dialog_expects_from_the_beginning_is_an_error_and_no_endless_loop() -> None:
    def never(to_user: str) -> Any:
        yield None
        yield None
        raise UnexpectAnswer

    talk = chat(never)
    assert talk.say("never") == "抱歉，出错了，请稍后再试。"


# ---- the later form -------------------------------------------------------------------------------------------------


def test_with_the_flag_every_yield_tells_whether_it_is_a_replay() -> None:
    seen: list[tuple[str, bool]] = []

    def flagged(to_user: str) -> Any:
        yield None
        content, is_replay = yield None
        while True:
            if not is_replay:
                seen.append(content)
            content, is_replay = yield ("TextMsg", f"{content}?")

    talk = chat(flagged, YIELDS_REPLAY_FLAG=True)
    assert talk.say("flagged") == "flagged?"
    talk.crash()
    assert talk.say("a") == "a?"
    talk.crash()
    assert talk.say("b") == "b?"
    assert seen == ["flagged", "a", "b"]


def test_a_dialog_that_takes_the_flag_and_does_not_say_so_is_told_what_to_say() -> None:
    def flagged(to_user: str) -> Any:
        content, is_replay = yield None
        return ("TextMsg", content, is_replay)

    with pytest.raises(ConfigurationError, match="say YIELDS_REPLAY_FLAG = True in the module"):
        chat(flagged)


# ---- together with today --------------------------------------------------------------------------------------------


def test_commands_of_today_may_be_yielded() -> None:
    made: list[str] = []

    @step
    def save(count: int) -> str:
        made.append("once")
        return f"A{count}"

    def part(to_user: str) -> Any:
        return (yield ask.number("how many?"))

    def mixed(to_user: str) -> Any:
        yield None
        yield None
        count = yield part(to_user)
        number = yield save(count)
        word = yield ("TextMsg", number)
        return ("TextMsg", f"{word} {number}")

    talk = chat(mixed)
    talk.say("mixed")
    assert talk.say("many") == "请回复一个整数"
    assert talk.say("三") == "A3"
    talk.crash()
    assert talk.say("x") == "x A3"
    assert made == ["once"]


def test_a_bot_from_a_module_takes_dialogs_of_today_too() -> None:
    talk = chat(two, heard, router={"text": [("two", "two"), (".*", "heard")]})

    @talk.bot.text("today")
    def today(message: Message) -> Any:
        return f"{message.text}: {(yield 'which day?')}"

    assert [talk.say("today"), talk.say("x"), talk.say("y")] == ["which day?", "today: x", "heard y"]


def test_where_a_dialog_no_longer_fits_the_line_that_is_told_is_its_own() -> None:
    talk = chat(two)
    talk.say("two")
    talk.say("a")

    def two_new(to_user: str) -> Any:
        yield None
        yield None
        return ("TextMsg", "at once")

    changed = written(ROUTER={"text": [("two", "two")]}, two=two_new)
    talk.world.bot = talk.bot = Bot.from_module(changed, token="token", store="memory://")
    talk.crash()
    assert talk.say("two") == "抱歉，程序更新了，刚才的对话已结束，请重新开始。\nat once"
    assert talk.world.turns[-2].error is not None
    assert f"({__file__}:" in str(talk.world.turns[-2].error)


def test_a_question_stands_where_the_dialog_asks_it() -> None:
    talk = chat(two)
    talk.say("two")
    (kept,) = talk.world.hot.values()
    assert kept.machine is not None
    line = two.__code__.co_firstlineno + 4
    assert kept.machine.where() == f"{__file__}:{line}"


# ---- what a module names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "url"),
    [
        ({}, None),
        ({"REDIS_KEY": "k:%(open_id)s"}, None),
        ({"REDIS_HOST": "10.0.0.7"}, "redis://10.0.0.7:6379/0"),
        ({"REDIS_HOST": "r", "REDIS_PORT": 6380, "REDIS_DB": 2, "REDIS_PASSWORD": None}, "redis://r:6380/2"),
        ({"REDIS_HOST": "r", "REDIS_PORT": "6380", "REDIS_PASSWORD": "a/b@:c"}, "redis://:a%2Fb%40%3Ac@r:6380/0"),
        ({"REDIS_HOST": "::1", "REDIS_PASSWORD": ""}, "redis://[::1]:6379/0"),
        ({"REDIS_DB": 3}, "redis://localhost:6379/3"),
    ],
)
def test_the_redis_is_the_one_it_names(names: dict[str, Any], url: str | None) -> None:
    assert module.store(written(**names)) == url


def test_keys_are_its_own_and_marked() -> None:
    source = written(ROUTER={}, REDIS_KEY="bot:%(open_id)s:x")
    assert Bot.from_module(source, token="token", store="memory://").key(ACCOUNT, "oUser") == "bot:oUser:x:2"
    assert (
        Bot.from_module(written(ROUTER={}), token="token", store="memory://").key("gh_1", "o") == "wechat-dialog:gh_1:o"
    )


def not_a_dialog(to_user: str) -> tuple[str, str]:
    return ("TextMsg", to_user)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ({}, "written needs a ROUTER, like"),
        ({"ROUTER": [("a", "two")]}, "written needs a ROUTER, like"),
        ({"ROUTER": {"text": [("a",)]}}, r"written.ROUTER\['text'\] needs rows like"),
        ({"ROUTER": {"text": [("(", "two")]}}, r"not \('\(', 'two'\): missing \)"),
        ({"ROUTER": {"text": [("a", "nobody")]}}, "ROUTER names 'nobody', which must be a function"),
        ({"ROUTER": {"text": [("a", "not_a_dialog")]}}, "ROUTER names 'not_a_dialog', which must be a function"),
        ({"ROUTER": {}, "REDIS_HOST": "h", "REDIS_PORT": "six"}, "written.REDIS_PORT must be a number, not 'six'"),
        ({"ROUTER": {}, "REDIS_HOST": "h", "REDIS_DB": -1}, "written.REDIS_DB must be a number, not -1"),
        ({"ROUTER": {}, "REDIS_KEY": "bot"}, r"written.REDIS_KEY must hold %\(open_id\)s"),
        ({"ROUTER": {}, "REDIS_KEY": "bot:%(openid)s"}, r"written.REDIS_KEY must hold %\(open_id\)s"),
        ({"ROUTER": {}, "REDIS_KEY": "bot:%s"}, r"written.REDIS_KEY must hold %\(open_id\)s"),
    ],
)
def test_what_cannot_work_is_told_before_the_first_message(names: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        Bot.from_module(written(two=two, not_a_dialog=not_a_dialog, **names), token="token")
