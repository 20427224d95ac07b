"""Where what is measured runs: the environment of its own that others are installed in, and a Redis."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
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


def machine() -> dict[str, Any]:
    return {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system()}
