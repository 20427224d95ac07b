"""Run seeds: ``python -m simulation FROM TO``, or show one: ``python -m simulation --trace SEED``."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import sys
import time
import traceback

from .world import World


def broken(seed: int) -> str | None:
    """What is wrong in the world of this seed; None: nothing."""
    try:
        World(seed).run()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def some(seeds: range) -> list[tuple[int, str]]:
    gc.set_threshold(20_000)  # a world is gone as a whole
    return [(seed, why) for seed in seeds if (why := broken(seed))]


def show(seed: int) -> None:
    world = World(seed)
    world.log = []
    try:
        world.run()
    except Exception:
        traceback.print_exc()
    for line in world.log:
        print(*line)


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation")
    parser.add_argument("seeds", type=int, nargs="*", metavar="FROM TO")
    parser.add_argument("--trace", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--stop", type=int, default=10, help="after so many that are broken")
    given = parser.parse_args()
    if given.trace is not None:
        show(given.trace)
        return 0
    first, last = given.seeds
    began, bad, done = time.monotonic(), 0, 0
    slices = [range(i, min(i + 200, last)) for i in range(first, last, 200)]
    with multiprocessing.Pool(given.jobs) as pool:
        for seeds, found in zip(slices, pool.imap(some, slices), strict=True):
            done += len(seeds)
            bad += len(found)
            for seed, why in found:
                print(f"seed {seed}: {why[:400]}", flush=True)
            if bad >= given.stop:
                break
    took = time.monotonic() - began
    print(f"{done} seeds from {first}, {bad} broken, {done / took:.0f} a second with {given.jobs} at work")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
