"""The straight line of an ordinary message goes where the long way goes: whatever is said, written, reported and done next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from simulation import world
from talk import Chat
from wechat import (
    CHINESE,
    Article,
    Bot,
    ImageMessage,
    Reroute,
    TimedOut,
    again,
    ask,
    call,
    forget,
    record,
    remember,
    rng,
    say,
    step,
    turn,
)
from wechat.attempt import Conduct, Delivery, Turn
from wechat.replay import replay

Met = Callable[..., turn.Effects]


class BothWays:
    """Goes the straight line, and whenever that is gone, the long way from the very same state as well."""

    def __init__(self, straight: Met) -> None:
        self._straight = straight
        self.gone: Counter[str] = Counter()  # how often, by what came of it

    def __call__(
        self, conduct: Conduct, delivery: Delivery, desk: turn.Desk, owner: str, live: turn.Live
    ) -> turn.Effects:
        machine, twin = live.machine, turn.Desk(desk.now, desk.version, desk.rec)
        straight = self._straight(conduct, delivery, desk, owner, live)
        write = next(straight, None)
        if write is None:
            assert live.machine is machine
            return None
        lines = twin.rec.dialog()
        double = replay(conduct.router.scripts, lines, conduct.voice) if lines else None
        long = turn._visit(conduct, delivery, twin, owner, turn.Live(twin.rec, double))
        assert comparable(write) == comparable(next(long))
        came = yield write
        visit = ended(straight, came)
        if isinstance(came, turn.Written):
            other = ended(long, came)
            assert comparable(desk.rec) == comparable(twin.rec)
            assert (visit.what, visit.beside, visit.newer, visit.wary) == ("claimed", other.beside, False, False)
            assert stands(visit) == stands(other)
            self.gone.update(over.outcome for over in visit.attempt.reports)
            self.gone["went on"] += visit.attempt.under_way
        else:
            assert visit is None
            self.gone["refused"] += 1
        return visit


def ended(work: turn.Effects, came: Any) -> Any:
    with pytest.raises(StopIteration) as end:
        work.send(came)
    return end.value.value


def comparable(thing: Any) -> Any:
    """An effect or a record, whose exceptions are alike if they say the same."""
    if isinstance(thing, turn.Write):
        return {**structs.asdict(thing), "turns": [comparable(over) for over in thing.turns]}
    if isinstance(thing, Turn):
        return {**structs.asdict(thing), "error": repr(thing.error)}
    return record.fields(thing)


def stands(visit: Any) -> Any:
    """Where the dialog is then."""
    machine = visit.attempt.machine
    if machine is None:
        return None
    names = (name for name in machine.__slots__ if name not in ("_parts", "_rng", "want", "error", "again"))
    return {name: getattr(machine, name) for name in names} | {"at": machine.stands_at(), "line": machine.where()}


@pytest.fixture
def both_ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[BothWays]:
    both = BothWays(turn._met)
    monkeypatch.setattr(turn, "_met", both)
    yield both
    assert both.gone.total(), "no message was ordinary"


def test_in_worlds_where_everything_breaks(both_ways: BothWays) -> None:
    for seed in range(1_000):
        world.World(seed).run()
    assert min(both_ways.gone[what] for what in ("asked", "ended", "went on", "refused")) > 5


# ---- what dialogs can do --------------------------------------------------------------------------------------------


@step
def twice(text: str) -> str:
    return text * 2


@step
def broken() -> str:
    raise RuntimeError("no")


def part() -> Any:
    return (yield from ask.choice("which?", ["a", "b", "取消"]))


def everything(message: Any) -> Any:
    """Does what it is told."""
    what = "begin"
    while True:
        try:
            what = yield from told(what)
        except TimedOut:
            what = yield "late"
        if what == "again":
            return again("once more")
        if what == "end":
            return "ended"
        if what == "silent end":
            return None


def told(what: str) -> Any:
    if what == "reroute":
        raise Reroute
    if what == "fail":
        raise ValueError("a bug")
    if what == "number":
        return str((yield from ask.number("how many?", 1, 9, tries=2)))
    if what == "pieces":
        yield say("one")
        yield say("two")
    if what == "long":
        return (yield "长" * 1_500)
    if what == "articles":
        return (yield [Article("title", "words", "http://x", "http://y")])
    if what == "nothing":
        return (yield)
    if what == "blank":
        return (yield " ")
    if what == "remember":
        yield remember("k", what)
    if what == "forget":
        yield forget("k")
    if what == "step":
        what = yield twice("x")
    if what == "broken":
        what = yield broken()
    if what == "part":
        return (yield call(part))
    if what == "picture":
        return type((yield ask("a picture?", accept=ImageMessage))).__name__
    if what == "keyed":
        return (yield ask("k?", key="k", cancel=False, back=True))
    if what == "chance":
        return (yield f"{rng().random()}")
    return (yield f"{what}?")


SAID = (
    *("again", "end", "silent end", "reroute", "fail", "number", "pieces", "long", "articles", "nothing", "blank"),
    *("remember", "forget", "step", "broken", "part", "picture", "keyed", "chance", "plain", "everything", "aside"),
    *("hurry", "取消", "上一步", "继续", "1", "b", "5", "ninety", "", "later", "much later", "elsewhere", "picture!"),
)


def made(*hooks: str) -> Bot:
    bot = Bot("token", store="memory://")
    if "before" in hooks:
        bot.before(lambda message: "no" if message.text == "5" else None)
    if "after" in hooks:
        bot.after(lambda over: f"{over.reply}!" if isinstance(over.reply, str) else over.reply)
    bot.text("everything", expire=600)(everything)
    bot.text("aside")(aside)
    bot.text("hurry", interrupt=True)(hurry)
    return bot


def aside(message: Any) -> str:
    return "aside"


def other(message: Any) -> Any:
    yield "other?"
    return "over"


def hurry(message: Any) -> str:
    return "hurried"


def talk(chat: Chat, said: str) -> None:
    if said == "later":
        chat.later(30)
    elif said == "much later":
        chat.later(700)
    elif said == "elsewhere":
        chat.world.at = "b" if chat.world.at == "a" else "a"
    elif said == "picture!":
        chat.send(ImageMessage(url="http://x", media_id="m"))
    else:
        chat.say(said)
        chat.world.settle(100)


HOOKS = st.sets(st.sampled_from(("before", "after")))


@given(st.lists(st.sampled_from(SAID), max_size=12), HOOKS)
def test_in_conversations_of_every_kind(words: list[str], hooks: set[str]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(turn, "_met", BothWays(turn._met))
        chat = Chat(made(*hooks))
        talk(chat, "everything")
        for word in words:
            talk(chat, word)


def test_a_turn_that_fails_or_sends_its_message_on_goes_on_the_long_way(both_ways: BothWays) -> None:
    chat = waiting()
    for word in ("reroute", "plain", "fail"):
        talk(chat, word)
    assert {*both_ways.gone} >= {"rerouted", "asked", "failed"}


@pytest.mark.parametrize("hooks", [(), ("after",)])
@pytest.mark.parametrize("word", SAID)
def test_in_a_conversation_that_goes_on_to_each(word: str, hooks: tuple[str, ...], both_ways: BothWays) -> None:
    chat = Chat(made(*hooks))
    for said in ("everything", "plain", word, "plain", "plain", word, "plain"):
        talk(chat, said)


def test_one_that_opens_a_dialog_where_none_waits_is_ordinary_too(both_ways: BothWays) -> None:
    chat = waiting()
    assert both_ways.gone["asked"] == 1
    assert [chat.say(word) for word in ("end", "everything", "plain")] == ["ended", "begin?", "plain?"]
    assert (both_ways.gone["asked"], both_ways.gone["ended"]) == (3, 1)


# ---- what is not ordinary -------------------------------------------------------------------------------------------


def waiting() -> Chat:
    chat = Chat(made())
    chat.say("everything")
    return chat


def test_a_message_that_comes_again_is_not(both_ways: BothWays) -> None:
    chat = waiting()
    chat.say("plain")
    gone = both_ways.gone.total()
    assert chat.again() == "plain?"
    assert both_ways.gone.total() == gone


def test_a_dialog_that_is_alive_nowhere_is_not(both_ways: BothWays) -> None:
    chat = waiting()
    chat.say("plain")
    gone = both_ways.gone.total()
    chat.crash()
    assert chat.say("plain") == "plain?"
    assert both_ways.gone.total() == gone


def test_one_that_a_route_takes_which_interrupts_is_not(both_ways: BothWays) -> None:
    """It would have the message first, though another's word is the very one."""
    bot = made()
    bot.text(re.compile("every"), interrupt=True)(other)
    chat = Chat(bot)
    chat.say("everything else")
    assert (chat.say("plain"), both_ways.gone["ended"]) == ("over", 1)
    assert (chat.say("everything"), both_ways.gone.total()) == ("other?", 1)


