"""Thirteen faults that drafts of the turn protocol had, found by simulation and by reading: each with the story that shows it."""

from __future__ import annotations

from typing import Any

import pytest

from talk import START, Chat, Crash, Push, shown
from wechat import Bot, ClickEvent, Image, Message, again, ask, journal, record, say, step, stream, turn

NOT_TAKEN = "（没有收下，请看完问题再回复一次）"
THINKING = "正在思考… 继续"
UNFINISHED = "（未完，继续）"


@step
def work(text: str, *, idempotency_key: str = "") -> str:
    return f"{text}!"


def order(message: Any) -> Any:
    what = yield "what?"
    made = yield work(what)
    return f"{made} {(yield f'{made} how many?')}"


def form(message: Any) -> Any:
    return f"{(yield 'one?')} {(yield 'two?')}"


def side(event: Any) -> Any:
    return (yield work("side"))


def talking(*dialogs: Any) -> Chat:
    bot = Bot("token", store="memory://")
    for dialog in dialogs:
        bot.text(dialog.__name__)(dialog)
    bot.click("S")(side)
    return Chat(bot)


def asked(chat: Chat, dialog: str, ms: int) -> Chat:
    """The dialog has asked its first question, and its step will take so long."""
    chat.say(dialog)
    chat.world.durations["work"] = ms
    return chat


def click(chat: Chat, key: str = "S") -> ClickEvent:
    return ClickEvent(event="click", key=key, **chat._common())


def dies(chat: Chat, message: Message, *effects: type[turn.Effect]) -> None:
    """The worker dies of this push, before the first such effect."""
    chat.world.crash_before = lambda effect: isinstance(effect, effects or turn.Do)
    with pytest.raises(Crash):
        chat.world.deliver(message)
    chat.world.crash_before = lambda effect: False
    chat.crash()


# ---- 1: who binds a reply --------------------------------------------------------------------------------------------


def test_1_a_reply_whose_deliveries_have_all_ended_is_unread_and_not_bound() -> None:
    """A message whose deliveries have all ended has no reply either: to bind one to it would be to lose it."""
    chat = asked(talking(order), "order", 8_000)
    message = chat.text("pears")
    assert chat.send(message) == "…"
    chat.world.settle()
    assert chat.record.seen[message.id].reply is None
    assert [item.message for item in chat.record.unread.values()] == [message.id]
    assert chat.send(message) == "pears! how many?"


def test_1_a_waiting_delivery_takes_from_there_what_another_worker_finished() -> None:
    chat = asked(talking(order), "order", 8_000)
    message = chat.text("pears")
    assert chat.send(message) == "…"
    chat.world.at = "b"
    assert chat.send(message) == "pears! how many?"
    assert chat.record.unread == {}


def test_1_a_delivery_that_can_carry_no_more_binds_nothing() -> None:
    """4.6 s after its arrival there is no time left for the way back."""
    chat = asked(talking(order), "order", 4_700)
    message = chat.text("pears")
    push = chat.world.push(message)
    chat.world.elapse(4_900)
    assert push.said is None
    assert chat.record.seen[message.id].reply is None
    assert chat.record.unread


def test_1_a_delivery_that_was_hung_up_binds_nothing() -> None:
    chat = asked(talking(order), "order", 3_000)
    message = chat.text("pears")
    push = chat.world.push(message)
    chat.world.elapse(1_000)
    push.delivery.open = False
    chat.world.settle()
    assert chat.record.seen[message.id].reply is None
    assert chat.say("继续") == "回复“pears”：\npears! how many?"


# ---- 2: doubt --------------------------------------------------------------------------------------------------------


def lost_last_reply(chat: Chat, text: str = "pears") -> Message:
    """WeChat's third push of the message is answered, and the answer never leaves."""
    chat.world.durations["work"] = 11_000
    message = chat.text(text)
    assert [chat.send(message), chat.send(message)] == ["…", "…"]
    chat.world.loses_replies = True
    chat.world.deliver(message)
    chat.world.loses_replies = False
    chat.world.durations.clear()
    return message


