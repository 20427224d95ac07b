"""What must hold: after every write, whenever something is begun or said, and when everything has come to rest.

The law knows what happened only from outside: what was typed, what was written, which steps ran, what WeChat showed. The
names in its complaints (P1 …, I2 …) are those of the promises and invariants that the documentation lists.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from wechat import journal, record, turn
from wechat.attempt import POISON
from wechat.errors import Diverged, UnknownFormat
from wechat.record import Record, Seen
from wechat.replay import Machine, replay

from .dialogs import HANDLERS
from .speech import SHOWN, TOKEN

if TYPE_CHECKING:
    from .world import Push, Typed, Work, World

#: what may become of a message in one write, beside what it is already
BECOMES = {
    "": {"checking", "queued", "taken", "fetching", "aside", "done"},
    "checking": {"queued", "taken", "fetching", "aside", "done"},
    "queued": {"taken", "fetching", "aside", "done"},
    "taken": {"done", "aside"},
    "fetching": {"done"},
    "aside": {"done"},
    "done": set(),
}
#: outcomes that end a turn of the message, once
ONCE = ("asked", "ended", "failed", "cancelled", "timed_out", "replaced", "quarantined")
LATE = 120  #: ms that two clocks, or a reply and its being on record, may lie apart
ANSWER = re.compile(r"q=(Q[^»]*?) a=([^\s»]+)")
COUNTED = re.compile(r" n=(\d+)")
PAID = re.compile(r"«S[^»]* o=(\d+)»")


class Broken(AssertionError):
    """A law was broken."""


class Law:
    """What was seen of one world, and what it must not be."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.arrived: dict[str, int] = {}  # messages, and when their first push came to a worker
        self.accepted: dict[str, int] = {}  # messages on record, and since when
        self.left: set[str] = set()  # messages by which the user left
        self.bound: dict[str, str] = {}
        self.borne: set[str] = set()  # tokens of bound replies
        self.carried: set[str] = set()  # messages whose bound reply went to a push that WeChat still listened to
        self.shown: dict[str, list[int]] = {}  # of a question: when a reply that holds it was bound
        self.screen: list[tuple[int, str, str]] = []
        self.said: dict[str, str] = {}  # tokens, and of which message's turn
        self.exempt: set[str] = set()
        self.dropped: set[str] = set()  # messages whose replies were unread when their user unsubscribed
        self.missed: list[str] = []  # replies that a push carried which was not WeChat's last, and that count as read
        self.repeated: set[str] = set()
        self.turns: Counter[tuple[str, str]] = Counter()
        self.took: set[str] = set()
        self.late: set[str] = set()  # messages that came after a time-out, which has a turn of its own
        self.faults: list[Typed] = []
        self.runs: Counter[tuple[str, str]] = Counter()
        self.names: dict[str, str] = {}
        self.recorded: set[str] = set()
        self.entered: Counter[tuple[str, str]] = Counter()
        self.cancelled: set[str] = set()
        self.stuck = self.deaths = self.writes = 0

    @property
    def rolled(self) -> bool:
        """Whether the store forgot what it had acknowledged: then only what is there must hold together."""
        return self.world.rolled

    def must(self, fits: object, complaint: str, *evidence: object) -> None:
        if not fits:
            raise Broken(" ".join([complaint, *map(str, evidence)]))

    def unless_rolled(self, fits: object, complaint: str, *evidence: object) -> None:
        if not fits and not self.rolled:
            raise Broken(" ".join([complaint, *map(str, evidence)]))

    # ---- what is said and shown -------------------------------------------------------------------------------------

    def says(self, text: str, message: str = "") -> None:
        for token in TOKEN.findall(text):
            self.unless_rolled(self.said.get(token, message) == message, "P1 said in two turns:", token)
            self.said[token] = message

    def responds(self, push: Push, said: Any) -> None:
        """A worker writes the response to a push."""
        message = push.typed.message.id
        if said is None:
            self.must(not push.alive or push.typed.over, "a placeholder that nobody bound is seen:", message)
            return
        seen = self.world.rec.seen.get(message)
        bound = seen.reply if seen else None
        stale = said == "[too_late]" or said == ""
        self.unless_rolled(stale or bound in (said, ""), "P2 sent, and not on record:", message, said, bound)

    def shows(self, typed: Typed, text: str) -> None:
        self.screen.append((self.world.now, typed.message.id, text))

    def exempts(self, text: str) -> None:
        self.exempt.update(TOKEN.findall(text))

    def faulted(self, typed: Typed) -> None:
        self.faults.append(typed)
        self.screen.append((self.world.now, typed.message.id, "FAULT"))

    def hooked(self, effect: turn.Hook) -> tuple[Any, BaseException | None]:
        """What the bot's hooks make of it."""
        dice = self.world.rng.random()
        if dice < 0.05:
            return None, ValueError("a bug in a hook")
        if effect.name == "before":
            return ("[blocked]" if dice < 0.12 else None), None
        if effect.name == "after":
            return effect.args[0].reply, None
        return None, None

    def died(self) -> None:
        """A dialog's own code has ended its worker. Only the first to whom a message comes is not charged."""
        self.deaths += self.world.rec.work()
        self.unless_rolled(self.deaths <= POISON + 1, "P9 a dialog that kills one worker after the other")

    # ---- steps ------------------------------------------------------------------------------------------------------

    def begins(self, work: Work, effect: turn.Do) -> int:
        """A step is about to run. Gives how often it ran."""
        key, step, world = effect.key, effect.step, self.world
        self.unless_rolled(key not in self.recorded, "P3 begins after its result is on record:", step.name, key)
        same = self.names.setdefault(key, step.name) == step.name
        self.unless_rolled(same or world.deployed, "I9 one key, two steps:", self.names[key], step.name)
        self.runs[key, step.name] += 1
        if step.function.once:
            first = self.runs[key, step.name] == 1
            self.unless_rolled(first, "P3 a step that runs at most once began twice:", step.name, key)
        self.on_record(work, effect)
        return self.runs[key, step.name]

    def on_record(self, work: Work, effect: turn.Do) -> None:
        """Whoever holds the lease begins the very step that the record stands at (I10, P4)."""
        rec, world = self.world.rec, self.world
        ours = rec.owner.startswith(f"w{work.host.number}.")
        if any(world.now - self.accepted[id] < record.LEASE + LATE for id in self.left):
            return  # whoever ran the turn of a user who left has not heard of it
        aside = effect.step.name in HANDLERS
        others = rec.owner and not ours and rec.until > world.now + LATE and not aside
        self.unless_rolled(not others, "P2 a step begins under another's lease:", effect.step.name, rec.owner)
        mine = ours and rec.until > world.now and rec.turn
        seen = rec.seen.get(rec.turn.removesuffix("t"))
        if not mine or self.rolled or seen is None or effect.step.name in HANDLERS:
            return
        machine = self.machine(rec, work.host.code)
        if machine is None:
            return
        self.must(machine.wants_step and machine.key() == effect.key, "I10 not the step on record:", effect.step.name)
        if effect.step.function.once:
            self.must(machine.intent, "P3 begins without its intent on record:", effect.step.name)

    def machine(self, rec: Record, code: int) -> Machine | None:
        lines = rec.dialog()
        if not lines:
            return None
        try:
            return replay(self.world.conducts[code - 1].router.scripts, lines, self.world.voice)
        except (Diverged, UnknownFormat):
            return None

    # ---- every write ------------------------------------------------------------------------------------------------

    def written(self, work: Work, before: Record, after: Record, effect: turn.Write) -> None:
        self.writes += 1
        if self.writes % 4 == 0:
            self.must(record.fields(after) == self.world.fields, "I1 kept otherwise than written:", self.world.fields)
        if work.done and effect.turns:  # a result whose write ends its turn is on record, too
            self.recorded.add(work.done)
            work.done = ""
        self.messages(before, after, effect)
        self.lease(before, after)
        self.order(before, after, effect)
        self.journal(work, before, after)
        self.replies(before, after)
        for over in effect.turns:
            self.turn(over, before, after)
        self.data(before, after, effect)
        self.progress(work, before, after, effect)

    def lease(self, before: Record, after: Record) -> None:
        was, now = (rec.owner.split(":")[0] for rec in (before, after))
        left = any(seen.id in self.left for seen in _new(before, after))  # that ends whatever runs
        alive = before.until > self.world.now + LATE and not left
        self.must(not (was and now and was != now and alive), "P2 two owners:", before.owner, after.owner)
        if before.owner and before.owner == after.owner:
            same = before.journal == after.journal[: len(before.journal)]
            self.must(same, "rule 2: a journal that does not only grow:", before.owner)

    def messages(self, before: Record, after: Record, effect: turn.Write) -> None:
        for seen in [after.seen[name[1:]] for name in effect.put if name[0] == "s"]:
            was = before.seen.get(seen.id)
            if was is None:
                self.unless_rolled(seen.id not in self.accepted, "P1 accepted twice:", seen.id)
                self.accepted.setdefault(seen.id, self.world.now)
            if was is None and self.world.typed[int(seen.id[1:])].message.event == "unsubscribe":
                self.left.add(seen.id)
            state = was.state if was else ""
            legal = seen.state == state or seen.state in BECOMES[state]
            self.must(legal, "P1 taken again:", seen.id, state, seen.state)
            if seen.state in ("taken", "aside"):
                self.took.add(seen.id)
            self.reply(was, seen, after)
            self.refusal(was, seen, before, after)

    def reply(self, was: Seen | None, seen: Seen, after: Record) -> None:
        if was is not None and was.reply is not None and was.reply != seen.reply:
            old = self.world.now - seen.at > record.SAME - LATE
            self.must(seen.reply == "" and old, "P1 a reply that changed:", seen.id, was.reply, seen.reply)
        if seen.reply is None or (was is not None and was.reply is not None):
            return
        text = self.world.voice.join([seen.reply]) or ""
        self.bound[seen.id] = text
        self.borne.update(TOKEN.findall(text))
        typed = self.world.typed[int(seen.id[1:])]
        if typed.current and typed.current.alive and not typed.over and typed.pushes < 3:
            self.carried.add(seen.id)
        for question in SHOWN.findall(text):
            self.shown.setdefault(question, []).append(self.world.now)
        if "[too_many]" in text and was is None:
            works = (
                after.leased(seen.at - LATE) or self.world.stopped or self.world.deployed
            )  # or it may not be claimed
            self.must(works, "too many, and nobody is at work:", seen.id)
        if text == "[thinking]":
            mine = [item for item in after.readable() if item.message == seen.id and not item.doubtful]
            self.must(not mine, "a placeholder although its answer is there:", seen.id)

    def refusal(self, was: Seen | None, seen: Seen, before: Record, after: Record) -> None:
        """Whoever is told that it was typed too early did not see the question before (within what a reply takes)."""
        known = was is not None and was.refused
        if not seen.refused or known or self.rolled or before.shown is None or after.journal != before.journal:
            return
        late = before.standing and before.late(seen.at) > 0
        lapsed = before.since < 0 and before.early(seen.at)  # a moment after its time
        over = before.cancelled or self.world.killed or after.cancelled or not after.journal
        self.must(
            late or lapsed or over or before.turn or before.early(seen.at - LATE),
            "P7 refused, though its question was shown:",
            seen.id,
        )

    def order(self, before: Record, after: Record, effect: turn.Write) -> None:
        """I11: messages leave the queue in the order in which they came; none is taken while an older one is checked."""
        waiting = [seen.id for seen in before.seen.values() if seen.state in ("queued", "checking")]
        if not waiting:
            return
        stay = [id for id in waiting if _state(after, id) in ("queued", "checking")]
        turned = {over.message.id for over in effect.turns}
        over = after.cancelled or not after.owner  # ended from outside: what waited is told so, whatever is checked
        gone = any(seen.id in self.left for seen in _new(before, after))
        self.took.update(id for id in waiting if gone and id not in stay)  # nobody is left to be told
        left = [
            id
            for id in waiting
            if id not in stay
            and (before.seen[id].state == "queued" or _state(after, id) == "taken" or id in turned)
            and not (gone or (over and after.seen[id].refused))
        ]
        fits = not stay or not left or waiting.index(left[-1]) < waiting.index(stay[0])
        self.unless_rolled(fits, "I11 out of order:", waiting, left)

    def journal(self, work: Work, before: Record, after: Record) -> None:
        """I2: whatever is on record can be replayed, and stands where a record may stand."""
        if after.journal == before.journal and after.side == before.side and after.turn == before.turn:
            return
        if work.done and (len(after.journal) > len(before.journal) and after.owner == before.owner):
            added = [journal.decode(line) for line in after.journal[len(before.journal) :]]
            if isinstance(added[0], journal.Result | journal.Failure):
                self.recorded.add(work.done)
                work.done = ""
        self.entries(before, after)
        if self.rolled or not after.journal:
            return
        code = work.host.code
        try:
            machine = replay(self.world.conducts[code - 1].router.scripts, after.dialog(), self.world.voice)
        except UnknownFormat:
            return
        except Diverged as error:
            self.must(self.world.deployed, "I2 cannot be replayed:", error)
            return
        stands = machine.wants_step or machine.done or after.turn == "" or self.world.after or self.world.on_error
        self.must(stands or self.world.deployed, "rule 9: a turn at an ask:", after.turn, machine.stands_at())
        asked = after.shown is not None or any(item.asks for item in after.unread.values())
        self.must(after.turn or asked, "fault 13: a question that was not shown, and never will be", after.standing)
        if not after.turn and not self.world.deployed:
            self.must(
                not machine.done and not machine.wants_step, "rule 9: between turns, and at no ask", after.journal
            )
            self.must(len(after.journal) < 200, "I14 a journal without end")

    def entries(self, before: Record, after: Record) -> None:
        """I3: a message enters a journal once (and once more where it was sent on)."""
        same = 0
        for one, other in zip(before.journal, after.journal, strict=False):
            if one != other:
                break
            same += 1
        for line in after.journal[same:]:
            if line in before.journal:  # a side dialog that asks is the dialog from now on
                continue
            entry = journal.decode(line)
            if isinstance(entry, journal.Began | journal.Answered | journal.Lapsed):
                kind = type(entry).__name__
                self.entered[kind, entry.message] += 1
                self.unless_rolled(self.entered[kind, entry.message] == 1, "I3 entered twice:", kind, entry.message)
            if isinstance(entry, journal.Recalled) and entry.key in ("o", "n"):
                first, last = _count(before, entry.key), _count(after, entry.key)
                fits = first <= (entry.value or 0) <= last
                self.unless_rolled(fits, "a value of another time was read:", entry, first, last)

    def replies(self, before: Record, after: Record) -> None:
        """Rule 4: nothing leaves what is unread but in the write that binds it, or when its time is over."""
        self.told_again(before, after)
        if before.unread == after.unread:
            return
        kept = "".join(str(item.say) for item in after.unread.values())
        kept += "".join(str(s.reply) for s in after.seen.values() if s.reply and _reply(before, s.id) is None)
        for item in before.unread.values():
            if after.unread.get(item.number) is item:
                continue
            tokens = TOKEN.findall(str(item.say))
            leaves = any(s.id in self.left for s in _new(before, after))
            if leaves:
                self.dropped.add(item.message)
            if item.until <= self.world.now or leaves:
                self.exempt.update(token for token in tokens if token not in kept)
                continue
            lost = [token for token in tokens if token not in kept and token in self.said and token not in self.exempt]
            if not lost or (item.brief is not None and all(token in self.borne for token in lost)):
                continue  # of a question that was shown, a late repetition may be left away
            message = item.held[0] if item.held else ""
            self.must(message and message in self.bound, "P6 lost:", item)

    def told_again(self, before: Record, after: Record) -> None:
        """What a refusal quotes, or what is said anew because it was made anew, is said more often than once."""
        new = [(item.message, str(item.say)) for item in after.unread.values() if item.number not in before.unread]
        new += [(s.id, str(s.reply)) for s in after.seen.values() if s.reply and _reply(before, s.id) is None]
        marked = {message for message, text in new if any(mark in text for mark in AGAIN)}
        for message, text in new:
            if message in marked:
                self.repeated.update(TOKEN.findall(text))

    def turn(self, over: turn.Turn, before: Record, after: Record) -> None:
        message, rolled = over.message.id, self.rolled
        self.turns[message, over.outcome] += 1
        ended = sum(self.turns[message, outcome] for outcome in ONCE)
        seen = after.seen.get(message)
        if before.turn.endswith("t") or (seen is not None and before.late(seen.at) > 0):
            self.late.add(message)
        most = 1 + self.turns[message, "rerouted"] + (message in self.late) + self.lapsed(message)
        self.unless_rolled(ended <= most, "P1 two turns of one message:", message, over.outcome, dict(self.turns))
        if over.outcome == "diverged":
            self.must(self.world.deployed or rolled, "P8 diverged, and nothing was deployed:", over.error)
        if over.outcome == "quarantined":
            beside = _state(before, message) in ("aside", "checking")
            self.must(rolled or beside or self.stuck >= POISON, "P9 quarantined too early:", message)
            innocent = not over.message.text.startswith(("p", "k")) and over.dialog not in ("poison", "stubborn")
            broke = self.world.killed and self.world.kills  # by chance, perhaps of no message's
            self.must(rolled or beside or broke or self.world.pauses or not innocent, "P9 charged to another:", over)
        else:
            self.unless_rolled(
                message not in self.cancelled or over.outcome == "cancelled", "goes on although cancelled:", message
            )
        self.took.add(message)
        if over.outcome == "rerouted":
            return
        text = str(over.reply or "")
        self.says(text, message)
        for token in TOKEN.findall(text):
            paid = PAID.match(token)
            if paid and not self.world.after:
                self.unless_rolled(int(paid[1]) == _count(before, "o"), "a value of another time was read:", token)

    def lapsed(self, message: str) -> int:
        return self.entered["Lapsed", message] + self.turns[message, "timed_out"]

    def data(self, before: Record, after: Record, effect: turn.Write) -> None:
        """What a turn remembers comes in the write that ends it, once; and what was thrown away leaves no trace."""
        self.must(_count(after, "junk") == 0, "a turn thrown away left a trace")
        for key in ("n", "p", "t"):
            grew = _count(after, key) - _count(before, key)
            if grew:
                self.must(effect.turns, "remembered before its turn ended:", key)
        grew = _count(after, "n") - _count(before, "n")
        counts = [int(n) for over in effect.turns for n in COUNTED.findall(str(over.reply or ""))]
        if counts and not self.rolled:
            self.must(_count(after, "n") == max(counts) + 1 and grew >= 1, "the count is not as it was read:", counts)

    def progress(self, work: Work, before: Record, after: Record, effect: turn.Write) -> None:
        """P9: a crash loop ends, and nothing else does."""
        for seen in _new(before, after):
            told = any("[cancelled]" in str(item.say) for item in after.unread.values() if item.message == seen.id)
            if told and before.turn and after.cancelled:
                self.cancelled.add(before.turn.removesuffix("t"))
        if after.owner and after.owner.split(":")[0] != before.owner.split(":")[0]:
            self.stuck += 1
        if before.owner and not after.owner and (after.turn or after.next()):  # handed over: that claim did not fail
            self.stuck = max(0, self.stuck - 1)
            return
        left = any(_state(after, seen.id) != "queued" for seen in before.queue())
        if _grown(before, after) or after.turn != before.turn or left:
            self.stuck = self.deaths = 0
        self.must(self.rolled or self.stuck <= POISON + 3, "P9 a crash loop that nobody ends")

    def vanished(self, why: str, rec: Record) -> None:
        if why == "expired":
            last = max((seen.at for seen in rec.seen.values()), default=0)
            self.must(last + record.LIVES <= self.world.now, "a record expired within a day of the last message")
            for item in rec.unread.values():
                self.must(item.until <= self.world.now, "P6 expired before its time:", item)
        for item in rec.unread.values():
            self.exempt.update(TOKEN.findall(str(item.say)))

    # ---- in the end -------------------------------------------------------------------------------------------------

    def at_rest(self) -> None:
        """Nothing is under way: where nothing broke, nothing is left lying."""
        world, rec = self.world, self.world.rec
        if not world.quiet:
            return
        self.must(not rec.turn, "P5 a turn with nobody at it:", rec.turn)
        self.must(not rec.queue(), "I12 a queue with nobody at it:", [seen.id for seen in rec.queue()])
        self.must(not any(s.state in ("aside", "checking") for s in rec.seen.values()), "P5 a handler that nobody runs")
        if world.placeholder == 1 and not world.evicts and not world.strays and not world.bursts:
            forced = [typed.message.id for typed in world.typed if typed.pushes > 1]
            self.must(not forced, "a forced time-out:", forced)

    def settled(self) -> bool:
        rec = self.world.rec
        beside = any(seen.state in ("aside", "checking") for seen in rec.seen.values())
        return not rec.unread and not rec.work() and not beside

    def at_the_end(self) -> None:
        rec = self.world.rec
        self.must(self.settled(), "I8 left:", rec.unread, rec.turn, [seen.id for seen in rec.queue()])
        if self.rolled:
            return
        for typed in self.faults:  # a push before the last carried it, and later ones fell on nobody
            id = typed.message.id
            if id in self.carried or typed.lost is not None:
                self.exempts(self.bound.get(id, ""))
                self.missed.append(self.bound.get(id, ""))
        self.everything_was_seen()
        self.nothing_was_swallowed()
        self.answers_met_their_questions()

    def everything_was_seen(self) -> None:
        """P6: what was said reached the screen, and for certain not twice."""
        certain, maybe = Counter[str](), set[str]()
        for _, _, text in self.screen:
            for token in TOKEN.findall(text):
                if "[maybe_read]" in text or token.startswith("«P"):  # a picture has no room to say that
                    maybe.add(token)
                else:
                    certain[token] += 1
        for token, message in self.said.items():
            seen = certain[token] or token in maybe or token in self.exempt
            self.must(seen, "P6 never seen:", token, "of", message)
            self.must(certain[token] <= 1 or token in self.repeated, "P6 seen twice:", token, "of", message)

    def nothing_was_swallowed(self) -> None:
        """P7: every message was taken, or its user was told that it was not."""
        for typed in self.world.typed:
            message = typed.message
            if message.kind == "event":
                continue
            mine = [text for _, id, text in self.screen if id == message.id]
            took = message.id in self.took
            everything = [*(text for _, _, text in self.screen), *self.exempt, *self.missed]
            self.must(took or mine or message.id in self.accepted, "P7 swallowed:", message)
            told = any(word in text for text in mine for word in TOLD)
            elsewhere = any(f"[answering:{message.text}]" in text for text in everything)
            if "" in mine:  # its own sentence went out joined to another's reply, a moment before
                elsewhere = elsewhere or any("[not_taken]" in text or "[cancelled]" in text for text in everything)
            told = told or message.id in self.dropped
            self.must(took or told or elsewhere or not mine, "P7 neither taken nor told:", message, mine)

    def answers_met_their_questions(self) -> None:
        """An answer was typed after its question was shown, and before its time was over."""
        texts = Counter(typed.message.text for typed in self.world.typed)
        ids = {t.message.text: t.message.id for t in self.world.typed if texts[t.message.text] == 1}
        for token in self.said:
            for question, text in ANSWER.findall(token):
                id = ids.get(text, "")
                if (
                    id not in self.accepted or self.queues(question) or f"«{question}»" not in self.said
                ):  # a hook kept it back
                    continue
                shown = self.shown.get(question, [])
                waits = re.search(r"~(\d+)", question)
                limit = int(waits[1]) * 1_000 if waits else 60_000
                first, last = self.arrived[id] - limit - LATE, self.accepted[id] + LATE
                fits = any(first <= time <= last for time in shown)  # a look may take long to be on record
                self.must(fits, "answered before it was shown, or too late:", token, shown, first, last)

    def queues(self, question: str) -> bool:
        """Whether it is of a program that takes what was typed before its question was shown."""
        program = re.match(r"Qr(\d+)b?\.", question)
        return program is not None and int(program[1]) % 4 == 0