def test_one_that_was_pushed_before_is_not_for_somebody_may_have_died_of_it(both_ways: BothWays) -> None:
    chat = waiting()
    chat.say("plain")
    gone = both_ways.gone.total()
    message = chat.text("plain")
    chat.later(5)
    assert chat.send(message) == "plain?"
    assert both_ways.gone.total() == gone


def test_a_worker_that_goes_down_takes_no_more(both_ways: BothWays) -> None:
    chat = waiting()
    chat.say("plain")
    chat.world.worker.stopping = True
    gone, writes = both_ways.gone.total(), chat.world.writes
    chat.say("plain")
    assert both_ways.gone.total() == gone
    assert chat.record.queue()
    assert chat.world.writes > writes


def test_one_that_was_answered_long_ago_and_forgotten_is_not_taken_again(both_ways: BothWays) -> None:
    bot = Bot("token", store="memory://")
    bot.text("everything", expire=10 * 3600)(everything)
    chat = Chat(bot)
    chat.say("everything")
    chat.say("plain")
    old = chat.last
    assert old is not None
    for _ in range(3):
        chat.later(2 * 3600)
        assert chat.say("plain") == "plain?"
    gone = both_ways.gone.total()
    assert old.id not in chat.record.seen
    assert chat.send(old) == CHINESE.too_late
    assert both_ways.gone.total() == gone


@pytest.mark.parametrize("shown", [None, 60_000])
def test_one_that_came_before_its_question_was_shown_is_not(shown: int | None, both_ways: BothWays) -> None:
    chat = waiting()
    chat.say("plain")
    gone, kept = both_ways.gone.total(), chat.world.hot[chat.key]
    rec = kept.record.copy()
    rec.shown = None if shown is None else chat.world.now + shown
    chat.world.hot[chat.key] = structs.replace(kept, record=rec)
    chat.world.kept[chat.key] = (kept.version, record.fields(rec), None)
    assert chat.say("again").startswith(CHINESE.not_taken)
    assert both_ways.gone.total() == gone