def test_2_a_reply_bound_to_wechats_last_delivery_is_unread_until_it_was_written() -> None:
    chat = asked(talking(order), "order", 0)
    message = lost_last_reply(chat)
    assert shown(chat.record.seen[message.id].reply) == "pears! how many?"
    chat.later(7)
    assert chat.say("继续") == "可能已读：\n回复“pears”：\npears! how many?"


def test_2_while_it_may_be_on_its_way_it_is_not_said_again() -> None:
    chat = asked(talking(order), "order", 0)
    lost_last_reply(chat)
    push = chat.world.push(chat.text("继续"))
    chat.world.elapse(2_000)
    assert push.said is None
    chat.world.answered(push)
    chat.later(5)
    assert chat.say("继续").startswith("可能已读：")


# ---- 3: the clock of a question --------------------------------------------------------------------------------------


def test_3_a_questions_clock_starts_when_it_is_shown_and_not_when_it_was_computed() -> None:
    chat = asked(talking(order), "order", 20_000)
    message = chat.text("pears")
    assert [chat.send(message) for _ in range(3)][-1] == THINKING
    chat.world.settle()
    assert chat.record.shown is None
    chat.later(300)
    assert chat.say("继续").endswith("pears! how many?")
    chat.later(50)
    assert chat.say("3") == "pears! 3"


def test_3_what_was_typed_before_the_question_was_shown_does_not_answer_it() -> None:
    chat = asked(talking(order), "order", 20_000)
    message = chat.text("pears")
    assert [chat.send(message) for _ in range(3)][-1] == THINKING
    chat.world.settle()
    assert chat.say("3").startswith(NOT_TAKEN)
    assert chat.say("4") == "pears! 4"


# ---- 4: what owner and length do not tell ----------------------------------------------------------------------------


def echoes(message: Any) -> Any:
    """Every turn leaves a journal of the same length."""
    made = yield work(message.text)
    return again(f"{made} more?")


def test_4_a_store_that_went_back_in_time_gets_no_result_of_another_turn() -> None:
    """The turn before it has the same owner, and a journal of the same length: the lease's name tells them apart."""
    bot = Bot("token", store="memory://")
    bot.text("echoes", busy="queue")(echoes)
    chat = Chat(bot)
    chat.say("echoes")
    chat.world.durations["work"] = 3_000
    first, second = chat.text("first"), chat.text("second")
    chat.world.push(first)
    chat.world.elapse(1_000)
    chat.world.push(second)
    chat.world.elapse(100)
    older = chat.world.kept[chat.key]
    chat.world.elapse(3_000)
    now = chat.record
    assert (now.turn, len(now.journal)) == (second.id, len(record.read(older[1]).journal))
    assert record.worker(now) == record.worker(record.read(older[1]))
    chat.world.kept[chat.key] = ("older", older[1], older[2])
    written: list[list[str]] = []
    chat.world.after_write = lambda rec: written.append(
        [entry.value for entry in map(journal.decode, rec.journal) if isinstance(entry, journal.Result)]
    )
    chat.world.elapse(2_000)  # the second turn's step is done, and its result wanted by nobody
    assert ["second!"] not in written
    chat.later(7)
    chat.world.durations.clear()
    assert chat.send(first).startswith("first! more?")


# ---- 5: where a lapsed conversation is forgotten ---------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [10, 700])
def test_5_a_message_that_came_in_time_is_in_time_however_late_it_is_taken(seconds: int) -> None:
    """A dead worker's lease hid the conversation from whoever looked; then nobody looked for long."""
    chat = talking(form)
    chat.say("form")
    chat.later(50)
    dies(chat, click(chat))
    chat.later(5)
    message = chat.text("in time")
    chat.world.push(message)
    chat.world.elapse(100)
    chat.crash()
    chat.later(seconds)
    chat.send(message)
    assert [entry.message for entry in map(journal.decode, chat.record.journal)][1:] == [message.id]
    assert chat.outcomes == ["asked", "ended", "asked"]


def test_5_a_message_that_came_too_late_is_too_late_though_a_look_came_before() -> None:
    chat = talking(form)
    chat.say("form")
    chat.later(50)
    dies(chat, click(chat))
    chat.later(700)  # far beyond what TimedOut is raised for
    assert chat.say("form").startswith("one?\nside!")
    assert chat.say("a") == "two?"


