"""How this bot speaks WeChat: the one value in which the core meets the protocol.

The core asks for everything here through `attempt.Speech`, and so never learns what a message or a reply looks like.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from . import receive, reply
from .dialog import Ask, Sentence
from .replay import Reopening, Said
from .router import subject
from .texts import Texts

#: how a type of message is called in a sentence: the field of `Texts`; the first that fits
KINDS: tuple[tuple[type[receive.Message], str], ...] = (
    (receive.TextMessage, "kind_text"),
    (receive.ImageMessage, "kind_image"),
    (receive.VoiceMessage, "kind_voice"),
    (receive.VideoMessage, "kind_video"),
    (receive.LocationMessage, "kind_location"),
    (receive.LinkMessage, "kind_link"),
    (receive.Event, "kind_event"),
)
#: characters of a message that a late reply quotes
QUOTED = 20
_SENTENCE_ENDS = r"[。！？!?；;…\n]+[”’」』）)]*|\.\s"
#: names of sentences, for the kinds of a dialog that waits to be opened anew
REOPENED = {
    "image": "kind_image",
    "voice": "kind_voice",
    "video": "kind_video",
    "location": "kind_location",
    "link": "kind_link",
}


class Medium(msgspec.Struct, frozen=True, gc=False):
    """What carries the conversation of one account with one user."""

    account: str
    openid: str
    texts: Texts
    timezone: dt.tzinfo
    fetch: str = "继续"
    #: that one reply shows, to the message that this delivery brought
    articles: int = reply.TO_A_MESSAGE

    @property
    def party(self) -> str:
        return f"{self.account}/{self.openid}"

    # ---- messages ----

    def payload(self, message: receive.Message) -> Any:
        return receive.encode(message)

    def message(
        self, payload: Any, id: str, created: int, pattern: str | None = None, flags: int = 0
    ) -> receive.Message:
        message = receive.decode(
            payload, account=self.account, openid=self.openid, id=id, created=created, timezone=self.timezone
        )
        if pattern is None:
            return message
        found = re.compile(pattern, flags).search(subject(message))
        return message if found is None else message.with_match(found)

    def words(self, payload: Any) -> str | None:
        return payload if isinstance(payload, str) else None

    def silent(self, message: receive.Message) -> bool:
        return receive.silent(message)

    # ---- what is said ----

    def say(self, what: Any) -> Any:
        if isinstance(what, str):
            return reply.words(what)
        said = reply.reply(what)
        return None if said is None else reply.encode(said)

    def sentence(self, name: str, **values: Any) -> str:
        words: str = getattr(self.texts, name)
        return words.format(fetch=reply.link(self.fetch) if self.fetch else "", **values)

    def render(self, said: Sequence[Said]) -> list[Any]:
        return [part for one in said for part in self._rendered(one)]

    def _rendered(self, said: Said) -> list[Any]:
        say = self._worded(said.say)
        if not said.options:
            return [] if say is None else [say]
        labels = [self._worded(label) for label in said.options]
        before = say + "\n" if isinstance(say, str) else ""
        options = reply.options(labels, said.taps)
        if reply.size(before + options) > self._room:  # links are long
            options = reply.options(labels, False)
        return [before + options] if before or say is None else [say, options]

    def _worded(self, say: Any) -> Any:
        return self.sentence(say.name, **say.values) if isinstance(say, Sentence) else say

    def expects(self, ask: Ask[Any]) -> str:
        if isinstance(ask, Reopening):
            names = [REOPENED.get(ask.kind, "kind_text")]
        else:
            names = [self._kind(kind) for kind in ask.accept or ("text",)]
        kinds = self.texts.kind_or.join(getattr(self.texts, name) for name in dict.fromkeys(names))
        return self.sentence("pick_kind", kinds=kinds)

    def _kind(self, kind: type | str) -> str:
        if isinstance(kind, str):
            return f"kind_{kind}"
        return next((name for known, name in KINDS if issubclass(kind, known)), "kind_other")

    # ---- how much fits one reply ----

    @property
    def _room(self) -> int:
        """Bytes of one text, beside the line that says that there is more."""
        return reply.LIMIT - reply.size("\n" + self.sentence("more", count=9_999))

    def pack(self, says: Sequence[Any]) -> tuple[list[Any], int]:
        """Texts are joined by a newline and go first; what does not fit one reply becomes the next."""
        texts = "\n".join([say for say in says if isinstance(say, str)])
        parts: list[Any] = []
        if texts:  # most are so short that nobody need know how much room there is
            parts = reply.split(texts, reply.LIMIT // 2 if reply.fits(texts, reply.LIMIT // 2) else self._room)
        last = len(parts) - 1
        parts += [part for say in says if not isinstance(say, str) for part in reply.portions(say, self.articles)]
        return parts, last if last >= 0 and isinstance(says[-1], str) else len(parts) - 1

    def more(self, say: Any, count: int) -> Any:
        """Only a text can say so."""
        return f"{say}\n{self.sentence('more', count=count)}" if isinstance(say, str) else say

    def both(self, say: Any, older: Sequence[Any]) -> Any:
        """Texts only."""
        says = [say, *older]
        joined = "\n".join(part for part in says if isinstance(part, str))
        return joined if all(isinstance(part, str) for part in says) and reply.size(joined) <= self._room else None

    def late(self, say: Any, quote: str, doubtful: bool) -> list[Any]:
        """Another kind than text has no room for words, and speaks for itself."""
        if not isinstance(say, str):
            return [say]
        before = [self.sentence("maybe_read")] if doubtful else []
        return [*before, *([self.sentence("answering", message=quote)] if quote else []), say]

    def piece(self, before: Sequence[Any], text: str) -> tuple[str, str]:
        first = "".join(f"{say}\n" for say in before)
        room = reply.LIMIT - reply.size(first + self.sentence("unfinished"))
        shown = next(iter(reply.split(text, room)), "")
        shown = text[: text.find(shown) + len(shown)]
        ends = list(re.finditer(_SENTENCE_ENDS, shown))
        shown = shown[: ends[-1].end()] if ends else shown
        return shown, first + shown.strip("\n")

    def rest(self, says: Sequence[Any], shown: str) -> list[Any] | None:
        texts = "\n".join(say for say in says if isinstance(say, str))
        if not texts.startswith(shown):
            return None
        left = texts[len(shown) :].lstrip("\n")
        return [left] * bool(left) + [say for say in says if not isinstance(say, str)]

    def join(self, says: Sequence[Any]) -> Any:
        texts = "\n".join([say for say in says if isinstance(say, str)])
        return texts or next(iter(says), None)

    def public(self, says: Sequence[Any]) -> Any:
        said = self.join(says)
        return said if said is None or isinstance(said, str) else reply.decode(said)

    def quote(self, message: receive.Message) -> str:
        words = " ".join(message.text.split())
        return words if len(words) <= QUOTED else f"{words[:QUOTED]}…"
