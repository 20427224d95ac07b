"""The command ``wechat-dialog``.

Each command is one module, and stands in `COMMANDS`. A module has a docstring, which is its help; ``arguments(parser)``,
which says what it takes; and ``main(options)``, which does it and gives the exit code: 0, 1 where it failed, 2 where it
could not begin. A command imports what only it needs when it runs, so that each works with what is installed; and
nothing is imported before a command is asked for, because `wechat.run` is from here too.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, cast

from ..errors import WeChatError
from .findings import legible

#: in the order of the help
COMMANDS = ("demo", "new", "dev", "run", "send", "check-url", "doctor", "inspect", "end", "forget")


class Command(Protocol):
    """What a command's module has."""

    __doc__: str | None

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def main(self, options: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say. Gives the exit code; wrong arguments and ``--help`` raise `SystemExit`."""
    _never_fail_for_a_character()
    parser = _parser()
    chosen = parser.parse_args(argv)
    if chosen.command is None:
        parser.print_help()
        return 2
    command = _command(chosen.command)
    try:
        # Intermixed: what is positional may stand behind options, which plain argparse does not know before 3.13.
        return command.main(_parser_of(chosen.command, command).parse_intermixed_args(chosen.arguments))
    except WeChatError as error:
        print(f"wechat-dialog {chosen.command}: {legible(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130  # as the shell has it


def _command(name: str) -> Command:
    return cast(Command, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def _parser() -> argparse.ArgumentParser:
    where = Path(__file__).parent.parent
    commands = "\n".join(f"  {name:<9} {_summary(_command(name))}" for name in COMMANDS)
    parser = argparse.ArgumentParser(
        prog="wechat-dialog",
        usage="wechat-dialog COMMAND …",
        description="Conversations on a WeChat Official Account (微信公众号), each written as one Python function.",
        epilog=f"commands (each has a --help of its own):\n{commands}\n\ntry first:\n  wechat-dialog demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"wechat-dialog {version('wechat-dialog')} ({where})")
    parser.add_argument("command", nargs="?", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _parser_of(name: str, command: Command) -> argparse.ArgumentParser:
    summary, _, rest = (command.__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog=f"wechat-dialog {name}",
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.arguments(parser)
    return parser


def _summary(command: Command) -> str:
    return (command.__doc__ or "").partition("\n")[0]


def _never_fail_for_a_character() -> None:
    """A terminal that is not UTF-8 (Windows, ``LANG=C``) shows what it can, and a question mark for the rest."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
