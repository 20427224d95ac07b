"""The promises of the design, clause by clause: each test is named after the one that it shows.

P10 (nothing from outside does harm) is shown in ``test_hostile.py`` and ``test_web.py``; P11 (as durable as the store) by the
stores' own tests, and said in the README. That every reply is sealed anew (P1), and the one sentence where the store cannot
be reached (P2), are the web's: ``test_web.py``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from talk import START, Chat, Crash, Push, shown
from wechat import (
    Bot,
    Cancelled,
    ClickEvent,
    Image,
    ImageMessage,
    Message,
    StepFailed,
    StepInterrupted,
    TimedOut,
    again,
    ask,
    forget,
    journal,
    now,
    recall,
    record,
    remember,
    rng,
    say,
    step,
    stream,
    turn,
)

APOLOGY = "抱歉，出错了，请稍后再试。"
NOT_TAKEN = "（没有收下，请看完问题再回复一次）"
TOO_LATE = "太晚了，这条消息没有收下，请再发一次。"
LAPSED = "太久没有收到回复，刚才的对话已结束。"
DIVERGED = "抱歉，程序更新了，刚才的对话已结束，请重新开始。"
THINKING = "正在思考… 继续"


def talking(*dialogs: Any, **settings: Any) -> Chat:
    """A chat with a bot that has these dialogs, each under its own name as the word."""
    return Chat(serving(*dialogs, **settings))


def serving(*dialogs: Any, **settings: Any) -> Bot:
    bot = Bot("token", store="memory://", **settings)
    for dialog in dialogs:
        bot.text(dialog.__name__)(dialog)
    return bot


def deploy(chat: Chat, bot: Bot) -> None:
    """The workers are started anew, with other code."""
    chat.bot = chat.world.bot = bot
    chat.crash()


@step
def work(text: str, *, idempotency_key: str = "") -> str:
    return f"{text}!"


@step
def deadly() -> str:
    raise Crash


def order(message: Any) -> Any:
    what = yield "what?"
    number = yield work(what)
    return f"{number} {(yield f'{number} how many?')}"


def form(message: Any) -> Any:
    one = yield "one?"
    two = yield "two?"
    return f"{one} {two}"


def ledger(chat: Chat, *steps: Any) -> Counter[str]:
    """How often each step of each key began."""
    begun: Counter[str] = Counter()

    def spied(each: Any) -> Callable[..., Any]:
        @functools.wraps(each.function)
        def called(*args: Any, **kwargs: Any) -> Any:
            begun[f"{each.name} {kwargs.get('idempotency_key', '')}"] += 1
            return each.function(*args, **kwargs)

        return called

    for each in steps or (work,):
        chat.world.fakes[each.name] = spied(each)
    return begun


def entries(rec: record.Record) -> list[journal.Entry]:
    return [journal.decode(line) for line in rec.journal]


def dies(chat: Chat, message: Message) -> None:
    """The worker dies of this push."""
    with pytest.raises(Crash):
        chat.world.deliver(message)
    chat.world.crash_before = lambda effect: False
    chat.crash()


def doubtful(chat: Chat, message: Message) -> None:
    """Only the last push of it comes, and its answer is lost."""
    chat.later(10)
    chat.world.loses_replies = True
    chat.world.deliver(message)
    chat.world.loses_replies = False
    assert [item.held is not None for item in chat.record.unread.values()] == [True]


def pushed_twice() -> tuple[Chat, Message]:
    """The answer to "pears" takes so long that two pushes of it were given up."""
    chat = talking(order)
    chat.world.durations["work"] = 11_000
    chat.say("order")
    message = chat.text("pears")
    assert [chat.send(message), chat.send(message)] == ["…", "…"]
    return chat, message


def lost_with_the_last_push() -> Chat:
    """The answer to "pears" left with WeChat's last push, and was lost."""
    chat, message = pushed_twice()
    chat.world.loses_replies = True
    chat.world.deliver(message)
    chat.world.loses_replies = False
    return chat


def never(effect: turn.Effect) -> bool:
    return False


# ---- P1: a message is taken once, and every delivery of it gets the same reply ---------------------------------------


def test_p1_three_deliveries_are_one_turn_and_get_the_same_reply() -> None:
    chat = talking(order)
    begun = ledger(chat)
    chat.world.durations["work"] = 1_000
    chat.say("order")
    message = chat.text("pears")
    pushes = [chat.world.push(message) for _ in range(3)]
    chat.world.elapse(2_000)
    assert [shown(push.said) for push in pushes] == ["pears! how many?"] * 3
    assert sum(begun.values()) == 1
    assert [entry.message for entry in entries(chat.record) if isinstance(entry, journal.Answered)] == [message.id]


def test_p1_deliveries_on_two_workers_are_one_turn_and_get_the_same_reply() -> None:
    chat = talking(order)
    begun = ledger(chat)
    chat.world.durations["work"] = 2_000
    chat.say("order")
    message = chat.text("pears")
    pushes = []
    for chat.world.at in ("a", "b", "c"):
        pushes.append(chat.world.push(message))
        chat.world.elapse(100)
    chat.world.elapse(4_000)
    assert [shown(push.said) for push in pushes] == ["pears! how many?"] * 3
    assert sum(begun.values()) == 1


def test_p1_of_wechats_three_pushes_whichever_comes_when_the_reply_is_there_carries_it() -> None:
    chat = talking(order)
    chat.world.durations["work"] = 11_000
    chat.say("order")
    message = chat.text("pears")
    assert [chat.send(message) for _ in range(4)] == ["…", "…", "pears! how many?", "pears! how many?"]


@pytest.mark.parametrize("worker", ["a", "b"])
def test_p1_for_a_minute_the_same_reply_then_success_then_too_late(worker: str) -> None:
    chat = talking(order, form)
    begun = ledger(chat)
    chat.say("order")
    message = chat.text("pears")
    at = chat.world.now
    said = chat.send(message)
    chat.world.at = worker
    for ms, expected in ((5_000, said), (59_900, said), (60_100, None), (600_000, None), (600_100, TOO_LATE)):
        chat.world.now = at + ms
        assert chat.send(message) == expected, ms
    chat.say("form")
    assert chat.send(message) == TOO_LATE
    assert sum(begun.values()) == 1
    assert chat.say("x") == "two?"


def test_p1_a_replayed_push_is_too_late_for_a_day_after_the_users_last_message() -> None:
    chat = talking(order)
    old = chat.text("order")
    chat.send(old)
    chat.later(601)
    chat.say("x")
    assert chat.send(old) == TOO_LATE
    chat.later(86_000)
    assert chat.send(old) == TOO_LATE
    assert chat.outcomes[-2:] == ["too_late", "too_late"]  # the log says why


def test_p1_a_reply_of_another_kind_is_the_same_too() -> None:
    def shows(message: Any) -> Any:
        return Image("m1")
        yield

    chat = talking(shows)
    assert [chat.say("shows"), chat.again(), chat.again()] == [Image("m1")] * 3


def test_p1_what_a_last_chance_said_is_what_another_push_of_it_gets() -> None:
    chat = talking(order)
    chat.world.durations["work"] = 30_000
    chat.say("order")
    message = chat.text("pears")
    assert [chat.send(message) for _ in range(4)] == ["…", "…", THINKING, THINKING]
    chat.world.settle()
    assert chat.send(message) == THINKING  # its answer is unread: a delivery gets one reply for ever


# ---- P2: on record, then sent; and one worker at a time --------------------------------------------------------------


