"""Show what is kept of a user: where their conversation stands, and how it came there.

  wechat-dialog inspect oAbC…
  wechat-dialog inspect oAbC… --store redis://localhost:6379/0 --account gh_0123456789ab
  wechat-dialog inspect oAbC… --json

It shows what people wrote, for that is what it is for: so think of who else reads your terminal. Nothing is
changed, and nothing is logged. Steps, answers and times stand in the journal; what a dialog said does not (it says
it again when it is replayed), so a question is known only as long as its reply is. Times are those of this
machine's clock and time zone. What a module of 2017 keeps under a REDIS_KEY of its own is not found.

The exit code is 1 where nothing is kept of the user.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..journal import PROMPTS
from . import findings, kept
from .findings import legible
from .kept import Kept
from .view import Fields, as_heard, as_json, as_said, viewed

if TYPE_CHECKING:
    from rich.console import RenderableType


def arguments(parser: argparse.ArgumentParser) -> None:
    kept.arguments(parser)


def main(options: argparse.Namespace) -> int:
    return kept.reached(options, _inspect)


def _inspect(person: Kept, options: argparse.Namespace) -> int:
    view = {**person.whose, "kept": True, "key": person.key, **viewed(person.loaded.fields, person.loaded.now)}
    if options.json:
        findings.as_text(view)
    else:
        _print(view)
    return 0


# ---- what is kept, for people ---------------------------------------------------------------------------------------

STATES: Mapping[str, str] = {
    "waiting": "waits for an answer",
    "late": "its time is over: the next message meets TimedOut",
    "lapsed": "lapsed: the next message finds no dialog",
    "unshown": "waits; its question was not shown yet, so its time does not run",
    "running": "a turn runs",
    "cancelled": "a turn runs, and its result is to be dropped",
    "left": "a turn was left behind by its worker: the next push goes on with it",
}


def _print(view: Fields) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text.assemble((view["openid"], "bold"), " at ", (legible(view["account"]), "bold")))
    console.print(Text(f"{view['bytes']:,} bytes, read at {_clock(view['now'])} (UTC{view['now'][-6:]})", style="dim"))
    for title, rows in _sections(view):
        console.print()
        console.print(Text(title, style="bold cyan"))
        console.print(_grid(rows))


def _sections(view: Fields) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    now = view["now"]
    yield "dialog", [*_dialog_rows(view["dialog"], view["lease"], view["streamed"], now)]
    for name, row in SECTIONS.items():
        if view[name]:
            yield f"{name} ({len(view[name])})", [row(item, now) for item in view[name]]


def _dialog_rows(
    dialog: Fields | None, lease: Fields | None, streamed: Fields | None, now: str
) -> Iterator[tuple[str, ...]]:
    if dialog is None:
        yield "state", "no dialog waits"
    else:
        version = f" (version {dialog['version']})" if dialog["version"] not in (None, 1) else ""
        yield "name", f"{dialog['name'] or '(unknown)'}{version}, began {_clock(dialog['began'])}"
        yield "state", STATES[dialog["state"]]
        if dialog["side"]:
            yield "side", f"{dialog['side']} runs before it"
        if dialog["state"] not in ("running", "cancelled", "left"):
            yield from _question_rows(dialog, now)
    if lease is not None:
        until = f"until {_clock(lease['until'])}" if lease["alive"] else f"gone since {_clock(lease['until'])}"
        turn = f", for message {lease['turn']}" if lease["turn"] else ""
        yield "worker", f"{lease['worker']}, {until}, begun {lease['claims']} times since the last progress{turn}"
    if streamed is not None:
        yield "so far", streamed["text"]


def _question_rows(dialog: Fields, now: str) -> Iterator[tuple[str, ...]]:
    yield "question", as_said(dialog["question"]) if dialog["question"] else "(its words are not on record any more)"
    if dialog["options"]:
        yield "options", " · ".join(dialog["options"])
    if dialog["accepts"]:
        yield "accepts", ", ".join(dialog["accepts"])
    if dialog["shown"]:
        again = "" if dialog["asked"] == dialog["shown"] else f", again {_clock(dialog['shown'])}"
        yield "asked", f"{_clock(dialog['asked'])}{again}"
        yield "until", _until(now, dialog["until"])
    elif dialog["timeout"]:
        yield "until", f"{dialog['timeout']:g} s after it was shown"


ENTRIES: Mapping[str, tuple[str, Callable[[Fields], str]]] = {
    "began": ("began", lambda entry: f"{entry['dialog']}, by {as_heard(entry['payload'])}"),
    "afresh": ("again", lambda entry: f"{entry['dialog']} {as_json(entry['state'])}"),
    "answered": ("answered", lambda entry: f"{as_heard(entry['payload'])}{_asked(entry['key'])}"),
    "misread": ("not understood", lambda entry: f"{as_heard(entry['payload'])}{_asked(entry['key'])}"),
    "lapsed": ("too late", lambda entry: as_heard(entry["payload"])),
    "stopped": ("cancelled", lambda entry: as_heard(entry["payload"])),
    "returned": ("went back", lambda entry: as_heard(entry["payload"])),
    "intent": ("step begins", lambda entry: f"{entry['name']}, once only"),
    "result": ("step", lambda entry: f"{entry['name']} → {as_json(entry['value'])}"),
    "failure": ("step failed", lambda entry: f"{entry['name']}: {entry['type']}: {entry['message']}"),
    "recalled": (
        "recalled",
        lambda entry: f"{entry['key']} → {as_json(entry['value']) if entry['found'] else 'nothing'}",
    ),
    "unknown": ("unknown", lambda entry: entry["why"]),
}


def _journal_row(entry: Fields, now: str) -> tuple[str, ...]:
    what, tell = ENTRIES[entry["what"]]
    return _clock(entry["at"]), what, tell(entry)


def _message_row(message: Fields, now: str) -> tuple[str, ...]:
    words = "" if message["payload"] is None else f"{as_heard(message['payload'])} "
    marks = {"refused": message["refused"], f"{message['deliveries']} deliveries": message["deliveries"] > 1}
    noted = ", ".join([message["id"], *(name for name, holds in marks.items() if holds)])
    worker = f"\n{message['worker']}, until {_clock(message['until'])}" if message["worker"] else ""
    return _clock(message["arrived"]), message["state"], f"{words}({noted})\n{_replied(message['reply'])}{worker}"


def _replied(said: Any) -> str:
    if said is None:
        return "no reply yet"
    return f"→ {as_said(said)}" if said else "replied"


def _unread_row(item: Fields, now: str) -> tuple[str, ...]:
    marks = {
        "the question": item["asks"],
        "in doubt, bound to the last delivery": item["held"],
        "perhaps read": item["doubtful"],
    }
    whose = f"of {item['message']}" if item["message"] else "told"
    until = f"until {_until(now, item['until'])}"
    noted = ", ".join([whose, *(name for name, holds in marks.items() if holds), until])
    return str(item["number"]), f"{as_said(item['say'])}\n({noted})"


def _datum_row(datum: Fields, now: str) -> tuple[str, ...]:
    expires = f"until {_until(now, datum['expires'])}" if datum["expires"] else "for good"
    return datum["key"], as_json(datum["value"]), expires


def _told_row(told: Fields, now: str) -> tuple[str, ...]:
    return told["key"], f"not told again until {_until(now, told['until'])}"


SECTIONS: Mapping[str, Callable[[Fields, str], tuple[str, ...]]] = {
    "journal": _journal_row,
    "messages": _message_row,
    "unread": _unread_row,
    "data": _datum_row,
    "told": _told_row,
}


def _grid(rows: Iterable[Sequence[str]]) -> RenderableType:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for row in rows:
        if not table.columns:
            for i in range(len(row)):
                table.add_column(style="dim" if i == 0 else "", no_wrap=i == 0, overflow="fold")
        table.add_row(*(Text(legible(cell)) for cell in row))
    return Padding(table, (0, 0, 0, 2))


# ---- words ----------------------------------------------------------------------------------------------------------


def _asked(key: str | int | None) -> str:
    """To what kind of question it was an answer."""
    return "" if key is None else f"  (to {PROMPTS[key] if isinstance(key, int) else key})"


def _clock(time: str | None) -> str:
    if time is None:
        return ""
    at, now = dt.datetime.fromisoformat(time), dt.datetime.now().astimezone()
    return f"{at:%m-%d %H:%M:%S}" if at.year == now.year else f"{at:%Y-%m-%d %H:%M:%S}"


def _until(now: str, time: str | None) -> str:
    """A time, and roughly how far it is."""
    if time is None:
        return "for ever"
    seconds = (dt.datetime.fromisoformat(time) - dt.datetime.fromisoformat(now)).total_seconds()
    unit, size = next((unit, size) for unit, size in UNITS if abs(seconds) >= size or size == 1)
    far = f"{abs(seconds) / size:.0f} {unit}"
    return f"{_clock(time)}, {f'in {far}' if seconds >= 0 else f'{far} ago'}"


UNITS = (("days", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
