"""The same conversation in the same process shape by others and by us, on one Redis, in turns: A B C … A B C …

What is compared is `contenders`; each runs in a process of its own (`worker`), and only the one whose turn it is runs. Of every
round there is a ratio, so that a slow minute of the machine is everybody's.

Threads of one Python process that run on two cores wait for each other more than they work, and do not where they share one: the same
code does twice as much or half, as chance has it. So 64 at once are measured with one core to each process, where chance has no
part and nobody is hurt by threads, and as the system spreads them, too.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from environment import ALL_CORES, ONE_CORE, OTHER_CORES, PEERS, on_cores, running_redis, started_on
from figures import DEMANDED, Demand, Spread, spread, table

CONTENDERS: Mapping[str, str] = {
    "ours": "contenders.ours:inside",
    "ours, ASGI": "contenders.ours:as_asgi",
    "ours, WSGI": "contenders.ours:as_wsgi",
    "WeRoBot": "contenders.werobot:contender",
    "aiogram": "contenders.aiogram:contender",
    "by hand": "contenders.plain:contender",
    "the floor": "contenders.floor:contender",
}

#: what is done, and on which cores
LOADS: Mapping[str, tuple[str, frozenset[int]]] = {
    "one by one": ("one by one", ALL_CORES),
    "64 at once, on one core": ("64 at once", ONE_CORE),
    "64 at once, as it comes": ("64 at once", ALL_CORES),
}


@dataclass(frozen=True)
class Scale:
    """How much is done: rounds, and conversations in each."""

    rounds: int
    conversations: int


SCALES = {False: Scale(9, 96), True: Scale(3, 64)}


@dataclass(frozen=True)
class Cost:
    """Of one contender under one load."""

    rate: Spread  #: messages a second
    per_core: Spread  #: messages a second of a processor
    microseconds: Spread  #: of one message, on the clock
    middle: Spread  #: of the median message, where they come one by one


@dataclass(frozen=True)
class Worker:
    """A process that waits for its turn."""

    path: str
    process: subprocess.Popen[str]

    def take(self, load: str, conversations: int) -> dict[str, Any]:
        """What it took, as `worker.Took`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"load": load, "conversations": conversations}) + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline() or '{"error": "it is gone"}')
        if "error" in told:
            raise RuntimeError(f"{self.path}: {told['error']}")
        return told


@contextlib.contextmanager
def worker(path: str, store: str, cores: frozenset[int] = ALL_CORES) -> Iterator[Worker]:
    command = [str(PEERS), "worker.py", path, store]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(
        command, cwd=Path(__file__).parent, text=True, preexec_fn=on_cores(cores), **pipes
    ) as process:
        try:
            yield Worker(path, process)
        finally:
            process.kill()


def measure(quick: bool) -> dict[str, Any]:
    scale = SCALES[quick]
    took: dict[tuple[str, str], list[dict[str, Any]]] = {(load, name): [] for load in LOADS for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        with started_on(OTHER_CORES):
            port = stack.enter_context(running_redis(Path(folder)))
        store = f"redis://127.0.0.1:{port}/0"
        workers = {
            (name, cores): stack.enter_context(worker(path, store, cores))
            for name, path in CONTENDERS.items()
            for cores in {cores for _, cores in LOADS.values()}
        }
        for turn in range(scale.rounds + 1):
            for load, name in took:
                what, cores = LOADS[load]
                told = workers[name, cores].take(what, scale.conversations)
                if turn:  # the first is for warming up
                    took[load, name].append(told)
    return {load: _load(load, {name: took[load, name] for name in CONTENDERS}) for load in LOADS} | {
        "rounds": scale.rounds
    }


def _load(load: str, took: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {name: asdict(_cost(rounds)) | _ratios(rounds, took) for name, rounds in took.items()}


def _cost(rounds: list[dict[str, Any]]) -> Cost:
    return Cost(
        rate=spread([each["messages"] / each["wall"] for each in rounds]),
        per_core=spread([each["messages"] / each["cpu"] for each in rounds]),
        microseconds=spread([1e6 * each["wall"] / each["messages"] for each in rounds]),
        middle=spread([1e6 * each["middle"] for each in rounds]),
    )


def _ratios(rounds: list[dict[str, Any]], took: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """How many times the floor's time a message takes, and how its rate per core is to WeRoBot's: round by round."""
    pairs = list(zip(rounds, took["the floor"], took["WeRoBot"], strict=True))
    return {
        "of_the_floor": asdict(spread([each["wall"] / floor["wall"] for each, floor, _ in pairs])),
        "middle_of_the_floor": asdict(spread([each["middle"] / (floor["middle"] or 1) for each, floor, _ in pairs])),
        "of_werobot_per_core": asdict(spread([other["cpu"] / each["cpu"] for each, _, other in pairs])),
    }


# ---- shown ----------------------------------------------------------------------------------------------------------


def _of(figures: Mapping[str, float]) -> str:
    return str(Spread(**figures))


def show(found: Mapping[str, Any]) -> str:
    head = ("", "messages/s", "per s of CPU", "µs each", "× the floor", "× WeRoBot per core")
    keys = ("rate", "per_core", "microseconds", "of_the_floor", "of_werobot_per_core")
    parts = []
    for load in LOADS:
        rows = [[name, *(_of(cost[key]) for key in keys)] for name, cost in found[load].items()]
        parts += [f"In one process, {load}:", table(head, rows)]
    return "\n\n".join([*parts, table(DEMANDED, [demand.row() for demand in demands(found)])])


def demands(found: Mapping[str, Any]) -> list[Demand]:
    single, many, spread_out = (found[load] for load in LOADS)

    def rate(load: Mapping[str, Any], name: str) -> float:
        return float(load[name]["rate"]["median"])

    floor = single["ours"]["of_the_floor"]["median"]
    middle = single["ours"]["middle_of_the_floor"]["median"]
    core, cores = (load["ours"]["of_werobot_per_core"]["median"] for load in (many, spread_out))
    return [
        Demand("one by one: × the floor", floor, most=2.0),
        Demand("one by one: × the floor, of the median message", middle, most=2.0),
        Demand("one by one: × WeRoBot's rate", rate(single, "ours") / rate(single, "WeRoBot"), least=1.0),
        Demand("one by one: × aiogram's rate", rate(single, "ours") / rate(single, "aiogram"), least=5.0),
        Demand("64 at once, on one core: × WeRoBot's rate per core (aim 2.5)", core, least=1.5),
        Demand("64 at once, as it comes: × WeRoBot's rate per core (aim 2.5)", cores, least=1.5),
    ]