def test_p2_a_reply_is_on_record_before_it_is_sent() -> None:
    chat = talking(order)
    for text in ("order", "pears", "3"):
        message = chat.text(text)
        push = chat.world.push(message)
        chat.world.run(lambda push=push: push.over)
        assert push.said
        assert chat.record.seen[message.id].reply == push.said
        chat.world.answered(push)


@pytest.mark.parametrize("at", [0, 1])
def test_p2_a_reply_whose_write_never_came_is_not_sent(at: int) -> None:
    chat = talking(order)
    chat.say("order")
    message = chat.text("pears")
    writes = iter(range(9))
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Write) and next(writes) == at
    push = chat.world.push(message)
    with pytest.raises(Crash):
        chat.world.run(lambda: push.over)
    assert push.said is None
    chat.world.crash_before = never
    chat.crash()
    chat.later(7)
    assert chat.send(message) == "pears! how many?"


def test_p2_two_workers_that_look_at_once_never_both_have_the_turn() -> None:
    chat = talking(order)
    begun = ledger(chat)
    chat.say("order")
    owners = set()
    chat.world.after_write = lambda rec: owners.add(rec.owner) if rec.turn else None
    chat.world.durations["work"] = 1_000
    message, pushes = chat.text("pears"), []
    for chat.world.at in ("b", "c"):  # both load the very same version
        pushes.append(chat.world.push(message))
    chat.world.elapse(3_000)
    assert [shown(push.said) for push in pushes] == ["pears! how many?"] * 2
    assert len(owners) == 1
    assert sum(begun.values()) == 1


def test_p2_a_worker_that_stalled_beyond_its_lease_extends_nothing() -> None:
    chat = talking(order)
    begun = ledger(chat)
    chat.say("order")
    message = chat.text("pears")
    chat.world.durations["work"] = 1_000
    stalled = chat.world.push(message)
    chat.world.elapse(100)
    chat.world.hosts["a"].stalls = True
    chat.later(7)
    chat.world.at = "b"
    chat.world.durations["work"] = 0
    assert chat.send(message) == "pears! how many?"
    before = chat.world.kept[chat.key]
    chat.world.hosts["a"].stalls = False
    chat.world.settle()
    assert chat.world.kept[chat.key] == before
    assert stalled.said in (None, chat.record.seen[message.id].reply)
    assert begun.most_common(1)[0][1] == 2  # cut off, as far as anybody could know: the same key
    assert len(begun) == 1
    assert chat.say("3") == "pears! 3"


# ---- P3: steps -------------------------------------------------------------------------------------------------------


def three_steps(message: Any) -> Any:
    made = []
    for text in "abc":
        made.append((yield work(text)))
    return " ".join(made)


@pytest.mark.parametrize("point", range(14))
def test_p3_a_step_whose_result_is_on_record_never_runs_again(point: int) -> None:
    chat = talking(three_steps)
    begun = ledger(chat)
    on_record: set[int] = set()
    again_although_on_record = []

    def watched(rec: record.Record) -> None:
        on_record.update(i for i, entry in enumerate(e for e in entries(rec) if isinstance(e, journal.Result)))

    def spied(text: str, idempotency_key: str = "") -> str:
        begun[f"{text} {idempotency_key}"] += 1
        if "abc".index(text) in on_record:
            again_although_on_record.append(text)
        return f"{text}!"

    chat.world.fakes["work"] = spied
    chat.world.after_write = watched
    number = iter(range(100))
    chat.world.crash_before = lambda effect: next(number) == point
    message = chat.text("three_steps")
    try:
        said = chat.world.deliver(message)
    except Crash:
        chat.world.crash_before = never
        chat.crash()
        chat.later(7)
        said = chat.world.deliver(message)
    assert shown(said) == "a! b! c!"
    assert again_although_on_record == []
    assert len(begun) == 3  # a step that runs again has the same key


def test_p3_a_step_that_was_cut_off_runs_again_with_the_same_key() -> None:
    chat = talking(order)
    keys = []

    def cut_off(text: str, idempotency_key: str = "") -> str:
        keys.append(idempotency_key)
        if len(keys) == 1:
            raise Crash
        return "paid"

    chat.world.fakes["work"] = cut_off
    chat.say("order")
    message = chat.text("pears")
    dies(chat, message)
    chat.later(7)
    assert chat.send(message) == "paid how many?"
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert keys[0]


def test_p3_a_key_never_repeats_whatever_is_cut_from_a_journal() -> None:
    keys: list[str] = []

    @step
    def does(*, idempotency_key: str = "") -> str:
        keys.append(idempotency_key)
        return "done"

    def endless(message: Any, so_far: int = 0) -> Any:
        yield does()
        yield does()
        return again("more?", so_far=so_far + 1)

    def side(event: Any) -> Any:
        return (yield does())

    chat = talking(endless)
    chat.bot.click("P")(side)
    other = Chat(chat.bot, user="oOther", world=chat.world)
    for talk in (chat, other):
        for text in ("endless", "x", "x"):
            talk.say(text)
            talk.click("P")
    assert len(keys) == len(set(keys)) == 18


@step(once=True)
def pay(cents: int) -> str:
    return f"paid {cents}"


def pays(message: Any) -> Any:
    cents = int((yield "how much?"))
    try:
        said = yield pay(cents)
    except StepInterrupted as interrupted:
        said = f"perhaps paid ({interrupted.type})"
    return f"{said}, {(yield f'{said}, ok?')}"


def test_p3_once_is_done_once_and_its_result_is_there_on_replay() -> None:
    chat = talking(pays)
    begun = ledger(chat, pay)
    chat.say("pays")
    assert chat.say("5") == "paid 5, ok?"
    chat.crash()
    assert chat.say("yes") == "paid 5, yes"
    assert sum(begun.values()) == 1


@pytest.mark.parametrize("when", ["before it", "in it", "after it"])
def test_p3_once_cut_off_is_interrupted_and_never_runs_again(when: str) -> None:
    chat = talking(pays)
    begun = ledger(chat, pay)

    def in_it(cents: int) -> str:
        begun["pay"] += 1
        raise Crash

    if when == "in it":
        chat.world.fakes["pay"] = in_it
    if when == "before it":
        chat.world.crash_before = lambda effect: isinstance(effect, turn.Do)
    chat.say("pays")
    message = chat.text("5")
    if when == "after it":
        chat.world.crash_before = lambda effect: isinstance(effect, turn.Write) and bool(begun)
    dies(chat, message)
    runs = sum(begun.values())
    assert runs == (when != "before it")
    chat.later(7)
    assert chat.send(message) == "perhaps paid (StepInterrupted), ok?"
    chat.crash()
    assert chat.say("yes") == "perhaps paid (StepInterrupted), yes"
    assert sum(begun.values()) == runs


def test_p3_once_that_takes_too_long_is_interrupted() -> None:
    @step(once=True, timeout=2)
    def slowly() -> str:
        return "done"

    def waits(message: Any) -> Any:
        try:
            return (yield slowly())
        except StepInterrupted:
            return "nobody knows"

    chat = talking(waits)
    chat.world.durations["slowly"] = 4_000
    assert chat.say("waits") == "nobody knows"


def test_p3_once_aside_is_never_run_again_and_on_error_hears_of_it() -> None:
    chat = talking(form)
    runs, heard = [], []

    def pay_aside(message: Any) -> str:
        runs.append(message.id)
        raise Crash

    chat.bot.text("pay")(step(once=True)(pay_aside))
    chat.bot.on_error(lambda message, error: heard.append(type(error)) or "please look whether it was paid")
    message = chat.text("pay")
    dies(chat, message)
    chat.later(7)
    assert chat.send(message) == "please look whether it was paid"
    assert len(runs) == 1
    assert heard == [StepInterrupted]


