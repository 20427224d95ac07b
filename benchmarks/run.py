"""One command for all that is measured: ``make bench``, or ``make bench ARGS="compare http --quick"``.

It prints tables, and saves them (build/bench.md) beside all figures as JSON (build/bench.json). Machines differ and are noisy: compare the figures of one run
with each other, not with those of another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import importlib
import inspect
import json
from pathlib import Path
from typing import Any

from environment import ROOT, machine, watching_others

#: what is measured, and by which module: each has a `measure(quick)`, which may be asynchronous, and a `show(found)`; a `needed()`
#: stops, before anything has begun, where something is not installed
PARTS = {
    "parts": "parts",
    "compare": "compare",
    "http": "serving",
    "growth": "growth",
    "held": "held",
    "fleet": "fleet",  # Cluster and Sentinel
}


def measured(part: str, quick: bool) -> tuple[Any, str]:
    """What it found, and how that is shown."""
    module = importlib.import_module(PARTS[part])
    takes = inspect.signature(module.measure).parameters
    found = module.measure(**({"quick": quick} if "quick" in takes else {}))
    if inspect.isawaitable(found):
        found = asyncio.run(_awaited(found))
    show = getattr(module, "show", lambda found: json.dumps(found, ensure_ascii=False, indent=2, default=str))
    return found, show(found)


async def _awaited(work: Any) -> Any:
    return await work


def main() -> None:
    there = [part for part, module in PARTS.items() if (Path(__file__).parent / f"{module}.py").exists()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(there)}; all of them if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see whether it works")
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "build" / "bench.json",
        help="where the figures go, and beside them, as .md, the tables",
    )
    given = parser.parse_args()
    unknown = set(given.parts) - set(there)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    for part in given.parts or there:
        getattr(importlib.import_module(PARTS[part]), "needed", lambda: None)()
    results: dict[str, Any] = {"date": f"{dt.date.today()}", "quick": given.quick, "machine": machine()}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    about = results["machine"]
    tables = f"{results['date']}: {about['cores']} cores, Python {about['python']}, Redis {about['redis']}.\n\n"
    print(f"\n{tables}", end="")
    for part in given.parts or there:
        with watching_others() as others:
            found, text = measured(part, given.quick)
            text += f"\n\n(Others took {others():.0%} of the machine meanwhile.)"
            results[part] = {"found": found, "others": others()}
        print(f"\n## {part}\n\n{text}", flush=True)
        tables += f"## {part}\n\n{text}\n\n"
        given.output.write_text(json.dumps(results, ensure_ascii=False, indent=2, default=str) + "\n")
        given.output.with_suffix(".md").write_text(tables)
    print(f"\nsaved in {given.output}")


if __name__ == "__main__":
    main()
