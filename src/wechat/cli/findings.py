"""What the commands that examine something share: what was found, one after another, and how that is shown."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

#: whether it is as it should be, worth a look, or wrong
Grade: TypeAlias = Literal["ok", "note", "wrong"]

_MARKS: dict[Grade, tuple[str, str]] = {"ok": ("✓", "green"), "note": ("!", "yellow"), "wrong": ("✗", "red")}
#: what would do something to a terminal: control characters, and those that turn the direction of a text
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `what` it is, what was `found`, and what to do about it: a line each."""

    grade: Grade
    what: str
    found: str
    advice: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The argument of every command that shows something."""
    parser.add_argument("--json", action="store_true", help="for programs: JSON on stdout, and nothing else there")


def show(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print what was found. Gives the exit code: 1 where something is wrong."""
    if as_json:
        as_text({"findings": [dataclasses.asdict(finding) for finding in findings], "ok": _all_well(findings)})
    else:
        _table(findings)
    return 0 if _all_well(findings) else 1


def as_text(value: Any) -> None:
    """Print `value` as JSON, in which Chinese can be read, and nothing does anything to a terminal."""
    print(_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False, indent=2)))


def legible(text: str) -> str:
    """A text of somebody else's, as a terminal may be shown it."""
    return _UNSEEN.sub("\ufffd", text.replace("\r\n", "\n"))


def masked(text: str) -> str:
    """A text without what may be a password in an address."""
    return re.sub(r"(://)\S*@|(password=)[^&\s]*", lambda found: f"{found[1]}…@" if found[1] else f"{found[2]}…", text)


def _all_well(findings: Sequence[Finding]) -> bool:
    return all(finding.grade != "wrong" for finding in findings)


def _table(findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # else a line that Chinese makes too wide is cut
    for finding in findings:
        mark, colour = _MARKS[finding.grade]
        mark = mark if _can_be_shown(mark, console.encoding) else finding.grade
        told = Text(legible(finding.found))
        for line in legible(finding.advice).splitlines():
            told.append(f"\n→ {line}", style=colour)
        table.add_row(Text(mark, style=colour), Text(finding.what, style="bold"), told)
    console.print(table)


def _can_be_shown(text: str, encoding: str) -> bool:
    """Whether a terminal has these characters: that of a Windows in Chinese, where it is not UTF-8, does not."""
    return text.encode(encoding, "ignore").decode(encoding) == text