# ---- P4: live is replay ----------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Thing:
    name: str
    price: decimal.Decimal
    made: dt.datetime
    colour: Colour


@step
def bare() -> Any:
    return {1: ("a", None), "when": dt.date(2026, 1, 2)}


@step
def things() -> list[Thing]:
    return [Thing("pear", decimal.Decimal("1.10"), dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc), Colour.RED)]


@step
def fails() -> str:
    raise OSError(2, "no such thing")


@step
def unfit() -> int:
    return "no number"  # type: ignore[return-value]


@step
def poem() -> Any:
    yield "roses "
    yield "are red"


def sees(message: Any) -> Any:
    """Everything that a dialog can get hold of, as it sees it."""
    seen: list[Any] = [message.text, message.time, message.raw]
    seen += [(yield bare()), (yield things())]
    for broken in (fails, unfit):
        try:
            yield broken()
        except StepFailed as failure:
            seen += [failure.type, failure.message, str(failure)]
    yield remember("k", {1: ("tuple",)})
    seen += [(yield recall("k")), (yield recall("gone", ("default",)))]
    yield forget("k")
    seen += [(yield recall("k", "none")), (yield recall("kept"))]
    yield remember("kept", (seen[0], 1.5, None))
    seen += [now(), rng().random(), (yield stream(poem()))]
    seen.append((yield ask.number("number?")))
    picture = yield ask("picture!", accept=ImageMessage)
    seen += [picture.url, picture.time, picture.raw, type(picture), now(), rng().random()]
    try:
        seen.append((yield ask("cancel?")))
    except Cancelled:
        seen.append("cancelled")
    return repr(seen)


def test_p4_a_dialog_can_remember_the_message_that_opened_it() -> None:
    bot = Bot("token", store="memory://")

    @bot.text("hi")
    def greets(message: Any) -> Any:
        yield remember("first", message)
        said = yield "what?"
        first = yield recall("first", None)
        return f"{first['text']} {said} {first['raw']['Content']}"

    chat = Chat(bot)
    assert [chat.say("hi"), chat.say("yo")] == ["what?", "hi yo hi"]


def test_p4_what_a_dialog_sees_live_is_what_it_sees_on_replay() -> None:
    def transcript(at_once: bool) -> list[Any]:
        chat, said = talking(sees), []
        chat.world.now = START
        for send in (
            lambda chat: chat.say("sees"),
            lambda chat: chat.say("nothing like it"),
            lambda chat: chat.say("三"),
            lambda chat: chat.image(),
            lambda chat: chat.say("取消"),
        ):
            said.append(send(chat))
            if not at_once:
                chat.crash()
        while said[-1].endswith("条 继续"):
            said.append(chat.say("继续"))
        return said

    live, replayed = transcript(True), transcript(False)
    assert live == replayed
    text = "".join(live)
    assert "'1': ['a', None]" in text
    assert "Decimal('1.10')" in text
    assert "{'1': ['tuple']}, ('default',), 'none', None" in text
    assert "Colour.RED" in text
    assert "cancelled" in text


def test_p4_a_value_that_json_does_not_hold_is_refused_live_and_not_only_on_replay() -> None:
    @step
    def wrong() -> object:
        return object()

    def careful(message: Any) -> Any:
        try:
            yield wrong()
        except StepFailed as failure:
            return f"{failure.type}, {(yield failure.type)}"

    chat = talking(careful)
    assert chat.say("careful") == "TypeError"
    chat.crash()
    assert chat.say("x") == "TypeError, x"


# ---- P5: whoever dies, nothing that was accepted is lost -------------------------------------------------------------


def alarm(message: Any) -> Any:
    """Two steps, data, and a question behind them."""
    first = yield work("first")
    count = yield recall("count", 0)
    yield remember("count", count + 1)
    second = yield work("second")
    return f"{first} {second} {(yield 'sure?')}"


def killed_at(chat: Chat, point: int, message: Message) -> Any:
    """What this push is answered with, encoded, by a worker that dies before its effect of that number; "killed" if it does."""
    number = iter(range(1_000))
    chat.world.crash_before = lambda effect: next(number) == point
    try:
        return chat.world.deliver(message)
    except Crash:
        return "killed"
    finally:
        chat.world.crash_before = never
        chat.crash()


#: so many effects has a turn of `alarm`, with some to spare
POINTS = 16


@pytest.mark.parametrize("which", [2, 3])
@pytest.mark.parametrize("point", range(POINTS))
def test_p5_a_turn_killed_anywhere_is_resumed_by_whichever_push_of_wechats_comes_next(point: int, which: int) -> None:
    chat = talking(alarm)
    begun = ledger(chat)
    message = chat.text("alarm")
    said = killed_at(chat, point, message)
    for push in range(which, 4):
        if said in ("killed", None):  # or the dead worker's lease outlived that push
            chat.world.now = max(chat.world.now, START + 5_000 * (push - 1))
            said = chat.world.deliver(message)
    assert shown(said) == "sure?"
    assert len(begun) == 2
    assert chat.say("yes") == "first! second! yes"
    assert chat.record.data["count"].value == 1


@pytest.mark.parametrize("point", range(POINTS))
def test_p5_a_turn_killed_anywhere_is_resumed_by_the_users_next_message(point: int) -> None:
    """None of WeChat's own pushes comes through."""
    chat = talking(alarm)
    begun = ledger(chat)
    message = chat.text("alarm")
    killed_at(chat, point, message)
    chat.later(20)
    seen = chat.record.seen.get(message.id)
    said = chat.say("yes")
    if seen is None:  # it died before the message was on record
        assert said is None
    elif seen.reply is None:
        assert said == f"{NOT_TAKEN}\n回复“alarm”：\nsure?"
        assert chat.say("yes") == "first! second! yes"
    else:  # the reply was on its way: it counts as read
        assert said == "first! second! yes"
    assert len(begun) == (2 if seen else 0)
    assert (chat.record.data["count"].value if seen else 1) == 1


@pytest.mark.parametrize("point", range(8))
def test_p5_a_handler_aside_killed_anywhere_is_resumed_by_the_users_next_message(point: int) -> None:
    chat = talking(form)
    chat.bot.click("P")(step(name="pointed")(lambda event: "77 points"))
    chat.say("form")
    click = ClickEvent(event="click", key="P", **chat._common())
    said = [shown(killed_at(chat, point, click))]
    chat.later(20)
    accepted = click.id in chat.record.seen
    carried = accepted and bool(chat.record.seen[click.id].reply)
    said += [chat.say("a")]
    chat.world.settle()
    said += [chat.say("继续")] if chat.record.unread else []
    assert any(text and "two?" in text for text in said)
    assert any(text and "77 points" in text for text in said) == (accepted and (said[0] != "killed" or not carried))


def test_p5_a_finished_reply_outlives_its_worker() -> None:
    chat = talking(order)
    chat.world.durations["work"] = 20_000
    chat.say("order")
    message = chat.text("pears")
    assert [chat.send(message) for _ in range(3)][-1] == THINKING
    chat.world.settle()
    chat.crash()
    assert chat.say("继续") == "回复“pears”：\npears! how many?"


