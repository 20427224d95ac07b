"""Numbers of several rounds, and how they are shown: medians, the quarter below and the quarter above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True)
class Spread:
    """Of one figure in all rounds: the middle, and between which two half of them lie."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{shown(self.median)} ({shown(self.low)}–{shown(self.high)})"


def spread(figures: Sequence[float]) -> Spread:
    if len(figures) < 3:
        return Spread(median(figures), min(figures), max(figures))
    low, _, high = quantiles(figures, n=4, method="inclusive")
    return Spread(median(figures), low, high)


def shown(figure: float) -> str:
    if figure >= 100 or figure == 0:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """As Markdown, which is a table in a terminal, too."""
    texts = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in texts
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Demand:
    """What is asked of a figure: at most, or at least, so much."""

    what: str
    figure: float
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool:
        return (self.most is None or self.figure <= self.most) and (self.least is None or self.figure >= self.least)

    def row(self) -> list[str]:
        bound = f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"
        return [self.what, bound, shown(self.figure), "yes" if self.met else "NO"]


DEMANDED = ("what is asked", "", "measured", "met")
