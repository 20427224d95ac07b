"""Deliveries and turns: what a worker's death costs, and what it never costs."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from talk import START, Chat, Crash, Work, World
from wechat import (
    CHINESE,
    Bot,
    ClickEvent,
    Event,
    Message,
    TextMessage,
    Turn,
    again,
    ask,
    journal,
    recall,
    record,
    remember,
    reply,
    say,
    step,
    stream,
    turn,
)
from wechat.attempt import WECHAT, Deadlines, Delivery, choose, is_last
from wechat.errors import StepFailed, TimedOut
from wechat.medium import Medium
from wechat.record import Seen
from wechat.replay import Machine

VOICE = Medium("gh_test", "oUser", CHINESE, dt.timezone.utc)


@step
def reserve(what: str, *, idempotency_key: str = "") -> str:
    return f"{what}#{idempotency_key[:4]}"


@step
def charge(amount: int) -> int:
    return amount * 100


def order(message: Any) -> Any:
    what = yield ask.text("what?")
    number = yield reserve(what)
    count = yield ask.number(f"{number}: how many?", 1, 9)
    cents = yield charge(count)
    visits = yield recall("orders", 0)
    yield remember("orders", visits + 1)
    return f"{cents} cents, order {visits + 1}"


@step
def points(openid: str) -> int:
    return 77


def my_points(event: Any) -> Any:
    return f"{(yield points(event.openid))} points"


def make_bot() -> Bot:
    bot = Bot("token", store="memory://")
    bot.text("order")(order)
    bot.click("POINTS")(my_points)
    return bot


# ---- a worker that dies ---------------------------------------------------------------------------------------------


def push_as_wechat(chat: Chat, message: Message) -> Any:
    """Three pushes, five seconds apart, until one is answered; then the user fetches what is left."""
    for _ in range(3):
        said = None
        try:
            said = chat.world.deliver(message)
        except Crash:
            chat.world.crash_before = lambda effect: False
            chat.world.crash()
        if said is not None:
            return said
        chat.world.now += 5_000
    return None


def ledger(chat: Chat) -> Counter[str]:
    """Which steps began, by what they are the step of."""
    begun: Counter[str] = Counter()

    def spy(name: str, function: Any) -> Any:
        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            begun[f"{name} {kwargs.get('idempotency_key', args)}"] += 1
            return function(*args, **kwargs)

        return called

    for each in (reserve, charge, points):
        chat.world.fakes[each.name] = spy(each.name, each.function)
    return begun


def crash_at(world: World, number: int) -> None:
    """The worker dies before its `number`-th effect from now."""
    count = iter(range(number, -1, -1))
    world.crash_before = lambda effect: next(count, -1) == 0


def script(chat: Chat) -> list[Any]:
    return [chat.text("order"), chat.text("pears"), None, chat.text("3")]


@pytest.mark.parametrize("point", range(40))
def test_wherever_the_worker_dies_the_order_is_placed_once(point: int) -> None:
    chat = Chat(make_bot())
    begun = ledger(chat)
    recorded: Counter[str] = Counter()
    chat.world.after_write = lambda rec: recorded.update(
        entry.name for entry in map(journal.decode, rec.journal[-1:]) if isinstance(entry, journal.Result)
    )
    crash_at(chat.world, point)
    said = []
    for message in script(chat):
        message = message or ClickEvent(event="click", key="POINTS", **chat._common())
        said.append(push_as_wechat(chat, message))
        chat.world.now += 2_000
    died = sum(begun.values()) > len(begun)
    key = next(name for name in begun if name.startswith("reserve"))[8:]
    assert said == [
        "what?",
        f"pears#{key[:4]}: how many?",
        f"77 points\n刚才问您：pears#{key[:4]}: how many?",
        "300 cents, order 1",
    ]
    assert len(begun) == 3
    assert all(count <= (2 if died else 1) for count in begun.values())
    assert chat.record.data["orders"].value == 1
    assert chat.record.journal == []


def test_a_step_whose_result_is_on_record_never_runs_again() -> None:
    """A menu click with a step comes in mid-form; the worker dies between step and reply."""
    chat = Chat(make_bot())
    begun = ledger(chat)
    two_steps = Bot("token", store="memory://")
    two_steps.text("order")(order)

    def click(event: Any) -> Any:
        first = yield points(event.openid)
        second = yield charge(first)
        return f"{second}"

    two_steps.click("POINTS")(click)
    chat.bot = chat.world.bot = two_steps
    chat.say("order")
    crashed = []

    def after_points_is_recorded(rec: Any) -> None:
        if not crashed and rec.journal and isinstance(journal.decode(rec.journal[-1]), journal.Result):
            crashed.append(True)
            raise Crash

    chat.world.after_write = after_points_is_recorded
    with pytest.raises(Crash):
        chat.click("POINTS")
    chat.crash()
    assert begun["points ('oUser',)"] == 1
    chat.later(7)
    said = chat.say("pears")  # a living worker takes over, and then the form's answer; what was late follows
    assert said.endswith("how many?\n7700")
    assert begun["points ('oUser',)"] == 1
    assert chat.say("3").startswith("300 cents")


def test_a_step_that_was_cut_off_runs_again_with_the_same_key() -> None:
    keys = []

    @step
    def pay(*, idempotency_key: str = "") -> str:
        keys.append(idempotency_key)
        if len(keys) == 1:
            raise Crash
        return "paid"

    def paying(message: Any) -> Any:
        return (yield pay())

    bot = Bot("token", store="memory://")
    bot.text("pay")(paying)
    chat = Chat(bot)
    with pytest.raises(Crash):
        chat.say("pay")
    chat.crash()
    chat.later(7)
    assert chat.again() == "paid"
    assert keys[0] == keys[1]


def test_a_handler_aside_that_died_is_taken_over_by_any_later_look() -> None:
    runs = []

    def click(event: Any) -> str:
        runs.append(1)
        if len(runs) == 1:
            raise Crash
        return "clicked"

    bot = make_bot()
    bot.click("A")(click)
    chat = Chat(bot)
    with pytest.raises(Crash):
        chat.click("A")
    chat.crash()
    chat.later(7)
    chat.say("order")
    chat.world.settle()
    assert len(runs) == 2
    assert chat.say("继续") == "clicked"


def test_who_dies_again_and_again_is_quarantined_with_one_apology() -> None:
    def deadly(message: Any) -> Any:
        yield killer()

    @step
    def killer() -> None:
        raise Crash

    bot = make_bot()
    bot.text("deadly")(deadly)
    chat = Chat(bot)
    message = chat.text("deadly")
    for _ in range(4):
        with pytest.raises(Crash):
            chat.send(message)
        chat.crash()
        chat.later(7)
    assert chat.send(message) == "抱歉，出错了，请稍后再试。"
    assert chat.outcomes == ["quarantined"]
    assert chat.say("order") == "what?"


# ---- leases ---------------------------------------------------------------------------------------------------------


def test_a_long_step_keeps_its_lease_by_signs_of_life() -> None:
    chat = Chat(make_bot())
    begun = ledger(chat)
    chat.world.durations["reserve"] = 30_000
    chat.say("order")
    message = chat.text("pears")
    assert chat.send(message) == "…"
    assert chat.send(message) == "…"
    chat.world.settle()
    assert sum(begun.values()) == 1
    assert chat.say("继续").endswith("how many?")
    assert chat.say("3") == "300 cents, order 1"


def test_every_delivery_of_a_message_joins_its_turn() -> None:
    chat = Chat(make_bot())
    chat.world.durations["reserve"] = 7_000
    chat.say("order")
    message = chat.text("pears")
    assert chat.send(message) == "…"
    assert chat.send(message).endswith("how many?")
    assert chat.send(message).endswith("how many?")


def test_the_last_delivery_says_that_it_is_being_thought_about() -> None:
    chat = Chat(make_bot())
    chat.world.durations["reserve"] = 20_000
    chat.say("order")
    message = chat.text("pears")
    assert [chat.send(message) for _ in range(3)] == ["…", "…", "正在思考… 继续"]
    assert chat.send(message) == "正在思考… 继续"
    chat.world.settle()
    assert chat.say("继续").endswith("how many?")


def test_a_step_does_not_begin_when_its_lease_would_run_out_first() -> None:
    class Stalling(World):
        stalls = iter([7_000])

        def do(self, work: Work, effect: turn.Do) -> Any:
            self.now += next(self.stalls, 0)
            return super().do(work, effect)

    bot = make_bot()
    chat = Chat(bot, world=Stalling(bot))
    begun = ledger(chat)
    chat.say("order")
    chat.say("pears")
    chat.world.settle()
    assert sum(begun.values()) == 1


def test_messages_are_taken_in_the_order_they_came() -> None:
    taken = []

    @step
    def slowly(text: str) -> str:
        taken.append(text)
        return text

    def chat_on(message: Any, n: int = 0) -> Any:
        yield slowly(message.text)
        return again(f"{message.text} {n}", n=n + 1)

    bot = Bot("token", store="memory://")
    bot.text("chat", busy="queue")(chat_on)
    chat = Chat(bot)
    chat.world.durations["slowly"] = 2_500
    chat.say("chat")
    works = []
    for text in ("a", "b", "c"):
        message = chat.text(text)
        delivery = Delivery(message, chat.world.now)
        works.append(chat.world.spawn(chat.key, turn.deliver(bot.conduct(message), delivery, text, chat.world.now)))
        chat.world.run(lambda: not chat.world.ready)
        chat.world.now += 200
    chat.world.settle()
    assert taken == ["chat", "a", "b", "c"]
    assert [work.value for work in works][:1] == ["a 1"]


def test_the_sixth_message_that_waits_is_told_so() -> None:
    chat = Chat(make_bot())
    chat.world.durations["reserve"] = 60_000
    chat.say("order")
    messages = [chat.text(str(i)) for i in range(7)]
    works = []
    for message in messages:
        delivery = Delivery(message, chat.world.now)
        generator = turn.deliver(chat.bot.conduct(message), delivery, message.id, chat.world.now)
        works.append(chat.world.spawn(chat.key, generator))
        while chat.world.ready:
            chat.world.step(*chat.world.ready.popleft())
    assert [work.value for work in works if work.done] == ["消息太多，这条没有收下，请稍后再发。"]


# ---- a worker that goes down ----------------------------------------------------------------------------------------


def goes_down_in_a_turn(chat: Chat) -> None:
    """The worker is told to go down when it has claimed a turn, and before its step begins."""

    def told(rec: Any) -> None:
        if rec.turn:
            chat.world.worker.stopping = True

    chat.world.after_write = told


def test_who_goes_down_claims_nothing_and_carries_what_others_finish() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    message = chat.text("pears")
    chat.world.worker.stopping = True
    waiting = chat.world.push(message)
    chat.world.elapse(500)
    assert chat.record.owner == ""
    chat.world.at = "b"
    chat.world.push(message)
    chat.world.elapse(3_000)
    assert waiting.said is not None
    assert waiting.said == chat.record.seen[message.id].reply


def test_a_step_that_did_not_begin_is_handed_over_at_once_and_counts_as_no_failure() -> None:
    chat = Chat(make_bot())
    begun = ledger(chat)
    chat.say("order")
    message = chat.text("pears")
    goes_down_in_a_turn(chat)
    for chat.world.at in "abcdefgh":  # more than a crash loop may have
        push = chat.world.push(message)
        chat.world.elapse(10)
        push.delivery.open = False
        assert (chat.record.owner, chat.record.claims, chat.record.turn) == ("", 0, message.id)
    chat.world.after_write = lambda rec: None
    chat.world.at = "z"
    assert chat.send(message).endswith("how many?")
    assert sum(begun.values()) == 1


def test_the_intent_of_a_step_that_did_not_begin_is_dropped_with_it() -> None:
    @step(once=True)
    def pay() -> str:
        return "paid"

    def paying(message: Any) -> Any:
        return (yield pay())

    bot = Bot("token", store="memory://")
    bot.text("pay")(paying)
    chat = Chat(bot)
    message = chat.text("pay")
    goes_down_in_a_turn(chat)
    chat.world.push(message)
    chat.world.elapse(10)
    assert [type(journal.decode(line)) for line in chat.record.journal] == [journal.Began]
    chat.world.after_write = lambda rec: None
    chat.world.at = "b"
    assert chat.send(message) == "paid"


def test_who_goes_down_ends_its_turn_and_takes_nothing_more_from_the_queue() -> None:
    bot = make_bot()
    bot.text("buy", busy="queue")(order)
    chat = Chat(bot)
    chat.world.durations["reserve"] = 3_000
    chat.say("buy")
    push = chat.world.push(chat.text("pears"))
    chat.world.elapse(500)
    behind = chat.text("3")
    chat.world.push(behind)
    chat.world.elapse(500)
    chat.world.worker.stopping = True
    chat.world.elapse(3_000)
    assert push.said
    assert (chat.record.owner, [seen.id for seen in chat.record.queue()]) == ("", [behind.id])
    chat.world.at = "b"
    assert chat.send(behind) == "300 cents, order 1"


def test_a_handler_aside_that_did_not_begin_is_handed_over_too() -> None:
    bot = make_bot()
    bot.click("A")(step(name="handler")(lambda event: "clicked"))
    chat = Chat(bot)
    click = ClickEvent(event="click", key="A", **chat._common())
    chat.world.after_write = lambda rec: setattr(chat.world.worker, "stopping", True)
    chat.world.push(click)
    chat.world.elapse(10)
    (seen,) = chat.record.seen.values()
    assert (seen.state, seen.owner, seen.claims) == ("aside", "", 0)
    chat.world.after_write = lambda rec: None
    chat.world.at = "b"
    assert chat.send(click) == "clicked"


# ---- round trips ----------------------------------------------------------------------------------------------------


def test_a_hot_plain_turn_costs_one_round_trip_and_a_cold_one_two() -> None:
    def plain(message: Any) -> Any:
        while True:
            yield "?"

    bot = Bot("token", store="memory://")
    bot.text("plain")(plain)
    chat = Chat(bot)

    def trips(say: str) -> int:
        before = chat.world.trips
        chat.say(say)
        return chat.world.trips - before

    assert trips("plain") == 2
    assert trips("a") == 1
    chat.crash()
    assert trips("b") == 2
    assert trips("c") == 1


def test_a_turn_with_steps_costs_one_round_trip_more_for_each() -> None:
    def steps(message: Any) -> Any:
        yield "?"
        for _ in range(3):
            yield charge(1)
        return "done"

    bot = Bot("token", store="memory://")
    bot.text("steps")(steps)
    chat = Chat(bot)
    chat.say("steps")
    before = chat.world.trips
    assert chat.say("x") == "done"
    assert chat.world.trips - before == 4


def with_steps(message: Any) -> Any:
    count = int((yield "how many?"))
    for _ in range(count):
        yield charge(1)
    yield "done?"


#: round trips of a turn of so many steps, where this worker kept the conversation, knows nothing of it, or what another has
#: changed since (a refused write brings it)
TRIPS = [
    ("hot", 0, 1),
    ("hot", 1, 2),
    ("hot", 5, 6),
    ("cold", 0, 2),
    ("cold", 1, 3),
    ("cold", 5, 7),
    ("stale", 0, 2),
    ("stale", 5, 7),
]


@pytest.mark.parametrize(("kept", "steps", "trips"), TRIPS)
def test_a_turn_costs_one_round_trip_and_one_for_each_step_and_one_more_where_it_is_not_hot(
    kept: str, steps: int, trips: int
) -> None:
    bot = make_bot()
    bot.text("steps")(with_steps)
    chat = Chat(bot)
    chat.say("steps")
    if kept == "cold":
        chat.crash()
    if kept == "stale":
        _, fields, expires = chat.world.kept[chat.key]
        chat.world.kept[chat.key] = ("another", fields, expires)
    before = chat.world.trips
    assert chat.say(str(steps)) == "done?"
    assert chat.world.trips - before == trips


@pytest.mark.parametrize(("worker", "trips"), [("a", 0), ("b", 1)])
def test_a_duplicate_costs_nothing_where_it_was_answered_and_one_round_trip_elsewhere(worker: str, trips: int) -> None:
    chat = Chat(make_bot())
    chat.say("order")
    chat.world.at = worker
    for _ in range(2):
        before, writes = chat.world.trips, chat.world.writes
        assert chat.again() == "what?"
        assert (chat.world.trips - before, chat.world.writes) == (trips, writes)


def test_a_stale_hot_conversation_costs_as_much_as_a_cold_one() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    _, fields, expires = chat.world.kept[chat.key]
    chat.world.kept[chat.key] = ("another", fields, expires)
    before = chat.world.trips
    assert chat.say("pears").endswith("how many?")
    assert chat.world.trips - before == 3


# ---- what is kept ---------------------------------------------------------------------------------------------------


def test_an_ended_conversation_keeps_the_messages_seen_and_no_journal() -> None:
    chat = Chat(make_bot())
    for text in ("order", "pears", "3"):
        chat.say(text)
    assert chat.record.journal == []
    assert list(chat.record.seen) == ["oUser1", "oUser2", "oUser3"]
    assert chat.record.standing is None


def test_a_record_outlives_its_last_message_by_a_day_and_its_data_for_ever() -> None:
    def asks(message: Any) -> Any:
        yield "?"

    bot = make_bot()
    bot.text("asks")(asks)
    chat = Chat(bot)
    chat.say("asks")
    assert chat.world.kept[chat.key][2] == chat.record.seen["oUser1"].at + 86_400_000
    for text in ("x", "order", "pears", "3"):
        chat.say(text)
    assert chat.world.kept[chat.key][2] is None


def test_a_waiting_conversation_keeps_every_field_short() -> None:
    def plain(message: TextMessage) -> Any:
        total = 0
        for _ in range(5):
            total += int((yield f"{total}?"))

    bot = Bot("token", store="memory://")
    bot.text("累加器")(plain)
    chat = Chat(bot, user="oAbCdEfGhIjKlMnOpQrStUvWxYz0")
    chat.count = 24_000_000_000_000_000
    for text in ("累加器", "1", "2"):
        message = chat.text(text)
        chat.send(
            TextMessage(
                text=text, id=message.id[28:], openid=message.openid, account=message.account, time=message.time
            )
        )
    fields = chat.world.kept[chat.key][1]
    long = {name: len(text.encode()) for name, text in fields.items() if len(text.encode()) > 64}
    assert set(long) <= {"0"}, long  # the beginning names its dialog and route


def test_a_dialog_that_diverged_in_a_turn_ends_with_one_sentence_and_is_not_routed_again() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    message = chat.text("pears")

    def dies(effect: Any) -> bool:
        return isinstance(effect, turn.Do)

    chat.world.crash_before = dies
    with pytest.raises(Crash):
        chat.send(message)
    chat.crash()
    chat.world.crash_before = lambda effect: False

    def changed(message: Any) -> Any:
        yield "what?"
        yield charge(1)
        yield "?"

    bot = Bot("token", store="memory://")
    bot.text("order", name="order")(changed)
    chat.bot = chat.world.bot = bot
    chat.later(7)
    # the journal has no result yet, so the new code's step is as good as the old one's
    assert chat.send(message) == "?"


def test_reports_name_dialog_outcome_and_deliveries() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    report: Turn = chat.world.turns[0]
    assert (report.dialog, report.outcome, report.deliveries, report.reply) == ("order", "asked", 1, "what?")
    assert report.message.text == "order"


def test_say_before_a_step_is_said_with_what_follows_it() -> None:
    def talks(message: Any) -> Any:
        yield say("one moment")
        cents = yield charge(1)
        return f"{cents}"

    bot = Bot("token", store="memory://")
    bot.text("talks")(talks)
    chat = Chat(bot)
    assert chat.say("talks") == "one moment\n100"


def test_a_machine_is_never_used_on_another_record_than_its_own() -> None:
    """Where a write is refused, the dialog is replayed from what is there: nothing of the lost try is left."""
    chat = Chat(make_bot())
    chat.say("order")
    kept: turn.Keep = chat.world.hot[chat.key]
    assert isinstance(kept.machine, Machine)
    other = Chat(chat.bot, world=chat.world)
    other.count = 10
    chat.crash()
    other.say("apples")
    chat.world.hot[chat.key] = kept
    assert chat.say("2") == "200 cents, order 1"


# ---- what only a demanding reader thinks of -------------------------------------------------------------------------


def test_a_record_of_a_newer_version_waits_for_a_newer_worker() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    _, fields, expires = chat.world.kept[chat.key]
    chat.crash()
    chat.world.kept[chat.key] = ("newer", {**fields, "h": "[99]"}, expires)
    assert chat.say("pears") == "…"
    chat.world.kept[chat.key] = ("older", fields, expires)
    assert chat.again().endswith("how many?")


def test_a_hook_that_kills_its_worker_never_lets_the_message_through() -> None:
    def deadly(message: Any) -> Any:
        raise Crash

    chat = Chat(make_bot())
    chat.bot.before(deadly)
    message = chat.text("order")
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Hook)
    for _ in range(3):
        with pytest.raises(Crash):
            chat.send(message)
        chat.crash()
        chat.later(7)
    assert chat.send(message) == "抱歉，出错了，请稍后再试。"
    assert chat.outcomes == ["quarantined"]


def test_the_queue_is_as_short_with_a_hook_before() -> None:
    chat = Chat(make_bot())
    chat.bot.before(lambda message: None)
    chat.world.durations["reserve"] = 60_000
    chat.say("order")
    works = []
    for i in range(7):
        message = chat.text(str(i))
        delivery = Delivery(message, chat.world.now)
        generator = turn.deliver(chat.bot.conduct(message), delivery, message.id, chat.world.now)
        works.append(chat.world.spawn(chat.key, generator))
        chat.world.run(lambda: not chat.world.ready)
        chat.world.now += 10
    assert len(chat.record.queue()) == 5


def test_a_duplicate_costs_nothing_and_leaves_the_conversation_hot() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    before = chat.world.trips
    chat.again()
    chat.again()
    assert chat.world.trips == before


def test_a_result_in_the_middle_of_a_turn_wakes_nobody() -> None:
    def steps(message: Any) -> Any:
        yield "?"
        for _ in range(3):
            yield charge(1)
        return "done"

    bot = Bot("token", store="memory://")
    bot.text("steps")(steps)
    chat = Chat(bot)
    chat.world.durations["charge"] = 300
    chat.say("steps")
    before = chat.world.trips
    assert chat.say("x") == "done"
    assert chat.world.trips - before == 4


def test_a_reply_that_comes_after_a_minute_is_unread_and_not_lost() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    message = chat.text("pears")
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do)
    with pytest.raises(Crash):
        chat.send(message)
    chat.crash()
    chat.world.crash_before = lambda effect: False
    chat.later(61)
    chat.send(message)
    chat.world.settle()
    assert chat.say("继续").endswith("how many?")


def test_a_push_that_shows_no_reply_is_handled_after_its_check_though_nobody_asks_again() -> None:
    bot = Bot("token", store="memory://")
    gone: list[str] = []

    @bot.before
    async def nothing(message: Any) -> None:
        return None

    @bot.unsubscribe
    def farewell(event: Any) -> None:
        gone.append(event.openid)

    chat = Chat(bot)
    chat.world.deliver(Event(event="unsubscribe", key="", **chat._common()))
    chat.world.settle()
    assert gone == ["oUser"]
    assert [seen.state for seen in chat.record.seen.values()] == ["done"]


def test_what_a_hook_made_of_a_handlers_reply_is_what_is_reported() -> None:
    bot = Bot("token", store="memory://")
    bot.text("hi")(hello)

    @bot.after
    async def louder(over: Turn) -> str:
        return f"{over.reply}!"

    chat = Chat(bot)
    assert chat.say("hi") == "hello!"
    assert [over.reply for over in chat.world.turns] == ["hello!"]


def hello(message: Any) -> str:
    return "hello"


def test_a_result_renews_the_lease_so_that_no_chain_of_steps_outlasts_it() -> None:
    bot = Bot("token", store="memory://")

    @bot.text("go")
    def chain(message: Any) -> Any:
        for _ in range(8):
            yield charge(1)
        return "done"

    chat = Chat(bot)
    chat.world.durations["charge"] = 1_500  # too short for a sign of life
    chat.say("go")
    chat.world.settle()
    assert chat.world.writes == 1 + 8  # its beginning, and each result


def test_an_event_from_before_a_question_was_shown_does_not_answer_it() -> None:
    """The menu is tapped twice: the second tap came while the first question stood, and finds another."""
    bot = Bot("token", store="memory://")

    @bot.text("shop")
    def shop(message: Any) -> Any:
        first = yield ask("first?", accept=ClickEvent)
        cents = yield charge(1)
        second = yield ask("second?", accept=ClickEvent)
        return f"{first.key} {cents} {second.key}"

    @bot.click
    def menu(event: Any) -> str:
        return f"menu {event.key}"

    chat = Chat(bot)
    chat.world.durations["charge"] = 2_000
    assert chat.say("shop") == "first?"
    taps = [chat.world.push(ClickEvent(event="click", key=key, **chat._common())) for key in ("A", "B")]
    chat.world.settle()
    said = [chat.world.answered(tap) for tap in taps]
    assert said[0] == "second?"
    assert said[1].startswith("menu B")
    assert chat.click("C") == "A 100 C"


def test_a_worker_that_was_stopped_for_a_while_binds_no_reply_to_a_push_that_is_over() -> None:
    """The store's time as last told stands still meanwhile; the worker's own clock does not."""
    message = Chat(make_bot()).text("hi")
    seen = Seen(message.created, START, "taken", "--", id=message.id)
    assert Delivery(message, START, age=lambda: WECHAT.answer_by).carrier(seen, START) == "open"
    assert Delivery(message, START, age=lambda: WECHAT.answer_by + 1).carrier(seen, START) == ""


def test_a_time_out_that_was_ended_from_outside_and_whose_worker_died_does_no_harm_later() -> None:
    bot = Bot("token", store="memory://")

    @bot.text("form")
    def form(message: Any) -> Any:
        try:
            yield "name?"
        except TimedOut:
            yield charge(1)

    chat = Chat(bot)
    chat.say("form")
    chat.later(61)
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do)
    late = chat.text("too late")
    with pytest.raises(Crash):
        chat.world.deliver(late)
    chat.world.crash_before = lambda effect: False
    chat.crash()
    voice = chat.bot.conduct(late).voice
    work = chat.world.spawn(chat.key, turn.outside(lambda rec, now: not record.stop(rec, now, voice)))
    chat.world.run(lambda: work.done)
    chat.later(11 * 60)
    assert chat.say("form").startswith("name?")


def test_a_question_whose_clock_ran_out_while_a_side_dialog_ran_is_quoted_no_more() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    chat.world.durations["points"] = 70_000
    tap = chat.world.push(ClickEvent(event="click", key="POINTS", **chat._common()))
    chat.world.settle(80_000)
    assert chat.world.answered(tap) is None
    assert chat.record.journal
    said = f"{chat.say('pears')} {chat.say('继续')}"
    assert "77 points" in said
    assert "刚才问您" not in said


# ---- whatever a user's own code does, its user is reached again --------------------------------------------------------


def deployed(before: Any, after: Any) -> Chat:
    """A conversation that stands behind a step of `before`, and the code of `after`."""
    chat = Chat(Bot("token", store="memory://"))
    chat.bot.text("go", name="go")(before)
    chat.say("go")
    chat.world.bot = chat.bot = Bot("token", store="memory://")
    chat.bot.text("go", name="go")(after)
    chat.crash()
    return chat


@dataclasses.dataclass
class Strict:
    value: str

    def __post_init__(self) -> None:
        raise KeyError("a field that was renamed")


def asks_behind(a_step: Any) -> Any:
    def go(message: Any) -> Any:
        yield a_step()
        return (yield "q?")

    return go


def test_a_result_that_its_own_type_refuses_after_a_deploy_ends_the_conversation() -> None:
    @step(name="made")
    def made() -> dict[str, str]:
        return {"value": "x"}

    @step(name="made")
    def made_strict() -> Strict:
        return Strict("x")

    @step(name="made")
    def unresolved() -> Nowhere:  # type: ignore[name-defined]  # noqa: F821
        return None

    for other in (made_strict, unresolved):
        chat = deployed(asks_behind(made), asks_behind(other))
        assert chat.say("a").startswith("抱歉，程序更新了")
        assert chat.outcomes[-2:] == ["diverged", "unrouted"]


def test_a_reader_that_says_something_else_the_second_time_ends_the_turn_with_one_sentence() -> None:
    codes = ["1234"]

    def used(text: str) -> str:
        codes.remove(text)
        return text

    bot = Bot("token", store="memory://")

    @bot.text("go")
    def go(message: Any) -> Any:
        return (yield ask.parsed("code?", used))

    chat = Chat(bot)
    chat.say("go")
    assert chat.say("1234").startswith("抱歉，程序更新了")
    assert chat.say("go") == "code?"


def test_an_exception_that_cannot_say_what_it_is_is_a_failure_like_any_other() -> None:
    class Dumb(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    @step
    def fails() -> None:
        raise Dumb

    bot = Bot("token", store="memory://")

    @bot.text("go")
    def go(message: Any) -> Any:
        try:
            yield fails()
        except StepFailed as failed:
            return failed.type

    assert Chat(bot).say("go") == "Dumb"


def test_a_handler_that_a_deploy_made_a_dialog_costs_one_apology() -> None:
    bot = Bot("token", store="memory://")
    bot.click("A", name="a")(silent)
    chat = Chat(bot)
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do)
    tap = ClickEvent(event="click", key="A", **chat._common())
    with pytest.raises(Crash):
        chat.world.deliver(tap)
    chat.world.crash_before = lambda effect: False
    chat.world.bot = chat.bot = Bot("token", store="memory://")
    chat.bot.click("A", name="a")(asks_behind(charge))
    chat.crash()
    chat.later(7)
    assert chat.send(tap) == "抱歉，出错了，请稍后再试。"


def test_a_hook_that_withholds_a_part_withholds_it_and_nothing_more() -> None:
    bot = Bot("token", store="memory://")

    @step
    def poem() -> Iterator[str]:
        yield from "Roses are red."

    @bot.text("go")
    def go(message: Any) -> Any:
        yield stream(poem())

    @bot.after(pieces=True)
    async def only_whole(over: Turn) -> Any:
        outcomes.append(over.outcome)
        return over.reply if over.outcome != "unfinished" else None

    chat, outcomes = Chat(bot), list[str]()
    chat.world.durations["poem"] = 3_000
    assert chat.say("go") == "Roses are red."
    assert outcomes[-1] == "ended"
    assert set(outcomes) == {"unfinished", "ended"}


# ---- how a step is tried --------------------------------------------------------------------------------------------


def tried(times: int, *, fails: int) -> tuple[Chat, list[str]]:
    """A dialog whose step is tried so many times more, and fails so often."""
    keys: list[str] = []

    @step(retries=times)
    def shaky(*, idempotency_key: str = "") -> str:
        keys.append(idempotency_key)
        if len(keys) <= fails:
            raise OSError("no luck")
        return "luck"

    bot = Bot("token", store="memory://")

    @bot.text("go")
    def go(message: Any) -> Any:
        try:
            return (yield shaky())
        except StepFailed as failed:
            return f"{failed.type}: {failed.message}"

    return Chat(bot), keys


def test_a_step_is_tried_again_with_the_same_key_until_it_is_done() -> None:
    chat, keys = tried(3, fails=2)
    began = chat.world.now
    assert chat.say("go") == "luck"
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert chat.world.now - 1_000 - began == 250 + 500  # the pauses


def test_a_step_whose_tries_are_used_up_has_failed_and_its_last_failure_is_told() -> None:
    chat, keys = tried(2, fails=9)
    assert chat.say("go") == "OSError: no luck"
    assert len(keys) == 3


def test_a_step_that_takes_too_long_has_failed_and_what_it_gives_later_is_dropped() -> None:
    bot = Bot("token", store="memory://")

    @step(timeout=1.5)
    def slow() -> str:
        return "late"

    @bot.text("go")
    def go(message: Any) -> Any:
        try:
            return (yield slow())
        except StepFailed as failed:
            return failed.type

    chat = Chat(bot)
    chat.world.durations["slow"] = 60_000
    began = chat.world.now
    assert chat.say("go") == "TimeoutError"
    assert chat.world.now - 1_000 - began == 1_500


@pytest.mark.parametrize("streams", [True, False])
def test_a_step_whose_turn_was_cancelled_is_left_at_once(streams: bool) -> None:
    bot = Bot("token", store="memory://")

    @step
    def poem() -> Iterator[str]:
        for line in range(60):
            yield f"Roses are red, violets are blue, and so on for {line} lines.\n"

    @bot.text("go")
    def go(message: Any) -> Any:
        yield (stream(poem()) if streams else poem())

    chat = Chat(bot)
    chat.world.durations["poem"] = 60_000
    chat.world.push(chat.text("go"))
    chat.world.elapse(3_000)
    assert chat.say("取消") == "已取消。"
    chat.world.elapse(2_500)
    assert chat.record.turn == ""
    assert chat.record.owner == ""
    trips = chat.world.trips
    chat.world.elapse(10_000)
    assert chat.world.trips == trips


def test_a_handler_that_kills_whoever_runs_it_is_not_run_for_ever() -> None:
    bot = Bot("token", store="memory://")
    runs: list[str] = []

    @bot.click("A")
    def deadly(event: Any) -> str:
        runs.append(event.id)
        raise Crash

    chat = Chat(bot)
    tap = ClickEvent(event="click", key="A", **chat._common())
    said: Any = None
    for _ in range(6):
        try:
            said = chat.world.deliver(tap)
        except Crash:
            chat.crash()
        chat.world.now += 7_000
    assert len(runs) == 3
    assert said == "抱歉，出错了，请稍后再试。"


# ---- what a delivery carries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pushes", "since_first", "since_created", "last"),
    [
        (1, 0, 500, False),
        (2, 5_000, 5_500, False),
        (3, 1_000, 1_500, True),  # the third
        (2, 9_000, 8_500, True),  # one between was lost
        (1, 0, 9_500, True),  # both before it were
        (1, 0, 60_500, False),  # a test's clock, or a wrong one
    ],
)
def test_which_push_is_the_last(pushes: int, since_first: int, since_created: int, last: bool) -> None:
    start = START + 100_500
    seen = Seen((start - since_created) // 1000, start - since_first, "queued", "--" * pushes, id="1")
    assert is_last(Delivery(None, start), seen) is last


def test_who_waits_less_than_wechat_is_answered_sooner_and_pushes_sooner() -> None:
    """A gateway in between may give up after three seconds."""
    short = Deadlines(3_000)
    assert (short.last_chance, short.answer_by, short.in_time, short.give_up) == (2_300, 2_600, 2_900, 3_200)
    seen = Seen(START // 1_000, START, "queued", "--" * 2, id="1")
    later = START + 5_000
    assert not is_last(Delivery(None, later), seen)
    assert is_last(Delivery(None, later, deadlines=short), seen)


def test_a_delivery_is_answered_by_the_deadlines_of_its_bot() -> None:
    bot = make_bot()
    bot.settings = dataclasses.replace(bot.settings, deadlines=Deadlines(2_000))
    chat = Chat(bot)
    message = chat.text("order")
    delivery = Delivery(message, START, deadlines=bot.conduct(message).deadlines)
    seen = Seen(message.created, START, "queued", "--" * 3, id=message.id)
    assert delivery.chance_at(seen) == START + 1_300
    assert delivery.carrier(seen, START + 1_600) == "last"
    assert delivery.carrier(seen, START + 1_601) == ""


def test_at_its_last_chance_a_message_gets_its_own_answer_before_any_other() -> None:
    chat = Chat(make_bot())
    message = chat.text("hi")
    rec = record.Record(turn="0")
    rec.seen[message.id] = Seen(message.created, START, "queued", "------", id=message.id)
    record.put(rec, START, "0", "another's", False)
    record.put(rec, START, message.id, "mine", False)
    choose(chat.bot.conduct(message), Delivery(message, START), rec, START + WECHAT.last_chance)
    bound = rec.seen[message.id].reply
    assert bound is not None
    assert bound.startswith("mine")


def test_who_gets_another_answer_at_the_last_chance_is_told_that_their_own_is_to_come() -> None:
    chat = Chat(make_bot())
    message = chat.text("hi")
    rec = record.Record(turn="0")
    rec.seen[message.id] = Seen(message.created, START, "queued", "------", id=message.id)
    record.put(rec, START, "0", "another's", False)
    choose(chat.bot.conduct(message), Delivery(message, START), rec, START + WECHAT.last_chance)
    assert reply.visible(rec.seen[message.id].reply or "") == "正在思考… 继续\nanother's"


def test_a_message_that_gets_no_reply_of_its_own_brings_what_waits_to_be_read() -> None:
    chat = Chat(make_bot())
    chat.bot.default(silent)
    told = turn.outside(lambda rec, now: not record.tell(rec, now, "k", ["your parcel"], 1_000_000, VOICE))
    work = chat.world.spawn(chat.key, told)
    chat.world.run(lambda: work.done)
    assert chat.say("hello") == "your parcel"
    assert chat.say("hello") is None


def silent(message: Any) -> None:
    return None


def test_continue_fetches_what_a_handler_aside_will_say() -> None:
    """Its own last chance said so: the tap must not answer the dialog that waits."""
    bot = Bot("token", store="memory://")
    bot.text("order")(order)
    bot.click("POINTS")(step(name="handler")(lambda event: "77"))
    chat = Chat(bot)
    chat.say("order")
    chat.world.durations["handler"] = 8_000
    chat.world.push(ClickEvent(event="click", key="POINTS", **chat._common()))
    chat.world.elapse(4_000)
    assert chat.say("继续").endswith("77")
    assert chat.record.journal


def test_a_new_worker_whose_clock_is_wrong_carries_its_first_push_by_the_stores() -> None:
    chat = Chat(make_bot())
    message = chat.text("order")
    delivery = Delivery(message, START - 6_000)  # by its own clock, six seconds behind
    work = chat.world.spawn(chat.key, turn.deliver(chat.bot.conduct(message), delivery, "w", START - 6_000))
    chat.world.run(lambda: work.done)
    assert work.value == "what?"


def test_who_begins_to_go_down_between_two_tries_of_a_write_claims_nothing() -> None:
    chat = Chat(make_bot())
    chat.say("order")
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do)
    with pytest.raises(Crash):
        chat.world.deliver(chat.text("pears"))
    chat.later(7)
    message, now, fields = chat.text("x"), chat.world.now, chat.world.kept[chat.key][1]
    delivery = Delivery(message, now)
    work = turn.deliver(chat.bot.conduct(message), delivery, "w", now)
    assert isinstance(next(work), turn.Load)
    assert "h" in work.send(turn.Loaded("v1", fields, now)).put  # it would claim what the dead worker left
    delivery.worker.stopping = True
    assert "h" not in work.send(turn.Loaded("v2", fields, now)).put


def left_in_the_queue(chat: Chat) -> None:
    """A worker died in another's turn, which was ended from outside: "order" waits for its own, and nobody works."""
    chat.world.durations["reserve"] = 60_000
    chat.say("order")
    chat.world.push(chat.text("pears"))
    chat.world.elapse(100)
    chat.world.push(chat.text("order"))
    chat.world.elapse(100)
    chat.crash()
    rec = chat.record
    record.drop(rec)
    record.release(rec)
    chat.world.kept[chat.key] = ("left", record.fields(rec), None)
    chat.later(7)


