"""A module of 2017 as routes and dialogs of today.

Such a module names its dialogs in ``ROUTER``, and its Redis in ``REDIS_HOST``, ``REDIS_PORT``, ``REDIS_DB``,
``REDIS_PASSWORD`` and ``REDIS_KEY``. For it, and for nothing else, these rules hold:

1. A pattern is matched (`re.match`) against the raw text, or the event's name as WeChat writes it, or, for every other
   kind, against ``default``. That is also what a dialog gets for an answer, whatever its kind; but no event is one.
2. A dialog's argument is the openid. Up to two bare ``yield`` at its beginning give the message that opened it. What it
   says is a tuple, ``('TextMsg', '…')``. Commands of today may be yielded, too: a ``@step``, a question of ``ask``.
3. With ``YIELDS_REPLAY_FLAG = True`` every ``yield`` gives ``(content, is_replay)``.
4. An answer that comes too late finds the conversation forgotten, without a word.
5. What is said to a push that shows no reply is not said.
"""

from __future__ import annotations

import abc
import functools
import inspect
import re
from collections.abc import Callable, Coroutine, Generator, Sequence
from types import FrameType, GeneratorType, ModuleType
from typing import Any
from urllib.parse import quote

from . import receive
from .dialog import Command, running
from .errors import ConfigurationError
from .msg import SAYS
from .prompts import ask
from .replay import Script
from .router import Route

#: what a message is matched as that is neither text nor event
OTHER = "default"


# ---- what a module names --------------------------------------------------------------------------------------------