#: what says that something is said again
AGAIN = ("[not_taken]", "[expects]", "[otherwise]", "[regenerated]")
#: what tells a user that a message was not taken, or that nothing was to be taken
TOLD = (
    "[not_taken]", "[too_many]", "[too_late]", "[expects]", "[otherwise]", "[thinking]", "FAULT", "[failed]",
    "[cancelled]", "[nothing]", "[blocked]", "«", "[more", "[unfinished]", "[still_waiting", "[diverged]", "[timed_out]", "[retry]",
)  # fmt: skip


def _grown(before: Record, after: Record) -> bool:
    """Whether the journal says more than that a step is about to begin, or was cut off."""
    same = before.journal == after.journal[: len(before.journal)]
    entries = [journal.decode(line) for line in after.journal[len(before.journal) :]] if same else []
    cut_off = [isinstance(e, journal.Failure) and e.type == journal.INTERRUPTED[0] for e in entries]
    begun = [isinstance(e, journal.Intent) for e in entries]
    return not same or not all(a or b for a, b in zip(cut_off, begun, strict=True))


def _state(rec: Record, id: str) -> str:
    seen = rec.seen.get(id)
    return seen.state if seen else ""


def _reply(rec: Record, id: str) -> Any:
    seen = rec.seen.get(id)
    return seen.reply if seen else None


def _new(before: Record, after: Record) -> list[Seen]:
    return [seen for seen in after.seen.values() if seen.id not in before.seen]


def _count(rec: Record, key: str) -> int:
    datum = rec.data.get(key)
    return 0 if datum is None else int(datum.value)