def test_who_claims_and_begins_to_go_down_before_it_goes_on_gives_the_claim_back() -> None:
    chat = Chat(make_bot())
    left_in_the_queue(chat)

    def goes_down(rec: record.Record) -> None:
        chat.world.worker.stopping = True

    chat.world.after_write = goes_down
    chat.world.deliver(chat.text("x"))
    assert (chat.record.owner, chat.record.claims) == ("", 0)
    assert [seen.state for seen in chat.record.seen.values()][-2:] == ["queued", "queued"]


def test_who_was_stopped_behind_its_claim_goes_on_only_while_it_is_held() -> None:
    chat = Chat(make_bot())
    left_in_the_queue(chat)
    message, (_, fields, _) = chat.text("x"), chat.world.kept[chat.key]
    work = turn.deliver(chat.bot.conduct(message), Delivery(message, chat.world.now), "stopped", chat.world.now)
    work.send(None)
    claim = work.send(turn.Loaded("left", fields, chat.world.now))
    assert isinstance(claim, turn.Write)
    rec = record.read({**fields, **claim.put})
    assert record.worker(rec) == "stopped.0"
    assert isinstance(work.send(turn.Written("claimed", chat.world.now)), turn.Write)
    rec.owner, rec.until = "another.0:", chat.world.now + 12_000  # took over while it was stopped
    assert isinstance(work.send(turn.Loaded("taken", record.fields(rec), chat.world.now + 1_000)), turn.Wait)


