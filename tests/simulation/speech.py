"""A medium that is not WeChat: replies are lines of text, and what a dialog says is a token, so that it can be told again.

A token is «…», and no two things that are said have the same. A question's begins with Q. Where a question is only quoted,
its token stands in ‹…›: that it was shown counts, and that it was said does not. Our own sentences stand in brackets.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import re
from collections.abc import Sequence
from typing import Any

from wechat.dialog import Sentence
from wechat.replay import Said

TOKEN = re.compile("«[^»]*»")
#: what was shown of a question, quoted or not
SHOWN = re.compile("[«‹](Q[^»›]*)[»›]")


@dataclasses.dataclass(frozen=True)
class Note:
    """A message."""

    text: str
    id: str = ""
    created: int = 0
    kind: str = "text"
    event: str = ""
    key: str = ""


@dataclasses.dataclass(frozen=True)
class Picture(Note):
    kind: str = "image"


@dataclasses.dataclass(frozen=True)
class Click(Note):
    kind: str = "event"
    event: str = "click"


@dataclasses.dataclass(frozen=True)
class Leave(Note):
    kind: str = "event"
    event: str = "unsubscribe"


KINDS: dict[str, type[Note]] = {"text": Note, "image": Picture, "click": Click, "unsubscribe": Leave}


@dataclasses.dataclass(frozen=True)
class Shot:
    """Something to say that is no text."""

    token: str


@dataclasses.dataclass(frozen=True)
class Voice:
    """How the bot speaks. So many tokens fit one reply."""

    room: int = 4
    party: str = "sim"
    timezone: dt.tzinfo = dt.timezone.utc

    # ---- messages ----

    def payload(self, message: Note) -> Any:
        return [message.event or message.kind, message.text, message.key]

    def words(self, payload: Any) -> str | None:
        return str(payload[1]) if payload and payload[0] == "text" else None

    def message(self, payload: Any, id: str, created: int, pattern: str | None = None, flags: int = 0) -> Note:
        kind, text, key = payload or ["text", "", ""]
        return KINDS[kind](text, id, created, key=key)

    def silent(self, message: Note) -> bool:
        return isinstance(message, Leave)

    def quote(self, message: Note) -> str:
        return message.text

    # ---- what is said ----

    def say(self, what: Any) -> Any:
        if isinstance(what, Shot):
            return ["shot", what.token]
        if what is None or isinstance(what, str):
            return what or None
        raise TypeError(f"{type(what).__name__} cannot be said")

    def sentence(self, name: str, **values: Any) -> str:
        said = "".join(f":{value}" for value in values.values())
        return f"[{name}{said.replace('«', '‹').replace('»', '›')}]"

    def render(self, said: Sequence[Said]) -> list[Any]:
        return [part for one in said for part in self._rendered(one)]

    def _rendered(self, said: Said) -> list[Any]:
        say = self.sentence(said.say.name) if isinstance(said.say, Sentence) else said.say
        options = "/".join(label.name if isinstance(label, Sentence) else label for label in said.options)
        return [part for part in (say, options) if part]

    def expects(self, ask: Any) -> str:
        return "[expects]"

    def join(self, says: Sequence[Any]) -> Any:
        return "\n".join(say if isinstance(say, str) else say[1] for say in says) or None

    public = join

    # ---- how much fits one reply ----

    def pack(self, says: Sequence[Any]) -> tuple[list[Any], int]:
        parts: list[Any] = self.split("\n".join(say for say in says if isinstance(say, str)))
        last = len(parts) - 1
        parts += [say for say in says if not isinstance(say, str)]
        return parts, last if last >= 0 and isinstance(says[-1], str) else len(parts) - 1

    def split(self, text: str) -> list[str]:
        ends = [match.end() for match in TOKEN.finditer(text)][self.room - 1 :: self.room]
        cuts = [0, *(end for end in ends if end < len(text)), len(text)]
        return [part for a, b in itertools.pairwise(cuts) if (part := text[a:b].strip("\n"))]

    def more(self, say: Any, count: int) -> Any:
        return f"{say}\n[more:{count}]" if isinstance(say, str) else say

    def both(self, say: Any, older: Sequence[Any]) -> Any:
        says = [say, *older]
        if not all(isinstance(part, str) for part in says):
            return None
        joined = "\n".join(says)
        return joined if len(TOKEN.findall(joined)) <= self.room else None

    def late(self, say: Any, quote: str, doubtful: bool) -> list[Any]:
        if not isinstance(say, str):
            return [say]
        return [*(["[maybe_read]"] if doubtful else []), *([f"[answering:{quote}]"] if quote else []), say]

    def piece(self, before: Sequence[Any], text: str) -> tuple[str, str]:
        first = "".join(f"{say}\n" for say in before)
        shown = next(iter(self.split(text)), "")
        shown = text[: text.find(shown) + len(shown)]
        return shown, first + shown

    def rest(self, says: Sequence[Any], shown: str) -> list[Any] | None:
        text = "\n".join(say for say in says if isinstance(say, str))
        if not text.startswith(shown):
            return None
        left = text[len(shown) :].lstrip("\n")
        return [left] * bool(left) + [say for say in says if not isinstance(say, str)]
