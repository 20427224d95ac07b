"""Golden records: conversations as a release kept them, which every later one must read, go on with, and end as that one did.

``python tests/golden.py`` plays what has no file in ``tests/golden`` yet, and keeps it there. A file that is there is never
made again: where ``test_golden.py`` fails, it is the code that is wrong. The dialogs below stay as they are, too; what is
new gets a dialog and a play of its own.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from talk import ACCOUNT, START, Chat, Crash
from wechat import (
    CHINESE,
    Article,
    Bot,
    Cancelled,
    ClickEvent,
    GaveUp,
    Image,
    ImageMessage,
    LocationMessage,
    Message,
    StepFailed,
    StepInterrupted,
    TextMessage,
    TimedOut,
    WentBack,
    again,
    ask,
    call,
    forget,
    journal,
    now,
    recall,
    record,
    remember,
    replay,
    reply,
    rng,
    say,
    step,
    stream,
    turn,
)

FOLDER = Path(__file__).parent / "golden"

#: sentences may be worded anew; these are not
TEXTS = dataclasses.replace(
    CHINESE,
    cancelled="<cancelled>",
    timed_out="<timed out>",
    still_waiting="<still waiting> {question}",
    not_taken="<not taken>",
    thinking="<thinking>",
    more="<{count} more>",
    unfinished="<unfinished>",
    regenerated="<regenerated>",
    maybe_read="<maybe read>",
    answering="<answering {message}>",
    pick_kind="<pick {kinds}>",
    retry_number="<a number>",
    retry_number_between="<a number from {low} to {high}>",
    retry_choice="<an option>",
    retry_longest="<at most {longest}>",
    retry_parsed="<not understood>",
    yes="是",
    no="否",
)


# ---- steps -----------------------------------------------------------------------------------------------------------


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


@dataclasses.dataclass
class Offer:
    price: decimal.Decimal
    until: dt.datetime
    size: Size
    tags: list[str]


@step
def work(text: str, *, idempotency_key: str = "") -> str:
    return f"{text}#{idempotency_key}"


@step
def offers(text: str) -> list[Offer]:
    until = dt.datetime(2026, 10, 1, 12, tzinfo=dt.timezone.utc)
    return [Offer(decimal.Decimal("1.10"), until, Size.LARGE, [text])]


@step
def anything() -> Any:
    return {"a": [1, 2.5, None, True, "字"]}


@step
def fails() -> str:
    raise OSError("no such thing")


@step(once=True)
def pay(cents: int) -> str:
    return f"paid {cents}"


@step
def poem() -> Any:
    yield "Roses are red. Violets are blue. "
    yield "Sugar is sweet. And so are you."


# ---- dialogs ---------------------------------------------------------------------------------------------------------


def prompts(message: Any) -> Any:
    """Every prompt; what was answered is said behind the last."""
    seen = [(yield "plain?"), (yield ask.text("text?", longest=5, key="t"))]
    seen.append((yield ask.number("number?", 1, 99, tries=5)))
    seen.append((yield ask.choice("choice?", ["苹果", "香蕉"])))
    seen.append((yield ask.choice("mapping?", {"one": 1, "two": 2}, taps=False)))
    seen.append((yield ask.choice("enum?", Size)))
    seen.append((yield ask.confirm("confirm?", retry="yes or no!")))
    seen.append((yield ask.parsed("parsed?", lambda text: decimal.Decimal(text) if text.isdigit() else int(text))))
    picture = yield ask("picture?", accept=ImageMessage, otherwise="a picture!")
    place = yield ask("place?", accept=(LocationMessage, TextMessage), timeout=600)
    event = yield ask("menu?", accept=ClickEvent)
    seen += [picture.url, (place.latitude, place.label), event.key, (yield)]
    yield say(f"{seen!r}")
    return f"{(yield 'last?')}, {len(seen)}"


def gives_up(message: Any) -> Any:
    try:
        yield ask.number("number?", tries=3)
    except GaveUp:
        return f"never mind: {(yield 'what else?')}"


def stepping(message: Any) -> Any:
    first = yield "first?"
    made = yield work(first)
    [offer] = yield offers(made[:3])
    seen = [offer, (yield anything())]
    try:
        yield fails()
    except StepFailed as failure:
        seen.append(f"{failure.type}: {failure.message}")
    last = yield work("last")
    return f"{seen!r} {last} {(yield f'{made} ok?')}"


def paying(message: Any) -> Any:
    cents = yield ask.number("how much?")
    try:
        said = yield pay(cents)
    except StepInterrupted as interrupted:
        said = f"perhaps paid: {interrupted.message}"
    return f"{said}, {(yield f'{said}, ok?')}"


def telling(message: Any) -> Any:
    text = yield stream(poem())
    return f"{len(text)} {(yield 'liked it?')}"


def data(message: Any) -> Any:
    count = yield recall("count", 0)
    yield remember("count", count + 1)
    yield remember("short", [message.text, None], expire=1_000)
    yield remember("gone", 1)
    yield forget("gone")
    more = yield "more?"
    return f"{count} {more} {(yield recall('short'))} {(yield recall('gone', 'none'))} {(yield recall('count'))}"


def chatting(message: Any, so_far: int = 0, last: Any = None) -> Any:
    answer = yield work(message.text)
    if message.text == "bye":
        return f"{so_far} {last} {answer}"
    return again(f"{so_far}: more?", so_far=so_far + 1, last=[message.text, so_far])


def stubborn(message: Any) -> Any:
    """Whatever interrupts a question is told, and it is asked again."""
    met = []
    while len(met) < 3:
        try:
            answer = yield ask(f"{len(met)}?", back=True)
        except (Cancelled, TimedOut, WentBack) as interrupted:
            met.append(type(interrupted).__name__)
            yield say((yield work(met[-1]))[:4])
        else:
            return f"{met} {answer}"
    return f"{met} enough"


def waits(message: Any) -> Any:
    return f"waited for {(yield 'one?')} and {(yield 'two?')}"


def aside(event: Any) -> Any:
    made = yield work("aside")
    return f"{made} {(yield work('aside again'))}"


async def street() -> str:
    return await ask.text("street?")


def name() -> Any:
    first = yield from ask.text("first name?")
    return first + " " + (yield from ask.text("last name?"))


async def parts(message: Any) -> str:
    who = await call(name())
    where = await street()
    await say(f"{who}, {where}")
    return await ask("ok?")


def clock(message: Any) -> Any:
    seen = [now().isoformat(), rng().randint(1, 1_000_000)]
    yield "tick?"
    seen += [now().isoformat(), rng().randint(1, 1_000_000)]
    return f"{seen} {message.match['what']} {(yield 'tock?')}"


def versioned(message: Any) -> Any:
    return f"new: {(yield 'number?')}"


def versioned_before(message: Any) -> Any:
    one = yield "one?"
    return f"old: {one} {(yield 'two?')}"


def slowly(message: Any) -> Any:
    made = yield work("slowly")
    return f"{made} {(yield 'ok?')}"


def shows(message: Any) -> Any:
    yield say(Image("m1"))
    yield say([Article("1", "http://1", "d"), Article("2", "http://2")])
    return f"{(yield '长' * 700)} seen"


def handled(event: Any) -> str:
    return f"clicked {event.key}"


def bot(version: int = 2) -> Bot:
    made = Bot("token", store="memory://", texts=TEXTS)
    for dialog in (slowly, prompts, gives_up, stepping, paying, telling, data, stubborn, waits, parts, shows):
        made.text(dialog.__name__, expire=60)(dialog)
    made.text("chatting", busy="queue")(chatting)
    made.text(re.compile(r"^clock (?P<what>\w+)$", re.IGNORECASE))(clock)
    made.click("SIDE")(aside)
    made.click("ASIDE")(handled)
    if version == 1:
        made.text("versioned", name="versioned")(versioned_before)
    else:
        made.text("versioned", name="versioned", version=2)(versioned)
        made.version(versioned, 1)(versioned_before)
    return made


# ---- what a user does ------------------------------------------------------------------------------------------------


def dies(chat: Chat, message: Message) -> None:
    """The worker dies before the step that this message leads to."""
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do)
    try:
        chat.send(message)
    except Crash:
        chat.crash()
    chat.world.crash_before = lambda effect: False


def dies_second(chat: Chat, text: str) -> None:
    """The worker dies before the second step that this text leads to."""
    message, begun = chat.text(text), iter(range(9))
    chat.world.crash_before = lambda effect: isinstance(effect, turn.Do) and next(begun) == 1
    try:
        chat.send(message)
    except Crash:
        chat.crash()
    chat.world.crash_before = lambda effect: False


def click(chat: Chat, key: str) -> Message:
    return ClickEvent(event="click", key=key, **chat._common())


def pushed(chat: Chat, text: str, last: str) -> Any:
    """WeChat's three pushes of it; the last is "kept", or its reply is "lost", or the worker "dies" then."""
    message = chat.text(text)
    for _ in range(2):
        chat.send(message)
    chat.world.loses_replies = last == "lost"
    said = chat.send(message)
    chat.world.loses_replies = False
    if last == "dies":
        chat.crash()
    return said


