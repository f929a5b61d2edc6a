"""Carrying a decision out: who is asked, how often, what the client sees, what the trace says."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from itertools import cycle

import pytest

from router.chat import Chunk, Confidence, Event, Usage
from router.dispatch.carry import Effects, carry_out
from router.dispatch.fleet import Fleet
from router.dispatch.trace import Fallback, Trace
from router.errors import (
    ContextLengthExceeded,
    NoTargetAvailable,
    Overloaded,
    RouterError,
    StreamInterrupted,
    UpstreamAuth,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from router.policy.decision import Decision
from tests.fakes.chats import QUICK, chat, model, text_of
from tests.fakes.target import FakeTarget

GOOD: list[Event] = [Chunk({"content": "a"}), Chunk({"content": "b"}), Chunk({}, finish_reason="stop"), Usage(3, 2)]
LIMITED = UpstreamRateLimited("429", retry_after_s=30.0)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class Waits:
    """An injected sleep that returns at once and remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Run:
    """One request carried out over `targets`."""

    def __init__(self, *targets: FakeTarget, stream: bool = True) -> None:
        self.trace = Trace()
        self.waits = Waits()
        names = tuple(target.config.name for target in targets)
        decision = Decision("auto", "rule", names[0], names, "rule")
        effects = Effects(sleep=self.waits.sleep, draw=lambda: 0.5)
        by_name = {target.config.name: target for target in targets}
        self.events = carry_out(decision, chat(stream=stream), Fleet.fresh(by_name), self.trace, effects)
        self.seen: list[Event] = []

    async def answer(self) -> list[Event]:
        async with aclosing(self.events):
            async for event in self.events:
                self.seen.append(event)
        return self.seen

    async def failure(self) -> RouterError:
        try:
            await self.answer()
        except RouterError as error:
            return error
        raise AssertionError("it did not fail")


def never() -> asyncio.Future:
    return asyncio.get_running_loop().create_future()


@both_ways
async def test_the_first_target_answers(stream: bool) -> None:
    """When nothing fails, one target is asked once and every event passes."""
    first, second = FakeTarget("first", GOOD), FakeTarget("second", GOOD)
    run = Run(first, second, stream=stream)
    assert GOOD == await run.answer()
    assert (1, 0) == (first.calls, second.calls)
    assert (("first:ok",), "first", "done") == (run.trace.summary(), run.trace.served_by, run.trace.end)


async def test_the_trace_times_the_attempt() -> None:
    """Latency and time to first token come from the injected clock."""
    ticks = iter([10.0, 11.5, 14.0])
    trace = Trace()
    decision = Decision("auto", "rule", "a", ("a",), "rule")
    effects = Effects(clock=lambda: next(ticks))
    events = carry_out(decision, chat(stream=True), Fleet.fresh({"a": FakeTarget("a", GOOD)}), trace, effects)
    assert GOOD == [event async for event in events]
    assert (1.5, 4.0) == (trace.attempts[0].ttft_s, trace.attempts[0].latency_s)


@both_ways
async def test_row_18_refused_is_asked_once(stream: bool) -> None:
    """A refused connection moves on at once: one attempt for each target."""
    first, second = FakeTarget("first", [UpstreamRefused("no")]), FakeTarget("second", GOOD)
    run = Run(first, second, stream=stream)
    assert GOOD == await run.answer()
    assert ((1, 1), []) == ((first.calls, second.calls), run.waits.seconds)
    assert [Fallback("first", "second", "refused")] == run.trace.fallbacks
    assert "second" == run.trace.served_by


async def test_row_18_no_fallback() -> None:
    """Without another target the refusal is the answer, and it was tried once."""
    first = FakeTarget("first", [UpstreamRefused("no")])
    assert (502, "upstream_unavailable") == ((error := await Run(first).failure()).status, error.code)
    assert 1 == first.calls


