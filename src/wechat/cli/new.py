"""Write a small project: a bot to begin with, its test, and what to do next.

  wechat-dialog new shop
  wechat-dialog new shop --english      the README and the comments in English, not in Chinese

In DIR are then bot.py (a conversation that asks three questions and keeps the answers), test_bot.py, requirements.txt,
.gitignore, and README.md, which leads from the first run to a real account.

Nothing that is there already is touched: DIR is made, or is empty.
"""

from __future__ import annotations

import argparse
import importlib.resources
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError

#: what is written, and where it lies in the skeleton. ``.in``: no module of ours, so no tool may take it for one
FILES = {
    "README.md": "{language}/README.md",
    "bot.py": "{language}/bot.py.in",
    "test_bot.py": "{language}/test_bot.py.in",
    "requirements.txt": "requirements.txt",
    ".gitignore": "gitignore",
}


@dataclass(frozen=True)
class Words:
    """What a developer reads, in one language."""

    made: str
    next: str
    then: str


CHINESE = Words(
    "{folder} 里有了：", "接下来：", "然后照着 README.md 和它说话；换成 wechat-dialog dev bot:bot，就在浏览器里说。"
)
ENGLISH = Words(
    "In {folder} there are now: ",
    "Next:",
    "Then talk to it: README.md says how. With wechat-dialog dev bot:bot, it is in a browser.",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the folder to make: a name, or a path")
    parser.add_argument("--english", action="store_true", help="README and comments in English (default: in Chinese)")


def main(options: argparse.Namespace) -> int:
    folder = _usable(options.folder)
    language, words = ("english", ENGLISH) if options.english else ("chinese", CHINESE)
    _write(folder, skeleton(language))
    print(_shown(words, folder))
    return 0


def skeleton(language: str) -> Mapping[str, bytes]:
    """The files of a new project, by their names; `language` is ``chinese`` or ``english``."""
    there = importlib.resources.files(__package__) / "skeleton"
    return {
        name: there.joinpath(*where.format(language=language).split("/")).read_bytes() for name, where in FILES.items()
    }


def _usable(given: str) -> Path:
    """The folder, if nothing there would be touched. Raises `ConfigurationError`, which says what would be."""
    if not given.strip() or any(unicodedata.category(character) in ("Cc", "Cs") for character in given):
        raise ConfigurationError(f"DIR must be the name of a folder, like shop, not {given!r}")
    folder = Path(given)
    try:
        there = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return folder
    except NotADirectoryError:
        raise ConfigurationError(f"{given} is a file, or lies in one: name a folder that is not there yet") from None
    except OSError as error:
        raise ConfigurationError(f"{given} cannot be used: {error.strerror}") from None
    if there:
        more = ", …" if len(there) > 3 else ""
        raise ConfigurationError(
            f"{given} is not empty ({', '.join(there[:3])}{more}), and nothing is overwritten: name another folder"
        )
    return folder


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with (folder / name).open("xb") as file:  # x: whoever was faster keeps what they wrote
                file.write(content)
    except OSError as error:
        raise ConfigurationError(f"{error.filename or folder} cannot be written: {error.strerror}") from None


def _shown(words: Words, folder: Path) -> str:
    here = folder.resolve() == Path.cwd()
    commands = [
        *([] if here else [f"cd {quoted(str(folder), sys.platform)}"]),
        "pip install -r requirements.txt",
        "wechat-dialog run bot:bot",
    ]
    made = f"{words.made.format(folder=folder)}{'  '.join(FILES)}"
    return "\n".join([made, "", words.next, *(f"  {command}" for command in commands), "", words.then])


def quoted(path: str, platform: str) -> str:
    """A path as the platform's shell takes it for one word."""
    return subprocess.list2cmdline([path]) if platform == "win32" else shlex.quote(path)