def wait_behind(chat: Chat, text: str) -> None:
    """The text waits for its turn behind one that runs."""
    chat.world.push(chat.text(text))
    chat.world.elapse(10)
    chat.crash()


def voice(chat: Chat) -> Any:
    return chat.bot.conduct(TextMessage(text="", id="", openid=chat.user, account=ACCOUNT)).voice


def tell(chat: Chat, text: str, key: str) -> None:
    def told(rec: record.Record, now: int) -> bool:
        record.tell(rec, now, key, [text], 10_000_000, voice(chat))
        return True

    chat.world.spawn(chat.key, turn.outside(told))
    chat.world.run(lambda: False)


DO: dict[str, Callable[..., Any]] = {
    "say": Chat.say,
    "image": Chat.image,
    "place": lambda chat: chat.location(30.25, 120.5, "杭州"),
    "click": Chat.click,
    "later": Chat.later,
    "again": Chat.again,
    "settle": lambda chat: chat.world.settle(),
    "crash": Chat.crash,
    "slow": lambda chat, name, ms: chat.world.durations.update({name: ms}),
    "dies": lambda chat, text: dies(chat, chat.text(text)),
    "dies of a click": lambda chat, key: dies(chat, click(chat, key)),
    "dies second": dies_second,
    "pushed": pushed,
    "behind": wait_behind,
    "tell": tell,
}


