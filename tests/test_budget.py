"""How often an account may leave WeChat waiting."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from wechat.budget import FRESH, MOST, SPAN, Budget
from wechat.errors import StoreUnreachable
from wechat.stores import Loaded
from wechat.stores.memory import MemoryStore

START = 1_790_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class Counted(MemoryStore):
    loads = 0

    async def load(self, key: str) -> Loaded:
        self.loads += 1
        return await super().load(key)


class Gone(MemoryStore):
    async def load(self, key: str) -> Loaded:
        raise StoreUnreachable("nobody is there")


def spent(budget: Budget) -> bool:
    return anyio.run(budget.spent)


def add(budget: Budget, times: int) -> None:
    async def adding() -> None:
        for _ in range(times):
            await budget.add()

    anyio.run(adding)


@pytest.mark.parametrize(("times", "over"), [(MOST - 1, False), (MOST, True)])
def test_so_many_may_be_left_waiting_and_no_more(times: int, over: bool) -> None:
    clock = Clock()
    budget = Budget(MemoryStore(clock), "gh_1", clock)
    add(budget, times)
    assert spent(budget) is over


def test_what_was_left_waiting_five_minutes_ago_counts_no_more() -> None:
    clock = Clock()
    budget = Budget(MemoryStore(clock), "gh_1", clock)
    add(budget, 12)
    clock.now += SPAN // 2
    add(budget, 8)
    assert spent(budget)
    clock.now += SPAN // 2 + 10_000
    assert not spent(budget)
    add(budget, 12)
    clock.now += FRESH
    assert spent(budget)


def test_all_workers_of_an_account_share_it_and_no_other_account_does() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    first, second, other = (Budget(store, account, clock) for account in ("gh_1", "gh_1", "gh_2"))
    add(first, MOST - 1)
    add(second, 1)
    assert spent(first)
    assert spent(second)
    assert not spent(other)


def test_it_is_read_at_most_once_a_second() -> None:
    clock = Clock()
    store = Counted(clock)
    budget = Budget(store, "gh_1", clock)
    for _ in range(5):
        spent(budget)
    assert store.loads == 1
    clock.now += FRESH
    spent(budget)
    assert store.loads == 2


class Slow(MemoryStore):
    """Others are at it between any two operations."""

    async def load(self, key: str) -> Loaded:
        await anyio.sleep(0)
        return await super().load(key)


def test_those_who_count_at_the_same_time_are_all_counted() -> None:
    clock = Clock()
    store = Slow(clock)
    budgets = [Budget(store, "gh_1", clock) for _ in range(3)]

    async def together() -> None:
        async with anyio.create_task_group() as group:
            for budget in budgets * 50:
                group.start_soon(budget.add)

    anyio.run(together)
    assert sum(map(int, anyio.run(store.load, "wechat-dialog-waits:gh_1").fields.values())) == 150


def test_where_the_store_does_not_tell_nothing_is_spent_and_nothing_is_raised() -> None:
    budget = Budget(Gone(), "gh_1", lambda: START)
    assert not spent(budget)
    add(budget, 1)


def test_the_count_goes_away_by_itself() -> None:
    clock = Clock()
    store: Any = MemoryStore(clock)
    add(Budget(store, "gh_1", clock), 1)
    clock.now += SPAN + 20_000
    assert anyio.run(store.load, "wechat-dialog-waits:gh_1").fields == {}
