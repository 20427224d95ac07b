"""End a user's conversation, also in the middle of a turn.

  wechat-dialog end oAbC… --store sqlite:////var/lib/bot.db
  wechat-dialog end oAbC… --say "我们重新开始吧，回复“报名”。"

As `await bot.user(openid).end(say)`: workers that run hear of it. What waits for its turn is not taken, and its
user is told so. A turn that runs goes on until its step is done; then the result is dropped. User data, and replies
that are unread, stay.

Nobody is asked whether they are sure. The exit code is 1 where nothing is kept of the user, 0 where no dialog
waited.
"""

from __future__ import annotations

import argparse

from .. import record
from ..errors import ConfigurationError
from . import findings, kept
from .kept import Kept


def arguments(parser: argparse.ArgumentParser) -> None:
    kept.arguments(parser)
    parser.add_argument("--say", metavar="TEXT", help="leave this unread, until the user writes again")


def main(options: argparse.Namespace) -> int:
    return kept.reached(options, _end)


def _end(person: Kept, options: argparse.Namespace) -> int:
    rec, now = record.read(person.loaded.fields), person.loaded.now
    name, running = person.bot.wait(person.user.waiting()), bool(rec.turn) and rec.leased(now)
    refused = [seen.id for seen in rec.queue()]
    try:
        person.bot.wait(person.user.end(options.say))
    except ValueError as error:
        raise ConfigurationError(f"--say: {error}") from None
    if options.json:
        told = {"kept": True, "ended": name, "running": running, "not_taken": refused, "unread": options.say or None}
        findings.as_text(person.whose | told)
        return 0
    ended = f"Ended: {name}, of {person.openid} at {person.account}."
    print(findings.legible(ended if name else f"No dialog waited for {person.openid}."))
    if running:
        print("A turn of it runs just now: its step runs to its end, and the result is dropped.")
    if refused:
        print(f"Told that they were not taken: {len(refused)} waiting messages.")
    if options.say:
        print(f"Unread, until the user writes again: {findings.legible(options.say)}")
    return 0
