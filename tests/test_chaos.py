"""Real processes, a real Redis, a client that behaves as WeChat: small here, in full with ``make chaos``.

The scenes take their time, WeChat's five seconds among it, so they are played side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from chaos import scenes
from chaos.run import Verdict, chaos

THINKING = "正在思考… 继续"
APOLOGY = "抱歉，出错了，请稍后再试。"
OPTIONS = "选哪个？\n1. 苹果\n2. 香蕉"


def playing() -> dict[str, Coroutine[Any, Any, Any]]:
    return {
        "redis": chaos("redis", 20, numbers=3, over=4),
        "sqlite": chaos("sqlite", 20, numbers=3, over=4),
        "long step": scenes.long_step("redis", 11, 3),
        "choice": scenes.click_while_choosing(),
        "store down": scenes.store_down(),
        "one thread": scenes.one_thread(),
        "rolling": scenes.rolling_restart("sqlite", 10, 2),
    }


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    """What came of each scene."""

    async def together() -> dict[str, Any]:
        scenes = playing()
        return dict(zip(scenes, await asyncio.gather(*scenes.values(), return_exceptions=True), strict=True))

    return asyncio.run(together())


def of(played: dict[str, Any], name: str) -> Any:
    if isinstance(played[name], BaseException):
        raise played[name]
    return played[name]


@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_every_user_comes_to_the_right_sum_though_workers_are_killed(played: dict[str, Any], store: str) -> None:
    verdict: Verdict = of(played, store)
    assert verdict.kills > 0
    assert verdict.steps >= 60


def test_a_long_step_whose_worker_is_killed_is_answered_once_all_the_same(played: dict[str, Any]) -> None:
    asked, *waiting, answer = of(played, "long step")
    assert asked == "几秒？"
    assert set(waiting) == {THINKING}
    assert answer == "回复“11”：\n想了 11 秒"


def test_a_choice_gets_its_answer_though_a_slow_click_came_before(played: dict[str, Any]) -> None:
    asked, click, chosen = of(played, "choice")
    assert asked == OPTIONS
    assert click == THINKING
    assert chosen.startswith("选了苹果")


def test_where_the_store_is_down_the_first_push_is_told_no_step_runs_and_nothing_must_be_started_anew(
    played: dict[str, Any],
) -> None:
    said, pushes, ledger, afterwards = of(played, "store down")
    assert (said, pushes) == (APOLOGY, 1)
    assert ledger == ""
    assert afterwards == "想了 0 秒"


def test_a_server_with_one_thread_has_slow_answers_fetched_and_lets_nobody_wait_behind_others(
    played: dict[str, Any],
) -> None:
    seen, at_once, pushes = of(played, "one thread")
    assert seen[:2] == ["几秒？", THINKING]
    assert seen[-1] == "回复“9”：\n想了 9 秒"
    assert at_once == [THINKING] * 5
    assert pushes == 5


def test_a_rolling_restart_under_load_is_noticed_by_nobody(played: dict[str, Any]) -> None:
    wechat = of(played, "rolling")
    assert wechat.faults == 0
    assert all(len(texts) == 1 for texts in wechat.answers.values())


@pytest.mark.parametrize("store", ["cluster", "sentinel with WAIT"])
def test_a_fail_over_takes_nothing_but_what_replicas_did_not_have(store: str) -> None:
    """Not beside the others: six servers more, and all would be late."""
    verdict = asyncio.run(chaos(store, 10, numbers=3, over=6))
    lost = verdict.lost
    assert lost is not None
    assert (lost.fail_overs, lost.moves) == (1, 3 if store == "cluster" else 0)
    assert verdict.steps + lost.results >= 30
    if "WAIT" in store:
        assert (lost.results, lost.answers) == (0, 0)