def test_p5_what_waits_in_the_queue_outlives_its_worker() -> None:
    chat = Chat(serving())
    chat.bot.text("order", busy="queue")(order)
    chat.world.durations["work"] = 20_000
    chat.say("order")
    first, second = chat.text("pears"), chat.text("3")
    chat.world.push(first)
    chat.world.elapse(100)
    chat.world.push(second)
    chat.world.elapse(100)
    chat.crash()
    chat.world.durations.clear()
    chat.later(7)
    assert chat.send(first) == "pears! how many?"
    chat.world.settle()
    assert chat.send(second) == "pears! 3"


# ---- P6: what was finished is not lost because it was late -----------------------------------------------------------


def late(chat: Chat, text: str = "pears") -> Message:
    """The answer to this message comes when no delivery waits for it any more."""
    chat.world.durations["work"] = 30_000
    message = chat.text(text)
    assert [chat.send(message) for _ in range(3)] == ["…", "…", THINKING]
    chat.world.settle()
    chat.world.durations.clear()
    return message


def test_p6_a_late_answer_is_unread_until_it_is_fetched() -> None:
    chat = talking(order)
    chat.say("order")
    late(chat)
    chat.later(3_000)
    assert chat.say("继续") == "回复“pears”：\npears! how many?"
    assert chat.record.unread == {}
    assert chat.say("3") == "pears! 3"


def test_p6_a_question_that_lay_unread_for_twenty_minutes_still_takes_its_answer() -> None:
    """Its clock starts when it is shown, not when it was computed."""
    chat = talking(order, expire=60)
    chat.say("order")
    late(chat)
    chat.later(20 * 60)
    assert chat.say("继续") == "回复“pears”：\npears! how many?"
    chat.later(59)
    assert chat.say("3") == "pears! 3"


def test_p6_a_late_answer_follows_whatever_is_said_next() -> None:
    def final(message: Any) -> Any:
        return (yield work(message.text))

    chat = talking(final, form)
    late(chat, "final")
    chat.later(3_000)
    assert chat.say("form") == "one?\n回复“final”：\nfinal!"
    assert chat.record.unread == {}


def test_p6_a_reply_that_the_last_delivery_took_with_it_may_have_been_read_and_is_there_again() -> None:
    chat = lost_with_the_last_push()
    assert [item.held is not None for item in chat.record.unread.values()] == [True]
    chat.later(7)
    assert chat.say("继续") == "可能已读：\n回复“pears”：\npears! how many?"
    assert chat.record.unread == {}
    assert chat.say("3") == "pears! 3"


def test_p6_a_question_that_may_have_been_read_has_all_its_time_when_it_is_read_again() -> None:
    """Every showing of a question starts its clock, that of one in doubt too."""
    chat = lost_with_the_last_push()
    chat.later(50)
    assert chat.say("继续") == "可能已读：\n回复“pears”：\npears! how many?"
    chat.later(50)
    assert chat.say("3") == "pears! 3"


def test_p6_a_question_in_doubt_is_not_shown_again_by_being_given_up() -> None:
    """Its time runs from when it was shown, though its reply may have been fetched for a day after that."""
    day = 86_400

    def patient(message: Any) -> Any:
        try:
            return f"got {(yield ask('when?', timeout=1.5 * day))}"
        except TimedOut:
            return "too late"

    chat = talking(patient)
    doubtful(chat, chat.text("patient"))
    chat.later(7)
    chat.click("whatever")  # in doubt no more: it can be read again
    chat.later(day)
    chat.click("whatever")
    assert chat.record.unread == {}
    chat.later(0.5 * day + 200)
    assert chat.say("x") == "too late"


def test_p6_the_question_of_an_answer_in_doubt_has_all_its_time_when_it_is_read_again() -> None:
    """It was bound as its turn ended, to the last push, whose answer was lost."""
    chat = talking(form)
    doubtful(chat, chat.text("form"))
    chat.later(50)
    assert chat.say("继续") == "可能已读：\none?"
    chat.later(50)
    assert chat.say("a") == "two?"


@pytest.mark.parametrize(("typed", "told"), [("4", NOT_TAKEN), ("picture", "文字"), ("click", None)])
def test_p7_a_late_refusal_does_not_show_a_question_that_stands_no_more(typed: str, told: str | None) -> None:
    """It would be taken for the one that stands now."""

    def pointless(event: Any) -> Any:
        return None
        yield

    bot = serving(order)
    bot.click("click")(pointless)
    chat = Chat(bot)
    chat.world.durations["work"] = 3_000
    chat.say("order")
    pears = chat.world.push(chat.text("pears"))
    chat.world.elapse(4_000 if typed == "picture" else 1_000)  # of the wrong kind, or too early
    late = {
        "4": lambda: chat.text("4"),
        "picture": lambda: ImageMessage(url="http://x", media_id="m", **chat._common()),
        "click": lambda: ClickEvent(event="click", key="click", **chat._common()),
    }[typed]()
    chat.world.push(late).delivery.open = False  # its client is gone
    chat.world.elapse(3_000)
    assert shown(pears.said) == "pears! how many?"
    said = chat.say("3")
    assert "how many?" not in said
    assert said.startswith("pears! 3")
    assert told in said if told else said == "pears! 3"
    assert chat.record.unread == {}


def test_p6_a_late_text_that_was_made_in_parts_is_not_left_away_with_the_question_behind_it() -> None:
    def poem(event: Any) -> Any:
        yield stream(verse())
        return "so it is"

    bot = serving(order)
    bot.click("poem")(poem)
    chat = Chat(bot)
    chat.say("order")
    chat.world.durations["verse"] = 3_000
    click = ClickEvent(event="click", key="poem", **chat._common())
    chat.world.push(click).delivery.open = False  # its client is gone
    chat.world.settle()
    said = chat.say("pears")
    assert "Roses are red." in said
    assert "so it is" in said


@step
def verse() -> Iterator[str]:
    yield from "Roses are red."


def test_p7_a_question_that_was_not_shown_has_no_clock_though_it_is_like_the_one_before() -> None:
    def alike(message: Any) -> Any:
        yield "a?"
        yield "b?"

    chat = talking(alike)
    chat.say("alike")
    chat.world.push(chat.text("x")).delivery.open = False  # its client is gone
    chat.world.settle()
    assert chat.record.shown is None


def test_p7_who_typed_before_a_question_that_is_in_doubt_is_told_at_once_with_the_question() -> None:
    chat = talking(order)
    chat.world.durations["work"] = 3_000
    chat.say("order")
    message = chat.text("pears")
    chat.later(10)
    push = chat.world.push(message)
    chat.world.elapse(1_000)
    early = chat.world.push(chat.text("4"))
    chat.world.elapse(2_500)
    assert shown(push.said) == "pears! how many?"
    assert shown(early.said) == f"{NOT_TAKEN}\npears! how many?"


def test_p6_a_last_delivery_that_was_answered_in_time_leaves_no_doubt() -> None:
    chat = talking(order)
    chat.world.durations["work"] = 11_000
    chat.say("order")
    message = chat.text("pears")
    assert [chat.send(message) for _ in range(3)] == ["…", "…", "pears! how many?"]
    assert chat.record.unread == {}