# ---- 6: cancelling what a dead worker left ---------------------------------------------------------------------------


def test_6_cancelling_while_the_owner_is_dead_ends_the_conversation_there_and_then() -> None:
    chat = asked(talking(order), "order", 0)
    dies(chat, chat.text("pears"))
    chat.later(7)
    assert chat.say("取消") == "已取消。"
    assert (chat.record.turn, chat.record.journal, chat.record.owner) == ("", [], "")
    assert chat.say("order") == "what?"


def test_6_cancelling_before_the_dead_owners_lease_is_over_ends_it_with_the_next_look() -> None:
    chat = asked(talking(order), "order", 0)
    dies(chat, chat.text("pears"))
    chat.later(1)
    assert chat.say("取消") == "已取消。"
    assert chat.record.cancelled
    chat.later(7)
    assert chat.say("order") == "what?"
    assert chat.outcomes == ["asked", "cancelled", "asked"]


@pytest.mark.parametrize("owner", ["dead", "alive"])
def test_6_what_was_queued_is_told_that_it_was_not_taken(owner: str) -> None:
    chat = asked(talking(order), "order", 9_000)
    chat.world.push(chat.text("pears"))
    chat.world.elapse(100)
    early = chat.text("early")
    push = chat.world.push(early)
    chat.world.elapse(100)
    if owner == "dead":
        chat.crash()
        chat.later(7)
    said = chat.say("取消")
    chat.world.elapse(1_000)
    assert said == f"已取消。\n{NOT_TAKEN}"
    assert shown(push.said) == (NOT_TAKEN if owner == "alive" else "…")
    assert chat.record.seen[early.id].refused


def test_6_ended_from_outside_while_the_owner_is_dead_it_is_over_there_and_then() -> None:
    """Nobody looks, who would find out that it was cancelled."""
    chat = asked(talking(order), "order", 0)
    dies(chat, chat.text("pears"))
    chat.later(7)

    def end(rec: record.Record, now: int) -> bool:
        record.stop(rec, now, chat.bot.conduct(chat.text("")).voice)
        return True

    chat.world.spawn(chat.key, turn.outside(end))
    chat.world.settle()
    assert (chat.record.turn, chat.record.journal, chat.record.cancelled) == ("", [], False)


def test_6_the_owner_goes_on_with_whatever_came_after_though_nobody_waits_for_it() -> None:
    chat = asked(talking(order, form), "order", 9_000)
    chat.world.push(chat.text("pears"))
    chat.world.elapse(100)
    assert chat.say("取消") == "已取消。"
    push = chat.world.push(chat.text("form"))
    chat.world.elapse(100)
    push.delivery.open = False
    chat.world.settle()
    assert chat.record.queue() == []
    assert chat.say("继续") == "回复“form”：\none?"


def test_6_the_owner_goes_on_with_whatever_came_after() -> None:
    chat = asked(talking(order, form), "order", 9_000)
    chat.world.push(chat.text("pears"))
    chat.world.elapse(100)
    assert chat.say("取消") == "已取消。"
    after = chat.text("form")
    assert chat.send(after) == "one?"
    assert chat.say("a") == "two?"


# ---- 7: what was shown already ---------------------------------------------------------------------------------------


@step
def poem() -> Any:
    yield from ("Roses are red. ", "Violets are blue. ", "Sugar is sweet. ", "And so are you.")


def tells(message: Any) -> Any:
    yield stream(poem())
    return f"liked it: {(yield 'liked it?')}"


def shown_in_part(chat: Chat) -> tuple[Message, str]:
    """The poem is half made at the last chance of its message, and that half is shown."""
    chat.world.durations["poem"] = 20_000
    message = chat.text("tells")
    *_, said = [chat.send(message) for _ in range(3)]
    assert said.endswith(UNFINISHED)
    return message, said.removesuffix(UNFINISHED)


WHOLE = "Roses are red. Violets are blue. Sugar is sweet. And so are you.\nliked it?"