def test_what_is_begun_later_begins_from_what_stood_there_when_it_was_begun() -> None:
    """The delivery that began it may have seen another's lease meanwhile."""
    chat = Chat(make_bot())
    chat.say("order")
    message = chat.text("pears")
    work = turn.deliver(chat.bot.conduct(message), Delivery(message, chat.world.now), "first", chat.world.now)
    version, fields, _ = chat.world.kept[chat.key]
    work.send(None)
    write = work.send(turn.Loaded(version, fields, chat.world.now))
    spawned = work.send(turn.Written("v", chat.world.now))
    assert isinstance(write, turn.Write)
    assert isinstance(spawned, turn.Spawn)
    taken = {**fields, **write.put}
    rec = record.read(taken)
    rec.owner, rec.until = f"second:{message.id}", chat.world.now + 60_000
    assert isinstance(work.send(None), turn.Wait)
    assert isinstance(work.send(None), turn.Load)
    work.send(turn.Loaded("other", record.fields(rec), chat.world.now))
    begun = spawned.work.send(None)
    assert isinstance(begun, turn.Do)
    assert begun.until == record.read(taken).until


@pytest.mark.parametrize(("after", "binds"), [(record.BINDS, True), (record.BINDS + 1, False)])
def test_nothing_is_bound_so_late_that_its_own_delivery_would_not_get_it(after: int, binds: bool) -> None:
    chat = Chat(make_bot())
    message = chat.text("hi")
    rec = record.Record()
    rec.seen[message.id] = Seen(message.created, START, "done", "--", id=message.id)
    record.put(rec, START, message.id, "mine", False)
    choose(chat.bot.conduct(message), Delivery(message, START + after), rec, START + after)
    assert (rec.seen[message.id].reply == "mine") is binds


