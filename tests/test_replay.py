"""One loop runs generators and coroutines, the first time and ever after."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toy import AT, Picture, Toy, answer, begin, machine, said
from wechat import journal
from wechat.dialog import (
    Again,
    Ask,
    Recall,
    Step,
    again,
    call,
    forget,
    now,
    recall,
    remember,
    rng,
    running,
    say,
    step,
    stream,
)
from wechat.errors import Cancelled, Diverged, GaveUp, NotACommand, StepFailed, StepInterrupted, TimedOut, WentBack
from wechat.replay import Machine, Script, replay
from wechat.runtime import log


@step
def double(number: int) -> int:
    return number * 2


def result(value: Any, name: str = "double", at: int = AT) -> str:
    return journal.encode(journal.Result(at, name, value))


# ---- both forms -----------------------------------------------------------------------------------------------------


def test_a_generator_asks_and_ends() -> None:
    def dialog(message: Any) -> Any:
        name = yield "name?"
        return f"hello {name}"

    assert said(machine(dialog)) == ["name?"]
    assert said(machine(dialog, answer("Ann"))) == ["hello Ann"]
    assert machine(dialog, answer("Ann")).done


def test_an_async_dialog_takes_the_same_path() -> None:
    async def dialog(message: Any) -> Any:
        name = await Ask("name?")
        return f"hello {name}, {await double(2)}"

    live = machine(dialog, answer("Ann"))
    assert isinstance(live.want, Step)
    live.feed(result(4))
    assert said(live) == ["hello Ann, 4"]


def test_yield_yield_from_and_await_give_the_same() -> None:
    def dialog(message: Any) -> Any:
        one = yield Ask("1?")
        two = yield from Ask("2?")
        return one + two

    assert said(machine(dialog, answer("a"), answer("b", 2))) == ["ab"]


def test_a_part_of_the_other_kind_runs_by_call() -> None:
    async def street() -> str:
        return await Ask("street?")

    def dialog(message: Any) -> Any:
        return (yield call(street())) + (yield street())

    assert said(machine(dialog, answer("a"), answer("b", 2))) == ["ab"]


def test_an_exception_in_a_part_reaches_the_dialog_around_it() -> None:
    def part() -> Any:
        yield "?"
        raise KeyError("x")

    def dialog(message: Any) -> Any:
        try:
            yield part()
        except KeyError:
            return "caught"

    assert said(machine(dialog, answer("a"))) == ["caught"]


# ---- what is said ---------------------------------------------------------------------------------------------------


def test_what_is_said_in_a_turn_is_kept_in_order() -> None:
    def dialog(message: Any) -> Any:
        yield say("one")
        text = yield stream(poem())
        yield f"three after {text}"

    live = machine(dialog)
    live.feed(result("two", "poem"))
    assert said(live) == ["one", "two", "three after two"]


@step
def poem() -> Any:
    yield "two"


def test_a_bare_yield_waits_in_silence() -> None:
    def dialog(message: Any) -> Any:
        return (yield)

    assert said(machine(dialog)) == []
    assert said(machine(dialog, answer("x"))) == ["x"]


def test_returning_nothing_ends_in_silence() -> None:
    def dialog(message: Any) -> Any:
        yield "?"

    assert said(machine(dialog, answer("x"))) == []


@pytest.mark.parametrize("wrong", [1, object(), b"x", {"a": 1}, lambda: None])
def test_what_cannot_be_said_fails_on_the_line_that_says_it(wrong: Any) -> None:
    def dialog(message: Any) -> Any:
        try:
            yield wrong
        except NotACommand as error:
            return f"no: {error}"

    assert said(machine(dialog))[0].startswith("no: ")


def test_returning_a_command_is_an_error_that_says_what_to_write() -> None:
    def dialog(message: Any) -> Any:
        return Ask("x")
        yield

    live = machine(dialog)
    assert live.outcome == "failed"
    assert "yield it" in str(live.error)


@pytest.mark.parametrize("letters", ["text", ["a", "b"]])
def test_yield_from_a_text_is_refused_on_the_first_turn(letters: Any) -> None:
    def dialog(message: Any) -> Any:
        yield from letters

    live = machine(dialog)
    assert isinstance(live.error, NotACommand)
    assert "write `yield`" in str(live.error)


def test_a_foreign_await_is_refused_on_the_users_own_line() -> None:
    async def dialog(message: Any) -> Any:
        await asyncio.sleep(1)

    async def on_a_loop() -> Machine:
        return machine(dialog)

    live = asyncio.run(on_a_loop())
    assert isinstance(live.error, NotACommand)
    assert "put it in a @step, or put @step under the route" in str(live.error)
    frames = []
    trace = live.error.__traceback__
    while trace:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert "dialog" in frames


def test_half_a_surrogate_pair_in_a_key_or_a_label_is_refused_where_it_is_asked() -> None:
    for wrong in (Ask("?", key="\ud800"), Ask("?", options=("a", "\ud800"))):

        def dialog(message: Any, wrong: Any = wrong) -> Any:
            yield wrong

        live = machine(dialog)
        assert live.outcome == "failed"
        assert isinstance(live.error, NotACommand)


# ---- entries --------------------------------------------------------------------------------------------------------


def test_of_a_text_that_broke_off_what_was_made_stays_said() -> None:
    def dialog(message: Any) -> Any:
        try:
            yield stream(poem())
        except StepFailed:
            return "sorry"

    failure = journal.Failure(AT, "poem", "OSError", "gone", "Roses are")
    assert said(machine(dialog, journal.encode(failure))) == ["Roses are", "sorry"]


def test_a_failed_step_raises_the_same_live_and_replayed() -> None:
    def dialog(message: Any) -> Any:
        try:
            yield double(1)
        except StepFailed as failure:
            return f"{type(failure).__name__} {failure.type} {failure.message}"

    failure = journal.encode(journal.Failure(AT, "double", "OSError", "down"))
    assert said(machine(dialog, failure)) == ["StepFailed OSError down"]
    cut_off = journal.encode(journal.Failure(AT, "double", "StepInterrupted", ""))
    assert said(machine(dialog, cut_off))[0].startswith(StepInterrupted.__name__)


def test_an_answer_to_a_question_of_another_kind_is_none_to_this_one() -> None:
    def asks(message: Any) -> Any:
        yield "name?"

    number = journal.Answered(AT + 1000, "m1", 0, ["text", "3"], journal.PROMPTS.index("number"))
    with pytest.raises(Diverged, match=r"an answer to ask\.number"):
        machine(asks, journal.encode(number))


@pytest.mark.parametrize(
    ("entry", "raised", "outcome"),
    [
        (journal.Lapsed(AT, "m1"), TimedOut, "timed_out"),
        (journal.Stopped(AT, "m1"), Cancelled, "cancelled"),
        (journal.Returned(AT, "m1"), WentBack, "cancelled"),
    ],
)
def test_what_interrupts_is_raised_at_the_ask(entry: Any, raised: type[BaseException], outcome: str) -> None:
    def catches(message: Any) -> Any:
        try:
            yield "?"
        except raised:
            return "caught"

    def lets_it_go(message: Any) -> Any:
        yield "?"

    assert said(machine(catches, journal.encode(entry))) == ["caught"]
    assert machine(lets_it_go, journal.encode(entry)).outcome == outcome


def test_except_exception_cannot_eat_a_cancel() -> None:
    def dialog(message: Any) -> Any:
        try:
            yield "?"
        except Exception:
            return "eaten"

    assert machine(dialog, journal.encode(journal.Stopped(AT, "m1"))).outcome == "cancelled"


def test_an_answer_not_understood_is_asked_again_until_it_gives_up() -> None:
    def dialog(message: Any) -> Any:
        try:
            return str((yield Ask("n?", read=int, retry="a number!", tries=2)))
        except GaveUp:
            return "gave up"

    misread = [journal.encode(journal.Misread(AT, f"m{i}", 0, ["text", "x"])) for i in range(2)]
    assert said(machine(dialog, misread[0])) == ["a number!"]
    assert said(machine(dialog, misread[0], answer("7", 2))) == ["7"]
    assert said(machine(dialog, *misread)) == ["gave up"]


def test_an_error_in_a_reader_is_raised_where_the_dialog_asks() -> None:
    def dialog(message: Any) -> Any:
        try:
            yield Ask("?", read=lambda text: {}[text])
        except KeyError:
            return "caught"

    live = machine(dialog)
    assert live.understands(Toy().message(["text", "x"], "m1", 0))
    assert said(machine(dialog, answer("x"))) == ["caught"]


def test_again_waits_for_the_message_that_opens_the_dialog_anew() -> None:
    def dialog(message: Any, count: int = 0) -> Any:
        return again(f"{message.text} {count}", count=count + 1)
        yield

    first = machine(dialog)
    assert isinstance(first.again, Again)
    assert first.again.state == {"count": 1}
    waits = journal.encode(journal.Afresh(AT, "dialog", 1, "text", "m0", ["hi 0"], {"count": 1}))
    waiting = replay({"dialog": Script("dialog", dialog)}, [waits], Toy())
    assert said(waiting) == ["hi 0"]
    waiting.feed(answer("yo"))
    assert said(waiting) == ["yo 1"]


def test_the_state_of_again_is_json() -> None:
    def dialog(message: Any, talk: Any = ()) -> Any:
        return again("x", talk=object())
        yield

    assert machine(dialog).outcome == "failed"


# ---- diverged -------------------------------------------------------------------------------------------------------


def asks(message: Any) -> Any:
    yield "?"


def steps(message: Any) -> Any:
    yield double(1)


def ends(message: Any) -> Any:
    return None
    yield


def recalls(message: Any) -> Any:
    yield recall("k")


ENTRIES = {
    "an answer": answer("x"),
    "the step 'double'": result(2),
    "the step 'treble'": result(2, "treble"),
    "recall('k')": journal.encode(journal.Recalled(AT, "k", False)),
    "recall('j')": journal.encode(journal.Recalled(AT, "j", False)),
    "another beginning": begin(),
}
FITS = {(asks, "an answer"), (steps, "the step 'double'"), (recalls, "recall('k')")}


@pytest.mark.parametrize("dialog", [asks, steps, ends, recalls])
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_that_the_dialog_does_not_wait_for_is_diverged(dialog: Any, entry: str) -> None:
    if (dialog, entry) in FITS:
        machine(dialog, ENTRIES[entry])
        return
    with pytest.raises(Diverged) as caught:
        machine(dialog, ENTRIES[entry])
    assert caught.value.expected == entry
    assert caught.value.where.startswith(__file__)


def test_diverged_names_both_sides_and_the_line_of_the_dialog() -> None:
    with pytest.raises(Diverged) as caught:
        machine(steps, answer("x"))
    line = steps.__code__.co_firstlineno + 1
    assert str(caught.value) == f"the journal has an answer, the code has double(…) ({__file__}:{line})"


def test_the_wording_of_a_question_never_diverges() -> None:
    def other(message: Any) -> Any:
        yield "worded otherwise"

    assert machine(asks, answer("x")).done
    assert machine(other, answer("x")).done


def test_two_questions_with_keys_that_changed_places_are_noticed() -> None:
    def dialog(message: Any) -> Any:
        yield Ask("age?", key="age")

    named = journal.encode(journal.Answered(AT, "m1", 0, ["text", "Ann"], "name"))
    with pytest.raises(Diverged, match="an answer to 'name'"):
        machine(dialog, named)


def test_a_kind_that_the_ask_accepts_no_more_is_diverged() -> None:
    def dialog(message: Any) -> Any:
        yield Ask("picture?", accept=(Picture,))

    assert machine(dialog, answer("", kind="image")).done
    with pytest.raises(Diverged, match="a text message"):
        machine(dialog, answer("x"))


def test_a_dialog_that_is_registered_no_more_is_diverged() -> None:
    with pytest.raises(Diverged, match="no dialog of that name"):
        replay({}, [begin()], Toy())


def test_a_result_that_fits_its_annotation_no_more_is_diverged() -> None:
    with pytest.raises(Diverged, match="none any more"):
        machine(steps, result("four"))


# ---- time, numbers, the log, data -----------------------------------------------------------------------------------


def test_now_is_the_time_of_the_last_entry() -> None:
    def dialog(message: Any) -> Any:
        first = now()
        yield "?"
        return f"{(now() - first).total_seconds()}"

    assert said(machine(dialog, answer("x", 7))) == ["7.0"]


def test_rng_gives_the_same_numbers_on_every_replay_and_others_elsewhere() -> None:
    def dialog(message: Any) -> Any:
        yield f"{rng().random()} {rng().random()}"

    assert said(machine(dialog)) == said(machine(dialog))
    one, two = said(machine(dialog))[0].split()
    assert one != two
    assert float(one) == random.Random("toy/m0").random()


def test_now_belongs_in_a_dialog() -> None:
    from wechat.errors import DialogError

    with pytest.raises(DialogError, match="no dialog is running here"):
        now()


def test_the_log_is_silent_while_a_dialog_is_replayed(caplog: pytest.LogCaptureFixture) -> None:
    def dialog(message: Any) -> Any:
        log.warning("first")
        yield "?"
        log.warning("second")

    live = machine(dialog)
    assert caplog.messages == []
    live.feed(answer("x"))
    assert caplog.messages == ["second"]
    Machine({"dialog": Script("dialog", dialog)}, begin(), Toy())
    assert caplog.messages == ["second", "first"]


def test_what_is_remembered_is_recalled_at_once() -> None:
    def dialog(message: Any) -> Any:
        yield remember("k", (1, 2))
        value = yield recall("k")
        yield forget("k")
        return f"{value} {(yield recall('k', 'gone'))}"

    assert said(machine(dialog)) == ["[1, 2] gone"]


def test_what_is_recalled_is_a_copy() -> None:
    def dialog(message: Any) -> Any:
        kept = [1]
        yield remember("k", kept)
        kept.append(2)
        (yield recall("k")).append(3)
        return str((yield recall("k")))

    assert said(machine(dialog)) == ["[1]"]


def test_a_recall_that_nothing_answered_yet_is_waited_for() -> None:
    def dialog(message: Any) -> Any:
        return str((yield recall("k", 5)))

    live = machine(dialog)
    assert isinstance(live.want, Recall)
    live.feed(journal.encode(journal.Recalled(AT, "k", False)))
    assert said(live) == ["5"]


def test_a_turn_that_fails_remembers_nothing() -> None:
    def dialog(message: Any) -> Any:
        yield remember("k", 1)
        raise ValueError

    live = machine(dialog)
    assert live.outcome == "failed"
    assert live.puts == {}


def test_the_key_of_a_step_is_of_its_turn_and_place() -> None:
    def dialog(message: Any) -> Any:
        yield double(1)
        yield "?"
        yield double(1)

    live = machine(dialog)
    first = live.key()
    assert first == machine(dialog).key()
    live.feed(result(2))
    live.feed(answer("x"))
    assert live.key() != first
    assert len(first) == 32


def test_closing_leaves_the_dialog_through_its_finally_blocks() -> None:
    left = []

    def dialog(message: Any) -> Any:
        try:
            yield "?"
        finally:
            left.append(running.get() is not None)

    machine(dialog).close()
    assert left == [True]


def test_a_dialog_that_yields_in_finally_is_left_all_the_same() -> None:
    def dialog(message: Any) -> Any:
        try:
            yield "?"
        finally:
            yield "again?"

    machine(dialog).close()


def test_sys_exit_in_a_dialog_costs_no_more_than_an_apology() -> None:
    def dialog(message: Any) -> Any:
        raise SystemExit
        yield

    assert machine(dialog).outcome == "failed"


# ---- replay ≡ live --------------------------------------------------------------------------------------------------

BLOCKS = st.deferred(
    lambda: st.lists(
        st.one_of(
            st.tuples(st.just("ask")),
            st.tuples(st.just("read")),
            st.tuples(st.just("say")),
            st.tuples(st.just("step")),
            st.tuples(st.just("remember")),
            st.tuples(st.just("recall")),
            st.tuples(st.just("raise")),
            st.tuples(st.just("loop"), st.integers(0, 3), BLOCKS),
            st.tuples(st.just("try"), BLOCKS),
            st.tuples(st.just("part"), st.booleans(), BLOCKS),
        ),
        max_size=4,
    )
)


@step
def weigh(what: str) -> float:
    return len(what) / 3


def as_generator(blocks: Any, seen: list[str]) -> Any:
    for kind, *more in blocks:
        if kind in LEAVES:
            note(seen, kind, (yield LEAVES[kind](seen)))
        elif kind == "loop":
            for _ in range(more[0]):
                yield from as_generator(more[1], seen)
        elif kind == "try":
            try:
                yield from as_generator(more[0], seen)
            except (ValueError, StepFailed, TimedOut) as error:
                seen.append(type(error).__name__)
        elif kind == "part":
            yield (as_coroutine if more[0] else as_generator)(more[1], seen)
        else:
            raise ValueError(len(seen))


async def as_coroutine(blocks: Any, seen: list[str]) -> Any:
    for kind, *more in blocks:
        if kind in LEAVES:
            note(seen, kind, await LEAVES[kind](seen))
        elif kind == "loop":
            for _ in range(more[0]):
                await as_coroutine(more[1], seen)
        elif kind == "try":
            try:
                await as_coroutine(more[0], seen)
            except (ValueError, StepFailed, TimedOut) as error:
                seen.append(type(error).__name__)
        elif kind == "part":
            await call((as_coroutine if more[0] else as_generator)(more[1], seen))
        else:
            raise ValueError(len(seen))


LEAVES: dict[str, Any] = {
    "ask": lambda seen: Ask(f"{seen}?"),
    "read": lambda seen: Ask(f"{seen}#", read=int, retry="again", tries=2),
    "say": lambda seen: say(f"{seen}{rng().random():.3}"),
    "step": lambda seen: weigh("".join(seen)),
    "remember": lambda seen: remember("k", seen),
    "recall": lambda seen: recall("k", []),
}


def note(seen: list[str], kind: str, value: Any) -> None:
    seen.append(f"{kind}={value}@{now():%S}"[:20])


def made(blocks: Any, coroutine: bool) -> Any:
    def generator(message: Any) -> Any:
        seen: list[str] = []
        yield from as_generator(blocks, seen)
        return "".join(seen)

    async def awaits(message: Any) -> Any:
        seen: list[str] = []
        await as_coroutine(blocks, seen)
        return "".join(seen)

    return awaits if coroutine else generator


def next_entry(dialog: Machine, number: int, draw: Any) -> str:
    """What may happen to a dialog that stands there."""
    at = AT + number * 1_000
    if isinstance(dialog.want, Step):
        if draw(st.booleans()):
            return journal.encode(journal.Result(at, "weigh", number / 7))
        return journal.encode(journal.Failure(at, "weigh", "OSError", str(number)))
    if isinstance(dialog.want, Recall):
        return journal.encode(journal.Recalled(at, "k", draw(st.booleans()), [number]))
    text = draw(st.sampled_from(["1", "22", "x"]))
    message = Toy().message(["text", text], f"m{number}", 0)
    kinds = [journal.Lapsed(at, f"m{number}"), journal.Stopped(at, f"m{number}")]
    answered = journal.Answered if dialog.understands(message) else journal.Misread
    entry: Any = draw(st.sampled_from([answered(at, f"m{number}", 0, ["text", text])] * 4 + kinds))
    return journal.encode(entry)


def stands(dialog: Machine) -> Any:
    """Everything that can be seen of a dialog."""
    want = dialog.want
    return (
        said(dialog),
        repr(want),
        dict(dialog.puts),
        dialog.outcome,
        str(dialog.error),
        dialog.turn,
        dialog.ordinal,
        dialog.at,
    )


@given(BLOCKS, st.booleans(), st.data())
def test_every_prefix_of_a_journal_replays_to_what_was_live(blocks: Any, coroutine: bool, data: st.DataObject) -> None:
    scripts = {"dialog": Script("dialog", made(blocks, coroutine))}
    lines = [begin()]
    live = Machine(scripts, lines[0], Toy())
    seen = [stands(live)]
    while not live.done and len(lines) < 12:
        lines.append(next_entry(live, len(lines), data.draw))
        live.feed(lines[-1])
        seen.append(stands(live))
    for length in range(1, len(lines) + 1):
        replayed = replay(scripts, lines[:length], Toy())
        assert stands(replayed) == seen[length - 1]
        replayed.close()
    live.close()


@dataclasses.dataclass
class Lucky:
    """Its own code looks whether a dialog runs."""

    number: int
    seen: str = ""

    def __post_init__(self) -> None:
        self.seen = "a dialog runs" if running.get() else "no dialog runs"


@step
def lucky() -> Lucky:
    return Lucky(1)


def test_what_restores_a_result_is_no_part_of_the_dialog_live_or_replayed() -> None:
    def dialog(message: Any) -> Any:
        found = yield lucky()
        yield f"{found.seen} {rng().random()}"

    live = machine(dialog)
    live.feed(journal.encode(journal.Result(AT, "lucky", {"number": 1})))
    replayed = machine(dialog, journal.encode(journal.Result(AT, "lucky", {"number": 1})))
    assert live.said == replayed.said
    assert live.said[0].say.startswith("no dialog runs 0.")