def test_p6_a_delivery_that_looks_once_more_does_not_forget_the_doubt_of_its_answer() -> None:
    """The answer was bound on this worker while the delivery was about to load the record."""
    chat = talking(order)
    chat.say("order")
    message = chat.text("pears")
    chat.later(10)  # WeChat's first two pushes of it never came
    chat.world.durations["work"] = 3_000
    push = chat.world.push(message)
    chat.world.elapse(1_000)
    chat.world.works.remove(push.work)
    looking = push.work.generator.send(None)
    chat.world.elapse(4_000)
    assert shown(push.said) == "pears! how many?"
    with pytest.raises(StopIteration):
        push.work.generator.send(chat.world.load(push.work, looking))
    assert push.delivery.doubt


def test_p6_the_placeholder_is_never_in_doubt() -> None:
    chat = talking(order)
    chat.world.durations["work"] = 30_000
    chat.say("order")
    message = chat.text("pears")
    chat.send(message), chat.send(message)
    chat.world.loses_replies = True
    chat.world.deliver(message)
    assert chat.record.unread == {}


def test_p6_a_worker_that_dies_with_the_last_delivery_loses_nothing() -> None:
    chat, message = pushed_twice()
    bound = []
    chat.world.after_write = lambda rec: bound.append(True) if rec.seen[message.id].reply else None
    chat.world.crash_before = lambda effect: bool(bound)
    dies(chat, message)
    chat.later(7)
    assert chat.say("继续").endswith("pears! how many?")


@pytest.mark.parametrize("lost", [True, False])
def test_p6_a_part_that_the_last_delivery_took_with_it_is_there_again_before_the_rest(lost: bool) -> None:
    def tells(message: Any) -> Any:
        yield stream(poem())
        return f"liked it: {(yield 'liked it?')}"

    chat = talking(tells)
    chat.world.fakes["poem"] = lambda: "Roses are red. Violets are blue. Sugar is sweet."
    chat.world.durations["poem"] = 30_000
    message = chat.text("tells")
    assert [chat.send(message), chat.send(message)] == ["…", "…"]
    chat.world.loses_replies = lost
    part = shown(chat.world.deliver(message))
    chat.world.loses_replies = False
    chat.world.settle()
    said = [chat.say("继续")]
    while chat.record.unread:
        said.append(chat.say("继续"))
    rest = "Violets are blue. Sugar is sweet.\nliked it?"
    if lost:
        assert said == ["可能已读：\nRoses are red. \n还有 1 条 继续", f"回复“tells”：\n{rest}"]
    else:
        assert part == "Roses are red. （未完，继续）"
        assert said == [f"回复“tells”：\n{rest}"]
    assert chat.say("yes") == "liked it: yes"


def test_p6_unread_expires_after_a_day_and_its_question_counts_as_shown_then() -> None:
    def patient(message: Any) -> Any:
        yield work("x")
        return f"got {(yield ask('q?', timeout=1_000_000))}"

    for seconds, said in ((86_300, "q?"), (86_500, None)):
        chat = talking(patient)
        late(chat, "patient")
        (item,) = chat.record.unread.values()
        chat.world.now = item.until - 86_400_000 + seconds * 1_000
        if said:
            assert chat.say("继续").endswith(said)
        else:
            assert chat.say("answered blindly") == "got answered blindly"
            assert chat.record.unread == {}


def test_p6_a_record_lives_as_long_as_what_is_unread() -> None:
    chat = talking(order)
    chat.say("order")
    late(chat)
    (item,) = chat.record.unread.values()
    expires = chat.world.kept[chat.key][2]
    assert expires is not None
    assert expires >= item.until


# ---- P7: nothing that was typed is swallowed -------------------------------------------------------------------------


def typed_meanwhile(chat: Chat, message: Message, *more: Message) -> list[Any]:
    """What the user sees for these, typed one after the other while the first one's step runs; each by its own delivery."""
    chat.world.durations["work"] = 3_000
    pushes: list[Push] = []
    for each in (message, *more):
        pushes.append(chat.world.push(each))
        chat.world.elapse(100)
    chat.world.run(lambda: all(push.over for push in pushes))
    return [shown(chat.world.answered(push)) for push in pushes]


def test_p7_what_was_typed_before_the_question_was_shown_is_refused_with_the_question() -> None:
    chat = talking(order)
    chat.say("order")
    said = typed_meanwhile(chat, chat.text("pears"), chat.text("early"))
    assert said == ["pears! how many?", f"{NOT_TAKEN}\npears! how many?"]
    assert chat.say("3") == "pears! 3"


def test_p7_of_more_than_five_that_wait_the_next_is_told_so() -> None:
    chat = talking(order)
    chat.say("order")
    said = typed_meanwhile(chat, chat.text("pears"), *(chat.text(str(i)) for i in range(6)))
    assert said[0] == "pears! how many?"
    assert said[1:6] == [f"{NOT_TAKEN}\npears! how many?", *[NOT_TAKEN] * 4]
    assert said[6] == "消息太多，这条没有收下，请稍后再发。"


def test_p7_what_waits_behind_a_cancelled_turn_is_told_that_it_was_not_taken() -> None:
    chat = talking(order)
    chat.say("order")
    said = typed_meanwhile(chat, chat.text("pears"), chat.text("early"), chat.text("取消"))
    assert said == [None, NOT_TAKEN, f"已取消。\n{NOT_TAKEN}"]
    assert (chat.record.journal, chat.record.unread) == ([], {})


def test_p7_a_message_of_another_kind_is_told_what_is_expected() -> None:
    chat = talking(form)
    chat.say("form")
    assert chat.image() == "请回复文字。\none?"
    assert chat.say("a") == "two?"


def test_p7_what_was_not_understood_is_told_so() -> None:
    def counts(message: Any) -> Any:
        return f"{(yield ask.number('n?', 1, 9))}"

    chat = talking(counts)
    chat.say("counts")
    assert chat.say("many") == "请回复 1 到 9 的整数"
    assert chat.say("3") == "3"


@pytest.mark.parametrize("seconds", [61, 300, 655])
def test_p7_an_answer_that_comes_too_late_meets_timed_out(seconds: float) -> None:
    def patient(message: Any) -> Any:
        try:
            return f"got {(yield 'q?')}"
        except TimedOut:
            return "too slow"

    chat = talking(patient, form)
    chat.say("patient")
    chat.later(seconds)
    assert chat.say("form") == "too slow\none?"


@pytest.mark.parametrize("seconds", [61, 300, 655])
def test_p7_a_dialog_that_catches_no_time_out_is_over_with_one_sentence(seconds: float) -> None:
    chat = talking(form)
    chat.say("form")
    chat.later(seconds)
    assert chat.say("form") == f"{LAPSED}\none?"


def test_p7_after_ten_minutes_more_it_is_simply_a_new_conversation() -> None:
    chat = talking(form)
    chat.say("form")
    chat.later(661)
    assert chat.say("form") == "one?"


def test_p7_a_dialog_that_asks_again_at_a_time_out_says_that_the_message_was_not_taken() -> None:
    def insists(message: Any) -> Any:
        while True:
            try:
                return f"got {(yield 'q?')}"
            except TimedOut:
                continue

    chat = talking(insists)
    chat.say("insists")
    chat.later(61)
    assert chat.say("a") == f"{NOT_TAKEN}\nq?"
    assert chat.say("b") == "got b"


def test_p7_what_is_late_because_its_worker_died_is_judged_by_when_it_arrived() -> None:
    """Forgetting and time-outs are decided where the message is taken, by its arrival, and never by the later look."""
    chat = talking(form)
    chat.say("form")
    chat.later(50)
    message = chat.text("in time")
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Keep | turn.Spawn | turn.Report)
    dies(chat, message)
    chat.later(7)
    assert entries(chat.record)[-1].message == message.id
    blocked = chat.text("also in time")
    chat.world.now += 1_000
    assert chat.send(blocked) == "in time also in time"


