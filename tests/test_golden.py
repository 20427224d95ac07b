"""Conversations that earlier releases kept are read, gone on with, and end as they did then; see ``golden.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from golden import FOLDER, act, holds, resume, standing
from wechat import record

FILES = sorted(FOLDER.glob("*.json"))
TALKS = [file for file in FILES if not file.stem.startswith("everything")]


def kept(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text("utf-8")))


def as_it_was(is_now: Any, was: Any) -> Any:
    """What is there now, as far as there was anything of it then: a later release may know more of everything."""
    if isinstance(was, dict):
        return {name: as_it_was(is_now[name], then) if name in is_now else "gone" for name, then in was.items()}
    if isinstance(was, list) and isinstance(is_now, list) and len(was) == len(is_now):
        return [as_it_was(mine, then) for mine, then in zip(is_now, was, strict=True)]
    return is_now


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_record_that_was_kept_is_read_as_it_was(file: Path) -> None:
    there = kept(file)
    is_now = holds(record.read(there["record"]))
    assert as_it_was(is_now, there["holds"]) == there["holds"]
    for part in ("journal", "seen", "unread", "data", "told"):
        assert len(is_now[part]) == len(there["holds"][part])


@pytest.mark.parametrize("file", TALKS, ids=lambda file: file.stem)
def test_a_dialog_that_was_kept_stands_where_it_stood(file: Path) -> None:
    there = kept(file)
    assert as_it_was(standing(resume(there)), there["stands"]) == there["stands"]


@pytest.mark.parametrize("file", TALKS, ids=lambda file: file.stem)
def test_a_conversation_that_was_kept_goes_on_as_it_did(file: Path) -> None:
    there = kept(file)
    chat = resume(there)
    assert [[action, act(chat, *action)] for action, _ in there["then"]] == there["then"]


def test_there_are_conversations_of_every_kind() -> None:
    """The files are there, and among them hold an entry of every kind and a record with everything in it."""
    assert len(FILES) >= 34
    everything = kept(FOLDER / "everything.json")
    assert all(value not in (None, [], {}) for value in everything["holds"].values())
    entries = {entry[""] for file in TALKS for entry in kept(file)["holds"]["journal"]}
    assert entries >= {entry[""] for entry in everything["holds"]["journal"]}
