"""One contender in a process of its own, which takes its turn when it is told to.

    python benchmarks/worker.py contenders.ours:inside redis://localhost/0

A line in: ``{"load": "one by one", "conversations": 50}``. A line out: what that took, as `Took`; or what went wrong, as ``error``.
Replies are looked at when the clock has stopped.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from contenders import Contender
from conversation import Push, conversation

#: users at once
AT_ONCE = 64

#: one user's pushes, prepared
Said = Sequence[Any]


@dataclass(frozen=True)
class Took:
    """Seconds, of the clock and of a processor; seconds of the median message where they came one by one (else 0)."""

    messages: int
    wall: float
    cpu: float
    middle: float


@dataclass(frozen=True)
class Result:
    """What was answered to each user, and the seconds of each message."""

    answers: list[list[bytes]]
    seconds: list[float]


def in_threads(answer: Callable[[Any], bytes]) -> dict[str, Callable[[Sequence[Said]], Result]]:
    threads = ThreadPoolExecutor(AT_ONCE)
    list(threads.map(time.sleep, [0.01] * AT_ONCE))  # all of them are begun before the clock runs

    def all_of(said: Said) -> list[bytes]:
        return [answer(each) for each in said]

    def one_by_one(all_said: Sequence[Said]) -> Result:
        return _timed([(lambda each=each: answer(each)) for said in all_said for each in said], len(all_said))

    return {"one by one": one_by_one, "64 at once": lambda all_said: Result(list(threads.map(all_of, all_said)), [])}


def _timed(calls: Sequence[Callable[[], bytes]], users: int) -> Result:
    answers, seconds = [], []
    for call in calls:
        began = time.perf_counter()
        answers.append(call())
        seconds.append(time.perf_counter() - began)
    return Result(_by_user(answers, users), seconds)


def _by_user(answers: list[bytes], users: int) -> list[list[bytes]]:
    each = len(answers) // users
    return [answers[i : i + each] for i in range(0, len(answers), each)]


def on_a_loop(answer: Callable[[Any], Awaitable[bytes]]) -> dict[str, Callable[[Sequence[Said]], Result]]:
    loop = asyncio.new_event_loop()

    async def one_by_one(all_said: Sequence[Said]) -> Result:
        answers, seconds = [], []
        for said in all_said:
            for each in said:
                began = time.perf_counter()
                answers.append(await answer(each))
                seconds.append(time.perf_counter() - began)
        return Result(_by_user(answers, len(all_said)), seconds)

    async def at_once(all_said: Sequence[Said]) -> Result:
        left, found = iter(enumerate(all_said)), [list[bytes]() for _ in all_said]

        async def user_after_user() -> None:
            for i, said in left:
                for each in said:
                    found[i].append(await answer(each))

        await asyncio.gather(*(user_after_user() for _ in range(AT_ONCE)))
        return Result(found, [])

    return {
        "one by one": lambda all_said: loop.run_until_complete(one_by_one(all_said)),
        "64 at once": lambda all_said: loop.run_until_complete(at_once(all_said)),
    }


def take(contender: Contender, loads: dict[str, Callable[[Sequence[Said]], Result]], load: str, users: int) -> Took:
    pushes = [conversation() for _ in range(users)]
    said = [[contender.prepare(push) for push in each] for each in pushes]
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = loads[load](said)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if contender.speaks:
        _look(pushes, result.answers)
    return Took(sum(map(len, pushes)), wall, cpu, median(result.seconds) if result.seconds else 0.0)


def _look(pushes: Sequence[Sequence[Push]], answers: Sequence[Sequence[bytes]]) -> None:
    for push, answer in ((p, a) for each in zip(pushes, answers, strict=True) for p, a in zip(*each, strict=True)):
        if push.says.encode() not in answer:
            raise ValueError(f"to {push.text} it should say {push.says}, and it says {answer.decode()}")


def main(name: str, store: str) -> None:
    module, _, function = name.partition(":")
    contender: Contender = getattr(importlib.import_module(module), function or "contender")(store)
    if contender.answer is not None:
        loads = in_threads(contender.answer)
    else:
        assert contender.answer_async is not None
        loads = on_a_loop(contender.answer_async)
    for line in sys.stdin:
        given = json.loads(line)
        try:
            told = asdict(take(contender, loads, given["load"], given["conversations"]))
        except Exception:
            told = {"error": traceback.format_exc()}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
