"""The command ``wechat-dialog``.

Each command is one module, and one row of `COMMANDS`. A module has a docstring, which is its help; ``arguments(parser)``,
which says what it takes; and ``main(options)``, which does it and gives the exit code: 0, 1 where it failed, 2 where it
could not begin. A command imports what only it needs when it runs, so that each works with what is installed.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from ..errors import WeChatError
from . import demo, run, send


class Command(Protocol):
    """What a command's module has."""

    __doc__: str | None

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def main(self, options: argparse.Namespace) -> int: ...


COMMANDS: Mapping[str, Command] = {"demo": demo, "run": run, "send": send}


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say. Gives the exit code; wrong arguments and ``--help`` raise `SystemExit`."""
    _never_fail_for_a_character()
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return COMMANDS[options.command].main(options)
    except WeChatError as error:
        print(f"wechat-dialog {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130  # as the shell has it


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wechat-dialog",
        description="Conversations on a WeChat Official Account (微信公众号), each written as one Python function.",
        epilog="Try first:  wechat-dialog demo",
    )
    where = Path(__file__).parent.parent
    parser.add_argument("--version", action="version", version=f"wechat-dialog {version('wechat-dialog')} ({where})")
    chosen = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        summary, _, rest = (command.__doc__ or "").partition("\n\n")
        command.arguments(
            chosen.add_parser(
                name,
                help=summary,
                description=summary,
                epilog=rest,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser


def _never_fail_for_a_character() -> None:
    """A terminal that is not UTF-8 (Windows, ``LANG=C``) shows what it can, and a question mark for the rest."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
