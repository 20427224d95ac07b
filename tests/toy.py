"""A medium that is not WeChat: so much the core needs to know of one."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from wechat import journal
from wechat.replay import Machine, Script, replay

AT = 1_790_000_000_000


@dataclasses.dataclass(frozen=True)
class Note:
    """A message."""

    text: str
    id: str = "1"
    created: int = 0
    kind: str = "text"
    event: str = ""
    key: str = ""


@dataclasses.dataclass(frozen=True)
class Picture(Note):
    kind: str = "image"


class Toy:
    party = "toy"
    timezone = dt.timezone.utc

    def payload(self, message: Note) -> Any:
        return [message.kind, message.text]

    def words(self, payload: Any) -> str | None:
        return payload[1] if payload[0] == "text" else None

    def message(self, payload: Any, id: str, created: int, pattern: str | None = None, flags: int = 0) -> Note:
        kind, text = payload
        return (Picture if kind == "image" else Note)(text, id, created)

    def say(self, what: Any) -> Any:
        if what is None or isinstance(what, str):
            return what or None
        raise TypeError(f"{type(what).__name__} cannot be said")


def begin(name: str = "dialog", text: str = "hi") -> str:
    return journal.encode(journal.Began(AT, name, 1, "text", None, 0, "m0", 0, ["text", text]))


def answer(text: str, number: int = 1, kind: str = "text") -> str:
    return journal.encode(journal.Answered(AT + number * 1000, f"m{number}", 0, [kind, text]))


def machine(function: Any, *lines: str, name: str = "dialog") -> Machine:
    """The dialog, replayed from its beginning and these entries."""
    return replay({name: Script(name, function)}, [begin(name), *lines], Toy())


def said(dialog: Machine) -> list[Any]:
    return [one.say for one in dialog.said]