# ---- P8: a deploy never mis-replays ----------------------------------------------------------------------------------


def before(message: Any) -> Any:
    one = yield "one?"
    made = yield work(one)
    return f"{made} {(yield 'two?')}"


def without_the_step(message: Any) -> Any:
    one = yield "one?"
    return f"{one} {(yield 'two?')}"


def with_another_step(message: Any) -> Any:
    one = yield "one?"
    made = yield things()
    return f"{one} {made} {(yield 'two?')}"


def with_one_more_step(message: Any) -> Any:
    """What is on record fits, as far as it goes; but no dialog waits at a step."""
    one = yield "one?"
    made = yield work(one)
    yield things()
    return f"{made} {(yield 'two?')}"


def shorter(message: Any) -> Any:
    return f"only {(yield 'one?')}"


def other_kinds(message: Any) -> Any:
    yield ask("picture!", accept=ImageMessage)


def as_d(dialog: Any, **options: Any) -> Bot:
    bot = Bot("token", store="memory://")
    bot.text("d", name="d", **options)(dialog)
    bot.default(lambda_named("routed_afresh"))
    return bot


def lambda_named(name: str) -> Any:
    def handler(message: Any) -> str:
        return f"{name} {message.text}"

    handler.__name__ = handler.__qualname__ = name
    return handler


@pytest.mark.parametrize("changed", [without_the_step, with_another_step, with_one_more_step, shorter, other_kinds])
def test_p8_a_dialog_that_diverged_between_turns_ends_with_a_sentence_and_the_message_is_routed(changed: Any) -> None:
    chat = Chat(as_d(before))
    chat.say("d")
    chat.say("a")
    deploy(chat, as_d(changed))
    assert chat.say("b") == f"{DIVERGED}\nrouted_afresh b"
    assert chat.outcomes[-2:] == ["diverged", "ended"]
    assert chat.record.journal == []


def test_p8_a_dialog_that_is_there_no_more_ends_with_a_sentence() -> None:
    chat = Chat(as_d(before))
    chat.say("d")
    deploy(chat, serving(form))
    assert chat.say("form") == f"{DIVERGED}\none?"
    assert chat.say("a") == "two?"


def test_p8_two_questions_that_changed_places_are_noticed_by_their_keys() -> None:
    def keyed(first: str, second: str) -> Any:
        def dialog(message: Any) -> Any:
            one = yield ask.text(f"{first}?", key=first)
            return f"{first} {one}, {second} {(yield ask.text(f'{second}?', key=second))}"

        return dialog

    chat = Chat(as_d(keyed("name", "street")))
    chat.say("d")
    assert chat.say("Li") == "street?"
    deploy(chat, as_d(keyed("street", "name")))
    assert chat.say("Main St") == f"{DIVERGED}\nrouted_afresh Main St"


def test_p8_a_question_of_another_kind_is_noticed_though_the_answer_would_suit_it() -> None:
    def chooses(message: Any) -> Any:
        fruit = yield ask.choice("fruit?", ["apple", "pear"])
        return f"{(yield ask.number('how many?', 1, 9))} {fruit}"

    def names_first(message: Any) -> Any:
        name = yield ask.text("name?")
        fruit = yield ask.choice("fruit?", ["apple", "pear"])
        return f"{name}: {(yield ask.number('how many?', 1, 9))} {fruit}"

    chat = Chat(as_d(chooses))
    chat.say("d")
    chat.say("apple")
    deploy(chat, as_d(names_first))
    assert chat.say("4").startswith(DIVERGED)


@pytest.mark.parametrize("keyed", [False, True])
def test_p8_nor_is_what_was_asked_last_answered_to_another_question(keyed: bool) -> None:
    """Its user never saw the question that the new code asks there."""

    def confirms(message: Any) -> Any:
        return f"{(yield ask.confirm('sure?', key='sure' if keyed else None))}"

    def remarks_first(message: Any) -> Any:
        remark = yield ask.text("a remark?", key="remark" if keyed else None)
        return f"{remark}: {(yield ask.confirm('sure?', key='sure' if keyed else None))}"

    def says_more(message: Any) -> Any:
        return f"{(yield ask.confirm('are you really sure?', key='sure' if keyed else None))}, so be it"

    chat = Chat(as_d(confirms))
    chat.say("d")
    deploy(chat, as_d(remarks_first))
    assert chat.say("yes") == f"{DIVERGED}\nrouted_afresh yes"
    chat = Chat(as_d(confirms))
    chat.say("d")
    deploy(chat, as_d(says_more))
    assert chat.say("yes") == "True, so be it"


FRUIT = ["apple", "pear", "fig"]


@pytest.mark.parametrize(
    ("text", "options", "fits"),
    [
        ("2", ["apple", "pear", "fig", "plum"], True),
        ("2", ["apple", "juicy pear", "fig"], True),  # reworded
        ("pear", ["pear", "apple", "fig"], True),  # chosen by its name
        ("2", ["pear", "apple", "fig"], False),
        ("2", ["apple", "fig"], False),
        ("1", ["plum", "apple", "pear"], False),
    ],
)
@pytest.mark.parametrize("answered", [True, False])
def test_p8_nor_does_an_answer_choose_another_option(text: str, options: list[str], fits: bool, answered: bool) -> None:
    def chooses(options: list[str]) -> Any:
        def dialog(message: Any) -> Any:
            fruit = yield ask.choice("fruit?", options)
            return f"{(yield 'how many?')} {fruit}"

        return dialog

    chat = Chat(as_d(chooses(FRUIT)))
    chat.say("d")
    if answered:
        chat.say(text)
    deploy(chat, as_d(chooses(options)))
    if not answered:
        if any(options.index(label) != FRUIT.index(label) for label in FRUIT if label in options):
            assert chat.say(text) == f"{DIVERGED}\nrouted_afresh {text}"
            return
        chat.say(text)
    chosen = next((label for label in options if "pear" in label), "")
    assert chat.say("3") == (f"3 {chosen}" if fits else f"{DIVERGED}\nrouted_afresh 3")


@pytest.mark.parametrize(("options", "fits"), [([*FRUIT, "plum"], True), (["fig", "pear", "apple"], False)])
def test_p8_nor_several_others(options: list[str], fits: bool) -> None:
    def chooses(options: list[str]) -> Any:
        def dialog(message: Any) -> Any:
            fruit = yield ask.choices("fruit?", options)
            return f"{(yield 'how many?')} {fruit}"

        return dialog

    chat = Chat(as_d(chooses(FRUIT)))
    chat.say("d")
    chat.say("1,2")
    deploy(chat, as_d(chooses(options)))
    assert chat.say("3") == ("3 ['apple', 'pear']" if fits else f"{DIVERGED}\nrouted_afresh 3")


def test_p8_other_words_are_no_other_dialog() -> None:
    def reworded(message: Any) -> Any:
        one = yield ask.text("first, please?")
        made = yield work(one)
        return f"{made}, then {(yield 'and then?')}"

    chat = Chat(as_d(before))
    chat.say("d")
    chat.say("a")
    deploy(chat, as_d(reworded))
    assert chat.say("b") == "a!, then b"