def act(chat: Chat, name: str, *args: Any) -> Any:
    """What the user sees of it, as JSON holds it."""
    seen = DO[name](chat, *args)
    return seen if seen is None or isinstance(seen, str) else reply.encode(seen)


def says(*texts: str) -> list[Any]:
    return [["say", text] for text in texts]


ANSWERS = says(
    "prompts", "a", "far too long", "text", "many", "三", "梨", "第二个", "two", "LARGE", "hm", "是", "x", "5", "no"
)
RESUMED = [["later", 7], ["again"]]

#: what is done before the record is kept, and what after
PLAYS: dict[str, tuple[list[Any], list[Any]]] = {
    "prompts": (
        [*ANSWERS, ["image"], ["place"], ["click", "K"], ["say", "bare"]],
        says("the end"),
    ),
    "an option was chosen": (
        says("prompts", "a", "text", "三", "第二个"),
        [*says("2", "LARGE", "是", "5"), ["image"], ["place"], ["click", "K"], *says("bare", "the end")],
    ),
    "misread": (says("gives_up", "x", "y"), says("z", "tea")),
    "gave up": (says("gives_up", "x", "y", "z"), says("tea")),
    "steps": (says("stepping", "a"), says("b")),
    "between two steps": ([["say", "stepping"], ["dies second", "a"]], [*RESUMED, ["say", "b"]]),
    "once": (says("paying", "5"), says("yes")),
    "once, about to begin": ([["say", "paying"], ["dies", "5"]], [*RESUMED, ["say", "yes"]]),
    "once, interrupted": ([["say", "paying"], ["dies", "5"], *RESUMED], says("yes")),
    "stream": (says("telling"), says("yes")),
    "stream, shown in part": (
        [["slow", "poem", 30_000], ["pushed", "telling", "dies"]],
        [["later", 7], ["say", "继续"], ["say", "yes"]],
    ),
    "data": (says("data", "x", "data"), says("y")),
    "data, expired": ([*says("data", "x"), ["later", 900]], [["later", 200], *says("data", "y")]),
    "again": (says("chatting", "a"), says("b", "bye")),
    "again, in a turn": ([*says("chatting", "a"), ["dies", "b"]], [*RESUMED, *says("c", "bye")]),
    "cancelled, back and timed out": (
        [*says("stubborn", "取消", "返回"), ["later", 70]],
        says("too late", "x"),
    ),
    "timed out, and caught": ([["say", "stubborn"], ["later", 70], ["say", "late"]], says("x")),
    "a time-out's own turn": ([["say", "stubborn"], ["later", 70], ["dies", "late"]], [*RESUMED, ["say", "x"]]),
    "cancelled": (says("waits", "a", "取消"), says("waits", "b", "c")),
    "side dialog": ([["say", "waits"], ["dies of a click", "SIDE"]], [*RESUMED, *says("a", "b")]),
    "handler aside": ([["say", "waits"], ["dies of a click", "ASIDE"]], [["later", 7], *says("a", "继续", "b")]),
    "queue": (
        [["say", "chatting"], ["dies", "a"], ["behind", "b"]],
        [["later", 7], ["say", "继续"], ["say", "bye"]],
    ),
    "parts": (says("parts", "Ada", "Lovelace", "Main St"), says("fine")),
    "pattern, time and chance": (says("Clock Big", "x"), says("y")),
    "unread": ([["say", "shows"]], says("继续", "继续", "继续", "ok")),
    "unread, in doubt and told": (
        [["slow", "work", 11_000], ["pushed", "slowly", "lost"], ["tell", "news", "k"]],
        [["later", 7], *says("继续", "继续", "b")],
    ),
    "unread, late": (
        [["slow", "work", 20_000], ["pushed", "slowly", "kept"], ["settle"], ["later", 200]],
        says("early", "b"),
    ),
    "an earlier version": (says("versioned", "a"), says("b", "versioned", "c")),
    # as records are kept since their second format
    "once, about to begin, in the second form": ([["say", "paying"], ["dies", "5"]], [*RESUMED, ["say", "yes"]]),
    "an option was chosen, in the second form": (
        says("prompts", "a", "text", "三", "第二个"),
        [*says("2", "LARGE", "是", "5"), ["image"], ["place"], ["click", "K"], *says("bare", "the end")],
    ),
    "timed out, in the second form": ([["say", "stubborn"], ["later", 70], ["say", "late"]], says("x")),
    "again, in the second form": (says("chatting", "a"), says("b", "bye")),
}


