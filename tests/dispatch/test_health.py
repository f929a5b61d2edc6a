"""Breakers and budgets at work: who is asked when targets have been failing."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from router.chat import Chunk, Event, Usage
from router.config import BreakerSettings, RetrySettings
from router.dispatch.carry import Effects, carry_out
from router.dispatch.fleet import Fleet
from router.dispatch.health import Health
from router.dispatch.trace import Fallback, Trace
from router.errors import (
    BadRequest,
    NoTargetAvailable,
    Overloaded,
    RouterError,
    StreamInterrupted,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from router.policy.decision import Decision
from tests.fakes.chats import chat, model
from tests.fakes.target import FakeTarget

GOOD: list[Event] = [Chunk({"content": "a"}), Chunk({}, finish_reason="stop"), Usage(3, 2)]
FAILS = [UpstreamTimeout("slow")]
BREAKER = BreakerSettings(failures=2, open_s=10.0)


class World:
    """Targets with a breaker that opens at the second failure, and a clock that the test moves."""

    def __init__(self, *targets: FakeTarget) -> None:
        self.now = 0.0
        self.plan = tuple(target.config.name for target in targets)
        health = Health([target.config for target in targets], lambda: self.now)
        self.fleet = Fleet({target.config.name: target for target in targets}, health)
        self.trace = Trace()

    async def ask(self, *, stream: bool = True) -> list[Event]:
        async def at_once(_seconds: float) -> None: ...

        self.trace = Trace()
        decision = Decision("auto", "rule", self.plan[0], self.plan, "rule")
        events = carry_out(decision, chat(stream=stream), self.fleet, self.trace, Effects(sleep=at_once))
        async with aclosing(events):
            return [event async for event in events]

    async def failure(self) -> RouterError:
        try:
            await self.ask()
        except RouterError as error:
            return error
        raise AssertionError("it did not fail")


def target(name: str, *plays, **fields) -> FakeTarget:
    return FakeTarget(name, *plays, config=model(name, **{"breaker": BREAKER, "retries": 0, **fields}))


async def test_row_40_a_failing_target_is_left_alone():
    """After two failures nobody waits for the target any more; when its time is up one request tries it."""
    first, second = target("first", FAILS, FAILS, GOOD, GOOD), target("second", *[GOOD] * 9)
    world = World(first, second)
    for _ in range(4):
        assert GOOD == await world.ask()
    assert (2, 4, "shut") == (first.calls, second.calls, world.fleet.states()["first"])
    assert [Fallback("first", "second", "shut")] == world.trace.fallbacks
    world.now = 10.0
    assert GOOD == await world.ask()
    assert ("first", "ready") == (world.trace.served_by, world.fleet.states()["first"])


async def test_only_one_request_probes():
    """While the probe is out, everybody else goes elsewhere."""
    release = asyncio.Event()
    first, second = target("first", FAILS, FAILS, [release.wait, *GOOD]), target("second", *[GOOD] * 9)
    world = World(first, second)
    await world.ask()
    await world.ask()
    world.now = 10.0
    probe = asyncio.ensure_future(world.ask())
    while first.calls < 3:
        await asyncio.sleep(0)
    await asyncio.gather(world.ask(), world.ask())
    assert (3, 4) == (first.calls, second.calls)
    release.set()
    await probe
    assert world.fleet.health.admits("first")


async def test_a_probe_that_is_given_up_frees_the_way():
    """A client that leaves while its request probes does not keep the target shut for ever."""
    first = target("first", FAILS, FAILS, [asyncio.Event().wait], GOOD)
    world = World(first, target("second", *[GOOD] * 9))
    await world.ask()
    await world.ask()
    world.now = 10.0
    probe = asyncio.ensure_future(world.ask())
    while first.calls < 3:
        await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert world.fleet.health.admits("first")


async def test_the_last_target_is_never_shut():
    """With nobody else to ask, a shut target is asked; its answer opens it for everybody."""
    first = target("first", FAILS, FAILS, GOOD)
    world = World(first)
    await world.failure()
    await world.failure()
    assert not world.fleet.health.admits("first")
    assert GOOD == await world.ask()
    assert world.fleet.health.admits("first")


async def test_a_shut_target_is_the_last_resort_of_a_failing_plan():
    """When the target that was left fails as well, the shut one is asked before the client is refused."""
    first, second = target("first", FAILS, FAILS, GOOD), target("second", GOOD, GOOD, FAILS)
    world = World(first, second)
    await world.ask()
    await world.ask()
    assert GOOD == await world.ask()
    assert ("second:timeout", "first:ok") == world.trace.summary()


async def test_row_41_all_shut_and_still_failing():
    """503 with Retry-After, after each target was asked once and not twice."""
    first, second = target("first", *[FAILS] * 3, retries=5), target("second", *[FAILS] * 3, retries=5)
    world = World(first, second)
    await world.failure()
    await world.failure()
    world.now = 4.0
    error = await world.failure()
    assert (NoTargetAvailable, 503, 6.0) == (type(error), error.status, error.retry_after_s)
    assert (3, 3) == (first.calls, second.calls)


@pytest.mark.parametrize(
    "error",
    [BadRequest("no"), UpstreamRejected("no"), UpstreamRateLimited("slow down"), Overloaded("full")],
    ids=lambda error: error.code,
)
async def test_what_is_not_the_targets_fault_opens_nothing(error: RouterError):
    """A request that is wrong, a rate limit and a full queue are no illness."""
    world = World(target("first", *[[error]] * 5))
    for _ in range(5):
        await world.failure()
    assert world.fleet.health.admits("first")


async def test_row_21_retry_after_is_heeded():
    """A 429 sends requests elsewhere for as long as it says, without opening the breaker."""
    first = target("first", [UpstreamRateLimited("429", retry_after_s=30.0)], GOOD)
    world = World(first, target("second", *[GOOD] * 9))
    await world.ask()
    await world.ask()
    assert (1, {"first": False, "second": False}) == (first.calls, world.fleet.health.open_breakers())
    world.now = 30.0
    await world.ask()
    assert 2 == first.calls


async def test_broken_streams_count():
    """A target whose streams break after their first token is ill, although each of them began well."""
    first = target("first", *[[GOOD[0], StreamInterrupted("cut")]] * 2)
    world = World(first, target("second", GOOD))
    await world.failure()
    await world.failure()
    assert {"first": True, "second": False} == world.fleet.health.open_breakers()


async def test_the_retry_budget_ends_retries():
    """A target that fails every first attempt is asked twice only as often as its budget allows."""
    plays = [step for _ in range(3) for step in ([UpstreamUnavailable("500")], GOOD)]
    budget = RetrySettings(share=0.0, least=1, window_s=10.0)
    healthy = replace(BREAKER, failures=100)
    first = target("first", *plays, retries=1, retry_budget=budget, breaker=healthy)
    world = World(first, target("second", *[GOOD] * 9))
    await world.ask()
    assert ("first:unavailable", "first:ok") == world.trace.summary()
    await world.ask()
    assert ("first:unavailable", "second:ok") == world.trace.summary()


async def test_the_time_to_the_first_token_is_learned():
    """The average follows new answers; whole answers say nothing about it."""
    health = Health([model("a")])
    assert {} == health.first_ms()
    health.first_token("a", 1.0)
    health.first_token("a", 2.0)
    assert {"a": pytest.approx(1200.0)} == health.first_ms()