@pytest.mark.parametrize("changed", [with_another_step, without_the_step])
def test_p8_a_dialog_that_diverged_in_a_turn_ends_with_a_sentence_and_the_message_is_not_routed(changed: Any) -> None:
    """Its step was done already: it is not as if the message had never been taken."""

    def two_steps(message: Any) -> Any:
        one = yield "one?"
        yield work(one)
        yield work(one)

    chat = Chat(as_d(two_steps))
    chat.say("d")
    message = chat.text("a")
    results = iter(range(2))
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do) and next(results) == 1
    dies(chat, message)
    assert isinstance(entries(chat.record)[-1], journal.Result)
    deploy(chat, as_d(changed))
    chat.later(7)
    assert chat.send(message) == DIVERGED
    assert chat.outcomes[-1] == "diverged"
    assert (chat.record.journal, chat.record.turn) == ([], "")
    assert chat.say("b") == "routed_afresh b"


def test_p8_in_a_turn_whose_steps_are_all_answered_the_claim_ends_it() -> None:
    """The step that was about to begin is there no more: what is on record fits, and there is nothing more to do."""
    chat = Chat(as_d(before))
    chat.say("d")
    message = chat.text("a")
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do)
    dies(chat, message)
    deploy(chat, as_d(without_the_step))
    chat.later(7)
    assert chat.send(message) == "two?"
    assert chat.say("b") == "a b"


def test_p8_a_side_dialog_that_diverged_leaves_the_waiting_one() -> None:
    def side(event: Any) -> Any:
        yield work("a")
        yield work("b")
        return "done"

    def other(event: Any) -> Any:
        yield things()
        return "done otherwise"

    chat = talking(form)
    chat.bot.click("S", name="s")(side)
    chat.say("form")
    click = ClickEvent(event="click", key="S", **chat._common())
    results = iter(range(2))
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do) and next(results) == 1
    dies(chat, click)
    changed = serving(form)
    changed.click("S", name="s")(other)
    deploy(chat, changed)
    chat.later(7)
    assert chat.send(click).startswith(DIVERGED)
    assert chat.say("a") == "two?"


def test_p8_two_versions_stand_side_by_side() -> None:
    """Who began with the old one goes on with it; who begins anew begins with the new one."""

    def after(message: Any) -> Any:
        return f"new {(yield 'number?')}"

    def both() -> Bot:
        bot = as_d(after, version=2)
        bot.version(after, 1)(before)
        return bot

    chat = Chat(as_d(before))
    chat.say("d")
    chat.say("a")
    deploy(chat, both())
    assert chat.say("b") == "a! b"
    assert chat.say("d") == "number?"
    chat.crash()
    assert chat.say("5") == "new 5"


def test_p8_a_version_that_is_kept_no_more_has_diverged() -> None:
    chat = Chat(as_d(before))
    chat.say("d")
    deploy(chat, as_d(before, version=2))  # the same code, and yet not meant for it
    assert chat.say("x") == f"{DIVERGED}\nrouted_afresh x"


def test_p8_a_worker_older_than_a_journal_leaves_it_alone() -> None:
    """While a deploy runs, a new worker's conversation comes to an old one: it waits for a newer one to take it."""
    old, new = as_d(before), as_d(shorter, version=2)
    chat = Chat(new)
    chat.say("d")
    kept = chat.record.journal
    chat.bot = chat.world.bot = old
    chat.world.at = "old"
    message = chat.text("a")
    assert chat.send(message) == "…"
    assert chat.record.journal == kept
    chat.bot = chat.world.bot = new
    chat.world.at = "new"
    assert chat.send(message) == "only a"


def test_p8_behind_a_check_too_a_journal_of_a_newer_format_is_not_claimed() -> None:
    bot = serving(form)
    bot.before(lambda message: None)
    chat = Chat(bot)
    chat.say("form")
    version, fields, expires = chat.world.kept[chat.key]
    newer = {**fields, "1": '["z",1790000000000,"a kind of entry that only a newer version knows"]'}
    chat.crash()
    chat.world.kept[chat.key] = (version, newer, expires)
    message = chat.text("a")
    chat.later(10)  # its first pushes may have killed somebody
    chat.send(message)
    assert (chat.record.owner, chat.record.seen[message.id].state) == ("", "queued")


@pytest.mark.parametrize("line", ['["z",1790000000000,"a kind of entry that only a newer version knows"]', None])
def test_p8_a_journal_or_record_of_a_newer_format_is_left_alone(line: str | None) -> None:
    chat = talking(form)
    chat.say("form")
    _, fields, expires = chat.world.kept[chat.key]
    newer = {**fields, "1": line} if line else {**fields, "h": f"[{record.FORMAT + 1}]"}
    chat.crash()
    chat.world.kept[chat.key] = ("newer", newer, expires)
    message = chat.text("a")
    assert chat.send(message) == "…"
    assert {name: chat.world.kept[chat.key][1][name] for name in newer} == newer
    assert chat.outcomes == ["asked", "newer_version"]
    chat.world.kept[chat.key] = ("older", fields, expires)
    assert chat.send(message) == "two?"


def test_p8_a_dialog_that_diverged_at_a_time_out_ends_with_a_sentence() -> None:
    def cleans_up(message: Any) -> Any:
        try:
            yield "one?"
        except TimedOut:
            yield work("late")
            yield work("later")

    def cleans_otherwise(message: Any) -> Any:
        try:
            yield "one?"
        except TimedOut:
            yield things()

    chat = Chat(as_d(cleans_up))
    chat.say("d")
    chat.later(70)
    message, results = chat.text("a"), iter(range(2))
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do) and next(results) == 1
    dies(chat, message)
    deploy(chat, as_d(cleans_otherwise))
    chat.later(7)
    assert chat.send(message) == DIVERGED
    assert (chat.record.journal, chat.record.turn) == ([], "")
    assert chat.say("b") == "routed_afresh b"


# ---- P9: a bug costs its user one apology ----------------------------------------------------------------------------


def bug(message: Any) -> Any:
    yield "one?"
    raise ZeroDivisionError


def exits(message: Any) -> Any:
    yield "one?"
    raise SystemExit


def endless(message: Any) -> Any:
    yield "one?"
    while True:
        yield say("x")


def deep(message: Any) -> Any:
    yield "one?"
    yield from deep_down()


def deep_down() -> Any:
    yield from deep_down()


def no_reply(message: Any) -> Any:
    yield "one?"
    yield object()


@pytest.mark.parametrize("dialog", [bug, exits, endless, deep, no_reply])
def test_p9_a_bug_costs_one_apology_and_no_silence(dialog: Any) -> None:
    chat = talking(dialog, form)
    chat.say(dialog.__name__)
    message = chat.text("x")
    assert chat.send(message) == APOLOGY
    assert chat.send(message) == APOLOGY  # pushed again: the bug is not run again
    assert chat.outcomes == ["asked", "failed"]
    assert chat.record.journal == []
    assert chat.say("form") == "one?"


def test_p9_a_bug_that_a_step_met_is_one_apology_too() -> None:
    def careless(message: Any) -> Any:
        return (yield fails())

    chat = talking(careless, form)
    assert chat.say("careless") == APOLOGY
    assert chat.say("form") == "one?"


def test_p9_a_crash_loop_is_quarantined_with_one_apology() -> None:
    def poisonous(message: Any) -> Any:
        return (yield deadly())

    chat = talking(poisonous, form)
    message = chat.text("poisonous")
    for _ in range(3):
        dies(chat, message)
        chat.later(7)
    assert chat.outcomes == []
    dies(chat, message)
    chat.later(7)
    said = [chat.send(message), chat.send(message)]
    assert said == [APOLOGY, APOLOGY]
    assert chat.outcomes == ["quarantined"]
    assert chat.say("form") == "one?"