@pytest.mark.parametrize("who", ["the same run", "another run", "another run, which takes its time"])
def test_7_of_what_was_shown_in_part_the_rest_is_said_whoever_ran_it(who: str) -> None:
    chat = talking(tells)
    _, part = shown_in_part(chat)
    if who == "the same run":
        chat.world.settle()
    else:
        chat.crash()
        chat.later(7)
        chat.world.durations["poem"] = 4_000 if "time" in who else 0
    rest = chat.say("继续").removeprefix("回复“tells”：\n")
    assert part + rest == WHOLE
    assert chat.say("yes") == "liked it: yes"


def test_7_a_run_that_words_it_otherwise_says_it_once_more_from_the_beginning() -> None:
    chat = talking(tells)
    shown_in_part(chat)
    chat.crash()
    chat.later(7)
    chat.world.durations.clear()
    chat.world.fakes["poem"] = lambda: "Roses are white."
    assert chat.say("继续").removeprefix("回复“tells”：\n") == "（重新生成）\nRoses are white.\nliked it?"


# ---- 8: handlers aside -----------------------------------------------------------------------------------------------


def test_8_a_handler_aside_that_died_with_its_last_delivery_is_taken_over_by_any_later_look() -> None:
    chat = talking(form)
    chat.bot.click("A")(step(name="handler")(lambda event: "aside"))
    dies(chat, click(chat, "A"))
    chat.later(7)
    assert chat.say("form") == "one?"
    chat.world.settle()
    assert chat.say("继续") == "aside"


# ---- 9: quarantine ---------------------------------------------------------------------------------------------------


def test_9_what_was_cancelled_is_cancelled_however_often_it_was_claimed() -> None:
    chat = asked(talking(order), "order", 0)
    message = chat.text("pears")
    for _ in range(4):
        dies(chat, message)
        chat.later(7)
    chat.later(-6)  # the last dead worker's lease still stands
    assert chat.say("取消") == "已取消。"
    chat.later(7)
    assert chat.say("order") == "what?"
    assert chat.outcomes == ["asked", "cancelled", "asked"]


def test_9_claims_are_counted_since_the_last_progress_and_not_since_the_last_turn() -> None:
    def long(message: Any) -> Any:
        for i in range(6):
            yield work(str(i))
        return "done"

    chat = talking(long)
    message = chat.text("long")
    for _ in range(5):  # every worker dies before its second step
        begun = iter(range(9))
        chat.world.crash_before = lambda effect, begun=begun: isinstance(effect, turn.Do) and next(begun) == 1
        with pytest.raises(Crash):
            chat.send(message)
        chat.world.crash_before = lambda effect: False
        chat.crash()
        chat.later(7)
    assert chat.send(message) == "done"


# ---- 10: joining -----------------------------------------------------------------------------------------------------


def doubtful_and_certain() -> Chat:
    """Of two replies the first may have been read, the second not."""

    def final(message: Any) -> Any:
        return (yield work(message.text))

    bot = Bot("token", store="memory://")
    bot.text("x", "y")(final)
    bot.text("form")(form)
    chat = Chat(bot)
    lost_last_reply(chat, "x")
    chat.later(7)
    chat.world.durations["work"] = 20_000
    other = chat.text("y")
    chat.world.deliver(other, patience=1_000)
    chat.world.settle()
    chat.world.durations.clear()
    return chat


def test_10_what_may_have_been_read_is_joined_with_nothing() -> None:
    chat = doubtful_and_certain()
    assert chat.say("继续") == "可能已读：\n回复“x”：\nx!\n还有 1 条 继续"
    assert chat.say("继续") == "回复“y”：\ny!"


def test_10_nothing_that_may_have_been_read_follows_a_reply_and_passes_for_new() -> None:
    chat = doubtful_and_certain()
    assert chat.say("form") == "one?\n回复“y”：\ny!\n还有 1 条 继续"
    assert chat.say("继续") == "可能已读：\n回复“x”：\nx!"


# ---- 11: a live dialog -----------------------------------------------------------------------------------------------


