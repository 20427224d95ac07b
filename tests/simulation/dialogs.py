"""What the bot of the simulation can do: dialogs of every kind, programs made at random, and how both read after a deploy.

Everything that is said is one token: «S…» for what is told, «Q…» for a question. An answer that a dialog took is told in
`a=…`, beside the question that it answers, in `q=…` (with the seconds that it waits behind `~`, if not 60); what it read of the user's data in `n=…` and `o=…`. The law reads that.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Generator
from typing import Any

from wechat.dialog import Again, Ask, Step, StepFunction, again, call, recall, remember, say, stream
from wechat.errors import Cancelled, GaveUp, Reroute, StepFailed, StepInterrupted, TimedOut, WentBack
from wechat.router import Router

from .speech import Click, Leave, Note, Picture, Shot

Dialog = Generator[Any, Any, Any]


#: steps that make text, a piece at a time
STREAMS = ("t", "u", "w", "ps", "fails")
#: handlers of one step: what they give is said
HANDLERS = ("handler", "only", "farewell")


def _undone(*args: Any) -> str:
    raise AssertionError("the world does the steps")


@functools.cache
def act(name: str, **options: Any) -> StepFunction[..., Any]:
    return StepFunction(_undone, name, **options)


def do(name: str, **options: Any) -> Step[Any]:
    return act(name, **options)()


def reader(text: str) -> str:
    """Takes most answers, and understands not all."""
    if text[:1] in "vdn":
        return text
    raise ValueError(text)


# ---- dialogs --------------------------------------------------------------------------------------------------------


def order(m: Note) -> Dialog:
    q = f"Q1 {m.id}"
    a = yield f"«{q}»"
    r = yield do("d1")
    yield say(f"«S1 q={q} a={a}»")
    q = f"Q2 {r}"
    a = yield f"«{q}»"
    r = yield do("d2")
    r2 = yield do("d3")
    return f"«S2 {r} {r2} q={q} a={a}»"


def order2(m: Note) -> Dialog:  # another step
    a = yield f"«Q1 {m.id}»"
    r = yield do("D1")
    b = yield f"«Q2 {r}»"
    r = yield do("d2")
    return f"«S2 {r} {a} {b}»"


def chat(m: Note) -> Dialog:  # takes messages early; streams
    text = m.text
    for i in range(3):
        yield stream(do("t"))
        text = yield None if i % 2 else f"«Q {m.id} {i}»"
    return f"«S {m.id} {text}»"


def patient(m: Note) -> Dialog:  # asks again when it timed out; ends silently
    q = f"Q {m.id}"
    try:
        a = yield f"«{q}»"
        yield say(f"«S q={q} a={a}»")
    except TimedOut:
        r = yield do("n1")
        q = f"Q2 {r}"
        a = yield f"«{q}»"
        yield say(f"«S2 {r} q={q} a={a}»")
    yield do("n2")


def patient2(m: Note) -> Dialog:  # a step before the ask that old conversations wait at
    r = yield do("n0")
    yield f"«Q {r}»"


def beside(e: Note) -> Dialog:
    r = yield do("s1")
    r2 = yield do("s2")
    return f"«S {r} {r2}»"


def beside2(e: Note) -> Dialog:
    r = yield do("s1")
    return f"«S {r}»"


def intruder(e: Note) -> Dialog:
    r = yield do("x1")
    n = yield f"«Q {r}»"
    return f"«S {r} q=Q {r} a={n}»"


def intruder2(e: Note) -> Dialog:  # no step any more
    n = yield f"«Q {e.id}»"
    return f"«S {e.id} {n}»"


def poison(
    m: Note,
) -> Dialog:  # its step kills whoever runs it, or its own code does: at once, behind a step, or an ask
    place = len(m.text) % 2 + 2 * (m.created % 2)
    if place == 0:
        yield do("poison")
    elif place == 1:
        yield do("a step before")
    elif place == 2:
        yield f"«Qp {m.id}»"
    raise KeyboardInterrupt


def stubborn(m: Note) -> Dialog:  # tries again for ever
    while True:
        try:
            yield do("poison", once=True)
            break
        except StepInterrupted:
            pass
    return f"«S never {m.id}»"


def pay(m: Note) -> Dialog:  # once steps: after a step, and right after a message
    r = yield do("o1")
    try:
        r = yield do("o2", once=True)
    except StepInterrupted:
        r = yield do("o3")
    q = f"Q {r} ~600"
    a = yield Ask(f"«{q}»", timeout=600)
    r = yield do("o4", once=True)
    r2 = yield do("o5", once=True, timeout=8)
    return f"«S {r} {r2} q={q} a={a}»"


def pay2(m: Note) -> Dialog:  # once no more; and an ask where there was a step
    r = yield do("o1")
    yield f"«Q {r}»"
    yield f"«Q2 {m.id}»"
    return f"«S {r}»"


def endless(m: Note, n: int = 0) -> Dialog:  # again, now and then without a word; sometimes asks on the way
    r = yield do("e1")
    n += 1
    if n % 3 == 2:
        a = yield f"«Q {r}»"
        r2 = yield do("e2")
        yield say(f"«S {r2} q=Q {r} a={a}»")
    if n == 6:
        return f"«S {r}»"
    return again(None if n % 4 == 3 else f"«Q {r} {n}»", n=n)


def talk(m: Note, n: int = 0) -> Dialog:  # takes messages early; streams; again
    text = yield stream(do("u"))
    return again(None, n=n + len(text) * 0 + 1)


def mute(m: Note) -> Dialog:  # asks without a word
    yield
    r = yield do("y1")
    yield f"«Q {r}»"
    try:
        a = yield Ask()
    except TimedOut:
        return again()
    return f"«S {r} {a}»"


def essay(m: Note) -> Dialog:  # streams its question, and does not take messages early
    yield say(f"«S {m.id}»")
    yield stream(do("w"))
    a = yield
    return f"«S {m.id} {a}»"


def counter(m: Note) -> Dialog:  # counts its messages in the user's data
    for i in range(4):
        n = yield recall("n", 0)
        yield remember("n", n + 1)
        r = yield do("c1")
        if i % 2:
            r = yield do("c2")
        assert (yield recall("n", 0)) == n + 1, "read your own writes"
        o = yield recall("o", 0)
        if i == 3:
            return f"«S {r} n={n} o={o}»"
        q = f"Q {r} n={n} o={o}"
        try:
            a = yield f"«{q}»"
            yield say(f"«S {m.id} {i} q={q} a={a}»")
        except TimedOut:
            t = yield recall("t", 0)
            yield remember("t", t + 1)
            r = yield do("c3")
            yield f"«Q {r} t={t}»"


def counter2(m: Note) -> Dialog:  # the same, and then an ask in place of a step
    n = yield recall("n", 0)
    yield remember("n", n + 1)
    yield f"«Q {m.id} n={n}»"
    n = yield recall("n", 0)
    yield remember("n", n + 1)
    return f"«S {m.id} n={n}»"


def tally(m: Note) -> Dialog:  # counts, and is over
    n = yield recall("n", 0)
    yield remember("n", n + 1)
    r = yield do("z1")
    return f"«S {r} n={n}»"


def picky(m: Note) -> Dialog:  # some messages are not for it: at once, after a step, after a once step
    for i in range(3):
        a = yield f"«Q {m.id} {i}»"
        k = int(a[1]) % 4 if a[1:2].isdigit() else 0
        if k == 0:
            raise Reroute
        r = yield do("j1")
        yield remember("junk", 1)
        if k == 1:
            raise Reroute
        try:
            yield do("j2", once=True)
        except StepInterrupted:
            r = yield do("j3")
        if k == 2:
            raise Reroute
        yield remember("junk", 0)
        yield say(f"«S {r} {i}»")
    return None


def bouncer(m: Note) -> Dialog:  # refuses the very message that opened it
    yield remember("junk", 1)
    yield do("b1")
    raise Reroute


def chooser(m: Note) -> Dialog:  # labels, tries, back words, a picture; cancelled with a word of its own
    try:
        size = yield Ask(f"«Q1 {m.id}»", options=("大", "小"), retry="[retry]", tries=2, read=_size, timeout=120)
        picture = yield Ask(f"«Q2 {m.id} {size}»", accept=(Picture, Click), back=True)
        r = yield do("k1")
        return f"«S {r} {picture.text}»"
    except WentBack:
        yield f"«Q3 {m.id}»"
        return Shot(f"«P back {m.id}»")
    except GaveUp:
        return f"«S gave up {m.id}»"
    except Cancelled:
        r = yield do("k2")
        return f"«S bye {r}»"


def _size(text: str) -> str:
    if text in ("大", "小"):
        return text
    raise ValueError(text)


def clumsy(m: Note) -> Dialog:  # steps that fail, are tried again, run out of time; and a bug
    yield say(Shot(f"«P shot {m.id}»"))
    try:
        r = yield do("fail1", retries=2)
    except StepFailed:
        r = yield do("f2", timeout=4)
    a = yield Ask(f"«Q {r}»", otherwise="[otherwise]", accept=(Note,))
    if a.text.endswith(("3", "7")):
        raise ZeroDivisionError("a bug")
    r = yield do("fail2", timeout=9)
    try:
        yield stream(do("fails", timeout=10))
    except StepFailed:
        yield say(f"«S broke off {r}»")
    return f"«S {r}»"


async def asynchronous(m: Note) -> str:
    r = await do("a1")
    a = await call(part(m.id))
    return f"«S {r} {a}»"


def part(id: str) -> Dialog:
    a = yield f"«Q {id} ~900»"
    r = yield do("a2")
    return f"q=Q {id} ~900 a={a} {r}"


def long(m: Note) -> Dialog:  # more than one reply holds
    for i in range(7):
        yield say(f"«S {m.id} {i}»")
    a = yield f"«Q {m.id}»"
    yield say(Shot(f"«P shot {m.id}»"))
    for i in range(5):
        yield say(f"«S {m.id} l{i}»")
    return f"«S {m.id} q=Q {m.id} a={a}»"


def default(m: Note) -> Dialog:
    return f"«S ? {m.id}»"
    yield


# ---- programs made at random ----------------------------------------------------------------------------------------

LEAVES = (
    "ask",
    "ask",
    "ask",
    "ask",
    "picture",
    "say",
    "step",
    "step",
    "once",
    "stream",
    "count",
    "mute",
    "shot",
    "retried",
)
BRANCHES = ("loop", "try", "part", "if")
ENDS = ("return", "again", "reroute", "nothing", "fall")


def program(rng: random.Random, depth: int = 0) -> list[Any]:
    """What a program does, in order."""
    made: list[Any] = []
    for _ in range(rng.randint(1, 4 - depth)):
        if depth < 2 and rng.random() < 0.3:
            made.append((rng.choice(BRANCHES), rng.randint(1, 3), program(rng, depth + 1), program(rng, depth + 1)))
        else:
            made.append((rng.choice(LEAVES), rng.randint(0, 5)))
    if depth == 0 or rng.random() < 0.1:
        made.append((rng.choice(ENDS), rng.randint(0, 5)))
    return made


class Over(Exception):
    """A program ends with this."""


class Programmed:
    """A program under way: every token has a number of its own, and the last of what was seen."""

    def __init__(self, message: Note, tag: str) -> None:
        self.id, self.tag, self.count, self.seen = message.id, tag, 0, message.text

    def token(self, letter: str, more: str = "") -> str:
        self.count += 1
        return f"{letter}{self.tag}{self.count} {self.id} {self.seen}{more}"

    def body(self, body: list[Any]) -> Dialog:
        for name, number, *parts in body:
            yield from getattr(self, f"_{name}")(number, *parts)

    def _ask(self, number: int) -> Dialog:
        timeout = (None, 30, 900)[number % 3]
        q = self.token("Q", f" ~{timeout or 60}")
        self.seen = "…"
        a = yield Ask(f"«{q}»", timeout=timeout, back=number == 4)
        yield say(f"«S{self.tag}{self.count} {self.id} q={q} a={a}»")
        self.seen = a[:3]

    def _picture(self, number: int) -> Dialog:
        q = self.token("Q")
        got = yield Ask(f"«{q}»", accept=(Picture, Click), otherwise="[otherwise]" if number % 2 else ...)
        self.seen = got.kind

    def _mute(self, number: int) -> Dialog:
        self.seen = (yield)[:3]

    def _say(self, number: int) -> Dialog:
        yield say(f"«{self.token('S')}»")

    def _shot(self, number: int) -> Dialog:
        yield say(Shot(f"«{self.token('P')}»"))

    def _step(self, number: int) -> Dialog:
        self.seen = yield do(f"p{number}")

    def _once(self, number: int) -> Dialog:
        self.seen = yield do(f"P{number}", once=True)

    def _retried(self, number: int) -> Dialog:
        self.seen = yield do(f"fail{number}", retries=1, timeout=None if number % 2 else 8)

    def _stream(self, number: int) -> Dialog:
        text = yield stream(do("ps"))
        self.seen = text[1:12]

    def _count(self, number: int) -> Dialog:
        n = yield recall("p", 0)
        yield remember("p", n + 1)
        self.seen = f"p={n}"

    def _loop(self, number: int, body: list[Any], other: list[Any]) -> Dialog:
        for _ in range(number):
            yield from self.body(body)

    def _if(self, number: int, body: list[Any], other: list[Any]) -> Dialog:
        yield from self.body(body if sum(map(ord, self.seen)) % 2 else other)

    def _part(self, number: int, body: list[Any], other: list[Any]) -> Dialog:
        yield self.body(body)

    def _try(self, number: int, body: list[Any], other: list[Any]) -> Dialog:
        try:
            yield from self.body(body)
        except (TimedOut, StepFailed, StepInterrupted, WentBack, GaveUp):
            yield from self.body(other)
        except Cancelled:
            if number == 1:
                raise
            yield from self.body(other)

    def _return(self, number: int) -> Dialog:
        raise Over(f"«{self.token('S')}»")
        yield

    def _nothing(self, number: int) -> Dialog:
        raise Over(None)
        yield

    def _again(self, number: int) -> Dialog:
        raise Over(again(f"«{self.token('Q')}»" if number else None))
        yield

    def _reroute(self, number: int) -> Dialog:
        raise Reroute
        yield

    def _fall(self, number: int) -> Dialog:
        yield say(f"«{self.token('S')}»")


def programmed(body: list[Any], tag: str) -> Callable[[Note], Dialog]:
    def dialog(m: Note) -> Dialog:
        try:
            yield from Programmed(m, tag).body(body)
        except Over as end:
            return end.args[0]
        return None

    return dialog


# ---- routes ---------------------------------------------------------------------------------------------------------

#: by the first letter of a message: the dialog, how it reads after a deploy (None: it is gone), and what the route says
ROWS: dict[str, tuple[Callable[..., Any], Any, dict[str, Any]]] = {
    "d": (order, order2, {}),
    "t": (chat, chat, {"busy": "queue"}),
    "n": (patient, patient2, {}),
    "p": (poison, poison, {}),
    "k": (stubborn, stubborn, {}),
    "o": (pay, pay2, {"version": 2}),
    "e": (endless, endless, {}),
    "u": (talk, talk, {"busy": "queue"}),
    "y": (mute, mute, {}),
    "w": (essay, essay, {}),
    "c": (counter, counter2, {}),
    "z": (tally, tally, {}),
    "j": (picky, picky, {}),
    "b": (bouncer, bouncer, {}),
    "g": (chooser, None, {}),
    "f": (clumsy, clumsy, {}),
    "a": (asynchronous, asynchronous, {"expire": 900}),
    "l": (long, long, {}),
}
#: of an event, by its key
EVENTS: dict[str, tuple[Callable[..., Any], Any]] = {
    "s": (beside, beside2),
    "x": (intruder, intruder2),
    "z": (tally, tally),
}


@functools.cache
def fixed(code: int) -> Router:
    """The routes that every world has."""
    router = Router()
    for letter, (function, later, options) in ROWS.items():
        made = function if code == 1 else later
        given = options if code == 2 else {name: value for name, value in options.items() if name != "version"}
        if made is not None:
            router.text(re.compile(f"^{letter}"), name=function.__name__, **given)(made)
    if code == 2:
        router.version(pay2, 1)(pay)
    for key, (function, later) in EVENTS.items():
        router.click(re.compile(f"^{key}"), name=function.__name__)(function if code == 1 else later)
    router.click(re.compile("^h"))(act("handler"))
    router.text(re.compile("^h"), interrupt=True)(act("handler"))
    router.text(re.compile("^H"))(act("handler"))
    router.text(re.compile("^1"), interrupt=True)(act("only", once=True))
    router.unsubscribe(act("farewell"))
    router.default(default)
    return router


@functools.lru_cache(500)
def gates(number: int, code: int) -> Any:
    """A program that is the same in every world that has its number; after a deploy, another in a third of them."""
    seed = number if code == 1 or number % 3 else -number - 1
    return programmed(program(random.Random(seed)), f"r{number}." if seed >= 0 else f"r{number}b.")


def routes(numbers: tuple[int, ...], code: int) -> Router:
    """The routes of one world: its programs are those of these numbers."""
    router = Router()
    router._routes, router._scripts = [*fixed(code)._routes], dict(fixed(code)._scripts)
    for i, number in enumerate(numbers):
        router.text(re.compile(f"^r{i}"), name=f"program {number}", busy="queue" if number % 4 == 0 else "tell")(
            gates(number, code)
        )
    return router


__all__ = ["Again", "Leave", "act", "routes"]