def test_a_response_that_was_written_too_late_is_not_known_to_have_left() -> None:
    delivery = Delivery(Chat(make_bot()).text("hi"), START)
    assert list(turn.sent(delivery, START + 4_901)) == []
    assert isinstance(next(turn.sent(delivery, START + 4_900)), turn.Load)


def test_an_option_is_an_answer_only_once_its_question_was_shown() -> None:
    bot = Bot("token", store="memory://")

    @bot.text("go")
    def go(message: Any) -> Any:
        yield charge(1)
        choice = yield ask.choice("on?", ["继续", "停"])
        return f"chose {choice}"

    chat = Chat(bot)
    chat.world.durations["charge"] = 20_000
    chat.world.push(chat.text("go"))
    chat.world.elapse(30_000)
    fetched = chat.say("继续")
    assert "on?" in fetched
    assert "没有收下" not in fetched
    assert chat.say("继续") == "chose 继续"


# ---- a store, or a worker, that was away for longer than a lease lasts ------------------------------------------------


def test_a_worker_that_stood_still_does_not_take_over_what_it_does_itself() -> None:
    chat = Chat(make_bot())
    begun = ledger(chat)
    chat.world.durations["reserve"] = 60_000
    chat.say("order")
    message = chat.text("pears")
    chat.world.push(message)
    chat.world.elapse(100)
    chat.later(10)  # no sign of life
    chat.world.push(message)
    chat.world.settle(120_000)
    assert [count for name, count in begun.items() if name.startswith("reserve")] == [1]