async def test_row_19_never_answers() -> None:
    """The first-token clock moves a stream on, and the silent target is let go before the next one is asked."""
    config = model("first", clocks=replace(QUICK, first_token_s=0.02))
    first = FakeTarget("first", [never], config=config)

    async def is_let_go() -> None:
        assert 1 == first.closed

    run = Run(first, FakeTarget("second", [is_let_go, *GOOD]))
    assert GOOD == await run.answer()
    assert ("first:timeout", "second:ok") == run.trace.summary()


@both_ways
async def test_row_19_no_fallback(stream: bool) -> None:
    """Alone, a silent target ends in a timeout: by the first-token clock in a stream, by the total otherwise."""
    config = model(
        "first", clocks=replace(QUICK, first_token_s=0.02 if stream else 5.0, total_s=5.0 if stream else 0.02)
    )
    first = FakeTarget("first", [never], config=config)
    error = await Run(first, stream=stream).failure()
    assert ((UpstreamTimeout, 504), 1) == ((type(error), error.status), first.calls)


async def test_confidence_is_not_the_first_token() -> None:
    """What the client does not see does not stop the first-token clock, and leaves the fallback open."""
    config = model("first", clocks=replace(QUICK, first_token_s=0.02))
    confidence = Confidence(8, -0.1, 0.2, 0.3)
    run = Run(FakeTarget("first", [confidence, never], config=config), FakeTarget("second", GOOD))
    assert [confidence, *GOOD] == await run.answer()


@both_ways
async def test_row_20_one_500_is_asked_again(stream: bool) -> None:
    """A 5xx is retried as often as the entry says, after a short jittered wait, and nobody else is asked."""
    first = FakeTarget("first", [UpstreamUnavailable("500")], GOOD)
    second = FakeTarget("second", GOOD)
    run = Run(first, second, stream=stream)
    assert GOOD == await run.answer()
    assert (2, 0, [0.125]) == (first.calls, second.calls, run.waits.seconds)
    assert ("first:unavailable", "first:ok") == run.trace.summary()


async def test_row_20_retries_are_counted() -> None:
    """With two retries the target is asked three times in all, each wait longer, then the next one is."""
    failures = [[UpstreamUnavailable("500")] for _ in range(4)]
    first = FakeTarget("first", *failures, config=model("first", retries=2))
    run = Run(first, FakeTarget("second", GOOD))
    assert GOOD == await run.answer()
    assert (3, [0.125, 0.25]) == (first.calls, run.waits.seconds)


async def test_row_20_retry_after_is_respected() -> None:
    """A short Retry-After is waited out in full; a long one moves on."""
    first = FakeTarget("first", [UpstreamUnavailable("503", retry_after_s=1.0)], GOOD)
    run = Run(first)
    await run.answer()
    assert [1.125] == run.waits.seconds
    first = FakeTarget("first", [UpstreamUnavailable("503", retry_after_s=60.0)], GOOD)
    assert 60.0 == (await Run(first).failure()).retry_after_s


@both_ways
async def test_row_21_rate_limited(stream: bool) -> None:
    """429 falls back without a retry; with nowhere to go it reaches the caller with its Retry-After."""
    run = Run(FakeTarget("first", [LIMITED]), FakeTarget("second", GOOD), stream=stream)
    assert GOOD == await run.answer()
    assert ("first:rate_limited", "second:ok") == run.trace.summary()
    error = await Run(FakeTarget("first", [LIMITED]), stream=stream).failure()
    assert (429, 30.0) == (error.status, error.retry_after_s)


async def test_row_22_auth_is_never_retried() -> None:
    """A refused key is asked once; another target may answer, and alone it is a 502."""
    first = FakeTarget("first", [UpstreamAuth("401")], GOOD)
    assert GOOD == await Run(first, FakeTarget("second", GOOD)).answer()
    assert 1 == first.calls
    assert 502 == (await Run(FakeTarget("first", [UpstreamAuth("401")])).failure()).status