def store(module: ModuleType) -> str | None:
    """The URL of the Redis that it names; None: it names none. Raises `ConfigurationError` for a port or number that is none."""
    named = [name for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD") if hasattr(module, name)]
    if not named:
        return None
    host = str(getattr(module, "REDIS_HOST", "localhost"))
    password = getattr(module, "REDIS_PASSWORD", None)
    secret = f":{quote(password, safe='')}@" if password else ""
    host = f"[{host}]" if ":" in host else host
    return f"redis://{secret}{host}:{_number(module, 'REDIS_PORT', 6379)}/{_number(module, 'REDIS_DB', 0)}"


def _number(module: ModuleType, name: str, default: int) -> int:
    value = getattr(module, name, default)
    if not re.fullmatch(r"\d{1,5}", str(value), re.ASCII):
        raise ConfigurationError(f"{module.__name__}.{name} must be a number, not {value!r}")
    return int(value)


def key(module: ModuleType) -> str | None:
    """The pattern of its keys, behind which ``:2`` marks what is ours; None: it names none.

    Raises `ConfigurationError` for one under which users would share a record.
    """
    pattern = getattr(module, "REDIS_KEY", None)
    if pattern is None:
        return None
    try:
        told_apart = "%(open_id)" in pattern and pattern % {"open_id": "a"} != pattern % {"open_id": "b"}
    except (TypeError, ValueError, KeyError):
        told_apart = False
    if not told_apart:
        raise ConfigurationError(
            f"{module.__name__}.REDIS_KEY must hold %(open_id)s, like 'bot:%(open_id)s', not {pattern!r}"
        )
    return f"{pattern}:2"


def rows(module: ModuleType) -> Sequence[Route]:
    """Its ROUTER as routes, in its order. Raises `ConfigurationError` for a row that leads nowhere."""
    router = getattr(module, "ROUTER", None)
    if not isinstance(router, dict):
        raise ConfigurationError(
            f"{module.__name__} needs a ROUTER, like {{'text': [('^累加器$', 'accumulator'), ('.*', 'show_help')]}}"
        )
    flagged = bool(getattr(module, "YIELDS_REPLAY_FLAG", False))
    scripts: dict[str, Script] = {}
    made = []
    for kind, pairs in router.items():
        for pair in pairs:
            pattern, name = _pair(module, kind, pair)
            if name not in scripts:
                scripts[name] = Script(name, _dialog(module, name, flagged), lapses=False)
            made.append(Row(kind, scripts[name], "dialog", None, pattern))
    return made


def _pair(module: ModuleType, kind: str, pair: Any) -> tuple[re.Pattern[str], str]:
    try:
        pattern, name = pair
        return re.compile(pattern), str(name)
    except (TypeError, ValueError, re.error) as error:
        raise ConfigurationError(
            f"{module.__name__}.ROUTER[{kind!r}] needs rows like ('^累加器$', 'accumulator'), not {pair!r}: {error}"
        ) from None


def _dialog(module: ModuleType, name: str, flagged: bool) -> Callable[[receive.Message], Run]:
    function = getattr(module, name, None)
    if not inspect.isgeneratorfunction(function):
        raise ConfigurationError(
            f"{module.__name__}.ROUTER names {name!r}, which must be a function of the module with a yield in it"
        )
    if not flagged and "is_replay" in function.__code__.co_varnames:
        raise ConfigurationError(
            f"{module.__name__}.{name} takes is_replay from its yields: say YIELDS_REPLAY_FLAG = True in the module"
        )

    begin: Callable[[str], Any] = function

    @functools.wraps(begin)
    def dialog(message: receive.Message) -> Run:
        return Run(begin(message.openid), message, flagged)

    return dialog


class Row(Route, frozen=True):
    """A row of ROUTER: its kind is a MsgType."""

    def takes(self, message: Any, word: str) -> bool:
        assert self.pattern is not None
        return bool(message.raw["MsgType"] == self.kind and self.pattern.match(content(message)))


def content(message: receive.Message) -> str:
    """What of a message a module of 2017 sees."""
    kind = message.raw["MsgType"]
    return message.text if kind == "text" else str(message.raw["Event"]) if kind == "event" else OTHER


# ---- how its dialogs run --------------------------------------------------------------------------------------------


class Sent(abc.ABC):  # noqa: B024 (it is met by what something is, not by what it does)
    """Whatever a user sends, of a kind that is known or not; but no event."""

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        return issubclass(other, receive.Message) and not issubclass(other, receive.Event)


class Run(Generator[Any, Any, Any]):
    """A run of one dialog: its tuples are questions of today, and the answers to them its contents."""

    def __init__(self, dialog: GeneratorType[Any, Any, Any], message: receive.Message, flagged: bool) -> None:
        self._dialog, self._message, self._flagged = dialog, message, flagged
        self._bare = 2  # so many bare yields may still stand at its beginning
        self._asked = False  # whether it stands at a question that was translated
        self._quiet = receive.silent(message)

    def send(self, came: Any) -> Any:
        return self._until_said(self._dialog.send, self._heard(came) if self._asked else came)

    def throw(self, *error: Any) -> Any:
        return self._until_said(self._dialog.throw, *error)

    def close(self) -> None:
        self._dialog.close()

    def _until_said(self, go_on: Callable[..., Any], *given: Any) -> Any:
        try:
            said = go_on(*given)
            while said is None and self._bare:
                self._bare -= 1
                said = self._dialog.send(self._heard(self._message))
        except StopIteration as end:
            raise StopIteration(self._say(end.value)) from None
        self._bare = 0
        self._asked = not isinstance(said, Command | Generator | Coroutine)
        return ask(self._say(said), accept=Sent) if self._asked else said

    def _heard(self, message: receive.Message) -> Any:
        dialog = running.get()
        words = content(message)
        return (words, dialog is not None and dialog.replaying) if self._flagged else words

    def _say(self, said: Any) -> Any:
        if isinstance(said, tuple) and len(said) == 2 and said[0] in SAYS:
            said = SAYS[said[0]](said[1])
        return None if self._quiet else said

    # where it stands, as of any other generator

    @property
    def gi_frame(self) -> FrameType | None:
        return self._dialog.gi_frame

    @property
    def gi_yieldfrom(self) -> Any:
        return self._dialog.gi_yieldfrom
