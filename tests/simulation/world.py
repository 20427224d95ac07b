"""WeChat, a user, two workers, and a store: everything that can go wrong between them, from one seed.

The workers carry out the effects of the shipped turns as the shipped runtime does; what is random is when, and what breaks.
Whatever happens is told to the law at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import itertools
import random
from collections.abc import Callable, Generator
from typing import Any

from wechat import record, turn
from wechat.attempt import WECHAT, Conduct, Delivery, Turn, Worker
from wechat.record import Record

from . import dialogs
from .law import Law
from .speech import KINDS, Note, Voice

START = 1_790_000_000_000
HOUR = 3_600_000

#: what the user types: how often, and what (a digit or more follows, so that no two are the same)
TYPED = (
    [("text", letter) for letter in "dtnvvvvvvvoyywccccccjjjjeeeuzzaalggff"]
    + [("text", "r0"), ("text", "r0"), ("text", "r1"), ("text", "r1"), ("text", "h"), ("text", "H"), ("text", "1")]
    + [("click", "s"), ("click", "x"), ("click", "z"), ("click", "h"), ("click", "v"), ("image", "v"), ("image", "v")]
    + [("word", "继续"), ("word", "继续"), ("word", "取消"), ("word", "上一步"), ("word", "大"), ("rare", "")]
)
RARE = (("text", "p"), ("text", "k"), ("text", "b"), ("unsubscribe", ""), ("click", "s"))
PAUSES = (200, 900, 2_500, 8_000, 20_000, 70_000, 200_000)


@dataclasses.dataclass(eq=False)
class Typed:
    """A message of the user, and how WeChat fares with it."""

    message: Note
    pushes: int = 0
    over: bool = False  # answered, or given up
    current: Push | None = None
    lost: str | None = None  # a reply that did not reach WeChat


@dataclasses.dataclass(eq=False)
class Push:
    """One push of a message, and the delivery that it is to a worker."""

    typed: Typed
    delivery: Delivery
    host: Host
    gen: int
    alive: bool = True  # WeChat still waits for it
    stray: bool = False  # sent again by somebody who recorded it
    answered: bool = False


class Host:
    """A worker: a process that dies and comes again."""

    def __init__(self, number: int, skew: int) -> None:
        self.number, self.skew = number, skew
        self.gen = self.paused = 0
        self.code = 1
        self.renew()

    def renew(self) -> None:
        self.worker = Worker()
        self.hot: turn.Keep | None = None
        self.pushes: list[Push] = []
        self.works: dict[Work, None] = {}  # in order
        self.halting = False

    def keep(self, kept: turn.Keep) -> None:
        if kept.machine is not None or self.hot is None or self.hot.machine is None:
            self.hot = kept

    def take(self) -> turn.Keep | None:
        hot, self.hot = self.hot, None
        return hot


@dataclasses.dataclass(eq=False)
class Job:
    """A step or hook that is being done."""

    key: str
    began: int
    end: int
    value: Any
    error: BaseException | None
    pieces: list[str]
    halts: bool

    def text(self, now: int) -> str:
        made = len(self.pieces) * (now - self.began) // max(1, self.end - self.began)
        return "".join(self.pieces[:made])


@dataclasses.dataclass(eq=False)
class Work:
    """One generator of effects under way on a worker."""

    generator: Generator[Any, Any, Any]
    host: Host
    gen: int
    ended: Callable[[Any], None] = lambda value: None
    jobs: list[Job] = dataclasses.field(default_factory=list)
    done: str = ""  # the key of the step that was done last, and is not on record yet
    token: int = 0  # of what it waits for: a later wake-up is none
    looks: bool = False  # it waits for a job
    here: bool = False  # it waits for what is done on its worker
    rung: bool = False  # something came to be known on its worker since it asked the store last


class World:
    """One run."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.now, self.seq = START + rng.randrange(1_000), itertools.count()
        self.events: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.version, self.fields, self.rec, self.expires = "", dict[str, str](), Record(), 0
        self.waiting: list[tuple[Work, int]] = []
        self.typed: list[Typed] = []
        self.hosts = [Host(i, rng.randint(-20, 20)) for i in range(2)]
        self.numbers = (rng.randrange(100_000), rng.randrange(100_000))
        self.voice = Voice(rng.choice([2, 4, 4, 9]))
        self.marks = itertools.count()
        self.choose_faults()
        self.conducts = [self.conduct(code) for code in ((1, 2) if self.deploys else (1,))]
        self.law = Law(self)
        self.log: list[tuple[Any, ...]] | None = None

    def choose_faults(self) -> None:
        """Most worlds have few faults: what breaks only when nothing else does is found there."""
        pick = self.rng.choice
        self.faults = True
        self.kills, self.pauses, self.loses = pick([0, 0.002, 0.01]), pick([0, 0, 0.01]), pick([0, 0, 0.03])
        self.strays, self.slow, self.stops = pick([0, 0, 0.3]), pick([0.1, 0.2, 0.6]), pick([0, 0, 0.3])
        self.placeholder, self.notices = pick([0, 0, 0, 0.3, 1]), pick([False, True])
        self.deploys, self.rolls, self.evicts = pick([0, 0, 0.25]), pick([0, 0, 0, 0.3]), pick([0, 0, 0, 0, 0.1])
        self.before, self.after, self.on_error = (self.rng.random() < 0.15 for _ in range(3))
        self.pieces, self.bursts, self.long = pick([True, False]), pick([0, 0, 0.2]), pick([0, 0, 0.1])
        self.snaps: list[tuple[str, dict[str, str], Record, int]] = []
        self.killed = self.rolled = self.deployed = self.stopped = False

    @property
    def quiet(self) -> bool:
        """Whether nothing broke so far."""
        return not (self.killed or self.pauses or self.loses or self.rolled or self.stopped)

    def conduct(self, code: int) -> Conduct:
        return Conduct(
            dialogs.routes(self.numbers, code),
            self.voice,
            60,
            frozenset(["取消"]),
            frozenset(["上一步"]),
            frozenset(["继续"]),
            self.before,
            self.after,
            self.on_error,
            self.pieces,
        )

    # ---- time -------------------------------------------------------------------------------------------------------

    def at(self, time: int, do: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self.events, (time, next(self.seq), do, args))

    def soon(self, most: int = 20) -> int:
        return self.now + 1 + int(self.rng.random() * most)

    def go(self) -> None:
        for _ in range(30_000):
            if not self.events:
                return
            time, _, do, args = heapq.heappop(self.events)
            self.now = max(self.now, time)
            do(*args)
        raise AssertionError("I13 no end")

    def note(self, *what: Any) -> None:
        if self.log is not None:
            self.log.append((self.now - START, *what))

    def chance(self, p: float) -> bool:
        return self.faults and p > 0 and self.rng.random() < p

    # ---- the user, and WeChat ---------------------------------------------------------------------------------------

    def type(self, kind: str, text: str) -> Typed:
        number = len(self.typed)
        key = text if kind in ("click", "unsubscribe") else ""
        made = {"word": "text"}.get(kind, kind)
        message = KINDS[made]("" if key or kind == "unsubscribe" else text, f"m{number}", self.now // 1000, key=key)
        typed = Typed(message)
        self.typed.append(typed)
        self.note("TYPE", message.id, kind, text)
        delay = self.rng.choice([0, 0, 300, 900, 7_000]) if self.faults else 0
        burst = self.chance(self.bursts)
        self.at(self.now + delay, self.push, typed)
        for _ in range(3 if burst else 0):  # four pushes in one second; the second may be the first to come
            self.at(self.now + delay + self.rng.randrange(1_000), self.stray, typed, True)
        if self.chance(self.strays):
            later = self.rng.choice([1, 30_000, 90_000, 200_000, 700_000])
            self.at(self.now + delay + later, self.stray, typed)
        return typed

    def host(self) -> Host:
        """Whoever gets the next push: nobody sends one to a worker that goes down, if another is there."""
        number = self.rng.randrange(2)
        return self.hosts[1 - number] if self.hosts[number].worker.stopping else self.hosts[number]

    def push(self, typed: Typed) -> None:
        if typed.over or typed.pushes >= 3:
            return
        if typed.current:
            typed.current.alive = False
        typed.pushes += 1
        push = typed.current = self.delivery(typed)
        self.at(self.now + 5_000, self.hang_up, push)
        if typed.lost is None and self.chance(self.loses):  # on the way to us
            return
        self.deliver(push)

    def stray(self, typed: Typed, burst: bool = False) -> None:
        if not burst and typed.message.id not in self.law.accepted:
            return
        push = self.delivery(typed)
        push.alive, push.stray = False, True
        self.deliver(push)

    def delivery(self, typed: Typed) -> Push:
        host = self.host()
        chance = WECHAT.last_chance if self.placeholder > self.rng.random() else None
        mark = f"{next(self.marks):02x}"[-2:]
        came = self.now
        delivery = Delivery(
            typed.message, self.local(host), mark, chance=chance, worker=host.worker, age=lambda: self.now - came
        )
        return Push(typed, delivery, host, host.gen)

    def deliver(self, push: Push) -> None:
        host = push.host
        self.law.arrived.setdefault(push.typed.message.id, self.now)
        host.pushes.append(push)
        owner = f"w{host.number}.{self.rng.getrandbits(32):x}"
        work = turn.deliver(self.conducts[host.code - 1], push.delivery, owner, self.local(host), host.take())
        self.note("PUSH", push.typed.message.id, push.typed.pushes, f"w{host.number}", "stray" if push.stray else "")
        self.spawn(host, work, lambda said: self.over(push, said))

    def hang_up(self, push: Push) -> None:
        typed = push.typed
        if typed.over or not push.alive:
            return
        push.alive = False
        if self.notices and push.gen == push.host.gen:
            push.delivery.open = False
        if typed.pushes >= 3:
            typed.over = True
            self.note("FAULT", typed.message.id)
            self.law.faulted(typed)
        else:
            self.at(self.now + 70, self.push, typed)

    def over(self, push: Push, said: Any) -> None:
        """The delivery has come to its end."""
        if push.delivery.open:
            push.delivery.open = False
            self.respond(push, said, push.delivery.doubt)
        with contextlib.suppress(ValueError):
            push.host.pushes.remove(push)

    def respond(self, push: Push, said: Any, doubt: bool) -> None:
        """What the web layer writes. None: the placeholder, unbound."""
        if push.answered:
            return
        push.answered = True
        self.law.responds(push, said)
        self.reaches(push, "[thinking]" if said is None else self.voice.join([said]) or "")
        if doubt:
            host = push.host
            self.spawn(host, turn.sent(push.delivery, self.local(host), host.take()))

    def reaches(self, push: Push, text: str) -> None:
        typed = push.typed
        if push.stray:
            self.law.exempts(text)  # whoever sent it again has read it
        if not push.alive or typed.over:
            return
        if self.chance(self.loses):
            typed.lost = text
            if typed.pushes >= 3:
                self.law.exempts(text)  # nobody can know
            return
        typed.over = True
        self.note("SCREEN", typed.message.id, text)
        self.law.shows(typed, text)

    # ---- from outside -----------------------------------------------------------------------------------------------

    def outside(self) -> None:
        """A payment call-back counts in the user's data."""

        def change(rec: Record, now: int) -> bool:
            record.settle(rec, now)
            record.keep_data(rec, now, {"o": (record_value(rec, "o") + 1, None)})
            return True

        self.spawn(self.host(), turn.outside(change))

    def tell(self, number: int) -> None:
        def change(rec: Record, now: int) -> bool:
            record.settle(rec, now)
            record.tell(rec, now, str(number), [f"«S told {number}»"], 7 * record.UNREAD, self.voice)
            return True

        self.spawn(self.host(), turn.outside(change), lambda done: self.law.says(f"«S told {number}»"))

    def end(self) -> None:
        """Somebody ends the conversation."""

        def change(rec: Record, now: int) -> bool:
            record.settle(rec, now)
            record.stop(rec, now, self.voice)
            return True

        self.spawn(self.host(), turn.outside(change))

    # ---- workers ----------------------------------------------------------------------------------------------------

    def local(self, host: Host) -> int:
        """What a worker takes for the store's time."""
        return self.now + host.skew

    def spawn(
        self, host: Host, generator: Generator[Any, Any, Any], ended: Callable[[Any], None] | None = None
    ) -> None:
        work = Work(generator, host, host.gen, ended or (lambda value: None))
        host.works[work] = None
        self.at(self.soon(), self.step, work, None)

    def kill(self, host: Host) -> None:
        self.killed = True
        self.note("KILL", f"w{host.number}")
        self.gone(host)

    def gone(self, host: Host) -> None:
        host.gen += 1
        self.waiting = [(work, token) for work, token in self.waiting if work.host is not host]
        host.renew()

    def deploy(self, host: Host) -> None:
        self.deployed = True
        self.kill(host)
        host.code = 2

    def shut_down(self, host: Host, grace: int) -> None:
        if any(other.worker.stopping for other in self.hosts) or not self.faults:
            return
        host.worker.stopping = self.stopped = True
        self.note("STOP", f"w{host.number}")
        self.at(self.now + grace, self.halt, host, host.gen)
        self.at(self.now + grace + 20_000, self.exit, host, host.gen, True)

    def halt(self, host: Host, gen: int) -> None:
        """The grace is over: what can be broken off is."""
        if host.gen != gen:
            return
        host.halting = True
        for work in host.works:
            if work.looks and work.jobs[-1].halts:
                work.token += 1
                self.at(self.soon(5), self.look, work, work.token, 0)
        self.exit(host, gen)

    def exit(self, host: Host, gen: int, force: bool = False) -> None:
        if host.gen != gen:
            return
        if force and host.works:
            self.kill(host)
        elif not host.works:
            self.note("EXIT", f"w{host.number}")
            self.gone(host)

    def step(self, work: Work, came: Any) -> None:
        host = work.host
        if host.gen != work.gen:
            return
        if host.paused > self.now:
            self.at(host.paused + int(self.rng.random() * 50), self.step, work, came)
            return
        if self.chance(self.pauses):
            host.paused = self.now + self.rng.choice([2_000, 9_000, 30_000])
        while True:
            try:
                effect = work.generator.send(came)
            except StopIteration as end:
                host.works.pop(work, None)
                work.ended(end.value)
                if host.halting:
                    self.exit(host, host.gen)
                return
            except KeyboardInterrupt:  # the dialog's code has ended the process
                self.law.died()
                self.kill(host)
                return
            came = CARRY[type(effect)](self, work, effect)
            if came is Ellipsis:
                return

    # effects: Ellipsis where it takes time

    def load(self, work: Work, effect: Any, tries: int = 0) -> Any:
        work.rung = False
        if self.chance(self.kills):
            self.kill(work.host)
        else:
            self.at(self.soon(5), self.at_store, work, effect, f"{self.rng.getrandbits(40):x}", 0)
        return ...

    def at_store(self, work: Work, effect: Any, version: str, tries: int) -> None:
        """The store gets a command, perhaps again; perhaps of a worker that is no more."""
        if self.expires and self.expires <= self.now:
            self.vanish("expired")
        if isinstance(effect, turn.Write) and self.version in (effect.version, version):
            if self.version != version:
                self.write(work, effect, version)
            came: Any = turn.Written(version, self.now)
        else:
            came = turn.Loaded(self.version, self.fields, self.now)
        if work.host.gen != work.gen:
            return
        if isinstance(effect, turn.Write) and (effect.wake or isinstance(came, turn.Loaded)):
            self.ring(work.host, work)
        if self.chance(self.kills):
            self.kill(work.host)
        elif tries < 2 and self.chance(self.loses):  # the acknowledgement
            self.at(self.now + 40, self.at_store, work, effect, version, tries + 1)
        else:
            self.at(self.soon(), self.step, work, came)

    def write(self, work: Work, effect: turn.Write, version: str) -> None:
        if self.rolls:
            self.snaps = [*self.snaps[-11:], (self.version, self.fields, self.rec, self.expires)]
        before, fields = self.rec, {**self.fields, **effect.put}
        for name in effect.drop:
            if name not in effect.put:
                fields.pop(name, None)
        self.version, self.fields, self.expires = version, fields, effect.expires or 0
        self.rec = record.read(fields)
        if self.log is not None:
            self.note("WRITE", f"w{work.host.number}", effect.put, effect.drop, [t.outcome for t in effect.turns])
        self.law.written(work, before, self.rec, effect)
        if effect.wake:
            for other, token in self.waiting:
                if not other.here and (not self.faults or self.rng.random() < 0.9):  # a hint, sometimes lost
                    self.at(self.now, self.wake, other, token)

    def ring(self, host: Host, by: Work | None = None) -> None:
        """Whoever waits on the same worker is told; that is no hint which may be lost."""
        for work in host.works:
            if work is not by:
                work.rung = True
        for other, token in self.waiting:
            if other.host is host:
                self.at(self.now, self.wake, other, token)

    def wait(self, work: Work, effect: turn.Wait) -> Any:
        work.token += 1
        work.here = effect.here
        if work.rung if effect.here else effect.version != self.version:
            self.at(self.soon(5), self.step, work, None)
            return ...
        self.waiting.append((work, work.token))
        self.at(max(effect.until - work.host.skew, self.now + 1), self.wake, work, work.token)
        return ...

    def wake(self, work: Work, token: int) -> None:
        if (work, token) in self.waiting:
            self.waiting.remove((work, token))
            self.step(work, None)

    def do(self, work: Work, effect: turn.Do) -> Any:
        self.at(self.soon(4), self.begin, work, effect)
        return ...

    def begin(self, work: Work, effect: turn.Do) -> None:
        """The last look before a step, in its thread."""
        host = work.host
        if host.gen != work.gen:
            return
        if host.paused > self.now:
            self.at(host.paused, self.begin, work, effect)
        elif host.worker.stopping:
            self.step(work, turn.Halted(self.local(host)))
        elif self.local(host) >= effect.until:
            self.step(work, turn.Lost(self.local(host)))
        else:
            self.note("STEP", f"w{host.number}", effect.step.name, effect.key[:6])
            run = self.law.begins(work, effect)
            if effect.step.name == "poison" or self.chance(self.kills * 3):
                self.kill(host)
                return
            job = self.job(effect, run)
            work.jobs.append(job)
            self.glance(work, effect.beat)

    def job(self, effect: turn.Do, run: int) -> Job:
        step, rng = effect.step, self.rng
        name = f"{step.name}.{effect.key[:6]}#{run}"
        error = OSError("no luck") if step.name.startswith("fail") and rng.random() < 0.5 else None
        pieces = [f"«Q{name}.{i}»" for i in range(6)] if step.name in dialogs.STREAMS else []
        return Job(
            effect.key,
            self.now,
            self.now + self.duration(),
            "".join(pieces) or (f"«S {name}»" if step.name in dialogs.HANDLERS else name),
            error,
            pieces,
            not step.function.once and len(step.name) % 2 == 0,
        )

    def duration(self) -> int:
        rng = self.rng
        if rng.random() >= self.slow:
            return rng.choice([20, 100, 300, 2_000])
        z = rng.randrange(-60, 120)
        if rng.random() < 0.1:
            return rng.choice([40_000, 60_000])
        return rng.choice([4_300 + z, 4_400, 4_900, 5_030, 9_300 + z, 9_900, 14_000, 14_400 + z, 14_900, 16_000])

    def hook(self, work: Work, effect: turn.Hook) -> Any:
        value, error = self.law.hooked(effect)
        took = self.rng.choice([5, 5, 5, 300, 3_000])
        work.jobs.append(Job("", self.now, self.now + took, value, error, [], False))
        self.glance(work, turn.HEARTBEAT)
        return ...

    def go_on(self, work: Work, effect: turn.GoOn) -> Any:
        self.glance(work, effect.beat)
        return ...

    def glance(self, work: Work, beat: int) -> None:
        work.token += 1
        work.looks = True
        until = min(self.now + beat, max(work.jobs[-1].end, self.now))
        self.at(until + 1, self.look, work, work.token, beat)

    def look(self, work: Work, token: int, beat: int) -> None:
        """Is it done?"""
        host = work.host
        if host.gen != work.gen or token != work.token:
            return
        if host.paused > self.now:
            self.at(host.paused, self.look, work, token, beat)
            return
        work.looks = False
        job, now = work.jobs[-1], self.local(host)
        if host.halting and job.halts and self.now < job.end:
            work.jobs.pop()
            self.step(work, turn.Halted(now))
        elif self.now < job.end:
            self.step(work, turn.Busy(now, job.text(self.now)))
        else:
            work.jobs.pop()
            work.done = job.key
            if job.key and self.chance(self.kills * 2):  # it was done, and nobody knows
                self.kill(host)
                return
            self.step(work, turn.Done(job.value, job.error, now, "".join(job.pieces)))

    def leave(self, work: Work, effect: turn.Leave) -> Any:
        work.jobs.pop()

    def nap(self, work: Work, effect: turn.Nap) -> Any:
        self.at(self.now + effect.ms, self.rested, work)
        return ...

    def rested(self, work: Work) -> None:
        self.step(work, turn.Busy(self.local(work.host)))

    def start(self, work: Work, effect: turn.Spawn) -> Any:
        work.host.worker.works.add(effect.name)
        self.spawn(work.host, effect.work, lambda _: self.ring(work.host))

    def answer(self, work: Work, effect: turn.Answer) -> Any:
        for push in [push for push in work.host.pushes if push.typed.message.id == effect.message]:
            if push.delivery.open:
                push.delivery.open, push.delivery.doubt = False, effect.doubt
                self.respond(push, effect.say, effect.doubt)

    def keep(self, work: Work, effect: turn.Keep) -> Any:
        work.host.keep(effect)

    def report(self, work: Work, effect: turn.Report) -> Any:
        return None

    # ---- the store's own misfortunes --------------------------------------------------------------------------------

    def roll_back(self) -> None:
        """It fails over to a copy that is behind: acknowledged writes are lost."""
        if self.snaps and self.faults:
            self.version, self.fields, self.rec, self.expires = self.rng.choice(self.snaps)
            self.rolled, self.snaps = True, []
            self.note("ROLLED BACK")

    def evict(self) -> None:
        if self.faults and self.version:
            self.vanish("evicted")

    def vanish(self, why: str) -> None:
        self.note(why.upper())
        self.law.vanished(why, self.rec)
        self.version, self.fields, self.rec, self.expires = "", {}, Record(), 0
        self.rolled = self.rolled or why == "evicted"

    # ---- one run ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        self.plan()
        self.go()
        self.law.at_rest()
        self.heal()
        for _ in range(200):  # so many parts may be unread where little fits one reply
            if self.law.settled():
                break
            self.now += 30_000
            self.type("word", "继续")
            self.go()
        self.law.at_the_end()

    def plan(self) -> None:
        rng, time = self.rng, self.now
        crowd = rng.random() < 0.05  # somebody types and types
        for i in range(rng.randint(8, 10) if crowd else rng.randint(1, 5)):
            time += rng.choice(PAUSES[: 2 if crowd else None])
            if self.chance(self.long):
                time += rng.choice([700_000, HOUR, 25 * HOUR])
            kind, text = rng.choice(TYPED)
            kind, text = rng.choice(RARE) if kind == "rare" else (kind, text)
            self.at(time, self.type, kind, text if kind == "word" else f"{text}{i}")
            for likely, most, do, args in self.mishaps(i):
                if rng.random() < likely:
                    self.at(time + int(rng.random() * most), do, *args)

    def mishaps(self, i: int) -> list[tuple[float, int, Callable[..., None], tuple[Any, ...]]]:
        rng, host = self.rng, self.hosts[self.rng.randrange(2)]
        return [
            (0.3, 20_000, self.outside, ()),
            (0.08, 9_000, self.tell, (i,)),
            (0.02, 9_000, self.end, ()),
            (self.deploys, 9_000, self.deploy, (host,)),
            (self.stops, 9_000, self.shut_down, (host, rng.choice([1_500, 6_000, 6_000, 20_000]))),
            (self.rolls, 9_000, self.roll_back, ()),
            (self.evicts, 9_000, self.evict, ()),
        ]

    def heal(self) -> None:
        """From here on nothing breaks, and every worker runs the newest code."""
        self.faults = False
        for host in self.hosts:
            host.paused = 0
            if self.deployed and host.code == 1:
                self.gone(host)
                host.code = 2


def record_value(rec: Record, key: str) -> int:
    datum = rec.data.get(key)
    return 0 if datum is None else int(datum.value)


CARRY: dict[type[Any], Callable[[World, Work, Any], Any]] = {
    turn.Load: World.load,
    turn.Write: World.load,
    turn.Do: World.do,
    turn.Hook: World.hook,
    turn.GoOn: World.go_on,
    turn.Leave: World.leave,
    turn.Nap: World.nap,
    turn.Wait: World.wait,
    turn.Spawn: World.start,
    turn.Answer: World.answer,
    turn.Keep: World.keep,
    turn.Report: World.report,
}

__all__ = ["Push", "Turn", "Typed", "Work", "World"]
