"""Where what is measured runs: the environment of its own that others are installed in, and a Redis."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: ours and the others', with one version of redis-py: `make bench` installs it
PEERS = ROOT / ".venv-peers" / "bin" / "python"

sys.path.append(str(ROOT / "tests"))
from servers import free_port, redis_server, running_redis  # noqa: E402

__all__ = ["free_port", "redis_server", "running_redis"]

# ---- cores: what is measured has one of its own, and the rest of the machine's are for what serves or drives it (Linux)

ALL_CORES = frozenset(os.sched_getaffinity(0))
ONE_CORE = frozenset([min(ALL_CORES)])
OTHER_CORES = ALL_CORES - ONE_CORE or ALL_CORES


def on_cores(cores: frozenset[int]) -> Callable[[], None]:
    """For `preexec_fn`."""
    return lambda: os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def started_on(cores: frozenset[int]) -> Iterator[None]:
    """What is started in the block runs there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# ---- processes


def used(pid: int) -> float:
    """Seconds of a processor that a process and its children have taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(used, _children(pid)))


def _children(pid: int) -> list[int]:
    return [int(child) for tasks in Path(f"/proc/{pid}/task").glob("*/children") for child in tasks.read_text().split()]


@contextlib.contextmanager
def watching_others() -> Iterator[Callable[[], float]]:
    """Gives which share of the machine's processors others have taken since (0–1): how far figures of this run can be trusted."""
    began, busy, own = time.monotonic(), _busy(), _own()
    yield lambda: max(0.0, (_busy() - busy) - (_own() - own)) / (time.monotonic() - began) / (os.cpu_count() or 1)


def _busy() -> float:
    """Seconds that processors were not idle."""
    user, nice, system, _, _, *rest = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Seconds of a processor that this process has taken, and all that it started and that has ended."""
    return sum(os.times()[:4])


def machine() -> dict[str, Any]:
    told = subprocess.run([redis_server(), "--version"], capture_output=True, text=True, check=True).stdout
    version = next(word.removeprefix("v=") for word in told.split() if word.startswith("v="))
    return {
        "python": platform.python_version(),
        "redis": version,
        "cores": os.cpu_count(),
        "system": platform.system(),
    }
