"""``python -m chaos``: in full. ``--users``, ``--store``, ``--every`` make it smaller, or worse."""

from __future__ import annotations

import argparse
import asyncio
import sys

from . import scenes
from .run import chaos

#: how each kind of store is tried. With WAIT, a write counts when a replica has it
STORES = {
    "redis": ["redis"],
    "sqlite": ["sqlite"],
    "cluster": ["cluster", "cluster with WAIT"],
    "sentinel": ["sentinel", "sentinel with WAIT"],
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos")
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--numbers", type=int, default=6)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills")
    parser.add_argument("--over", type=float, default=60.0, help="seconds within which the users begin")
    parser.add_argument("--store", choices=STORES, action="append")
    given = parser.parse_args()
    for kind in [kind for store in given.store or STORES for kind in STORES[store]]:
        verdict = asyncio.run(
            chaos(kind, given.users, numbers=given.numbers, every=given.every, over=given.over, stops=True)
        )
        print(f"{kind}: {verdict}", flush=True)
        seen = asyncio.run(scenes.long_step(kind, 30, 7))
        print(f"{kind}: a step of 30 s whose worker was killed after 7 s: {' | '.join(seen)}", flush=True)
        wechat = asyncio.run(scenes.rolling_restart(kind, 100, 4))
        print(f"{kind}: four rolling restarts under {wechat.pushes} pushes, and nobody noticed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
