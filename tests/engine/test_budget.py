"""Who may be in memory, and who has to go."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from router.engine.budget import Budget, NoRoomError


class Guest:
    """A tenant that leaves when it is told to, one turn of the loop later."""

    def __init__(self, budget: Budget, need: int, idle_since: float | None = 0.0) -> None:
        self.budget, self.need, self.idle_since = budget, need, idle_since
        self.told: str | None = None
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()

    async def enter(self, *, may_evict: bool = True) -> None:
        await self._stack.enter_async_context(self.budget.room(self, self.need, may_evict=may_evict))

    async def leave(self) -> None:
        await self._stack.aclose()

    def unload(self, reason: str | None = None) -> None:
        self.told = reason
        self._tasks.add(asyncio.create_task(self.leave()))


async def test_the_least_recently_used_goes_first():
    """Of idle tenants the one that was used longest ago makes room, and no more than are needed."""
    budget = Budget(100)
    old, new, big = Guest(budget, 40, 1.0), Guest(budget, 40, 2.0), Guest(budget, 60)
    for guest in (new, old, big):
        await guest.enter()
    assert (0, 40, 60) == tuple(map(budget.held, (old, new, big)))
    assert (True, None) == ("room for another" in (old.told or ""), new.told)


async def test_as_many_go_as_are_needed():
    """Several small ones make room for a large one."""
    budget = Budget(100)
    guests = [Guest(budget, 30, float(at)) for at in range(3)]
    for guest in guests:
        await guest.enter()
    await Guest(budget, 90).enter()
    assert [0, 0, 0] == [budget.held(guest) for guest in guests]


async def test_nobody_goes_in_vain():
    """While what is in use leaves too little room, the newcomer is refused and the idle ones stay."""
    budget = Budget(100)
    busy, idle, late = Guest(budget, 60, None), Guest(budget, 30, 1.0), Guest(budget, 50)
    await busy.enter()
    await idle.enter()
    with pytest.raises(NoRoomError, match="are taken by other models"):
        await late.enter()
    assert (30, None) == (budget.held(idle), idle.told)


async def test_at_the_start_nobody_is_sent_away():
    """Without a request behind it a model only takes what is free."""
    budget = Budget(100)
    await Guest(budget, 60).enter(may_evict=False)
    with pytest.raises(NoRoomError):
        await Guest(budget, 60).enter(may_evict=False)


async def test_two_newcomers_take_turns():
    """Two at the same time never have more than the budget together."""
    budget = Budget(100)
    old, *late = Guest(budget, 90, 1.0), Guest(budget, 60, None), Guest(budget, 60, None)
    await old.enter()
    results = await asyncio.gather(*(guest.enter() for guest in late), return_exceptions=True)
    assert [type(None), NoRoomError] == [type(result) for result in results]
    assert [60, 0] == [budget.held(guest) for guest in late]


def test_what_can_never_fit_is_said():
    """A model larger than the whole budget is objected to in words; without a budget nothing is."""
    assert "memory_budget_mib is 1" in (Budget(1 << 20).objection(2 << 20) or "")
    assert Budget(1 << 20).objection(1 << 20) is None
    assert Budget().objection(1 << 60) is None