# ---- files -----------------------------------------------------------------------------------------------------------


def standing(chat: Chat) -> dict[str, Any] | None:
    """Where the dialog of the record stands, as a replay finds it."""
    if not chat.record.journal:
        return None
    speaks = voice(chat)
    machine = replay.replay(chat.bot.scripts, chat.record.dialog(), speaks)
    return {
        "at": [type(machine.want).__name__, getattr(machine.want, "name", "")],
        "said": speaks.render(machine.said),
        "question": speaks.render([machine.question()] if machine.question() else []),
        "key": machine.key(),
        "about to begin": machine.intent,
        "remembers": {key: list(put) if put else None for key, put in machine.puts.items()},
        "outcome": machine.outcome,
        "number": machine.rng.randint(1, 1_000_000),
        "time": str(machine.time()),
    }


def holds(rec: record.Record) -> dict[str, Any]:
    """Everything of the record, its entries read, as JSON holds it."""
    entries = [
        {"": type(entry).__name__, **msgspec.structs.asdict(entry)} for entry in map(journal.decode, rec.journal)
    ]
    kept = {**msgspec.structs.asdict(rec), "journal": entries}
    return dict(
        json.loads(json.dumps(kept, default=lambda part: dict(part) if part == {} else msgspec.structs.asdict(part)))
    )


def play(before: list[Any], after: list[Any]) -> dict[str, Any]:
    """What is kept of a play."""
    old = ["say", "versioned"] in before
    chat = Chat(bot(version=1) if old else bot())
    for action in before:
        act(chat, *action)
    last = chat.last
    kept = {"now": chat.world.now, "count": chat.count, "last": None, "record": chat.world.kept[chat.key][1]}
    if isinstance(last, TextMessage):
        kept["last"] = ["text", last.text, last.id, last.created]
    elif isinstance(last, ClickEvent):
        kept["last"] = ["click", last.key, last.id, last.created]
    resumed = resume(kept)
    return {
        **kept,
        "holds": holds(resumed.record),
        "stands": standing(resumed),
        "then": [[action, act(resumed, *action)] for action in after],
    }