def test_11_a_live_dialog_is_valid_for_the_version_only_that_it_was_kept_with() -> None:
    """Another worker took a message meanwhile: fed to the one that is alive here, the next would answer the wrong question."""

    def three(message: Any) -> Any:
        return f"{(yield 'one?')} {(yield 'two?')} {(yield 'three?')}"

    chat = talking(three)
    said = []
    for chat.world.at, text in (("a", "three"), ("b", "1"), ("a", "2"), ("b", "3")):
        said.append(chat.say(text))
    assert said == ["one?", "two?", "three?", "1 2 3"]


def test_11_nor_is_it_where_the_first_look_was_at_the_record_that_it_was_kept_with() -> None:
    """What was unread there is read meanwhile: the fetch word is an ordinary message, and answers the next question."""

    def shows(message: Any) -> Any:
        yield say(Image("m"))
        return f"{(yield 'one?')} {(yield 'two?')} {(yield 'three?')}"

    chat = talking(shows)
    said = []
    for chat.world.at, text in (("a", "shows"), ("b", "继续"), ("b", "1"), ("a", "继续"), ("a", "3")):
        said.append(chat.say(text))
    assert said == ["one?\n还有 1 条 继续", Image("m"), "two?", "three?", "1 继续 3"]


def test_11_nor_is_it_after_another_conversation_that_stands_as_far() -> None:
    chat = talking(form)
    for chat.world.at, text in (("a", "form"), ("a", "1"), ("b", "2"), ("b", "form"), ("b", "3")):
        chat.say(text)
    chat.world.at = "a"
    assert chat.say("4") == "3 4"


# ---- 12: a full queue ------------------------------------------------------------------------------------------------


def full(chat: Chat) -> list[Push]:
    """One message's step runs, and five wait for their turn."""
    pushes = []
    for i in range(6):
        pushes.append(chat.world.push(chat.text(f"m{i}")))
        chat.world.elapse(50)
    assert len(chat.record.queue()) == record.QUEUE
    return pushes


def test_12_a_full_queue_whose_owner_died_is_worked_at_and_not_refused() -> None:
    chat = asked(talking(order), "order", 20_000)
    full(chat)
    chat.crash()
    chat.world.durations.clear()
    chat.later(7)
    said = chat.say("m6")
    assert said.startswith(NOT_TAKEN)
    assert chat.record.queue() == []
    chat.world.settle()
    assert chat.say("3").startswith("m0! 3")


def test_12_while_a_living_worker_works_at_it_the_next_message_is_told_so() -> None:
    chat = asked(talking(order), "order", 20_000)
    full(chat)
    assert chat.say("m6") == "消息太多，这条没有收下，请稍后再发。"


# ---- 13: nothing left to show ----------------------------------------------------------------------------------------


def test_13_a_question_without_words_starts_its_clock_when_its_turn_ends() -> None:
    def bare(message: Any) -> Any:
        one = yield
        return f"heard {one} and {(yield ask())}"

    chat = talking(bare)
    assert chat.say("bare") is None
    assert chat.say("a") is None
    assert chat.say("b") == "heard a and b"


def test_13_so_does_one_behind_a_step_that_no_delivery_waited_for() -> None:
    def bare(message: Any) -> Any:
        yield work("x")
        return f"heard {(yield)}"

    chat = talking(bare)
    chat.world.durations["work"] = 20_000
    message = chat.text("bare")
    assert [chat.send(message) for _ in range(3)][-1] == THINKING
    chat.world.settle()
    assert chat.record.shown is not None
    assert chat.say("a") == "heard a"


def test_13_so_does_one_behind_a_text_that_was_shown_whole_while_it_was_made() -> None:
    def tells_only(message: Any) -> Any:
        yield stream(poem())
        return f"heard {(yield)}"

    chat = talking(tells_only)
    chat.world.fakes["poem"] = lambda: "Roses are red." + "\n" * 40
    chat.world.durations["poem"] = 30_000
    message = chat.text("tells_only")
    *_, part = [chat.send(message) for _ in range(3)]
    assert part.startswith("Roses are red.")
    chat.world.settle()
    assert (chat.record.unread, chat.record.shown) == ({}, START + 30_000)
    assert chat.say("a") == "heard a"
