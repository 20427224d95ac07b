"""What becomes of a message: every row of the design's table, and how turns end."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from talk import Chat
from wechat import (
    Article,
    Bot,
    Cancelled,
    ClickEvent,
    Event,
    GaveUp,
    Image,
    ImageMessage,
    LocationMessage,
    News,
    Reroute,
    StepFailed,
    Text,
    TextMessage,
    TimedOut,
    Turn,
    UnsubscribeEvent,
    WentBack,
    again,
    ask,
    call,
    forget,
    now,
    recall,
    remember,
    rng,
    say,
    step,
    stream,
    turn,
)
from wechat.attempt import Delivery


def bot(**settings: Any) -> Bot:
    return Bot("token", store="memory://", **settings)


def talking(*dialogs: Any, **settings: Any) -> Chat:
    """A chat with a bot that has these dialogs, each under its own name as the word."""
    made = bot(**settings)
    for dialog in dialogs:
        made.text(dialog.__name__)(dialog)
    return Chat(made)


@step
def twice(text: str) -> str:
    return text * 2


def form(message: Any) -> Any:
    one = yield "one?"
    two = yield "two?"
    return f"{one} {two}"


# ---- when it arrives ------------------------------------------------------------------------------------------------


def test_a_duplicate_gets_the_same_reply_and_does_not_move_the_dialog() -> None:
    chat = talking(form)
    assert chat.say("form") == "one?"
    assert chat.say("a") == "two?"
    assert [chat.again(), chat.again()] == ["two?", "two?"]
    assert chat.say("b") == "a b"


def test_a_duplicate_after_a_minute_is_only_acknowledged() -> None:
    chat = talking(form)
    chat.say("form")
    chat.later(61)
    assert chat.again() is None


def test_a_push_older_than_what_was_forgotten_is_too_late() -> None:
    chat = talking(form)
    old = chat.text("form")
    chat.send(old)
    chat.later(700)
    chat.say("x")
    chat.later(700)
    chat.say("x")
    assert chat.send(old) == "太晚了，这条消息没有收下，请再发一次。"


def test_before_comes_first() -> None:
    chat = talking(form)
    chat.bot.before(lambda message: "no" if "bad" in message.text else None)
    assert chat.say("bad") == "no"
    assert chat.say("form") == "one?"
    assert chat.say("bad") == "no"
    assert chat.say("good") == "two?"


def test_before_is_asked_once_per_message() -> None:
    chat, seen = talking(form), []
    chat.bot.before(lambda message: seen.append(message.id))
    chat.say("form")
    chat.again()
    assert len(seen) == 1


def test_an_event_that_the_shown_ask_accepts_answers_it() -> None:
    def menu(message: Any) -> Any:
        event = yield ask("tap the menu", accept=ClickEvent)
        return f"you tapped {event.key}"

    chat = talking(menu)
    chat.bot.click("A")(lambda_named("clicked", lambda message: "elsewhere"))
    chat.say("menu")
    assert chat.click("A") == "you tapped A"
    assert chat.click("A") == "elsewhere"


def lambda_named(name: str, function: Any) -> Any:
    function.__name__ = function.__qualname__ = name
    return function


def test_an_event_never_answers_an_ask_that_does_not_name_it() -> None:
    chat = talking(form)
    chat.say("form")
    assert chat.click("A") is None
    assert chat.say("a") == "two?"


def test_a_label_of_the_shown_question_wins_over_cancel_back_and_fetch_words() -> None:
    def words(message: Any) -> Any:
        chosen = yield ask.choice("which?", ["继续", "取消", "返回"], back=True)
        return f"chose {chosen}"

    for word in ("继续", "取消", "返回"):
        chat = talking(words)
        chat.say("words")
        assert chat.say(word) == f"chose {word}"


def test_the_fetch_word_is_an_ordinary_message_where_nothing_is_to_be_fetched() -> None:
    chat = talking(form)
    chat.bot.default(lambda_named("other", lambda message: f"other {message.text}"))
    assert chat.say("继续") == "other 继续"


def test_an_interrupt_route_wins_over_the_dialog_that_waits_and_leaves_it() -> None:
    chat = talking(form)
    chat.bot.text("help", interrupt=True)(lambda_named("help_", lambda message: "helped"))
    chat.say("form")
    assert chat.say("help") == "helped"
    assert chat.say("a") == "two?"


def test_without_interrupt_the_waiting_dialog_takes_another_dialogs_word() -> None:
    chat = talking(form)
    chat.bot.text("help")(lambda_named("help_", lambda message: "helped"))
    chat.say("form")
    assert chat.say("help") == "two?"


def test_an_event_whose_handler_is_one_step_goes_aside() -> None:
    chat = talking(form)
    chat.bot.click("A")(step(lambda_named("clicked", lambda message: f"clicked {message.key}")))
    chat.say("form")
    assert chat.click("A") == "clicked A"
    assert chat.say("a") == "two?"


def test_an_event_that_nobody_wants_is_answered_in_silence() -> None:
    assert talking(form).click("A") is None


def test_a_push_that_shows_no_reply_carries_nothing_and_its_words_wait() -> None:
    chat = talking(form)
    chat.bot.event("VIEW")(lambda_named("viewed", lambda message: "thanks for looking"))
    event = Event(event="view", key="http://x", **chat._common())
    assert chat.send(event) is None
    chat.world.settle()
    assert chat.say("继续") == "thanks for looking"


def test_a_dialog_that_such_a_push_opens_beside_another_quotes_no_question() -> None:
    """A location is reported every few seconds: the question would be unread as often."""

    def reported(message: Any) -> Any:
        yield remember("where", message.raw.get("Latitude"))

    chat = talking(form)
    chat.bot.event("LOCATION")(reported)
    chat.say("form")
    for latitude in "12":
        assert chat.send(Event(event="location", raw={"Latitude": latitude}, **chat._common())) is None
    assert chat.record.unread == {}
    assert chat.say("a") == "two?"


def test_unsubscribe_ends_the_conversation_and_drops_what_is_unread() -> None:
    left: list[str] = []
    chat = talking(form)
    chat.bot.unsubscribe(lambda_named("bye", lambda message: left.append(message.openid)))
    chat.say("form")
    assert chat.send(UnsubscribeEvent(event="unsubscribe", **chat._common())) is None
    assert left == ["oUser"]
    assert chat.record.journal == []
    assert chat.record.unread == {}


# ---- when its turn comes, and a dialog waits ------------------------------------------------------------------------


def test_a_late_answer_meets_timed_out_first() -> None:
    def patient(message: Any) -> Any:
        try:
            return f"got {(yield 'q?')}"
        except TimedOut:
            return "too slow"

    chat = talking(patient, form)
    chat.say("patient")
    chat.later(58)
    assert chat.say("in time") == "got in time"
    chat.say("patient")
    chat.later(61)
    assert chat.say("取消") == "too slow"
    chat.say("patient")
    chat.later(61)
    assert chat.say("form") == "too slow\none?"


def test_time_out_uncaught_says_so_and_routes_the_message_afresh() -> None:
    chat = talking(form)
    chat.say("form")
    chat.later(61)
    assert chat.say("form") == "太久没有收到回复，刚才的对话已结束。\none?"
    assert chat.outcomes == ["asked", "timed_out", "asked"]


def test_after_ten_minutes_more_the_conversation_is_simply_a_new_one() -> None:
    chat = talking(form)
    chat.say("form")
    chat.later(661)
    assert chat.say("form") == "one?"


def test_a_dialog_that_asks_again_at_a_time_out_does_not_take_the_message() -> None:
    def insists(message: Any) -> Any:
        while True:
            try:
                return f"got {(yield 'q?')}"
            except TimedOut:
                yield say("still there?")

    chat = talking(insists)
    chat.say("insists")
    chat.later(61)
    assert chat.say("a") == "（没有收下，请看完问题再回复一次）\nstill there?\nq?"
    assert chat.say("b") == "got b"


def test_a_step_in_a_time_outs_turn_is_done_and_the_message_waits_for_it() -> None:
    def writes(message: Any) -> Any:
        try:
            return (yield "q?")
        except TimedOut:
            return (yield twice("late"))

    chat = talking(writes, form)
    chat.say("writes")
    chat.later(61)
    assert chat.say("form") == "latelate\none?"


def test_the_timeout_of_an_ask_beats_the_routes_and_that_the_bots() -> None:
    def slow(message: Any) -> Any:
        yield ask("bot's or route's?")
        yield ask("mine?", timeout=5)
        yield ask("for ever?", timeout=math.inf)

    chat = talking(slow)
    made = Chat(bot(expire=30))
    made.bot.text("slow", expire=600)(slow)
    made.say("slow")
    made.later(599)
    assert made.say("a") == "mine?"
    made.later(6)
    assert made.say("b").startswith("太久")
    chat.say("slow")
    chat.say("a")
    chat.say("b")
    chat.later(10_000_000)
    assert chat.say("c") is None


def test_every_showing_of_the_question_starts_the_clock_again() -> None:
    def picture(message: Any) -> Any:
        yield ask("picture!", accept=ImageMessage)
        return "thanks"

    chat = talking(picture)
    chat.say("picture")
    for _ in range(3):
        chat.later(50)
        assert chat.say("no") == "请回复图片。\npicture!"
    chat.later(50)
    assert chat.image() == "thanks"


def test_a_cancel_word_ends_the_dialog_unless_the_ask_takes_it() -> None:
    def takes(message: Any) -> Any:
        return f"took {(yield ask('q?', cancel=False))}"

    chat = talking(form, takes)
    chat.say("form")
    assert chat.say(" 取消 ") == "已取消。"
    chat.say("takes")
    assert chat.say("取消") == "took 取消"
    assert chat.outcomes[1] == "cancelled"


def test_cancelled_can_be_caught() -> None:
    def kind(message: Any) -> Any:
        try:
            yield "q?"
        except Cancelled:
            return f"bye {(yield twice('x'))}"

    chat = talking(kind)
    chat.say("kind")
    assert chat.say("退出") == "bye xx"


def test_a_back_word_goes_back_where_the_ask_allows_it() -> None:
    def goes(message: Any) -> Any:
        while True:
            one = yield "one?"
            try:
                return f"{one} {(yield ask('two?', back=True))}"
            except WentBack:
                continue

    chat = talking(goes, form)
    chat.say("goes")
    chat.say("a")
    assert chat.say("上一步") == "one?"
    chat.say("b")
    assert chat.say("c") == "b c"
    chat.say("form")
    assert chat.say("返回") == "two?"


def slow(message: Any) -> Any:
    yield "one?"
    yield twice("x")
    return f"got {(yield 'two?')}"


def type_during_the_step(chat: Chat, text: str) -> TextMessage:
    """The user types before the question is shown: while the step before it runs."""
    early, sent = chat.text(text), []

    def at_a_write(rec: Any) -> None:
        if rec.turn and not sent:
            sent.append(True)
            delivery = Delivery(early, chat.world.now)
            chat.world.spawn(chat.key, turn.deliver(chat.bot.conduct(early), delivery, "other", chat.world.now))

    chat.world.durations["twice"] = 3_000
    chat.world.after_write = at_a_write
    return early


def test_what_was_typed_before_the_question_was_shown_is_not_taken() -> None:
    chat = talking(slow)
    chat.say("slow")
    early = type_during_the_step(chat, "early")
    assert chat.say("a") == "two?"
    chat.world.settle(500)
    assert chat.send(early) == "（没有收下，请看完问题再回复一次）\ntwo?"
    assert chat.say("b") == "got b"


def test_a_chat_that_queues_takes_what_was_typed_before_its_question_was_shown() -> None:
    chat = Chat(bot())
    chat.bot.text("slow", busy="queue")(slow)
    chat.say("slow")
    early = type_during_the_step(chat, "early")
    assert chat.say("a") == "two?"
    chat.world.settle(500)
    assert chat.send(early) == "got early"


def test_a_message_of_another_kind_never_enters_the_dialog() -> None:
    def place(message: Any) -> Any:
        where = yield ask("where?", accept=(LocationMessage, TextMessage))
        return where.label if isinstance(where, LocationMessage) else where.text

    chat = talking(place)
    chat.say("place")
    length = len(chat.record.journal)
    assert chat.image() == "请回复位置或文字。\nwhere?"
    assert len(chat.record.journal) == length
    assert chat.location(30, 120, "Hangzhou") == "Hangzhou"


def test_otherwise_is_what_the_developer_says_it_is() -> None:
    def picture(message: Any) -> Any:
        yield ask("picture!", accept=ImageMessage, otherwise="only pictures")

    chat = talking(picture)
    chat.say("picture")
    assert chat.say("x") == "only pictures"


def test_a_voice_message_that_was_recognised_answers_as_text() -> None:
    chat = talking(form)
    chat.say("form")
    assert chat.voice("spoken") == "two?"
    assert chat.voice() == "请回复文字。\ntwo?"
    assert chat.say("b") == "spoken b"


# ---- when no dialog waits -------------------------------------------------------------------------------------------


def named(text: str) -> Any:
    return lambda_named(f"h_{text}", lambda message: text)


def test_words_come_before_patterns_and_those_before_the_kind_and_that_before_default() -> None:
    chat = Chat(bot())
    chat.bot.default(named("default"))
    chat.bot.text(named("kind"))
    chat.bot.text(re.compile("b"))(named("second pattern"))
    chat.bot.text(re.compile("^a"))(named("first pattern"))
    chat.bot.text("ab", "AB c")(named("word"))
    assert chat.say("ab") == "word"
    assert chat.say(" Ａｂ　Ｃ") == "word"
    assert chat.say("abc") == "second pattern"  # in order of registration
    assert chat.say("ax") == "first pattern"
    assert chat.say("x") == "kind"
    assert chat.image() == "default"


def test_without_any_route_a_message_is_answered_in_silence() -> None:
    assert Chat(bot()).say("x") is None


def test_default_takes_messages_only() -> None:
    chat = Chat(bot())
    chat.bot.default(named("default"))
    assert chat.click("A") is None
    assert chat.say("x") == "default"


def test_a_pattern_is_searched_for_and_what_it_found_is_there_on_replay() -> None:
    def weather(message: Any) -> Any:
        yield "today?"
        return f"{message.match[1]} again"

    chat = Chat(bot())
    chat.bot.text(re.compile(r"weather\s+(\w+)", re.IGNORECASE))(weather)
    assert chat.say("the WEATHER Beijing") == "today?"
    chat.crash()
    assert chat.say("yes") == "Beijing again"


def test_a_pattern_reaches_a_handler_too() -> None:
    chat = Chat(bot())
    chat.bot.text(re.compile(r"^w (\w+)"))(lambda_named("w", lambda message: message.match[1]))
    assert chat.say("w Beijing") == "Beijing"


def test_match_says_why_it_is_not_there() -> None:
    chat = Chat(bot())
    chat.bot.text("x")(lambda_named("w", lambda message: message.match[1]))
    chat.bot.on_error(lambda message, error: f"{error}"[:31])
    assert chat.say("x") == "message.match is what a route's"


def test_a_cancel_word_with_nothing_waiting_is_an_ordinary_message() -> None:
    chat = Chat(bot())
    chat.bot.text("取消")(named("a dialog of its own"))
    assert chat.say("取消") == "a dialog of its own"


# ---- side dialogs ---------------------------------------------------------------------------------------------------


def points(event: Any) -> Any:
    return f"{(yield twice('7'))} points"


def service(event: Any) -> Any:
    return f"served {(yield 'what?')}"


def test_a_side_dialog_that_ends_leaves_the_waiting_one_and_repeats_its_question() -> None:
    chat = talking(form)
    chat.bot.click("P")(points)
    chat.say("form")
    before = chat.record.journal
    assert chat.click("P") == "77 points\n刚才问您：one?"
    assert chat.record.journal == before
    assert chat.say("a") == "two?"


def test_a_side_dialog_does_not_repeat_a_question_whose_clock_ran_out() -> None:
    chat = talking(form)
    chat.bot.click("P")(points)
    chat.say("form")
    chat.later(100)
    assert chat.click("P") == "77 points"
    assert chat.say("form") == "太久没有收到回复，刚才的对话已结束。\none?"


def test_a_side_dialog_that_asks_replaces_the_waiting_one() -> None:
    chat = talking(form)
    chat.bot.click("S")(service)
    chat.say("form")
    assert chat.click("S") == "刚才的对话已结束。\nwhat?"
    assert chat.say("x") == "served x"
    assert chat.outcomes == ["asked", "replaced", "ended"]


def test_a_side_dialog_that_fails_costs_the_waiting_one_nothing() -> None:
    def broken(event: Any) -> Any:
        raise ZeroDivisionError
        yield

    chat = talking(form)
    chat.bot.click("B")(broken)
    chat.say("form")
    assert chat.click("B") == "抱歉，出错了，请稍后再试。\n刚才问您：one?"
    assert chat.say("a") == "two?"


def test_an_event_opens_an_ordinary_dialog_where_none_waits() -> None:
    chat = Chat(bot())
    chat.bot.click("S")(service)
    assert chat.click("S") == "what?"
    assert chat.say("x") == "served x"


# ---- reroute --------------------------------------------------------------------------------------------------------


def picky(message: Any) -> Any:
    count = yield recall("count", 0)
    while True:
        answer = yield "number?"
        yield remember("count", count + 1)
        yield say("hmm")
        if not answer.isdigit():
            raise Reroute
        return f"took {answer}"


def test_reroute_leaves_the_dialog_as_it_was_before_the_message() -> None:
    chat = talking(picky)
    chat.bot.default(named("elsewhere"))
    chat.say("picky")
    before = chat.record.journal
    assert chat.say("x") == "elsewhere"
    assert chat.record.journal == before
    assert chat.record.data == {}
    assert chat.say("5") == "hmm\ntook 5"
    assert chat.outcomes == ["asked", "rerouted", "ended", "ended"]


def test_reroute_to_a_dialog_that_ends_comes_back_to_the_question() -> None:
    chat = talking(picky)
    chat.bot.text("points")(points)
    chat.say("picky")
    assert chat.say("points") == "77 points\n刚才问您：number?"
    assert chat.say("5") == "hmm\ntook 5"


def test_reroute_to_a_dialog_that_asks_gives_way_to_it() -> None:
    chat = talking(picky, form)
    chat.say("picky")
    assert chat.say("form") == "one?"
    assert chat.say("a") == "two?"


def test_reroute_to_nobody_is_silence() -> None:
    chat = talking(picky)
    chat.say("picky")
    assert chat.say("x") is None
    assert chat.say("5") == "hmm\ntook 5"


def test_reroute_after_a_step_does_not_do_the_step_again() -> None:
    done: list[str] = []

    @step
    def looks(text: str) -> bool:
        done.append(text)
        return False

    def choosy(message: Any) -> Any:
        answer = yield "q?"
        if not (yield looks(answer)):
            raise Reroute
        return "took"

    chat = talking(choosy)
    chat.bot.default(named("elsewhere"))
    chat.say("choosy")
    assert chat.say("x") == "elsewhere"
    assert done == ["x"]


@pytest.mark.parametrize("when", ["opening", "time-out"])
def test_reroute_by_the_message_that_began_the_dialog_is_an_error(when: str) -> None:
    def refuses(message: Any) -> Any:
        if when == "opening":
            raise Reroute
        try:
            yield "q?"
        except TimedOut:
            raise Reroute from None

    chat = talking(refuses)
    first = chat.say("refuses")
    chat.later(61)
    assert (first if when == "opening" else chat.say("x")) == "抱歉，出错了，请稍后再试。"


# ---- again ----------------------------------------------------------------------------------------------------------


def counts(message: Any, so_far: int = 0) -> Any:
    if message.text == "stop":
        return f"{so_far} in all"
    yield say(f"{so_far}")
    return again("more?", so_far=so_far + 1)


def test_again_keeps_the_journal_as_short_as_one_turn() -> None:
    chat = talking(counts)
    assert chat.say("counts") == "0\nmore?"
    for i in range(1, 5):
        chat.crash()
        assert chat.say("x") == f"{i}\nmore?"
        assert len(chat.record.journal) == 1
    assert chat.say("stop") == "5 in all"


def test_again_ends_by_a_cancel_word_or_a_lapse_with_its_sentence() -> None:
    chat = talking(counts)
    chat.say("counts")
    assert chat.say("取消") == "已取消。"
    chat.say("counts")
    chat.later(61)
    assert chat.say("x") == "太久没有收到回复，刚才的对话已结束。"


def test_again_accepts_what_its_route_accepts() -> None:
    def album(message: Any, seen: int = 0) -> Any:
        return again(f"{seen + 1} pictures", seen=seen + 1)
        yield

    chat = Chat(bot())
    chat.bot.image(album)
    chat.image()
    assert chat.say("x") == "请回复图片。\n1 pictures"
    assert chat.image() == "2 pictures"


def test_a_dialog_that_waited_after_again_may_reroute_its_next_message() -> None:
    def once_more(message: Any, so_far: int = 0) -> Any:
        if so_far and message.text != "more":
            raise Reroute
        return again("more?", so_far=so_far + 1)
        yield

    chat = talking(once_more)
    chat.bot.default(named("elsewhere"))
    chat.say("once_more")
    assert chat.say("x") == "elsewhere"
    assert chat.say("more") == "more?"


# ---- how a turn ends ------------------------------------------------------------------------------------------------


def test_an_exception_costs_one_apology_and_the_next_message_works() -> None:
    def broken(message: Any) -> Any:
        yield remember("k", 1)
        yield say("so far so good")
        raise ZeroDivisionError("secret")

    chat = talking(broken, form)
    assert chat.say("broken") == "抱歉，出错了，请稍后再试。"
    assert chat.record.data == {}
    assert isinstance(chat.world.turns[0].error, ZeroDivisionError)
    assert chat.say("form") == "one?"


def test_on_error_says_something_better() -> None:
    chat = talking()

    def broken(message: Any) -> Any:
        raise ZeroDivisionError
        yield

    chat.bot.text("broken")(broken)
    chat.bot.text("aside")(lambda_named("aside", lambda message: 1 / 0))
    chat.bot.on_error(lambda message, error: f"{type(error).__name__} at {message.text}")
    assert chat.say("broken") == "ZeroDivisionError at broken"
    assert chat.say("aside") == "ZeroDivisionError at aside"


def test_on_error_that_says_nothing_leaves_the_apology() -> None:
    chat = talking()
    chat.bot.text("aside")(lambda_named("aside", lambda message: 1 / 0))
    chat.bot.on_error(lambda message, error: None)
    assert chat.say("aside") == "抱歉，出错了，请稍后再试。"


def test_after_decides_what_is_said_once_per_turn() -> None:
    chat, seen = talking(form), []

    def label(turn: Turn) -> Any:
        seen.append((turn.dialog, turn.outcome, turn.reply))
        return None if turn.reply == "two?" else f"{turn.reply}!"

    chat.bot.after(label)
    assert chat.say("form") == "one?!"
    assert chat.again() == "one?!"
    assert chat.say("a") is None
    assert chat.say("b") == "a b!"
    assert seen == [("form", "asked", "one?"), ("form", "asked", "two?"), ("form", "ended", "a b")]


def test_several_hooks_after_a_turn_see_what_the_one_before_made_of_it() -> None:
    chat = talking(form)

    async def shout(turn: Turn) -> Any:
        return turn.reply.upper()

    chat.bot.after(lambda turn: f"{turn.reply} a")
    chat.bot.after(shout)
    assert chat.say("form") == "ONE? A"


def test_a_hook_that_fails_costs_an_apology_and_is_reported() -> None:
    chat = talking(form)
    chat.bot.after(lambda turn: 1 / 0)
    assert chat.say("form") == "抱歉，出错了，请稍后再试。"
    assert isinstance(chat.world.turns[0].error, ZeroDivisionError)
    chat.bot.text("aside", interrupt=True)(lambda_named("aside", lambda message: "x"))
    assert chat.say("aside") == "抱歉，出错了，请稍后再试。"
    assert [turn.dialog for turn in chat.world.turns if turn.error] == ["form", "aside"]


def test_gave_up_is_a_sentence_or_what_the_dialog_makes_of_it() -> None:
    def age(message: Any) -> Any:
        return f"{(yield ask.number('age?', 1, 149, tries=2))}"

    def kinder(message: Any) -> Any:
        try:
            yield ask.number("age?", tries=1, retry="a number!")
        except GaveUp:
            return "never mind"

    chat = talking(age, kinder)
    chat.say("age")
    assert chat.say("x") == "请回复 1 到 149 的整数"
    assert chat.say("y") == "抱歉，还是没有看懂，刚才的对话已结束。"
    chat.say("kinder")
    assert chat.say("x") == "never mind"


def test_a_dialog_whose_code_changed_between_two_messages_ends_with_one_sentence() -> None:
    def first(message: Any) -> Any:
        yield "one?"
        yield twice("x")
        yield "two?"

    def then(message: Any) -> Any:
        yield "one?"
        yield "another?"
        yield "two?"

    chat = Chat(bot())
    chat.bot.text("first", name="d")(first)
    chat.say("first")
    chat.say("a")
    changed = bot()
    changed.text("first", name="d")(then)
    changed.default(named("routed afresh"))
    chat.bot = chat.world.bot = changed
    chat.crash()
    assert chat.say("b") == "抱歉，程序更新了，刚才的对话已结束，请重新开始。\nrouted afresh"
    assert chat.outcomes[-2:] == ["diverged", "ended"]


def test_a_worded_anew_question_does_not_end_the_conversation() -> None:
    chat = talking(form)
    chat.say("form")

    def reworded(message: Any) -> Any:
        one = yield "first, please?"
        return f"{one}, {(yield 'and then?')}"

    changed = bot()
    changed.text("form", name="form")(reworded)
    chat.bot = chat.world.bot = changed
    chat.crash()
    assert chat.say("a") == "and then?"


# ---- what is said ---------------------------------------------------------------------------------------------------


def test_what_does_not_fit_one_reply_is_unread_and_fetched() -> None:
    def long(message: Any) -> Any:
        yield say("甲" * 600)
        return f"got {(yield '乙' * 600)}"

    chat = talking(long)
    first = chat.say("long")
    assert first.endswith("还有 1 条 继续")
    assert len(chat.world.turns[0].reply) == 1201
    second = chat.say("继续")
    assert second.endswith("乙")
    assert chat.record.shown is not None
    assert chat.say("x") == "got x"


def test_of_news_an_event_gets_all_and_a_message_the_first_and_then_the_next() -> None:
    both = [Article("1", "http://1"), Article("2", "http://2")]

    def news(message: Any) -> Any:
        yield say("look")
        yield both

    chat = talking(news)
    chat.bot.click("A")(lambda_named("clicked", lambda message: both))
    assert chat.click("A") == News(*both)
    assert chat.say("news") == "look\n还有 2 条 继续"
    assert [chat.say("继续"), chat.say("继续")] == [News(both[0]), News(both[1])]


def test_only_the_part_with_the_question_starts_its_clock() -> None:
    def long(message: Any) -> Any:
        return f"got {(yield '甲' * 1000)}"

    chat = talking(long)
    chat.say("long")
    assert chat.record.shown is None
    chat.later(3_000)
    chat.say("继续")
    chat.later(30)
    assert chat.say("x") == "got x"


def test_text_goes_before_other_kinds_and_says_that_there_is_more() -> None:
    def mixed(message: Any) -> Any:
        yield say(Image("m1"))
        yield "what is this?"
        return "right"

    chat = talking(mixed)
    assert chat.say("mixed") == "what is this?\n还有 1 条 继续"
    assert chat.say("继续") == Image("m1")
    assert chat.say("x") == "right"


def test_steps_streams_parts_and_data_in_one_dialog() -> None:
    @step
    def poem(of: str) -> Any:
        yield f"{of} are "
        yield "red"

    async def street() -> str:
        return await ask.text("street?")

    def all_of_it(message: Any) -> Any:
        text = yield from stream(poem("roses"))
        where = yield from call(street())
        visits = yield from recall("visits", 0)
        yield from remember("visits", visits + 1)
        yield from remember("gone", 1)
        yield from forget("gone")
        return Text(f"{text}, {where}, {visits}, {rng().randint(1, 1)}, {now():%Y}")

    chat = talking(all_of_it)
    for visits in (0, 1):
        assert chat.say("all_of_it") == "roses are red\nstreet?"
        chat.crash()
        assert chat.say("Main St") == f"roses are red, Main St, {visits}, 1, 2026"
    assert chat.record.data.keys() == {"visits"}


def test_a_step_that_fails_can_be_caught() -> None:
    @step
    def fails() -> str:
        raise OSError("down")

    def careful(message: Any) -> Any:
        try:
            yield fails()
        except StepFailed as failure:
            return f"{failure.type}: {failure.message}"

    assert talking(careful).say("careful") == "OSError: down"


def test_a_result_that_is_not_json_is_a_failure_of_the_step() -> None:
    @step
    def wrong() -> object:
        return object()

    def careful(message: Any) -> Any:
        try:
            yield wrong()
        except StepFailed as failure:
            return failure.type

    assert talking(careful).say("careful") == "TypeError"


def test_user_data_expires_when_it_should() -> None:
    def keeps(message: Any) -> Any:
        seen = yield recall("seen", False)
        yield remember("seen", True, expire=100)
        return str(seen)

    chat = talking(keeps)
    assert chat.say("keeps") == "False"
    assert chat.say("keeps") == "True"
    chat.later(101)
    assert chat.say("keeps") == "False"


# ---- what only a demanding reader thinks of -------------------------------------------------------------------------


def buys(message: Any) -> Any:
    yield "one?"
    yield twice("x")
    event = yield ask("tap to confirm", accept=ClickEvent)
    return f"{event.key} confirmed"


def click_during_the_step(chat: Chat) -> None:
    click, sent = ClickEvent(event="click", key="BUY", **chat._common()), []

    def at_a_write(rec: Any) -> None:
        if rec.turn and not sent:
            sent.append(True)
            delivery = Delivery(click, chat.world.now)
            chat.world.spawn(chat.key, turn.deliver(chat.bot.conduct(click), delivery, "other", chat.world.now))

    chat.world.durations["twice"] = 3_000
    chat.world.after_write = at_a_write


@pytest.mark.parametrize("busy", ["tell", "queue"])
def test_an_event_never_answers_a_question_that_was_not_shown_yet(busy: Any) -> None:
    chat = Chat(bot())
    chat.bot.text("buys", busy=busy)(buys)
    chat.bot.click("BUY")(points)
    chat.say("buys")
    click_during_the_step(chat)
    assert chat.say("x") == "tap to confirm"
    chat.world.settle(500)
    assert chat.record.standing is not None
    assert chat.say("继续") == "77 points\n刚才问您：tap to confirm"
    assert chat.click("BUY") == "BUY confirmed"


def test_a_picture_that_asks_is_not_lost_behind_a_refusal() -> None:
    def shows(message: Any) -> Any:
        yield "one?"
        yield twice("x")
        return f"got {(yield Image('m'))}"

    chat = talking(shows)
    chat.world.durations["twice"] = 20_000
    chat.say("shows")
    first = chat.text("a")
    assert [chat.send(first) for _ in range(3)][-1] == "正在思考… 继续"
    early = chat.text("early")
    for _ in range(3):
        said = chat.send(early)
    assert said == "（没有收下，请看完问题再回复一次）\n还有 1 条 继续"
    assert chat.say("继续") == Image("m")
    assert chat.say("b") == "got b"


def test_a_cancel_word_that_is_rerouted_is_still_that_word() -> None:
    def passes_it_on(message: Any) -> Any:
        try:
            yield "q?"
        except Cancelled:
            yield twice("x")
            raise Reroute from None

    chat = talking(passes_it_on)
    chat.bot.text("取消")(named("cancelled elsewhere"))
    chat.say("passes_it_on")
    assert chat.say("取消") == "cancelled elsewhere"


@pytest.mark.parametrize("busy_with", ["a step", "nothing"])
def test_unsubscribe_ends_whatever_runs(busy_with: str) -> None:
    chat = talking(slow)
    chat.bot.unsubscribe(named("bye"))
    chat.world.durations["twice"] = 9_000 if busy_with == "a step" else 0
    chat.say("slow")
    message = chat.text("a")
    chat.world.deliver(message, patience=1_000)
    chat.send(UnsubscribeEvent(event="unsubscribe", **chat._common()))
    chat.world.settle()
    assert (chat.record.turn, chat.record.journal, chat.record.standing) == ("", [], None)
    assert chat.say("slow").startswith("one?")
    assert "diverged" not in chat.outcomes


def otherwise_wrong(message: Any) -> Any:
    yield ask("q?", accept=ImageMessage, otherwise=123)  # type: ignore[call-overload]


def retry_wrong(message: Any) -> Any:
    yield ask.number("q?", retry=5)  # type: ignore[arg-type]


def reader_raises(message: Any) -> Any:
    def read(text: str) -> int:
        raise SystemExit

    yield ask.parsed("q?", read)


def expires_never(message: Any) -> Any:
    yield remember("k", 1, expire=math.nan)


def recursion(message: Any) -> Any:
    endless: list[Any] = []
    endless.append(endless)
    yield remember("k", endless)


def streams_no_text(message: Any) -> Any:
    yield stream(number_five())


@step
def number_five() -> Any:
    return 5


def never_waits(message: Any) -> Any:
    while True:
        yield say("x")


async def awaits_nothing(message: Any) -> Any:
    import asyncio

    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "dialog",
    [
        otherwise_wrong,
        retry_wrong,
        reader_raises,
        expires_never,
        recursion,
        streams_no_text,
        never_waits,
        awaits_nothing,
    ],
)
def test_a_bug_of_any_kind_costs_one_apology(dialog: Any) -> None:
    chat = talking(dialog, form)
    said = [chat.say(dialog.__name__), chat.say("x")]
    assert "抱歉，出错了，请稍后再试。" in said
    assert chat.outcomes.count("failed") == 1
    assert chat.say("form") == "one?"


def test_a_refused_reroute_is_an_error_like_any_other() -> None:
    def refuses(message: Any) -> Any:
        raise Reroute
        yield

    chat = talking(refuses)
    chat.bot.on_error(lambda message, error: "on_error")
    chat.bot.after(lambda turn: f"{turn.reply}, after")
    assert chat.say("refuses") == "on_error, after"


def test_what_is_reported_is_what_was_said() -> None:
    chat = talking(form)
    chat.bot.after(lambda turn: f"AI: {turn.reply}")
    chat.say("form")
    assert chat.world.turns[0].reply == "AI: one?"


def test_infinity_is_for_good() -> None:
    def keeps(message: Any) -> Any:
        yield remember("k", 1, expire=math.inf)
        return "kept"

    chat = talking(keeps)
    assert chat.say("keeps") == "kept"
    assert chat.record.data["k"].expires is None


def test_a_reader_sees_the_dialogs_clock_and_numbers() -> None:
    def reads(message: Any) -> Any:
        value = yield ask.parsed("q?", lambda text: f"{now():%Y} {rng().random()}")
        return f"{value == (yield recall('v', value))}"

    chat = talking(reads)
    chat.say("reads")
    assert chat.say("x") == "True"
