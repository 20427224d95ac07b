"""Every rule of the turn protocol, broken on purpose: a world or a directed test must notice.

    python -m simulation.mutants                 all of them
    python -m simulation.mutants --only lease    those whose rule says so

A rule that nothing notices is dead code, or stands in `ESCAPE` with the reason why no test can see it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

TESTS = Path(__file__).parent.parent
#: where a rule is tested that no world of the first thousands breaks
DIRECTED = (
    "test_promises.py",
    "test_faults.py",
    "test_turn.py",
    "test_record.py",
    "test_attempt.py",
    "test_replay.py",
    "test_router.py",
    "test_user.py",
    "test_golden.py",
    "test_ordinary.py",
)


@dataclass(frozen=True)
class Mutant:
    """A rule, where it stands, and how it reads when it is broken."""

    rule: str
    module: str
    written: str
    broken: str


def _rows(module: str, rows: Sequence[tuple[str, str, str]]) -> list[Mutant]:
    return [Mutant(rule, module, written, broken) for rule, written, broken in rows]


MUTANTS: list[Mutant] = [
    *_rows(
        "ordinary",
        [
            ("what is being worked at is not quiet", "rec.owner or rec.turn or rec.unread", "rec.unread"),
            (
                "what is unread may have to be said first",
                "rec.owner or rec.turn or rec.unread",
                "rec.owner or rec.turn",
            ),
            (
                "who waits or is looked at comes first",
                "set(map(_state, rec.seen.values())) <= _DONE",
                "True",
            ),
            ("a message that was forgotten is not new", " or message.created <= rec.watermark", ""),
            ("a worker that goes down takes no ordinary message", " or delivery.worker.stopping", ""),
            ("one that was pushed before is not ordinary", " or is_repeated(message, now)", ""),
            ("a picture that is asked for is not typed", " or ask.accept is not None", ""),
            ("what opens a dialog anew is no answer", " or isinstance(ask, Reopening)", ""),
            ("the hooks before a message see it first", " or conduct.before", ""),
            ("an ordinary answer was asked for", "if rec.early(at) or", "if"),
            ("an ordinary answer is in time", " or rec.late(at) > 0", ""),
            (
                "a cancel word is no ordinary answer",
                "word in conduct.cancel or word in conduct.back",
                "word in conduct.back",
            ),
            (
                "a back word is no ordinary answer",
                "word in conduct.cancel or word in conduct.back",
                "word in conduct.cancel",
            ),
            (
                "who may interrupt has the message first",
                "return conduct.router.choose(message, interrupts=True) is None",
                "return True",
            ),
            (
                "an ordinary message is understood or not",
                "journal.Answered if machine.understands(message) else journal.Misread",
                "journal.Answered",
            ),
            ("only what was typed is ordinary", 'message.kind != "text" or ', ""),
            (
                "who may interrupt opens its own dialog first",
                "if conduct.router.choose(message, interrupts=True) is not None",
                "if False",
            ),
            ("a handler of one step opens nothing", " or route.aside", ""),
            (
                "a dialog that failed, or goes on after a step, has not ended",
                'if not asks and machine.outcome != "ended"',
                "if False",
            ),
            ("a dialog that has ended waits no more", "machine if asks else None\n    return", "machine\n    return"),
            ("what an ordinary turn remembers is kept", " or machine.puts", ""),
            ("the hooks after a turn see what it says", " or attempt.conduct.after", ""),
            ("all that is said is said, in several replies if need be", "len(parts) != 1 or ", ""),
            ("what the last push carries is in doubt", ' or attempt.delivery.carrier(seen, now) != "open"', ""),
        ],
    ),
    *_rows(
        "record",
        [
            (
                "what is left of a text that was shown in parts is not taken for a repetition",
                "repeats = repeats if unsaid is says else 0",
                "repeats = repeats",
            ),
            (
                "a worker does not take over what it does itself",
                "not rec.leased(now) and rec.owner not in alive:",
                "not rec.leased(now):",
            ),
            (
                "a worker does not take over a handler that it runs itself",
                "other.until <= now and beside(other) not in alive:",
                "other.until <= now:",
            ),
            (
                "a question in doubt that was never fetched is not shown by its end",
                "            if item.asks and not item.doubtful and not item.held:",
                "            if item.asks and not item.doubtful:",
            ),
            (
                "a late refusal does not show a question that stands no more",
                "            say = item.say if item.brief is None else item.brief",
                "            say = item.say",
            ),
            (
                "what only repeats a question goes with it",
                '        if item.brief == "":',
                "        if False:",
            ),
            (
                "a refusal repeats the question",
                "(note, 0) if waiting else ([*note, *question], len(question))",
                "(note, 0) if waiting else ([*note, *question], 0)",
            ),
            (
                "the lease of whoever goes on with another message is named after it",
                '    name_turn(rec, waits.id + ("m" if before[:-1].endswith(":" + waits.id) else "n"))\n',
                "",
            ),
            (
                "the lease has another name before a time-out's turn than behind it",
                '("m" if before[:-1].endswith(":" + waits.id) else "n")',
                '"n"',
            ),
            (
                "a question in doubt that is shown again has all its time",
                "    held = [item]\n    if len(parts) > 1:",
                "    held = [replace(item, asks=False)]\n    if len(parts) > 1:",
            ),
            (
                "an answer in doubt says whether it ends in the question",
                "held = [Unread(seen.id, parts[0], asks and last == 0, now + UNREAD, quote)]",
                "held = [Unread(seen.id, parts[0], False, now + UNREAD, quote)]",
            ),
            (
                "a question in doubt was shown: a refusal repeats it",
                "any(item.asks and not item.held and not item.doubtful for item in rec.unread.values())",
                "any(item.asks for item in rec.unread.values())",
            ),
            (
                "a question in doubt that nobody fetched is not shown once more in the end",
                "            if item.asks and not item.doubtful and not item.held:",
                "            if item.asks:",
            ),
            (
                "a message that was forgotten is stale",
                "if arrival.created <= rec.watermark:",
                "if False:",
            ),
            (
                "what is forgotten raises the watermark",
                "rec.watermark = max(rec.watermark, old.created if aged else old.created - 1)",
                "pass",
            ),
            (
                "one forgotten for the cap alone counts a second less",
                "old.created if aged else old.created - 1)",
                "old.created)",
            ),
            (
                "a wrong clock raises no watermark",
                "if abs(old.created * 1000 - old.at) < CANNED:",
                "if True:",
            ),
            (
                "only a message that is done is forgotten",
                'if old.state not in ("done", "fetching") or old.id in needed:',
                "if old.id in needed:",
            ),
            (
                "the message of a time-out's turn is not forgotten before that ends",
                'needed = {seen.id, rec.turn.removesuffix("t")}',
                "needed = {seen.id}",
            ),
            (
                "a living lease keeps others out",
                "if rec.work() and not rec.leased(now) and",
                "if rec.work() and",
            ),
            (
                "a dead lease can be claimed",
                "if rec.work() and not rec.leased(now) and",
                "if rec.work() and not rec.owner and",
            ),
            (
                "every claim is counted",
                'now + LEASE, rec.claims + 1\n        return Look("claimed")',
                'now + LEASE, rec.claims\n        return Look("claimed")',
            ),
            (
                "a handler that a dead worker left is taken over",
                'if other.state in ("aside", "checking") and other.until <= now and',
                'if other.state in ("aside", "checking") and not other.owner and',
            ),
            (
                "a living handler is left alone",
                'if other.state in ("aside", "checking") and other.until <= now and',
                'if other.state in ("aside", "checking") and',
            ),
            (
                "a look at a full queue that nobody works at claims",
                "return len(rec.queue()) >= QUEUE and (not claims or rec.leased(now))",
                "return len(rec.queue()) >= QUEUE",
            ),
            (
                "a queue has an end",
                "return len(rec.queue()) >= QUEUE and (not claims or rec.leased(now))",
                "return False",
            ),
            (
                "a push is counted once, however often its look is made again",
                "if mark not in [seen.marks[i : i + MARK] for i in range(0, len(seen.marks), MARK)]:",
                "if True:",
            ),
            (
                "a reply is the same for a minute, and then only known",
                'return seen.reply if now - seen.at <= SAME else ""',
                "return seen.reply",
            ),
            (
                "what was sent is read",
                "    for item in [item for item in rec.unread.values() if item.held and item.held[0] == message]:\n        _take_out",
                "    for item in []:\n        _take_out",
            ),
            (
                "an unread reply leaves in the write that binds it",
                "    _take_out(rec, item)\n    parts, last = shape.pack([*note",
                "    parts, last = shape.pack([*note",
            ),
            (
                "what one reply does not hold of an unread one comes next",
                "        _put_first(rec, rest)\n",
                "        pass\n",
            ),
            (
                "what a last delivery carries stays in doubt",
                '    if carrier == "last":\n        _put_first',
                "    if False:\n        _put_first",
            ),
            (
                "so does the part of a stream",
                '    if carrier == "last":\n        whose',
                "    if False:\n        whose",
            ),
            (
                "doubt ends",
                "        elif item.held and now - item.held[1] > DOUBT:",
                "        elif False:",
            ),
            (
                "doubt is said",
                "held=None, doubtful=True)",
                "held=None)",
            ),
            (
                "two replies are joined only where both are certain",
                "for item in [] if alone else [item for item in rec.readable() if not item.doubtful]:",
                "for item in [] if alone else [*rec.readable()]:",
            ),
            (
                "what is joined leaves the unread",
                "        say, asks = joined, asks or item.asks\n        _take_out(rec, item)\n",
                "        say, asks = joined, asks or item.asks\n",
            ),
            (
                "a question that is joined to another reply is shown",
                "say, asks = joined, asks or item.asks",
                "say = joined",
            ),
            (
                "a part counts as shown when it is bound",
                "rec.partial = replace(partial, shown=partial.shown + piece, again=False)",
                "pass",
            ),
            (
                "a part that was shown is not said again",
                "left = shape.rest(says, partial.shown)",
                'left = shape.rest(says, "")',
            ),
            (
                "what another run says is said in full",
                "    elif text.startswith(partial.shown):",
                "    elif True:",
            ),
            (
                "a run that began anew and has not come so far yet has not worded it otherwise",
                "    elif partial.shown.startswith(text):",
                "    elif False:",
            ),
            (
                "nothing is not said anew",
                " or partial.message != rec.turn or not says:",
                " or partial.message != rec.turn:",
            ),
            (
                "what is said anew says so",
                '    return [shape.sentence("regenerated"), *says]',
                "    return says",
            ),
            (
                "told once",
                "    if key in rec.told:\n",
                "    if False:\n",
            ),
            (
                "what was told is known for a week",
                "key: now + max(TOLD, expire)",
                "key: now",
            ),
            (
                "what a cancel word leaves waiting is told so",
                '            _put(rec, Unread(seen.id, shape.sentence("not_taken"), False, now + UNREAD))',
                "            pass",
            ),
            (
                "a turn that is cancelled while it runs is dropped",
                "        rec.cancelled = True\n        return",
                "        return",
            ),
            (
                "a turn that nobody runs is cancelled there and then",
                "    if rec.turn and rec.leased(now):\n        rec.cancelled = True",
                "    if rec.turn:\n        rec.cancelled = True",
            ),
            (
                "a worker that goes down gives its handler's claim back",
                'change(rec, seen, owner="", until=0, claims=seen.claims - 1)',
                "pass",
            ),
            (
                "what a check lets in is no longer its worker's",
                'seen = change(rec, seen, state=arrival.state, body=arrival.body, owner="", until=0, claims=0)',
                "seen = change(rec, seen, state=arrival.state, body=arrival.body)",
            ),
            (
                "only the owner writes the journal",
                "return rec.owner == owner and len(rec.journal) == length",
                "return len(rec.journal) == length",
            ),
            (
                "an owner knows the length of its journal",
                "return rec.owner == owner and len(rec.journal) == length",
                "return rec.owner == owner",
            ),
            (
                "a lease names its turn",
                '    if rec.owner:\n        rec.owner = f"{worker(rec)}:{turn}"',
                "    pass",
            ),
            (
                "a message is taken in the write that takes it out of the queue",
                'change(rec, seen, state="taken", body=None)',
                "pass",
            ),
            (
                "progress clears the claims",
                "    if progress:\n        rec.claims = 0",
                "    pass",
            ),
            (
                "a result renews the lease",
                "    rec.journal += entries\n    rec.until = now + LEASE",
                "    rec.journal += entries",
            ),
            (
                "a write that cuts the journal renames the lease",
                '    name_turn(rec, rec.turn + "r")  # the',
                "    # the",
            ),
            (
                "whoever sends a message on waits as it was before it",
                "    rec.journal.cut(length)\n",
                "",
            ),
            (
                "a handler aside takes its message out of the turn",
                "    if rec.turn == seen.id:\n        end_turn(rec)\n",
                "",
            ),
            (
                "whoever is refused gets the question where that is unread itself",
                "    if waiting and seen.reply is None:  # its",
                "    if False:  # its",
            ),
            (
                "a new question was not shown yet",
                "        rec.standing, rec.shown, rec.since = standing, None, 0",
                "        rec.standing = standing",
            ),
            (
                "a reply whose dialog is over asks nothing",
                "replace(item, say=say, asks=False, brief=None)",
                "replace(item, say=say, brief=None)",
            ),
            (
                "a turn ends in the write that says its reply",
                '    rec.turn, rec.side, rec.claims, rec.cancelled, rec.partial = "", None, 0, False, None',
                "    rec.side, rec.claims, rec.cancelled, rec.partial = None, 0, False, None",
            ),
            (
                "a turn that ended is cancelled no more",
                '    rec.turn, rec.side, rec.claims, rec.cancelled, rec.partial = "", None, 0, False, None',
                '    rec.turn, rec.side, rec.claims, rec.partial = "", None, 0, None',
            ),
            (
                "what a turn said in parts ends with it",
                '    rec.turn, rec.side, rec.claims, rec.cancelled, rec.partial = "", None, 0, False, None',
                '    rec.turn, rec.side, rec.claims, rec.cancelled = "", None, 0, False',
            ),
            (
                "an intent whose step did not begin is dropped with a hand-over",
                "        rec.journal.cut(len(rec.journal) - 1)\n",
                "        pass\n",
            ),
            (
                "a hand-over takes its claim back",
                "    rec.claims = max(0, rec.claims - 1)\n    release(rec)",
                "    release(rec)",
            ),
            (
                "a hand-over gives the lease back",
                "    rec.claims = max(0, rec.claims - 1)\n    release(rec)",
                "    rec.claims = max(0, rec.claims - 1)",
            ),
            (
                "a user who is gone is told nothing more",
                "    rec.unread = _NONE\n\n\ndef forget",
                "\n\ndef forget",
            ),
            (
                "a question that expired unread was shown then",
                "            if item.asks and not item.doubtful and not item.held:\n                show(rec, item.until)",
                "            pass",
            ),
            (
                "what nobody fetched in a day is gone",
                "        if item.until <= now:\n            _take_out(rec, item)",
                "        if False:\n            _take_out(rec, item)",
            ),
            (
                "a datum is gone at its time",
                "if any(_lapsed(datum, now) for datum in rec.data.values()):",
                "if False:",
            ),
            (
                "no two messages tie for their turn",
                "return now if last is None else max(now, last.at + 1)",
                "return now",
            ),
            (
                "a silent question is shown when its turn ends",
                "        if asks:\n            show(rec, now, seen.at)\n        waits",
                "        waits",
            ),
            (
                "a question's time begins when its reply is bound",
                "    if asks:\n        show(rec, now, seen.at)\n\n\ndef _put_first",
                "\n\ndef _put_first",
            ),
            (
                "what was typed after a question was first shown may answer it",
                "return at < self.shown and not first <= at <= end",
                "return at < self.shown",
            ),
            (
                "what was typed when a question had lapsed does not answer it, though it is shown again",
                "end = first + self.standing.timeout if self.since < 0 else self.shown",
                "end = self.shown",
            ),
            (
                "a message in time stops the clock of the question that is shown again with it",
                "    elif rec.late(now if at is None else at) <= 0:",
                "    elif False:",
            ),
            (
                "a question whose time was over, and that is shown again twice, was shown since the first of these",
                "        rec.since = max(0, rec.since) + now - rec.shown\n    else",
                "        rec.since = abs(rec.since) + now - rec.shown\n    else",
            ),
            (
                "only a delivery that carries it binds a reply",
                "carried = bool(carrier) and seen.reply is None and",
                "carried = seen.reply is None and",
            ),
            (
                "a reply is bound once",
                "carried = bool(carrier) and seen.reply is None and",
                "carried = bool(carrier) and",
            ),
            (
                "what a time-out said comes with the message that it came before",
                "        _take_out(rec, item)\n        asks = asks or item.asks\n    parts",
                "        pass\n    parts",
            ),
            (
                "the question of a time-out keeps its clock",
                "        asks = asks or item.asks\n    parts",
                "    parts",
            ),
            (
                "a message that gets no reply of its own brings what waits to be read",
                "        if carried and waits is not None:  # there",
                "        if False:  # there",
            ),
            (
                "a record lives a day after its last message",
                "end: float = (last.at if last else now) + LIVES",
                "end: float = now + 1",
            ),
            (
                "a record lives as long as what is unread",
                ", *[item.until for item in rec.unread.values()]",
                "",
            ),
            (
                "none is taken while an older one is checked",
                '            if seen.state == "checking":\n                return None\n',
                "",
            ),
            (
                "newer formats are left alone",
                "    if format > FORMAT:",
                "    if False:",
            ),
            (
                "who waits takes over a handler aside that died",
                "    return alive and (rec.leased(now) or not (rec.owner or rec.work()))\n",
                "    return rec.leased(now) or not (rec.owner or rec.work())\n",
            ),
            (
                "who waits takes over a turn whose worker died",
                "    return alive and (rec.leased(now) or not (rec.owner or rec.work()))\n",
                "    return alive\n",
            ),
            (
                "what happened but renewed leases is not overlooked",
                "            if _head_values(head) != _head_values(rec):\n                return None\n",
                "",
            ),
            (
                "a reply that was bound elsewhere is not overlooked",
                "            if replace(seen, until=was.until) != was:\n                return None\n",
                "",
            ),
        ],
    ),
    *_rows(
        "attempt",
        [
            (
                "between turns the options that were shown stand where they stood",
                "if any(label in labels and labels.index(label) != place for place, label in enumerate(asked.labels)):",
                "if False:",
            ),
            (
                "between turns a dialog must stand at the question that was asked",
                "if not isinstance(machine.want, Ask) or not fits(machine.want, asked.key):",
                "if not isinstance(machine.want, Ask):",
            ),
            (
                "who gets another answer at the last chance is told that their own is to come",
                'item is not mine and seen.state not in ("done", "fetching"):',
                "item is not mine and False:",
            ),
            (
                "where a side dialog was quarantined the waiting one is run under a claim of its own",
                'self.machine = None if outcome == "quarantined" else self.resume()',
                "self.machine = self.resume()",
            ),
            (
                "a late sentence of what is expected does not show a question that stands no more",
                "[self.voice.expects(self.ask), *self._question()], len(self._question())",
                "[self.voice.expects(self.ask), *self._question()], 0",
            ),
            (
                "a late side dialog does not show a question that stands no more",
                "            repeats=len(quoted),",
                "            repeats=0,",
            ),
            (
                "no two turns share a write where somebody may have died of one",
                "                if wary and self.pause():\n                    return\n",
                "",
            ),
            (
                "a claim that was not used does not count",
                "        record.give_back(self.rec)\n",
                "        record.release(self.rec)\n",
            ),
            (
                "a dialog that is quarantined runs no more",
                "if not lines or self.rec.claims > POISON:",
                "if not lines:",
            ),
            (
                "a crash loop is quarantined",
                "        elif self.rec.claims > POISON:\n            self.quarantine()",
                "        elif False:\n            self.quarantine()",
            ),
            (
                "cancelled is looked at first",
                "        if self.rec.cancelled:\n            self.dropped()\n        elif self.rec.claims > POISON:\n            self.quarantine()",
                "        if self.rec.claims > POISON:\n            self.quarantine()\n        elif self.rec.cancelled:\n            self.dropped()",
            ),
            (
                "an intent that is found is an interruption",
                "        elif claimed and self.machine is not None and self.machine.intent:",
                "        elif False:",
            ),
            (
                "an intent is on record before its step",
                "if isinstance(step, Step) and step.function.once and not self.the_machine.intent:",
                "if False:",
            ),
            (
                "an interruption is no progress",
                "self.feed(journal.interruption(self.now, step.name), progress=False)",
                "self.feed(journal.interruption(self.now, step.name))",
            ),
            (
                "a worker that goes down takes nothing",
                "if seen is None or seen.body is None or self.stopping:",
                "if seen is None or seen.body is None:",
            ),
            (
                "a release keeps the lease while messages wait",
                "                if not self.next():\n                    break",
                "                break",
            ),
            (
                "an old conversation is forgotten",
                "        if self.rec.late(seen.at) > (record.GRACE if lapses else 0):",
                "        if False:",
            ),
            (
                "an answer that is too late meets TimedOut",
                "return self.rec.late(seen.at) > 0  # never",
                "return False  # never",
            ),
            (
                "what was typed before the question was shown is not its answer",
                'return message.kind != "event" and self._unshown(seen) and self.the_machine.script.busy != "queue"',
                "return False",
            ),
            (
                "a chat takes what was typed early",
                'return message.kind != "event" and self._unshown(seen) and self.the_machine.script.busy != "queue"',
                'return message.kind != "event" and self._unshown(seen)',
            ),
            (
                "an event from before the question is not its answer",
                'return accepts(self.ask, message) and not (message.kind == "event" and self._unshown(seen))',
                "return accepts(self.ask, message)",
            ),
            (
                "what an ask does not accept never enters the dialog",
                'return accepts(self.ask, message) and not (message.kind == "event" and self._unshown(seen))',
                "return True",
            ),
            (
                "a time-out comes before its message, which waits on",
                "        record.lapse(self.rec, seen)\n",
                "        record.take(self.rec, seen)\n",
            ),
            (
                "between turns a dialog waits at an ask",
                "            if not self.rec.turn:\n                self._judge(machine)",
                "            if False:\n                self._judge(machine)",
            ),
            (
                "a dialog that a message began cannot send it on, so that it is sent on once",
                '(rec.turn.endswith("t") or machine.begun_by(rec.turn))',
                'rec.turn.endswith("t")',
            ),
            (
                "a time-out is sent on by nobody",
                '(rec.turn.endswith("t") or machine.begun_by(rec.turn))',
                "machine.begun_by(rec.turn)",
            ),
            (
                "a message that is sent on is routed beside the dialog, not instead of it",
                "            rec.side = None if machine.over else at",
                "            rec.side = None",
            ),
            (
                "a side dialog leaves the waiting one as it was",
                "        lines = self.rec.journal.upto(self.rec.side)\n",
                "        lines = self.rec.journal.upto(0)\n",
            ),
            (
                "a side dialog's journal begins at its mark",
                "            return ([], None) if machine.done else (self.rec.dialog(), machine)",
                "            return ([], None) if machine.done else (self.rec.journal, machine)",
            ),
            (
                "whoever is replaced is told",
                "if self.rec.side is not None and self._intruded() else []",
                "if False else []",
            ),
            (
                "what a turn remembered is kept in the write that ends it",
                "        record.keep_data(self.rec, self.now, machine.puts)\n",
                "",
            ),
            (
                "again begins afresh",
                "        return [line], Machine(self.conduct.router.scripts, line, self.voice)",
                "        return [*self.rec.dialog()], machine",
            ),
            (
                "again carries its state",
                "            dict(machine.again.state),",
                "            {},",
            ),
            (
                "who diverged in a turn is told, and not routed again",
                '        self._over(self.rec.seen[self.rec.turn], "diverged", "diverged", self.broken)',
                '        seen = self.rec.seen[self.rec.turn]\n        record.forget(self.rec)\n        record.end_turn(self.rec)\n        record.change(self.rec, seen, state="done")\n        self.drop()',
            ),
            (
                "who diverged between turns is told",
                '        record.put(self.rec, self.now, seen.id, self.voice.sentence("diverged"), False)\n',
                "",
            ),
            (
                "a diverged side dialog leaves the waiting one",
                "        lines = self.rec.journal.upto(side or 0)",
                "        lines = self.rec.journal.upto(0)",
            ),
            (
                "a delivery that is over carries nothing",
                "if not self.open or self.message.id != seen.id or self.since(now) > self.deadlines.answer_by:",
                "if not self.open or self.message.id != seen.id:",
            ),
            (
                "nothing is bound so late that its own delivery would not get it",
                "or now - seen.at > record.BINDS:",
                "or now - seen.at > record.SAME:",
            ),
            (
                "a delivery carries the reply of its own message",
                "if not self.open or self.message.id != seen.id or self.since(now) > self.deadlines.answer_by:",
                "if not self.open or self.since(now) > self.deadlines.answer_by:",
            ),
            (
                "a delivery that nobody listens to carries nothing",
                "if not self.open or self.message.id != seen.id or self.since(now) > self.deadlines.answer_by:",
                "if self.message.id != seen.id or self.since(now) > self.deadlines.answer_by:",
            ),
            (
                "the age of a delivery is its worker's",
                "return max(now - self.start, self.age())",
                "return now - self.start",
            ),
            (
                "the last delivery says whatever there is",
                "times = ([self.deadlines.last_chance] if is_last(self, seen) else []) + ",
                "times = [] + ",
            ),
            (
                "the third delivery is the last",
                "return seen.deliveries >= 3 or",
                "return seen.deliveries >= 4 or",
            ),
            (
                "so is one that comes nine seconds after the first",
                "delivery.start - seen.at >= 2 * waits - 1_000 or",
                "False or",
            ),
            (
                "at its last chance a message gets its own answer before any other",
                'item = mine if mine and (fetching or chance or seen.state == "done") else None',
                'item = mine if mine and (fetching or seen.state == "done") else None',
            ),
            (
                "a waiting delivery takes its own answer at any time",
                'item = mine if mine and (fetching or chance or seen.state == "done") else None',
                "item = mine if mine and (fetching or chance) else None",
            ),
            (
                "whoever fetches takes what is oldest",
                "    if item is None and (fetching or chance):\n        item = next(iter(rec.readable()), None)",
                "    pass",
            ),
            (
                "a cancel word ends what runs",
                "stops = rec.turn and not rec.cancelled and normal(message.text) in conduct.cancel",
                "stops = False",
            ),
            (
                "a label of an option is an answer before it is a word",
                "return bool(stand.labels and message.text) and normal(message.text) in stand.labels",
                "return False",
            ),
            (
                "continue is an ordinary word where there is nothing to fetch",
                "if not event and (rec.unread or rec.busy(now, message.id)) and",
                "if not event and",
            ),
            (
                "what a handler aside will say can be fetched",
                "rec.busy(now, message.id)",
                "rec.work()",
            ),
            (
                "a question counts as answered in time by when the message arrived",
                "if stand is None or rec.shown is None or rec.late(now) > 0:",
                "if stand is None:",
            ),
        ],
    ),
    *_rows(
        "turn",
        [
            (
                "a dialog that waits elsewhere is no reason to open another",
                "if waits or not ordinary.is_quiet(desk.rec)",
                "if not ordinary.is_quiet(desk.rec)",
            ),
            (
                "what a newer version wrote is not written over",
                "            if self.newer is not None:\n                raise self.newer\n",
                "",
            ),
            (
                "a delivery whose client is gone claims nothing any more",
                "        if not delivery.open:  # the load took long\n            return False\n",
                "",
            ),
            (
                "the whole journal must be known, not the side dialog's alone",
                "            check_format(conduct.router.scripts, rec.journal)\n        else:\n            hot",
                "            check_format(conduct.router.scripts, rec.dialog())\n        else:\n            hot",
            ),
            (
                "a deadline is counted from the arrival, however late the store could be asked",
                "delivery.start = desk.now - age - waited",
                "delivery.start = desk.now - age",
            ),
            (
                "the claim of what somebody began is on record before it runs",
                'found.what == "claimed" and not _is_new(rec, now, message):',
                "False:",
            ),
            (
                "the claim of what somebody was about to admit is on record before it runs",
                "and not (held.claims == 1 and _is_new(rec, now, message)):",
                "and False:",
            ),
            (
                "the claim is on record first where another message comes next",
                "return not rec.turn and waits is not None and waits.id == message.id and not",
                "return not",
            ),
            (
                "a message that was pushed before may have killed somebody",
                " and not is_repeated(message, now)",
                "",
            ),
            (
                "a claim goes on only while it is held",
                "        if record.worker(rec) != owner:\n            return False\n        made[:] = [_claimed(",
                "        made[:] = [_claimed(",
            ),
            (
                "what is begun later begins from what stood there",
                "yield Spawn(run(conduct, delivery, desk.copy(), visit.attempt, wary=visit.wary), desk.rec.owner)",
                "yield Spawn(run(conduct, delivery, desk, visit.attempt, wary=visit.wary), desk.rec.owner)",
            ),
            (
                "whoever others may have died of goes on as warily",
                "        attempt.proceed(wary=wary)",
                "        attempt.proceed()",
            ),
            (
                "what only a newer worker can replay is not claimed",
                "            check_format(conduct.router.scripts, rec.journal)\n        else:\n            hot",
                "            pass\n        else:\n            hot",
            ),
            (
                "what only a newer worker can replay is not claimed after a check",
                "            check_format(conduct.router.scripts, rec.journal)\n            made",
                "            made",
            ),
            (
                "a push that is too late is logged",
                '            yield Report(_unmet(conduct, delivery, desk, "too_late", [said]))\n',
                "",
            ),
            (
                "a live dialog is of one record only",
                "return machine if rec is self.rec else None",
                "return machine",
            ),
            (
                "a delivery is as old as the store says",
                "                delivery.start = desk.now - age - waited  # by",
                "                pass  # by",
            ),
            (
                "every look may claim",
                "claims = may_claim and not delivery.worker.stopping  # it",
                "claims = may_claim and owner.endswith('.0')  # it",
            ),
            (
                "a worker that goes down claims nothing",
                "claims = may_claim and not delivery.worker.stopping  # it",
                "claims = may_claim  # it",
            ),
            (
                "a look on a record that has changed is made again on the new one",
                "            self.take(came)\n",
                "            self.now, self.version = came.now, came.version\n",
            ),
            (
                "a step that runs gives signs of life",
                "            elif came.now + MOMENT >= alive + HEARTBEAT:",
                "            elif False:",
            ),
            (
                "whoever lost the lease writes nothing more",
                "        if not lease.holds(rec):\n            return False\n        attempt, hot",
                "        attempt, hot",
            ),
            (
                "a heart-beat of somebody who lost the lease is none",
                "        rec.until = now + record.LEASE\n        return self.holds(rec)",
                "        rec.until = now + record.LEASE\n        return True",
            ),
            (
                "no step begins after its lease",
                "came = yield Do(step, key, self.until(), self.beat(end))",
                "came = yield Do(step, key, 1 << 62, self.beat(end))",
            ),
            (
                "a step whose lease was about to run out is tried again under a new one",
                "            if not isinstance(came, Lost):\n                break",
                "            break",
            ),
            (
                "a step that broke off with its worker is handed over",
                "    if isinstance(came, Halted):\n        yield from desk.update(lease.hand_over)\n    return outcome",
                "    return outcome",
            ),
            (
                "a step that takes too long is interrupted, if it may run only once",
                "        if step.function.once and isinstance(came, Done) and isinstance(came.error, TookTooLong):",
                "        if False:",
            ),
            (
                "a step is tried again as often as it says",
                "pauses = (min(PAUSE << n, HEARTBEAT) for n in range(step.function.retries))",
                "pauses = (min(PAUSE << n, HEARTBEAT) for n in range(0))",
            ),
            (
                "a step has a limit of time",
                "            if end is not None and came.now >= end:",
                "            if False:",
            ),
            (
                "a cancelled step is left",
                "            if not goes_on or self.dropped(self.desk.rec):\n                yield Leave()\n                return None",
                "            if not goes_on:\n                yield Leave()\n                return None",
            ),
            (
                "a handler that may run once only is not begun again",
                "    if step.function.once and seen.claims > 1:",
                "    if False:",
            ),
            (
                "a handler that kills its workers is quarantined",
                "    if route is not None and seen.claims <= POISON:",
                "    if route is not None:",
            ),
            (
                "whoever judged a message goes on with it",
                "record.claim(rec, now, rec.seen[held.id], claim.owner, alive) if claims else",
                'Look("wait") if claims else',
            ),
            (
                "a verdict that was refused leaves nothing",
                '        made[:] = [Visit("wait")]  # of a write that was refused, nothing is left\n',
                '        made[:] = made or [Visit("wait")]\n',
            ),
            (
                "a delivery that waits looks again when a lease may be dead",
                "    times += [] if here else [_lease_look(desk, delivery, seen)]",
                "    pass",
            ),
            (
                "who waits for what is done here need not be told by others",
                "    here = (record.beside(seen) if seen and seen.until else desk.rec.owner) in delivery.worker.works",
                "    here = False",
            ),
            (
                "who waits for what is done elsewhere must be told by others",
                "    here = (record.beside(seen) if seen and seen.until else desk.rec.owner) in delivery.worker.works",
                "    here = bool(delivery.worker.works)",
            ),
            (
                "a handler that is about to begin here is waited for here",
                "        name = record.beside(desk.rec.seen[message])\n        yield",
                '        name = ""\n        yield',
            ),
            (
                "a turn that is about to begin here is waited for here",
                "wary=visit.wary), desk.rec.owner)",
                'wary=visit.wary), "")',
            ),
            (
                "a delivery that has waited long looks more seldom",
                "max(lease, desk.now + longer) if lease",
                "lease if lease",
            ),
            (
                "looks at what may be dead come together",
                "    return look // MOMENT * MOMENT + MOMENT",
                "    return look + 1",
            ),
            (
                "a delivery that waits looks again at its last chance",
                "    times = [t for t in due if t > desk.now] + [due[-1]]",
                "    times = [due[-1]]",
            ),
            (
                "a delivery that waits takes what there is at its last chance, though nothing happened",
                "        if left_alone or not desk.renewed or not record.is_worked_at(desk.rec, desk.now) or min(due) <= desk.now:",
                "        if left_alone or not desk.renewed or not record.is_worked_at(desk.rec, desk.now):",
            ),
            (
                "a sign of life wakes nobody",
                "record.expires(new, self.now), wake and there, turns)",
                "record.expires(new, self.now), there, turns)",
            ),
            (
                "a response in time is known to have left",
                "    if now > delivery.start + delivery.deadlines.in_time:\n        return",
                "    return",
            ),
            (
                "a response that came too late is not known to have left",
                "    if now > delivery.start + delivery.deadlines.in_time:\n        return\n",
                "",
            ),
        ],
    ),
    *_rows(
        "replay",
        [
            (
                "a key names the turn",
                "return idempotency_key(self._medium.party, self.opener, self.turn, self.ordinal)",
                "return idempotency_key(self._medium.party, self.opener, self.opener, self.ordinal)",
            ),
            (
                "a key names the step's place in its turn",
                "return idempotency_key(self._medium.party, self.opener, self.turn, self.ordinal)",
                "return idempotency_key(self._medium.party, self.opener, self.turn, 0)",
            ),
            (
                "a turn begins with nothing said and nothing remembered",
                "self.said, self.puts, self.turn, self.ordinal, self.at = (), _NOTHING, turn, 0, at",
                "self.said, self.turn, self.ordinal, self.at = (), turn, 0, at",
            ),
            (
                "a turn says only what is its own",
                "self.said, self.puts, self.turn, self.ordinal, self.at = (), _NOTHING, turn, 0, at",
                "self.puts, self.turn, self.ordinal, self.at = _NOTHING, turn, 0, at",
            ),
            (
                "a turn reads what it wrote",
                "        if command.key not in self.puts:\n",
                "        if True:\n",
            ),
            (
                "a turn that failed or was sent on leaves no trace",
                "        self.want, self.said, self.puts = None, (*keep, *said), _NOTHING",
                "        self.want, self.said = None, (*keep, *said)",
            ),
            (
                "only what was yielded plainly takes an answer of any kind",
                "        if self.want is PLAIN and entry.key in (None, 0):",
                "        if isinstance(self.want, Ask) and entry.key in (None, 0):",
            ),
            (
                "an entry answers the command that it was made for",
                "        if not isinstance(self.want, Step) or self.want.name != entry.name:",
                "        if not isinstance(self.want, Step):",
            ),
            (
                "an answer is for a question of its own kind",
                "if not (isinstance(ask, Ask) and fits(ask, entry.key)):",
                "if not (isinstance(ask, Ask) and (isinstance(entry.key, int) or fits(ask, entry.key))):",
            ),
            (
                "an answer chooses what it chose",
                "        if not chooses(ask, message, entry.chose):",
                "        if False:",
            ),
            (
                "a version still to come is left alone",
                "        if version > self.version:\n",
                "        if False:\n",
            ),
            (
                "a version that was goes on with its own code",
                "return self.function if version == self.version else self.past.get(version)",
                "return self.function",
            ),
            (
                "what was made of a text that broke off stays said",
                "        if self.streams and entry.made:",
                "        if False:",
            ),
        ],
    ),
]

#: rules that no test can break, and why
ESCAPE: dict[str, str] = {
    "what is being worked at is not quiet": "a live dialog stands between two turns, and a lease there is for a message "
    "that waits, which is looked at as well: but nobody should have to know that to be sure that no lease is passed by",
}


# ---- making one ------------------------------------------------------------------------------------------------------


class Breaker(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the library with one rule broken."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self.mutant = f"wechat.{mutant.module}", mutant
        self.source = source(mutant.module)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        return importlib.machinery.ModuleSpec(name, self) if name == self.name else None

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        text = self.source.replace(self.mutant.written, self.mutant.broken)
        exec(compile(text, f"<{self.name}, broken>", "exec"), module.__dict__)


def source(module: str) -> str:
    spec = importlib.util.find_spec("wechat")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / f"{module}.py").read_text("utf-8")


def misplaced() -> list[str]:
    """Rules that stand no more where they are looked for, or stand there twice."""
    sources = {mutant.module: source(mutant.module) for mutant in MUTANTS}
    return [mutant.rule for mutant in MUTANTS if sources[mutant.module].count(mutant.written) != 1]


# ---- noticing it -----------------------------------------------------------------------------------------------------


class Endless(Exception):
    """It went on for ever."""


def _endless(*_: Any) -> None:
    raise Endless


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """What takes longer is endless; it is told so again and again, for it may take that for an error of its own."""
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def noticed(job: tuple[Mutant, int]) -> tuple[Mutant, str]:
    """By which seed or test a mutant is noticed; "" for none. Most are by the first seeds; the tests come before the others."""
    mutant, seeds = job
    sys.meta_path.insert(0, Breaker(mutant))
    signal.signal(signal.SIGALRM, _endless)
    first = min(seeds, 400)
    return mutant, among(range(first)) or directed() or among(range(first, seeds))


def among(seeds: range) -> str:
    from .__main__ import broken

    def limited(seed: int) -> str | None:
        with at_most(60):
            return broken(seed)

    found = ((seed, limited(seed)) for seed in seeds)
    return next((f"seed {seed}: {why[:90]}" for seed, why in found if why), "")


def directed() -> str:
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what is loaded already cannot be loaded anew
    import pytest

    class Failed:
        first = ""

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed and not self.first:
                self.first = report.nodeid

    failed = Failed()
    paths = [str(TESTS / name) for name in DIRECTED if (TESTS / name).exists()]
    with at_most(120), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *paths], plugins=[failed])
    return failed.first or ("the tests cannot be collected" if code not in (0, 1) else "")


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation.mutants")
    parser.add_argument("--seeds", type=int, default=4_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--first", type=int, default=0, help="leave out so many")
    given = parser.parse_args()
    lost = misplaced()
    for rule in lost:
        print(f"MISPLACED  {rule}")
    chosen = [mutant for mutant in MUTANTS[given.first :] if given.only in mutant.rule and mutant.rule not in lost]
    survivors = []
    with multiprocessing.get_context("spawn").Pool(given.jobs, maxtasksperchild=1) as pool:
        for mutant, by in pool.imap_unordered(noticed, [(mutant, given.seeds) for mutant in chosen], chunksize=1):
            excused = ESCAPE.get(mutant.rule, "")
            print(f"{mutant.module:8} {mutant.rule}: {by or excused or 'SURVIVED'}", flush=True)
            survivors += [] if by or excused else [mutant.rule]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} noticed, {len(ESCAPE)} of them excused")
    return 1 if survivors or lost else 0


if __name__ == "__main__":
    sys.exit(main())