def test_a_worker_that_stood_still_does_not_take_over_a_handler_that_it_runs_itself() -> None:
    bot = make_bot()
    bot.click("BESIDE")(points_beside)
    chat, begun = Chat(bot), []
    chat.world.fakes["points_beside"] = lambda event: begun.append(event.id) or "77"  # type: ignore[func-returns-value]
    chat.world.durations["points_beside"] = 60_000
    click = ClickEvent(event="click", key="BESIDE", **chat._common())
    chat.world.push(click)
    chat.world.elapse(100)
    chat.later(10)
    chat.world.push(click)
    chat.world.settle(120_000)
    assert begun == [click.id]


@step
def points_beside(event: Any) -> str:
    return "77"


def test_a_delivery_whose_client_hung_up_while_it_loaded_claims_nothing() -> None:
    chat = Chat(make_bot())
    left_in_the_queue(chat)
    _, fields, _ = chat.world.kept[chat.key]
    rec = record.read(fields)
    rec.owner, rec.until = "another:", chat.world.now + 1_000
    message = chat.text("x")
    delivery = Delivery(message, chat.world.now)
    work = turn.deliver(chat.bot.conduct(message), delivery, "w", chat.world.now)
    work.send(None)
    assert isinstance(work.send(turn.Loaded("v", record.fields(rec), chat.world.now)), turn.Write)
    assert isinstance(work.send(turn.Written("w", chat.world.now)), turn.Wait)
    assert isinstance(work.send(None), turn.Load)
    delivery.open = False
    with pytest.raises(StopIteration):
        work.send(turn.Loaded("v", record.fields(rec), chat.world.now + 10_000))