async def test_row_23_context_goes_to_a_larger_window_only() -> None:
    """A prompt too long for one window skips the smaller ones and finds the larger."""
    too_long = ContextLengthExceeded("long")
    first = FakeTarget("first", [too_long])
    small = FakeTarget("small", GOOD, config=model("small", context=1000))
    large = FakeTarget("large", GOOD, config=model("large", context=100_000))
    assert GOOD == await Run(first, small, large).answer()
    assert (0, 1) == (small.calls, large.calls)
    error = await Run(FakeTarget("first", [too_long]), FakeTarget("small", GOOD, config=small.config)).failure()
    assert (400, "context_length_exceeded") == (error.status, error.code)


async def test_a_rejected_request_goes_nowhere_else() -> None:
    """What one target refuses as wrong is wrong: nobody else is asked."""
    second = FakeTarget("second", GOOD)
    error = await Run(FakeTarget("first", [UpstreamRejected("bad", status=422)]), second).failure()
    assert (422, 0) == (error.status, second.calls)


@both_ways
async def test_row_24_invalid_moves_on(stream: bool) -> None:
    """An answer that is none is not asked for again, another target may answer."""
    first = FakeTarget("first", [UpstreamInvalid("html")])
    run = Run(first, FakeTarget("second", GOOD), stream=stream)
    assert GOOD == await run.answer()
    assert ("first:invalid", "second:ok") == run.trace.summary()


@pytest.mark.parametrize("error", [UpstreamUnavailable("x"), StreamInterrupted("x", end="truncated")])
async def test_rows_26_and_27_after_the_first_chunk(error: RouterError) -> None:
    """A stream that breaks is interrupted: what was sent stands, no second model, no finish reason."""
    first, second = FakeTarget("first", [*GOOD[:2], error]), FakeTarget("second", GOOD)
    run = Run(first, second)
    raised = await run.failure()
    assert StreamInterrupted is type(raised)
    assert ("ab", 1, 0) == (text_of(run.seen), first.calls, second.calls)
    assert (("first:interrupted",), "first") == (run.trace.summary(), run.trace.served_by)
    assert (error.end if isinstance(error, StreamInterrupted) else "upstream_error") == run.trace.end


async def test_a_whole_answer_that_breaks_is_nobodys() -> None:
    """Not streamed, a broken answer has reached nobody: it is asked for again, or elsewhere, and is never mixed."""
    broken = [*GOOD[:2], UpstreamUnavailable("crash")]
    first, second = FakeTarget("first", list(broken), list(broken)), FakeTarget("second", GOOD)
    run = Run(first, second, stream=False)
    assert GOOD == await run.answer()
    assert ("first:interrupted", "first:interrupted", "second:ok") == run.trace.summary()
    assert "second" == run.trace.served_by


async def test_row_28_stalls() -> None:
    """Silence between tokens ends in an interruption at the idle clock, and the target is let go."""
    first = FakeTarget("first", [*GOOD[:2], never], config=model("first", clocks=replace(QUICK, idle_s=0.02)))
    run = Run(first, FakeTarget("second", GOOD))
    error = await run.failure()
    assert (StreamInterrupted, "idle_timeout") == (type(error), run.trace.end)
    assert ("ab", 1) == (text_of(run.seen), first.closed)


async def test_the_total_clock() -> None:
    """A stream that never falls silent still ends at the total clock."""

    async def tick() -> None:
        await asyncio.sleep(0)

    endless = cycle([tick, Chunk({"content": "x"})])
    first = FakeTarget("first", endless, config=model("first", clocks=replace(QUICK, total_s=0.05)))
    run = Run(first)
    assert (StreamInterrupted, "total_timeout") == (type(await run.failure()), run.trace.end)


async def test_retries_share_the_total_clock() -> None:
    """Asking again does not start the total clock anew."""
    config = model("first", retries=5, clocks=replace(QUICK, total_s=0.05))
    first = FakeTarget("first", [UpstreamUnavailable("500")], [never], config=config)
    started = asyncio.get_running_loop().time()
    assert UpstreamTimeout is type(await Run(first, stream=False).failure())
    assert 1.0 > asyncio.get_running_loop().time() - started


