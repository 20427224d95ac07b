"""What a worker under development tells of its bot: steps, turns, replays, and where every conversation stands.

Nothing is done otherwise than in service: effects are carried out by who carries them out there, and looked at as they pass.
Only a step may be made slow on purpose.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import datetime as dt
import functools
import inspect
import itertools
import linecache
import os
import re
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from msgspec import structs

from .. import record, replay, turn
from ..attempt import Turn
from ..bot import Bot, Carried, Settings
from ..cli.view import as_heard, as_json, as_said, viewed
from ..dialog import Ask, Step, innermost
from ..errors import Diverged, StoreError, WeChatError
from ..receive import Message
from ..runtime import CARRY, Carrier, Drive, Gone, Health

T = TypeVar("T")
Tell = Callable[..., None]
Fields = dict[str, Any]

#: seconds after a write in which more of them are told together
SOON = 0.03
#: characters of a value or a sentence that are told of a row
SHORT = 200
#: what is called so is shown to nobody
_SECRET = re.compile(r"passw|secret|token|api_?key|密码|口令|密钥", re.IGNORECASE)
HIDDEN = "••••••"
#: where the library lies
_OURS = str(Path(__file__).parent.parent)


class Watched:
    """A bot as its server sees it, which tells what it does. `tell` is told of everything in keywords; `name` is the worker's."""

    def __init__(self, bot: Bot, tell: Tell, name: str) -> None:
        self.bot, self._tell, self._name = bot, tell, name
        self.slow = 0.0  # seconds that the next step takes longer
        self._count = itertools.count(1)
        self._openids: dict[str, str] = {}
        self._places: dict[str, tuple[str, str]] = {}  # by key: the version for which it holds, and file:line
        self._hot: dict[str, str] = {}  # by key: the version for which its dialog is alive here
        self._latest: dict[str, str] = {}  # by key: the message that came last
        self._turns: dict[str, str] = {}  # by key: the message of the turn that runs, or ran last
        self._claimed: dict[str, tuple[str, int]] = {}
        self._due: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        runtime = bot._runtime
        runtime.carry = {kind: functools.partial(self._carry, carrier) for kind, carrier in CARRY.items()}
        self._report, runtime.report = runtime.report, self._over

    # ---- as a bot ----

    @property
    def settings(self) -> Settings:
        return self.bot.settings

    async def carry(self, message: Message, *, patience: float | None = None, gone: Gone | None = None) -> Carried:
        self._latest[self.attend(message.account, message.openid)] = message.id
        return await self.bot.carry(message, patience=patience, gone=gone)

    def wait(self, work: Coroutine[Any, Any, T], /) -> T:
        return self.bot.wait(work)

    async def health(self) -> Health:
        return await self.bot.health()

    async def aclose(self) -> None:
        await self.bot.aclose()

    # ---- whose conversation it is ----

    def attend(self, account: str, openid: str) -> str:
        """From now on what happens to this user is told. Gives the key of their record."""
        key = self.bot.key(account, openid)
        self._openids[key] = openid
        return key

    def _row(self, key: str, kind: str, title: str, detail: str = "", **more: Any) -> Fields:
        row = {"id": f"{self._name}.{next(self._count)}", "at": _now(), "kind": kind, "title": title, "detail": detail}
        about = {"ms": None, "open": False, "tone": "plain", "message": self._turns.get(key, "")}
        return {**row, **about, **more}

    def _told(self, key: str, row: Fields) -> None:
        if key in self._openids:
            self._tell(user=self._openids[key], row=row)

    # ---- effects as they pass ----

    async def _carry(self, carrier: Carrier, drive: Drive, effect: Any) -> Any:
        look = LOOKS.get(type(effect))
        if isinstance(effect, turn.Do):
            effect = structs.replace(effect, step=self._timed(drive.key, effect.step))
        came = await carrier(drive, effect)
        if look is not None:
            look(self, drive, effect, came)
        return came

    def _loaded(self, drive: Drive, effect: turn.Load, came: turn.Loaded) -> None:
        """The first look of who knows nothing of the conversation: the dialog is run again from its journal."""
        if drive.reached:
            return
        entries = sum(name.isdigit() for name in came.fields)
        if entries and self._hot.get(drive.key) != came.version:
            self._told(
                drive.key,
                self._row(drive.key, "replay", "replay", f"{entries}", message=self._latest.get(drive.key, "")),
            )

    def _wrote(self, drive: Drive, effect: turn.Write, came: Any) -> None:
        if not isinstance(came, turn.Written):
            return
        if "h" in effect.put:
            head = record.read({"h": effect.put["h"]})
            if head.turn:
                self._turns[drive.key] = head.turn.partition("+")[0].removesuffix("t")
            claim = (head.turn, head.claims)
            if head.turn and head.claims > 1 and self._claimed.get(drive.key) != claim:
                self._claimed[drive.key] = claim
                self._told(drive.key, self._row(drive.key, "takeover", self._name, f"claim {head.claims}", tone="warn"))
        self.soon(drive.key)

    def _kept(self, drive: Drive, effect: turn.Keep, came: None) -> None:
        self._hot[drive.key] = effect.version
        if effect.machine is not None and effect.machine.want is not None:
            self._places[drive.key] = (effect.version, effect.machine.where())
        self.soon(drive.key)

    def _over(self, over: Turn) -> None:
        self._report(over)
        key = self.bot.key(over.message.account, over.message.openid)
        tone = {"failed": "bad", "quarantined": "bad", "diverged": "warn"}.get(over.outcome, "plain")
        about = {"ms": round(over.seconds * 1000), "message": over.message.id}
        self._told(key, self._row(key, "turn", over.dialog, over.outcome, tone=tone, **about))
        if over.error is not None:
            detail = _short(f"{over.error} {_line(over.error)}".strip())
            row = self._row(key, "error", type(over.error).__name__, detail, tone="bad", **about)
            self._told(key, row)

    # ---- steps ----

    def _timed(self, key: str, step: Step[Any]) -> Step[Any]:
        """The same step, which tells when it begins and ends, and may take longer."""
        seconds, self.slow = self.slow, 0.0
        if seconds:
            self._tell(slowed=step.name)
        about = next(
            (it.id for it in step.args if isinstance(it, Message)), self._turns.get(key, "")
        )  # of a handler, its own
        row, began = self._row(key, "step", step.name, open=True, message=about), time.monotonic()
        self._told(key, row)

        def ended(value: Any, error: BaseException | None) -> None:
            took = round((time.monotonic() - began) * 1000)
            if error is None:
                more = {"detail": _short(_value(step.name, value)), "tone": "good"}
            else:
                more = {"detail": _short(f"{type(error).__name__}: {error}"), "tone": "bad"}
            self._told(key, {**row, **more, "ms": took, "open": False})

        function = copy.copy(step.function)
        function.function = paced(function.function, seconds, ended)
        return dataclasses.replace(step, function=function)

    # ---- where a conversation stands ----

    def soon(self, key: str) -> None:
        """Tell in a moment where it stands; several writes in a row are one."""
        if key in self._openids and key not in self._due:
            self._due.add(key)
            asyncio.get_running_loop().call_later(SOON, self._begin, key)

    def _begin(self, key: str) -> None:
        self._due.discard(key)
        task = asyncio.ensure_future(self._stands(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stands(self, key: str) -> None:
        try:
            stand = await self.stand(key)
        except (StoreError, WeChatError) as error:
            self._told(key, self._row(key, "error", type(error).__name__, _short(str(error)), tone="bad"))
            return
        self._tell(user=self._openids[key], stand=stand)

    async def stand(self, key: str) -> Fields:
        """Where the conversation of a record stands, and what is kept of the user."""
        loaded = await self.bot.store.load(key)
        rec, kept = record.read(loaded.fields), viewed(loaded.fields, loaded.now)
        place, diverged = self._place(key, loaded.version, rec)
        dialog = kept["dialog"] or {}
        file, _, line = place.rpartition(":")
        return {
            "dialog": dialog.get("name"),
            "state": dialog.get("state"),
            "file": _near(file) if file else None,
            "line": int(line) if file else None,
            "code": linecache.getline(file, int(line)).strip() if file else None,
            "until": _ms(dialog.get("until")),
            "question": as_said(dialog["question"]) if dialog.get("question") else None,
            "unread": [
                {"text": as_said(item["say"]), "until": _ms(item["until"]), "doubt": item["held"] is not None}
                for item in kept["unread"]
            ],
            "queue": len(rec.queue()),
            "data": [
                {"key": it["key"], "value": _value(it["key"], it["value"]), "expires": _ms(it["expires"])}
                for it in kept["data"]
            ],
            "journal": [{"at": _ms(it["at"]), "what": it["what"], "text": _entry(it)} for it in kept["journal"]],
            "bytes": kept["bytes"],
            "diverged": diverged,
        }

    def _place(self, key: str, version: str, rec: record.Record) -> tuple[str, str | None]:
        """The line at which its dialog waits ("" where none does, or a turn runs), and why it does not fit its journal any more."""
        known, at = self._places.get(key, ("", ""))
        if not rec.journal or rec.turn:
            return "", None
        if known == version:
            return at, None
        _, _, openid = key.rpartition(":")
        voice = self.bot.conduct(Message(openid=self._openids.get(key, openid), account="gh_")).voice
        try:
            machine = replay.replay(self.bot.scripts, rec.dialog(), voice)
        except Diverged as error:
            return "", str(error)
        try:
            at, asked = machine.where(), rec.standing.key if rec.standing else None
            fits = isinstance(machine.want, Ask) and replay.fits(machine.want, asked)
        finally:
            machine.close()
        if not fits:
            return at, "it asks something else there"
        self._places[key] = (version, at)
        return at, None


LOOKS: Mapping[type[Any], Callable[[Watched, Drive, Any, Any], None]] = {
    turn.Load: Watched._loaded,
    turn.Write: Watched._wrote,
    turn.Keep: Watched._kept,
}


Ended: TypeAlias = Callable[[Any, BaseException | None], None]


def paced(function: Callable[..., Any], seconds: float, ended: Ended) -> Callable[..., Any]:
    """A function of the same kind, which takes so much longer, and tells how it ended."""
    kind = innermost(function)
    make = next((make for is_one, make in PACED if is_one(kind)), _does)
    return functools.wraps(function)(make(function, seconds, ended))


def _streams(function: Callable[..., Any], seconds: float, ended: Ended) -> Callable[..., Any]:
    async def streams(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(seconds)
        text = ""
        try:
            async for piece in function(*args, **kwargs):
                text += piece or ""
                yield piece
        except BaseException as error:
            ended(None, error)
            raise
        ended(text, None)

    return streams


def _makes(function: Callable[..., Any], seconds: float, ended: Ended) -> Callable[..., Any]:
    def makes(*args: Any, **kwargs: Any) -> Any:
        time.sleep(seconds)
        text = ""
        try:
            for piece in function(*args, **kwargs):
                text += piece or ""
                yield piece
        except BaseException as error:
            ended(None, error)
            raise
        ended(text, None)

    return makes


def _awaits(function: Callable[..., Any], seconds: float, ended: Ended) -> Callable[..., Any]:
    async def awaits(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(seconds)
        return await _awaited(function(*args, **kwargs), ended)

    return awaits


def _does(function: Callable[..., Any], seconds: float, ended: Ended) -> Callable[..., Any]:
    def does(*args: Any, **kwargs: Any) -> Any:
        time.sleep(seconds)
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            ended(None, error)
            raise
        if inspect.isawaitable(value):
            return _awaited(value, ended)
        ended(value, None)
        return value

    return does


PACED: Sequence[tuple[Callable[[Any], bool], Callable[..., Callable[..., Any]]]] = (
    (inspect.isasyncgenfunction, _streams),
    (inspect.iscoroutinefunction, _awaits),
    (inspect.isgeneratorfunction, _makes),
)


async def _awaited(work: Awaitable[Any], ended: Ended) -> Any:
    try:
        value = await work
    except BaseException as error:
        ended(None, error)
        raise
    ended(value, None)
    return value


# ---- words ----------------------------------------------------------------------------------------------------------

#: what is told of a journal's entries: how each is called is the page's
ENTRIES: Mapping[str, Callable[[Fields], str]] = {
    "began": lambda entry: f"{entry['dialog']} {as_heard(entry['payload'])}",
    "afresh": lambda entry: f"{entry['dialog']} {as_json(entry['state'])}",
    "answered": lambda entry: as_heard(entry["payload"]),
    "misread": lambda entry: as_heard(entry["payload"]),
    "lapsed": lambda entry: as_heard(entry["payload"]),
    "stopped": lambda entry: as_heard(entry["payload"]),
    "returned": lambda entry: as_heard(entry["payload"]),
    "intent": lambda entry: entry["name"],
    "result": lambda entry: f"{entry['name']} {_value(entry['name'], entry['value'])}",
    "failure": lambda entry: f"{entry['name']} {entry['type']}: {entry['message']}",
    "recalled": lambda entry: f"{entry['key']} {_value(entry['key'], entry['value'] if entry['found'] else None)}",
    "unknown": lambda entry: entry["why"],
}


def _entry(entry: Fields) -> str:
    tell = ENTRIES.get(entry["what"])
    return _short(as_json(entry) if tell is None else tell(entry))


def _value(name: str, value: Any) -> str:
    """As JSON, unless it is called like a secret."""
    if _SECRET.search(name):
        return HIDDEN
    try:
        return as_json(_without_secrets(value))
    except (TypeError, ValueError):
        return repr(value)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: HIDDEN if _SECRET.search(str(name)) else _without_secrets(one) for name, one in value.items()}
    return [_without_secrets(one) for one in value] if isinstance(value, list) else value


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"


def _line(error: BaseException) -> str:
    """The last line of the developer's own that an error came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_OURS)]
    return f"({_near(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""


def _near(file: str) -> str:
    """A file by its name from the working folder, if it lies there."""
    try:
        near = os.path.relpath(file)
    except ValueError:  # on another drive
        return os.path.basename(file)
    return os.path.basename(file) if near.startswith("..") else near


def _now() -> int:
    return time.time_ns() // 1_000_000


def _ms(text: str | None) -> int | None:
    return None if text is None else int(dt.datetime.fromisoformat(text).timestamp() * 1000)