def test_a_delivery_began_when_it_arrived_however_long_the_store_was_away() -> None:
    chat = Chat(make_bot())
    message = chat.text("order")
    delivery = Delivery(message, 0, age=lambda: 20)
    work = turn.deliver(chat.bot.conduct(message), delivery, "w", START)
    work.send(None)
    work.send(turn.Loaded("", {}, START, waited=3_000))
    assert delivery.start == START - 3_020


@pytest.mark.parametrize("old", [0, 5])
def test_a_record_that_a_newer_version_wrote_meanwhile_is_not_written_over(old: int) -> None:
    """The worker holds an older one, and learns of the newer as its write is refused: of an ordinary message, or of any."""
    chat = Chat(make_bot())
    chat.say("order")
    message = chat.text("pears")
    chat.later(old)
    version, fields, expires = chat.world.kept[chat.key]
    newer = {**fields, "h": f"[{record.FORMAT + 1}]"}
    chat.world.kept[chat.key] = (f"{version}+", newer, expires)
    assert chat.send(message) == "…"
    assert chat.world.kept[chat.key] == (f"{version}+", newer, expires)


def test_a_side_dialog_above_one_that_only_a_newer_worker_knows_is_left_alone() -> None:
    def bot(version: int) -> Bot:
        made = Bot("token", store="memory://")
        made.text("order", version=version)(order)
        made.click("POINTS")(my_points)
        return made

    chat = Chat(bot(2))
    chat.say("order")
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do)
    with pytest.raises(Crash):
        chat.click("POINTS")
    chat.world.crash_before = lambda effect: False
    chat.crash()
    chat.bot = chat.world.bot = bot(1)
    begun = ledger(chat)
    head = chat.record.owner
    chat.later(7)
    chat.world.deliver(chat.text("x"))
    assert begun == Counter()
    assert (chat.record.owner, chat.record.claims) == (head, 0)


