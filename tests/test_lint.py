"""What a look at the source warns of."""

from __future__ import annotations

import datetime
import random
import time
from typing import Any

import pytest

from wechat import Bot, ask, say, step
from wechat.lint import DialogWarning, lint


def clocks(message: Any) -> Any:
    yield f"{time.time()} {datetime.datetime.now()} {random.random()}"
    with open("x"):
        print("y")


def cleans_up(message: Any) -> Any:
    try:
        yield "?"
    finally:
        yield "bye"


def forgets(message: Any) -> Any:
    say("x")
    ask.number("y")
    save(1)
    yield "z"


@step
def save(number: int) -> int:
    return number


def fine(message: Any) -> Any:
    name = yield ask.text("name?")
    yield say(name)
    opened = [name]
    opened.append(name)
    return "".join(opened)


@pytest.mark.parametrize(
    ("dialog", "findings"),
    [
        (clocks, ["time.time", "datetime.datetime.now", "random.random", "open", "print"]),
        (cleans_up, ["a yield inside finally"]),
        (forgets, ["say(…) does nothing", "ask.number(…) does nothing", "save(…) does nothing"]),
        (fine, []),
    ],
)
def test_the_lint_names_line_and_remedy(dialog: Any, findings: list[str]) -> None:
    found = lint(dialog)
    assert len(found) == len(findings)
    for sentence in findings:
        assert any(sentence in line and line.startswith(__file__) for line in found)


def test_registration_warns_and_goes_on() -> None:
    with pytest.warns(DialogWarning) as caught:
        Bot("token", store="memory://").text("x")(clocks)
    assert any("use now()" in str(warning.message) for warning in caught)


def test_source_that_cannot_be_read_is_no_reason_to_stop() -> None:
    made: dict[str, Any] = {}
    exec("def unread(message):\n    yield time.time()", made)
    assert lint(made["unread"]) == []
