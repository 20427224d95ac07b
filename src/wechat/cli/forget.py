"""Erase everything that is kept of a user.

  wechat-dialog forget oAbC… --store redis://localhost:6379/0
  wechat-dialog forget oAbC… --account gh_0123456789ab --yes

Conversation, user data, unread replies, messages seen: all of it is one record, and it is deleted. In SQLite it is
overwritten, too. What the log has (openids, shortened), backups, and Redis's own files are not touched. A turn that
runs just now finds nothing when it ends. What the user writes from now on is kept anew.

A terminal is asked whether it is sure, unless there is --yes; without a terminal --yes is needed.
"""

from __future__ import annotations

import argparse
import sys

from ..errors import ConfigurationError
from . import findings, kept
from .kept import Kept


def arguments(parser: argparse.ArgumentParser) -> None:
    kept.arguments(parser)
    parser.add_argument("--yes", action="store_true", help="ask nothing")


def main(options: argparse.Namespace) -> int:
    if not options.yes and not sys.stdin.isatty():
        raise ConfigurationError("there is no terminal to ask whether you are sure: say --yes")
    return kept.reached(options, _forget)


def _forget(person: Kept, options: argparse.Namespace) -> int:
    what = findings.legible(f"all that is kept of {person.openid} at {person.account} ({person.size:,} bytes)")
    sure = options.yes or _asked(f"Erase {what}? [y/N] ")
    if sure:
        person.bot.wait(person.user.forget())
    if options.json:
        findings.as_text(person.whose | {"kept": not sure, "erased": person.size if sure else 0})
    else:
        print(f"Erased: {what}." if sure else "Nothing was erased.")
    return 0 if sure else 1


def _asked(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