# ---- waiting --------------------------------------------------------------------------------------------------------


def anothers_turn(chat: Chat, lease: int) -> tuple[Any, dict[str, str]]:
    """A message, and what is on record while another worker works at it, for so long (ms)."""
    message = chat.text("order")
    begun = turn.deliver(chat.bot.conduct(message), Delivery(message, chat.world.now), "another", chat.world.now)
    begun.send(None)
    write = begun.send(turn.Loaded("", {}, chat.world.now))
    assert isinstance(write, turn.Write)
    rec = record.read(write.put)
    for seen in [seen for seen in rec.seen.values() if seen.until]:
        record.change(rec, seen, until=chat.world.now + lease)
    rec.until = chat.world.now + lease
    return message, record.fields(rec)


def renewed(fields: dict[str, str], until: int) -> dict[str, str]:
    rec = record.read(fields)
    rec.until = until
    return record.fields(rec)


def joined(chat: Chat, message: Any, fields: dict[str, str], waits: int = 5_000) -> tuple[Any, turn.Wait]:
    """A delivery of what is under way elsewhere, and how it waits."""
    delivery = Delivery(message, chat.world.now, deadlines=Deadlines(waits))
    work = turn.deliver(chat.bot.conduct(message), delivery, "this", chat.world.now)
    work.send(None)
    wait = work.send(turn.Loaded("v0", fields, chat.world.now))
    assert isinstance(wait, turn.Wait)
    return work, wait


def slow_bot() -> Bot:
    bot = Bot("token", store="memory://")

    @bot.text("order")
    def order(message: Any) -> Any:
        yield reserve("x")

    return bot