def everything() -> dict[str, Any]:
    """A record with all that there can be at once, which no conversation would have."""
    rec = record.Record(
        owner="w1.0:m1t",
        until=START + 6_000,
        claims=2,
        turn="m1t",
        side=1,
        shown=START,
        standing=record.Standing(60_000, ("ImageMessage", "ClickEvent"), ("是", "no")),
        cancelled=True,
        watermark=START // 1_000 - 5,
        count=9,
        journal=[journal.encode(entry) for entry in ENTRIES],
        partial=record.Partial("m1t", "Roses are red. Violets", "Roses are red. ", True),
        data={"k": record.Datum({"a": [1, 2.5, None, "字"]}), "": record.Datum(0, START + 5)},
        told={"k": START + 9, "": START},
    )
    body = ("answer", ("waits", "text", "^x"), {"MsgType": "image", "PicUrl": "http://x"})
    for i, state in enumerate(("checking", "queued", "taken", "fetching", "aside", "done")):
        more = {"owner": "w2.0", "until": START + 7, "claims": 3} if state in ("checking", "aside") else {}
        said = {"done": "said", "fetching": {"": "image", "media_id": "m1"}}.get(state)
        given = None if state in ("taken", "done") else body if i else ("", None, "words")
        rec.seen[f"m{i}"] = record.Seen(
            START // 1_000, START + i, state, "ab" * i, given, said, i == 3, id=f"m{i}", **more
        )
    told = {"": "image", "media_id": "m1"}
    rec.unread = {
        7: record.Unread("m1", "words", True, START + 8, number=7),
        8: record.Unread("", told, False, START + 9, "quoted", ("m5", START), True, number=8),
    }
    return {"record": record.fields(rec), "holds": holds(rec)}


#: one of every kind
ENTRIES: tuple[journal.Entry, ...] = (
    journal.Began(START, "waits", 1, "text", "^x", 2, "m1", START // 1_000, {"MsgType": "text"}),
    journal.Afresh(START, "waits", 2, "event:click", "m1", ["said", {"": "image", "media_id": "m1"}], {"so_far": 1}),
    journal.Answered(START, "m2", START // 1_000, "words"),
    journal.Answered(START, "m2", START // 1_000, "words", "key"),
    journal.Misread(START, "m3", START // 1_000, "words"),
    journal.Lapsed(START, "m4"),
    journal.Stopped(START, "m5", "取消"),
    journal.Returned(START, "m6", "返回"),
    journal.Intent(START, "pay"),
    journal.Result(START, "pay", {"a": [1, 2.5, None, "字"]}),
    journal.Result(START, "pay", None),
    journal.Failure(START, "pay", "OSError", "no such thing"),
    journal.Recalled(START, "k", True, 5),
    journal.Recalled(START, "k", False),
)


def resume(kept: dict[str, Any]) -> Chat:
    """The conversation that was kept, on a worker that knows nothing of it."""
    chat = Chat(bot())
    chat.world.now, chat.count = kept["now"], kept["count"]
    chat.world.kept[chat.key] = ("golden", dict(kept["record"]), None)
    if kept["last"]:
        kind, text, id, created = kept["last"]
        common = {"id": id, "openid": chat.user, "account": ACCOUNT}
        common["time"] = dt.datetime.fromtimestamp(created, chat.bot.settings.timezone)
        chat.last = (
            TextMessage(text=text, **common) if kind == "text" else ClickEvent(event="click", key=text, **common)
        )
    return chat


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    made: dict[str, Callable[[], dict[str, Any]]] = {title: partial(play, *acts) for title, acts in PLAYS.items()}
    for title, make in {**made, "everything": everything, "everything, in the second form": everything}.items():
        file = FOLDER / f"{re.sub('[^a-z]+', '-', title)}.json"
        if not file.exists():
            file.write_text(json.dumps(make(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            print(file)


if __name__ == "__main__":
    main()