@both_ways
@pytest.mark.parametrize("play", [[never], [GOOD[0], never]], ids=["before the first token", "in the middle"])
async def test_row_31_cancelling_stops_the_work(play: list, stream: bool) -> None:
    """Cancelling whoever waits for the answer closes the target's generator at once, and asks nobody else."""
    first, second = FakeTarget("first", play), FakeTarget("second", GOOD)
    run = Run(first, second, stream=stream)
    task = asyncio.create_task(run.answer())
    while not first.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (1, 0, ("first:cancelled",)) == (first.closed, second.calls, run.trace.summary())
    assert "client_gone" == run.trace.end


async def test_row_31_closing_stops_the_work() -> None:
    """Closing the generator closes the target's, before `aclose` returns."""
    first = FakeTarget("first", GOOD)
    run = Run(first)
    await anext(run.events)
    await run.events.aclose()
    assert (1, "client_gone") == (first.closed, run.trace.end)


async def test_row_31_leaving_during_the_back_off() -> None:
    """A client that leaves while a retry waits is not answered any more."""
    first = FakeTarget("first", [UpstreamUnavailable("500")], GOOD)
    trace, waiting = Trace(), asyncio.Event()

    async def wait_for_ever(_seconds: float) -> None:
        waiting.set()
        await never()

    decision = Decision("auto", "rule", "first", ("first",), "rule")
    events = carry_out(decision, chat(), Fleet.fresh({"first": first}), trace, Effects(sleep=wait_for_ever))
    task = asyncio.ensure_future(anext(events))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 1 == first.calls


async def test_row_35_a_full_queue_moves_on() -> None:
    """A full local queue spills to the next target of the plan; alone it is 429."""
    run = Run(FakeTarget("small", [Overloaded("full", retry_after_s=1.0)]), FakeTarget("large", GOOD))
    assert GOOD == await run.answer()
    assert [Fallback("small", "large", "queue_full")] == run.trace.fallbacks
    assert 429 == (await Run(FakeTarget("small", [Overloaded("full")])).failure()).status


async def test_row_41_no_target_is_ready() -> None:
    """When every target is down, the answer is 503 with Retry-After, and nobody is asked."""
    targets = [FakeTarget("a", GOOD, status="down"), FakeTarget("b", GOOD, status="missing")]
    error = await Run(*targets).failure()
    assert (NoTargetAvailable, 503, 5.0) == (type(error), error.status, error.retry_after_s)
    assert [0, 0] == [target.calls for target in targets]


async def test_targets_that_are_not_ready_are_passed_over() -> None:
    """A target that went down after the decision is skipped, first or later in the plan, and the trace says so."""
    plan = [
        FakeTarget("a", status="loading"),
        FakeTarget("b", [UpstreamRefused("no")]),
        FakeTarget("c", status="down"),
        FakeTarget("d", GOOD),
    ]
    run = Run(*plan)
    assert GOOD == await run.answer()
    assert [Fallback("a", "b", "not_ready"), Fallback("b", "d", "refused")] == run.trace.fallbacks
    assert ("b:refused", "d:ok") == run.trace.summary()


async def test_the_last_error_is_the_answer() -> None:
    """When every target fails, the caller hears of the last one."""
    run = Run(FakeTarget("a", [UpstreamRefused("no")]), FakeTarget("b", [LIMITED]))
    assert LIMITED is await run.failure()


async def test_a_defect_is_not_hidden() -> None:
    """An error that is not ours is no reason to ask somebody else: it comes out, and the attempt is recorded."""

    async def crash() -> None:
        raise ZeroDivisionError

    second = FakeTarget("second", GOOD)
    run = Run(FakeTarget("first", [crash]), second)
    with pytest.raises(ZeroDivisionError):
        await run.answer()
    assert (0, ("first:defect",)) == (second.calls, run.trace.summary())


async def test_a_targets_own_timeout_is_a_defect() -> None:
    """A TimeoutError that no clock of ours raised is not dressed up as one."""

    async def crash() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await Run(FakeTarget("first", [crash])).answer()