def test_who_waits_for_anothers_turn_looks_when_its_lease_may_be_dead_and_waits_on_where_it_lives() -> None:
    chat = Chat(slow_bot())
    message, fields = anothers_turn(chat, 1_000)
    work, wait = joined(chat, message, fields)
    end = chat.world.now + 1_000
    assert not wait.here
    assert end < wait.until <= end + turn.MOMENT
    assert wait.until % turn.MOMENT == 0  # as all who look then do
    assert isinstance(work.send(None), turn.Load)
    again = work.send(turn.Loaded("v2", renewed(fields, end + 2_000), wait.until))
    assert isinstance(again, turn.Wait)
    assert again.version == "v2"
    assert end + 2_000 < again.until <= end + 2_000 + turn.MOMENT
    assert isinstance(work.send(None), turn.Load)
    assert isinstance(work.send(turn.Loaded("v2", renewed(fields, end + 2_000), again.until)), turn.Write)  # it is dead


def test_who_has_waited_long_looks_more_seldom() -> None:
    chat = Chat(slow_bot())
    message, fields = anothers_turn(chat, 3_000)
    work, _ = joined(chat, message, fields, waits=120_000)
    work.send(None)
    now = chat.world.now + 40_000
    wait = work.send(turn.Loaded("v2", renewed(fields, now + 4_000), now))
    assert now + 35_000 <= wait.until <= now + 35_000 + turn.MOMENT


def test_who_waits_visits_where_more_happened_than_a_sign_of_life() -> None:
    chat = Chat(slow_bot())
    message, fields = anothers_turn(chat, 3_000)
    work, wait = joined(chat, message, fields)
    work.send(None)
    rec = record.read(renewed(fields, wait.until + 5_000))
    [seen] = rec.seen.values()
    rec.owner, rec.turn, rec.journal = "", "", []
    record.change(rec, seen, state="done", reply="pears")
    with pytest.raises(StopIteration) as answered:
        work.send(turn.Loaded("v2", record.fields(rec), wait.until))
    assert answered.value.value == "pears"


def test_of_what_was_written_again_and_again_only_the_last_is_held() -> None:
    """A turn that streams for an hour writes its text seven thousand times."""
    chat = Chat(slow_bot())
    _, fields = anothers_turn(chat, 3_000)
    desk = turn.Desk(chat.world.now)
    desk.take(turn.Loaded("v0", fields, chat.world.now))

    def renews(rec: record.Record, now: int) -> bool:
        rec.until += 1
        return True

    for number in range(50):
        work = desk.update(renews)
        work.send(None)
        with contextlib.suppress(StopIteration):
            work.send(turn.Written(f"v{number + 1}", chat.world.now))
    assert set(desk._written) == {"h"}


def test_who_waits_takes_over_a_handler_aside_of_another_message_though_nothing_else_happened() -> None:
    chat = Chat(slow_bot())
    message, fields = anothers_turn(chat, 3_000)
    rec = record.read(fields)
    body = ("aside", ("reserve_aside", "text", None), "other")
    dies = record.Seen(
        1_790_000_000, chat.world.now, "aside", body=body, owner="w2.0", until=rec.until + 1, claims=1, id="9"
    )
    rec.seen["9"] = dies
    work, wait = joined(chat, message, record.fields(rec))
    work.send(None)
    lives = renewed(record.fields(rec), wait.until + 9_000)
    assert isinstance(work.send(turn.Loaded("v2", lives, wait.until)), turn.Write)


def test_who_waits_visits_at_its_last_chance_though_nothing_happened() -> None:
    chat = Chat(slow_bot())
    message, fields = anothers_turn(chat, 60_000)
    chat.world.now += 10_000
    work, wait = joined(chat, message, fields)
    assert wait.until == chat.world.now + 4_300
    work.send(None)
    assert isinstance(work.send(turn.Loaded("v1", fields, wait.until)), turn.Write)  # the placeholder


def test_who_waits_for_what_is_done_here_waits_here_and_asks_nothing_till_its_time() -> None:
    chat = Chat(slow_bot())
    message = chat.text("order")
    delivery = Delivery(message, chat.world.now)
    work = turn.deliver(chat.bot.conduct(message), delivery, "this", chat.world.now)
    work.send(None)
    assert isinstance(work.send(turn.Loaded("", {}, chat.world.now)), turn.Write)
    delivery.worker.works.add(work.send(turn.Written("v", chat.world.now)).name)
    wait = work.send(None)  # before what was spawned has begun
    assert (wait.here, wait.until) == (True, chat.world.now + WECHAT.give_up + 100)


def aside_bot() -> Bot:
    bot = Bot("token", store="memory://")
    bot.text("order", interrupt=True)(reserve_aside)
    return bot


@step
def reserve_aside(message: Any) -> str:
    return "reserved"


def test_who_waits_for_a_handler_aside_here_waits_here() -> None:
    chat = Chat(aside_bot())
    message = chat.text("order")
    delivery = Delivery(message, chat.world.now)
    work = turn.deliver(chat.bot.conduct(message), delivery, "this", chat.world.now)
    work.send(None)
    work.send(turn.Loaded("", {}, chat.world.now))
    delivery.worker.works.add(work.send(turn.Written("v", chat.world.now)).name)
    assert work.send(None).here


def test_who_waits_for_a_handler_aside_elsewhere_does_not_wait_here_whatever_else_is_done_here() -> None:
    chat = Chat(aside_bot())
    message, fields = anothers_turn(chat, 3_000)
    [seen] = record.read(fields).seen.values()
    delivery = Delivery(message, chat.world.now)
    delivery.worker.works.add("this.0:7")
    work = turn.deliver(chat.bot.conduct(message), delivery, "this", chat.world.now)
    work.send(None)
    wait = work.send(turn.Loaded("v0", fields, chat.world.now))
    assert not wait.here
    assert seen.until < wait.until <= seen.until + turn.MOMENT


@pytest.mark.parametrize("make", [slow_bot, aside_bot])
def test_a_sign_of_life_wakes_nobody(make: Any) -> None:
    chat = Chat(make())
    message = chat.text("order")
    work = turn.deliver(chat.bot.conduct(message), Delivery(message, chat.world.now), "this", chat.world.now)
    work.send(None)
    work.send(turn.Loaded("", {}, chat.world.now))
    spawned = work.send(turn.Written("v", chat.world.now))
    assert isinstance(spawned.work.send(None), turn.Do)
    sign = spawned.work.send(turn.Busy(chat.world.now + turn.HEARTBEAT - turn.MOMENT))  # they come together with others
    assert isinstance(sign, turn.Write)
    assert not sign.wake


def test_a_verdict_that_was_refused_because_another_took_the_check_over_leaves_nothing() -> None:
    chat = Chat(slow_bot())
    chat.bot.before(lambda message: None)
    message = chat.text("order")
    work = turn.deliver(chat.bot.conduct(message), Delivery(message, chat.world.now), "this", chat.world.now)
    work.send(None)
    checking = work.send(turn.Loaded("", {}, chat.world.now))
    assert isinstance(checking, turn.Write)
    check = work.send(turn.Written("v1", chat.world.now)).work
    assert isinstance(check.send(None), turn.Hook)
    verdict = check.send(turn.Done(None, None, chat.world.now))
    assert isinstance(verdict, turn.Write)
    rec = record.read(checking.put)
    [seen] = rec.seen.values()
    record.change(rec, seen, owner="another", claims=2)
    with pytest.raises(StopIteration):
        check.send(turn.Loaded("v2", record.fields(rec), chat.world.now))
