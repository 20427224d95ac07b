"""Writes what each command says of itself, for the page on the command line: ``python docs/command_line.py``.

A test compares the two, so whoever changes a ``--help`` is told to run this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from wechat.cli import COMMANDS

FOLDER = Path(__file__).parent / "code" / "reference"
#: columns of a terminal
WIDTH = 100


def helps() -> dict[str, str]:
    """By the names of their files."""
    return {f"{command or 'wechat-dialog'}.txt": shown(command) for command in ("", *COMMANDS)}


def shown(command: str) -> str:
    """What that command's ``--help`` prints, with no settings that it would tell of; of the empty name, that of all."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("WECHAT_")}
    arguments = [sys.executable, "-X", "utf8", "-m", "wechat", *([command] if command else []), "--help"]
    return subprocess.run(
        arguments, env={**variables, "COLUMNS": str(WIDTH)}, capture_output=True, check=True, encoding="utf-8"
    ).stdout


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in helps().items():
        (FOLDER / name).write_text(text, "utf-8")
