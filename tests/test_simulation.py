"""The turn protocol in a world where everything breaks: 2,000 seeds of it, and every seed that ever found something."""

from __future__ import annotations

import pytest

from simulation.__main__ import show, some
from simulation.world import World

#: what was wrong in the worlds of these seeds once
FOUND = {
    91: "a live dialog was fed a message on a record that had moved on",
    1752: "a refusal said a question again that was unread itself",
    2445: "a live dialog that a look had fed was kept for the next",
    5872: "a handler that a check had let in was run by nobody, for its push shows no reply",
    7274: "a message was refused as too early though its question had been shown, for that was shown again meanwhile",
    20984: "a message that was sent on left 「重新生成」 and nothing more",
    27118: "a write that was refused left its turn running",
    43833: "a worker that was stopped for eleven seconds bound a reply to a push that was over",
}


@pytest.mark.parametrize("start", range(0, 2_000, 100))
def test_no_law_is_broken_in_any_world(start: int) -> None:
    assert some(range(start, start + 100)) == []


@pytest.mark.parametrize("seed", FOUND)
def test_what_a_world_found_once_is_found_no_more(seed: int) -> None:
    World(seed).run()


def test_a_world_is_the_same_whenever_it_is_made_of_the_same_seed(capsys: pytest.CaptureFixture[str]) -> None:
    show(491)
    first = capsys.readouterr().out
    show(491)
    assert capsys.readouterr().out == first
    assert first.count("\n") > 20