@pytest.mark.parametrize("place", ["at once", "behind a step", "at an answer"])
def test_p9_a_dialog_whose_own_code_kills_its_worker_is_quarantined_too(place: str) -> None:
    """Nothing is written between its beginning and its end, so the claim is, wherever somebody may have begun before."""

    def fatal(message: Any) -> Any:
        if place == "behind a step":
            yield work("x")
        elif place == "at an answer":
            yield "say something"
        raise KeyboardInterrupt  # the process ends here

    chat = talking(fatal, form)
    if place == "at an answer":
        chat.say("fatal")
    message = chat.text("fatal")
    for _ in range(4):
        dies(chat, message)
        chat.later(7)
    assert chat.send(message) == APOLOGY
    assert chat.outcomes[-1] == "quarantined"
    assert chat.world.turns[-1].dialog.endswith("fatal") == (place != "at once")
    assert chat.say("form") == "one?"


@pytest.mark.parametrize("looks", ["its own pushes", "later messages"])
def test_p9_a_dialog_that_kills_its_worker_is_charged_to_its_own_message_and_not_to_the_one_before(looks: str) -> None:
    """The end of one turn and the beginning of the next share a write, until somebody has died of it."""

    def slow(message: Any) -> Any:
        return (yield work("slow"))

    def fatal(message: Any) -> Any:
        raise KeyboardInterrupt
        yield

    chat = talking(slow, fatal, form)
    chat.world.durations["work"] = 3_000
    message = chat.text("fatal")
    chat.world.push(chat.text("slow"))
    chat.world.elapse(500)
    chat.world.push(message)
    with pytest.raises(Crash):
        chat.world.elapse(5_000)
    chat.crash()
    for _ in range(12):
        chat.later(7)
        try:
            chat.world.deliver(message if looks == "its own pushes" else chat.text("继续"))
        except Crash:
            chat.crash()
    assert chat.outcomes[:2] == ["ended", "quarantined"]
    assert [turn.dialog.rpartition(".")[2] for turn in chat.world.turns[:1]] == ["slow"]
    assert chat.say("form").startswith("one?")


def test_p9_a_waiting_dialog_whose_new_code_kills_its_worker_is_quarantined_without_being_run() -> None:
    def waits(message: Any) -> Any:
        yield "one?"

    good = waits
    chat = talking(good)
    chat.say("waits")

    def waits(message: Any) -> Any:  # type: ignore[no-redef]
        raise KeyboardInterrupt
        yield "one?"

    deploy(chat, serving(waits, form))
    message = chat.text("a")
    for _ in range(4):
        dies(chat, message)
        chat.later(7)
    assert chat.send(message) == APOLOGY
    assert chat.outcomes == ["asked", "quarantined"]
    assert chat.say("form") == "one?"


def test_p9_a_side_dialog_and_the_waiting_one_that_kill_their_worker_are_both_quarantined() -> None:
    """A deploy broke both: what waits is run under a claim of its own."""

    def waits(message: Any) -> Any:
        yield "one?"

    chat = talking(waits)
    chat.say("waits")

    def waits(message: Any) -> Any:  # type: ignore[no-redef]
        raise KeyboardInterrupt
        yield "one?"

    def side(event: Any) -> Any:
        yield deadly()

    good = chat.bot
    good.click("side")(side)
    dies(chat, ClickEvent(event="click", key="side", **chat._common()))
    broken = serving(waits, form)
    broken.click("side")(side)
    deploy(chat, broken)
    for _ in range(12):
        chat.later(7)
        try:
            chat.world.deliver(chat.text("a"))
        except Crash:
            chat.crash()
    assert chat.outcomes[:3] == ["asked", "quarantined", "quarantined"]
    assert chat.say("form").startswith("one?")


def test_p9_of_two_dialogs_that_kill_their_worker_behind_a_check_each_costs_an_apology() -> None:
    def fatal(message: Any) -> Any:
        raise KeyboardInterrupt
        yield

    bot = serving(fatal, form)
    bot.before(lambda message: None)
    chat = Chat(bot)
    first, second = chat.text("fatal"), chat.text("fatal")
    for message in (first, second, *(chat.text("继续") for _ in range(12))):
        try:
            chat.world.deliver(message)
        except Crash:
            chat.crash()
        chat.later(7)
    assert [outcome for outcome in chat.outcomes if outcome != "unrouted"] == ["quarantined", "quarantined"]
    assert chat.say("form").startswith("one?")


def test_p9_a_crash_loop_is_charged_to_its_own_message_and_those_behind_it_go_on() -> None:
    def poisonous(message: Any) -> Any:
        return (yield deadly())

    chat = talking(poisonous, form)
    message, behind = chat.text("poisonous"), chat.text("form")
    chat.world.push(message)
    with pytest.raises(Crash):
        chat.world.elapse(0)
    chat.crash()
    chat.world.push(behind)
    chat.world.elapse(100)
    for _ in range(3):
        chat.later(7)
        dies(chat, behind)
    chat.later(7)
    assert chat.send(behind) == f"one?\n{APOLOGY}" or chat.record.unread
    assert chat.outcomes == ["quarantined", "asked"]
    assert chat.say("a").startswith("two?")


def test_p9_a_crash_loop_of_a_once_step_is_quarantined_too() -> None:
    """An interruption on record is no progress."""

    @step(once=True)
    def first() -> str:
        raise Crash

    def poisonous(message: Any) -> Any:
        while True:
            try:
                yield first()
            except StepInterrupted:
                continue

    chat = talking(poisonous, form)
    message = chat.text("poisonous")
    for _ in range(4):
        dies(chat, message)
        chat.later(7)
    assert chat.send(message) == APOLOGY
    assert chat.outcomes == ["quarantined"]


def test_p9_slow_progress_is_no_crash_loop() -> None:
    """Every worker dies after one more step: claims are counted since the last progress."""

    def long(message: Any) -> Any:
        for i in range(6):
            yield work(str(i))
        return "done"

    chat = talking(long)
    message = chat.text("long")
    for _ in range(5):
        done = iter(range(9))
        chat.world.crash_before = lambda effect, done=done: isinstance(effect, turn.Do) and next(done) == 1
        dies(chat, message)
        chat.later(7)
    assert chat.send(message) == "done"


def test_p9_a_crash_loop_of_one_user_costs_nobody_else_anything() -> None:
    def poisonous(message: Any) -> Any:
        return (yield deadly())

    chat = talking(poisonous, form)
    other = Chat(chat.bot, user="oOther", world=chat.world)
    other.say("form")
    for _ in range(4):
        message = chat.last or chat.text("poisonous")
        chat.last = message
        dies(chat, message)
        chat.later(7)
    assert chat.again() == APOLOGY
    assert other.say("a") == "two?"


def test_every_promise_of_the_turns_has_its_tests() -> None:
    names = [name for name in globals() if name.startswith("test_p")]
    assert {name.split("_")[1] for name in names} == {f"p{i}" for i in range(1, 10)}


def test_p9_a_text_of_a_class_of_its_own_is_a_text() -> None:
    class Safe(str):  # as template engines have
        __slots__ = ()

    def safely(message: Any) -> Any:
        answer = yield Safe("what?")
        return again(Safe(f"{answer}, and?"))

    chat = talking(safely)
    assert [chat.say(text) for text in ("safely", "a", "safely", "b")] == ["what?", "a, and?", "what?", "b, and?"]
