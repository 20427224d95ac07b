"""Commands describe; used as values they say so."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
from typing import Any

import pytest

from talk import Chat
from wechat import Bot, ConfigurationError, ForgottenYield, again, ask, forget, recall, remember, say, step, stream
from wechat.dialog import Command


@step
def fetch(what: str = "x") -> str:
    return what


COMMANDS: list[Command[Any]] = [
    ask("x"),
    ask.number("x"),
    say("x"),
    fetch(),
    stream(fetch()),
    recall("x"),
    remember("x", 1),
]


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
@pytest.mark.parametrize("use", [str, bool, len, "{}".format], ids=["str", "bool", "len", "format"])
def test_a_command_used_as_a_value_raises_forgotten_yield(command: Command[Any], use: Any) -> None:
    with pytest.raises(ForgottenYield, match=r"write `yield "):
        use(command)


def test_a_forgotten_yield_is_raised_on_the_users_own_line() -> None:
    def forgets(message: Any) -> Any:
        name = ask.text("name?")
        yield f"hello {name}"

    bot = Bot("token", store="memory://")
    bot.text("forgets")(forgets)
    chat = Chat(bot)
    assert chat.say("forgets") == "抱歉，出错了，请稍后再试。"
    error = chat.world.turns[0].error
    assert isinstance(error, ForgottenYield)
    assert error.__traceback__ is not None
    lines = []
    trace: Any = error.__traceback__
    while trace:
        lines.append((trace.tb_frame.f_code.co_name, trace.tb_lineno))
        trace = trace.tb_next
    assert ("forgets", forgets.__code__.co_firstlineno + 2) in lines


@dataclasses.dataclass(frozen=True)
class Invoice:
    total: decimal.Decimal
    due: dt.datetime
    lines: list[int]


class Level(enum.Enum):
    NEW = "new"


NOON = dt.datetime(2026, 3, 8, 12, tzinfo=dt.timezone.utc)


@step
def invoice() -> Invoice:
    return Invoice(decimal.Decimal("12.50"), NOON, [1, 2])


@step
def levels() -> list[Level]:
    return [Level.NEW]


@step
def pairs() -> list[tuple[int, str]]:
    return [(1, "a")]


@step
def unannotated():  # type: ignore[no-untyped-def]
    return (1, {"a": (2,)})


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (invoice, Invoice(decimal.Decimal("12.50"), NOON, [1, 2])),
        (levels, [Level.NEW]),
        (pairs, [(1, "a")]),
        (unannotated, [1, {"a": [2]}]),
    ],
)
def test_a_result_is_restored_by_its_annotation_live_and_replayed_alike(function: Any, value: Any) -> None:
    seen = []

    def dialog(message: Any) -> Any:
        seen.append((yield function()))
        yield "?"

    bot = Bot("token", store="memory://")
    bot.text("x")(dialog)
    chat = Chat(bot)
    chat.say("x")
    chat.crash()
    chat.say("y")
    assert seen == [value, value]


def test_a_pydantic_model_is_restored_too() -> None:
    class Model:  # what pydantic's models look like from outside
        def __init__(self, n: int) -> None:
            self.n = n

        def model_dump(self, mode: str) -> Any:
            return {"n": self.n}

        @classmethod
        def model_validate(cls, value: Any) -> Any:
            return cls(value["n"])

    def made() -> Any:
        return Model(5)

    made.__annotations__["return"] = Model
    seen = []

    def dialog(message: Any) -> Any:
        seen.append((yield step(made)()).n)
        return "ok"

    bot = Bot("token", store="memory://")
    bot.text("x")(dialog)
    assert Chat(bot).say("x") == "ok"
    assert seen == [5]


@pytest.mark.parametrize(
    ("register", "why"),
    [
        (lambda: step(lambda: 1), "@step needs a name"),
        (lambda: step(Invoice), "@step goes on a function"),
        (lambda: step(5), "@step goes on a function"),
        (lambda: stream(fetch), "stream() takes a call of a @step function"),
    ],
)
def test_a_step_that_cannot_be_one_is_refused(register: Any, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        register()
    assert str(caught.value).startswith(why)


def test_an_idempotency_key_needs_a_default() -> None:
    def pay(idempotency_key: str) -> None: ...

    with pytest.raises(ConfigurationError, match='write `idempotency_key: str = ""`'):
        step(pay)


def test_a_step_has_the_functions_name_or_its_own() -> None:
    assert fetch.name == "fetch"
    assert step(name="mine")(lambda: 1).name == "mine"
    assert fetch.function("y") == "y"


def test_every_kind_of_function_is_a_step() -> None:
    @step
    async def awaited() -> str:
        return "a"

    @step
    async def pieces() -> Any:
        yield "b"
        yield "c"

    @step
    def parts() -> Any:
        yield "d"

    def dialog(message: Any) -> Any:
        return (yield awaited()) + (yield pieces()) + (yield stream(parts()))

    bot = Bot("token", store="memory://")
    bot.text("x")(dialog)
    assert Chat(bot).say("x") == "d\nabcd"


def test_again_shows_nothing_of_its_state() -> None:
    assert repr(again("x", secret=1)) == "again(…)"


def test_a_key_that_is_half_a_surrogate_pair_is_refused() -> None:
    for make in (lambda: recall("\ud83d"), lambda: remember("\ud83d", 1), lambda: forget("\ud83d")):
        with pytest.raises(ConfigurationError, match="half a surrogate pair"):
            make()
