"""What is kept of one user, as JSON: for `inspect`, and for the chat page."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import structs

from .. import record, reply
from ..errors import UnknownFormat
from ..journal import decode
from ..record import Record

#: as JSON holds it
Fields: TypeAlias = "dict[str, Any]"


def viewed(fields: Mapping[str, str], now: int) -> Fields:
    """All of it, read at the store's time `now`; times are text. Raises `UnknownFormat` for a record of a newer version."""
    rec = record.read(fields)
    record.settle(rec, now)
    journal = [_entry(line) for line in rec.journal]
    return {
        "bytes": size(fields),
        "now": _time(now),
        "dialog": _dialog(rec, now, journal),
        "lease": _lease(rec, now),
        "journal": journal,
        "messages": _messages(rec, journal),
        "unread": [_unread(item) for item in rec.unread.values()],
        "streamed": None if rec.partial is None else _plain(rec.partial),
        "data": [{"key": key, "value": it.value, "expires": _time(it.expires)} for key, it in sorted(rec.data.items())],
        "told": [{"key": key, "until": _time(until)} for key, until in sorted(rec.told.items())],
    }


def size(fields: Mapping[str, str]) -> int:
    """Bytes of what is kept: a store needs a little more."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in fields.items())


def _time(ms: float | None) -> str | None:
    """None for never, and for ever, which begins where the calendar ends."""
    if ms is None or ms == math.inf:
        return None
    try:
        time = dt.datetime.fromtimestamp(ms / 1000, dt.timezone.utc).astimezone()
    except (ValueError, OverflowError, OSError):  # it depends on the platform
        return None
    return time.isoformat(timespec="milliseconds")


def _plain(part: record.Part) -> Fields:
    return {name: getattr(part, name) for name in part.__struct_fields__}


def _entry(line: str) -> Fields:
    try:
        entry = decode(line)
    except (UnknownFormat, ValueError) as error:
        return {"at": None, "what": "unknown", "why": str(error)}
    fields = structs.asdict(entry)
    return {"at": _time(fields.pop("at")), "what": type(entry).__name__.lower(), **fields}


def _dialog(rec: Record, now: int, journal: Sequence[Fields]) -> Fields | None:
    """The dialog that waits or runs; beside it, the one that runs before it."""
    if not rec.journal:
        return None
    asked = None if rec.shown is None else rec.shown - abs(rec.since)
    stand = rec.standing
    until = None if rec.shown is None or stand is None else rec.shown + stand.timeout
    return {
        "name": journal[0].get("dialog"),
        "version": journal[0].get("version"),
        "began": journal[0]["at"],
        "state": _state(rec, now),
        "question": _question(rec, journal),
        "asked": _time(asked),
        "shown": _time(rec.shown),
        "until": _time(until),
        "timeout": None if stand is None or stand.timeout == math.inf else stand.timeout / 1000,
        "accepts": [] if stand is None else [*stand.accepts],
        "options": [] if stand is None else [*stand.labels],
        "side": None if rec.side is None or rec.side >= len(journal) else journal[rec.side].get("dialog"),
    }


def _state(rec: Record, now: int) -> str:
    if rec.turn:
        return "cancelled" if rec.cancelled else "running" if rec.leased(now) else "left"
    if rec.shown is None:
        return "unshown"
    late = rec.late(now)
    return "waiting" if late <= 0 else "late" if late <= record.GRACE else "lapsed"


def _question(rec: Record, journal: Sequence[Fields]) -> Any:
    """What the dialog said last, which ends in its question; None where that is not on record any more."""
    if rec.turn:
        return None
    unread = next((item.say for item in rec.unread.values() if item.asks), None)
    if unread is not None:
        return unread
    if journal[-1]["what"] == "afresh":
        said = [say for say in journal[-1]["said"] if isinstance(say, str)]
        return "\n".join(said) or None
    last = next((entry["message"] for entry in reversed(journal) if "message" in entry), "")
    seen = rec.seen.get(last)
    return None if seen is None else seen.reply or None


def _lease(rec: Record, now: int) -> Fields | None:
    """Who works at it."""
    if not rec.owner:
        return None
    alive = rec.leased(now)
    return {
        "worker": record.worker(rec),
        "until": _time(rec.until),
        "alive": alive,
        "claims": rec.claims,
        "turn": rec.turn,
    }


def _messages(rec: Record, journal: Iterable[Fields]) -> list[Fields]:
    payloads = {entry["message"]: entry["payload"] for entry in journal if "payload" in entry}
    return [
        {
            "id": seen.id,
            "state": seen.state,
            "created": _time(seen.created * 1000),
            "arrived": _time(seen.at),
            "deliveries": seen.deliveries,
            "payload": payloads.get(seen.id) if seen.body is None else seen.body[2],
            "reply": seen.reply,
            "refused": seen.refused,
            "worker": seen.owner or None,
            "until": _time(seen.until or None),
            "claims": seen.claims,
        }
        for seen in rec.seen.values()
    ]


def _unread(item: record.Unread) -> Fields:
    held, since = item.held or (None, None)
    return {
        **_plain(item),
        "message": item.message or None,
        "until": _time(item.until),
        "held": None if held is None else {"message": held, "since": _time(since)},
    }


# ---- words ----------------------------------------------------------------------------------------------------------


def as_heard(payload: Any) -> str:
    """What the user sent: of what is no text, its kind, and what there is of words."""
    if payload is None or isinstance(payload, str):
        return f"「{payload or ''}」"
    names = ("Event", "EventKey", "Recognition", "Label", "Title")
    words = [payload["MsgType"], *(payload.get(name) for name in names)]
    return f"[{' '.join(word for word in words if isinstance(word, str) and word)}]"


def as_said(say: Any) -> str:
    """A reply as the user sees it."""
    if isinstance(say, str):
        return reply.visible(say)
    return f"[{say['']}] {as_json({name: value for name, value in say.items() if name})}"


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
