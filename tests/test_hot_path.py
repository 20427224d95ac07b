"""A change that makes a turn dearer says so: figures that no machine's noise moves are held to those of ``hot_path.json``."""

from __future__ import annotations

import json

import pytest

from hot_path import STORED, TURNS_OF, measured

#: so much more than what is stored is no change of ours: another version of Python, or of what stands below
MARGIN = 1.15
#: and so much in any case: calls, or bytes
SLACK = {"calls": 20, "peak": 4_000, "kept": 500}


@pytest.fixture(scope="module")
def now() -> dict[str, dict[str, float]]:
    return measured()


@pytest.fixture(scope="module")
def stored() -> dict[str, dict[str, float]]:
    return dict(json.loads(STORED.read_text("utf-8")))


@pytest.mark.parametrize(
    ("turn", "trips"),
    [("a hot turn", 1), ("a hot turn with a step", 2), ("a cold turn", 2), ("a message that was answered", 0)],
)
def test_a_turn_makes_as_few_round_trips_as_it_can(now: dict[str, dict[str, float]], turn: str, trips: int) -> None:
    assert now[turn]["trips"] <= trips


@pytest.mark.parametrize("what", ["calls", "peak", "kept"])
@pytest.mark.parametrize("turn", TURNS_OF)
def test_a_turn_costs_no_more_than_it_did(
    now: dict[str, dict[str, float]], stored: dict[str, dict[str, float]], turn: str, what: str
) -> None:
    """Where it must: ``python tests/hot_path.py --write``, and the commit says why."""
    assert now[turn][what] <= stored[turn][what] * MARGIN + SLACK[what]
