"""``python -m chaos``: in full. ``--users``, ``--store``, ``--every`` make it smaller, or worse."""

from __future__ import annotations

import argparse
import asyncio
import sys

from .run import chaos


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos")
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--numbers", type=int, default=6)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills")
    parser.add_argument("--over", type=float, default=60.0, help="seconds within which the users begin")
    parser.add_argument("--store", choices=("redis", "sqlite"), action="append")
    given = parser.parse_args()
    for kind in given.store or ("redis", "sqlite"):
        verdict = asyncio.run(
            chaos(kind, given.users, numbers=given.numbers, every=given.every, over=given.over, stops=True)
        )
        print(f"{kind}: {verdict}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
