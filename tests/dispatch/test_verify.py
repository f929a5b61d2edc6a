"""The cascade: what is held back, what is given up, what it cost, and whose clock counts."""

import asyncio
from contextlib import aclosing

import pytest

from router.chat import Chunk, Confidence, Event, Usage
from router.config import Line
from router.dispatch.carry import Effects, carry_out
from router.dispatch.doubt import Doubt
from router.dispatch.fleet import Fleet
from router.dispatch.trace import Escalation, Trace
from router.errors import RouterError, StreamInterrupted, UpstreamUnavailable
from router.policy.decision import Decision, Verification
from tests.fakes.chats import chat, text_of
from tests.fakes.target import FakeTarget

TERMS = Verification("large", floor=-1.0, hold_tokens=4, max_added_ms=60_000.0)
SURE, UNSURE = Confidence(4, -0.2, 0.5, 0.3), Confidence(4, -1.7, 2.0, 0.01)
END: list[Event] = [Chunk({}, finish_reason="stop"), Usage(3, 6)]
LARGE: list[Event] = [Chunk({"content": "better"}), Chunk({}, finish_reason="stop"), Usage(3, 1)]
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def words(first: int, last: int) -> list[Event]:
    return [Chunk({"content": f"w{number} "}) for number in range(first, last)]


class Run:
    """One request that starts at `small`, in doubt."""

    def __init__(
        self, small: FakeTarget, large: FakeTarget, *, stream: bool = True, terms: Verification = TERMS, **params
    ) -> None:
        async def at_once(_seconds: float) -> None: ...

        self.trace = Trace()
        self.small, self.large = small, large
        decision = Decision("auto", "learned", "large", ("small", "large"), "verify", verification=terms)
        fleet = Fleet.fresh({"small": small, "large": large})
        self.request = chat(stream=stream, **params)
        self.events = carry_out(decision, self.request, fleet, self.trace, Effects(sleep=at_once))
        self.seen: list[Event] = []

    async def answer(self) -> str:
        async with aclosing(self.events):
            async for event in self.events:
                self.seen.append(event)
        return text_of(self.seen)


@both_ways
async def test_a_confident_answer_stays(stream: bool):
    """Above the line the local answer is the answer, whole and in order, and nobody else is asked."""
    small = FakeTarget("small", [*words(0, 4), SURE, *words(4, 6), *END])
    run = Run(small, FakeTarget("large", LARGE), stream=stream)
    assert "w0 w1 w2 w3 w4 w5 " == await run.answer()
    assert (0, ("small:ok",), []) == (run.large.calls, run.trace.summary(), run.trace.escalations)
    assert "small" == run.trace.served_by


@both_ways
async def test_an_unsure_answer_moves_before_the_first_byte(stream: bool):
    """Below the line the client sees the large model's answer alone, and the work on the other one stops."""
    small = FakeTarget("small", [*words(0, 4), UNSURE, *words(4, 6), *END])
    run = Run(small, FakeTarget("large", LARGE), stream=stream)
    assert "better" == await run.answer()
    assert LARGE == run.seen
    assert ("small:escalated", "large:ok") == run.trace.summary()
    assert [Escalation("small", "large", "confidence", None, 4)] == run.trace.escalations
    assert ("large", "done", 1, []) == (run.trace.served_by, run.trace.end, small.closed, run.trace.fallbacks)


async def test_what_the_engine_billed_is_what_was_paid():
    """The usage that a cancelled local answer writes down is that of the escalation."""
    small = FakeTarget("small")

    async def bill() -> None:
        run.request.bill.usage = Usage(17, 5)

    small.plays.append([*words(0, 4), bill, UNSURE, *words(4, 6)])
    run = Run(small, FakeTarget("large", LARGE))
    await run.answer()
    assert Usage(17, 5) == run.trace.escalations[0].usage


async def test_nothing_is_seen_while_it_is_unknown():
    """Held tokens reach the client in one go, and not before the confidence is told."""
    release, waits = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        waits.set()
        await release.wait()

    run = Run(FakeTarget("small", [*words(0, 4), hold, SURE, *words(4, 6), *END]), FakeTarget("large", LARGE))
    task = asyncio.create_task(run.answer())
    await waits.wait()
    assert [] == run.seen
    release.set()
    assert "w0 w1 w2 w3 w4 w5 " == await task


async def test_after_the_line_it_streams():
    """Once the beginning is good enough, each piece passes as it comes."""
    release, waits = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        waits.set()
        await release.wait()

    run = Run(FakeTarget("small", [*words(0, 4), SURE, words(4, 5)[0], hold, *END]), FakeTarget("large", LARGE))
    task = asyncio.create_task(run.answer())
    await waits.wait()
    assert "w0 w1 w2 w3 w4 " == text_of(run.seen)
    release.set()
    await task


async def test_a_whole_answer_is_judged_twice():
    """Not streamed, an answer that begins well and loses its way is still given up: nobody has seen it."""
    late = Confidence(6, -1.5, 2.0, 0.0)
    play = [*words(0, 4), SURE, *words(4, 6), late, *END]
    assert "better" == await Run(FakeTarget("small", play), FakeTarget("large", LARGE), stream=False).answer()
    assert "w0 w1 w2 w3 w4 w5 " == await Run(FakeTarget("small", play), FakeTarget("large", LARGE)).answer()


@both_ways
async def test_a_short_answer_is_judged_at_its_end(stream: bool):
    """One that ends before the last held token is judged by what there is."""
    short = Confidence(2, -3.0, 2.0, 0.0)
    small = FakeTarget("small", [*words(0, 2), short, *END])
    run = Run(small, FakeTarget("large", LARGE), stream=stream)
    assert "better" == await run.answer()
    assert Usage(3, 6) == run.trace.escalations[0].usage


@both_ways
@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
async def test_broken_json_moves(stream: bool, kind: str):
    """What should be JSON and is none is given up, however confident; what is, stays."""
    for text, expected in [('{"a": 1', "better"), ('{"a": 1}', '{"a": 1}')]:
        small = FakeTarget("small", [Chunk({"content": text}), Confidence(3, -0.01, 0.0, 1.0), *END])
        run = Run(small, FakeTarget("large", LARGE), stream=stream, response_format={"type": kind})
        assert expected == await run.answer()
        assert (["json"] if expected == "better" else []) == [moved.signal for moved in run.trace.escalations]


async def test_the_clients_clock_releases():
    """When the time for the check is up, an answer of which nothing bad is known goes out as far as it is."""
    release = asyncio.Event()
    terms = Verification("large", floor=-1.0, hold_tokens=4, max_added_ms=20.0)
    small = FakeTarget("small", [*words(0, 2), release.wait, *words(2, 4), UNSURE, *END])
    run = Run(small, FakeTarget("large", LARGE), terms=terms)
    assert "w0 " == (await anext(run.events)).delta["content"]
    release.set()
    assert "w1 w2 w3 " == await run.answer()
    assert (0, "small") == (run.large.calls, run.trace.served_by)


async def test_the_clients_clock_escalates():
    """When the time is up and what is known is bad, or nothing has come at all, the large model answers."""
    terms = Verification("large", floor=-1.0, hold_tokens=8, max_added_ms=20.0)
    for play, signal in [([*words(0, 4), UNSURE], "confidence"), ([], "time")]:
        small = FakeTarget("small", [*play, asyncio.Event().wait])
        run = Run(small, FakeTarget("large", LARGE), terms=terms)
        assert "better" == await run.answer()
        assert [signal] == [moved.signal for moved in run.trace.escalations]
        assert 1 == small.closed


async def test_a_target_that_tells_nothing_is_let_go():
    """Without any confidence the answer is not held for ever."""
    run = Run(FakeTarget("small", [*words(0, 40), *END]), FakeTarget("large", LARGE))
    assert words(0, 40) == [event for event in (await run.answer() and run.seen) if event not in END]


async def test_with_nobody_better_it_stays():
    """When the large model is down at that moment, an unsure answer is better than none."""
    small = FakeTarget("small", [*words(0, 4), UNSURE, *END])
    run = Run(small, FakeTarget("large", LARGE, status="down"))
    assert "w0 w1 w2 w3 " == await run.answer()
    assert ([], "small") == (run.trace.escalations, run.trace.served_by)


async def test_when_the_better_one_fails_the_first_is_asked_again():
    """The target that was given up is the last resort, and its answer is not held back any more."""
    small = FakeTarget("small", [*words(0, 4), UNSURE], [*words(0, 4), UNSURE, *END])
    large = FakeTarget("large", [UpstreamUnavailable("500")], [UpstreamUnavailable("500")])
    run = Run(small, large)
    assert "w0 w1 w2 w3 " == await run.answer()
    assert ("small:escalated", "large:unavailable", "large:unavailable", "small:ok") == run.trace.summary()
    assert "small" == run.trace.served_by


@pytest.mark.parametrize("error", [UpstreamUnavailable("crash"), StreamInterrupted("cut")])
async def test_a_failure_while_it_is_held_is_nobodys(error: RouterError):
    """What the client has not seen can be asked for again, or elsewhere."""
    small = FakeTarget("small", [*words(0, 2), error], [*words(0, 2), error])
    run = Run(small, FakeTarget("large", LARGE))
    assert "better" == await run.answer()
    assert ("small:interrupted", "small:interrupted", "large:ok") == run.trace.summary()


@both_ways
async def test_a_client_that_leaves_while_it_is_held(stream: bool):
    """Cancelling stops the local work, and nobody else is asked."""
    small = FakeTarget("small", [*words(0, 2), asyncio.Event().wait])
    run = Run(small, FakeTarget("large", LARGE), stream=stream)
    task = asyncio.create_task(run.answer())
    while not small.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (1, 0, ("small:cancelled",)) == (small.closed, run.large.calls, run.trace.summary())
    assert len(asyncio.all_tasks()) == 1


def test_the_marks_lead_up_to_the_last_held_token():
    """The confidence is asked for on the way too, for when time runs out."""
    assert (6, 12, 18, 24) == Doubt(Verification("large", -1.0, 24, 1.0), chat()).marks
    assert (1,) == Doubt(Verification("large", -1.0, 1, 1.0), chat()).marks


class Likely:
    """Odds that are easy to work out: half from the prompt's score, half from the confidence; none for a riddle."""

    name = "test"

    def probability(
        self, prompt: str, score: float, first: float, whole: float | None = None, tokens: int = 0
    ) -> float:
        seen = first if whole is None else (first + whole) / 2
        return (1 - score) / 2 + (1 + seen / 2) / 2 if tokens and "riddle" not in prompt else 0.0


@pytest.mark.parametrize(("score", "answer"), [(0.1, "w0 w1 w2 w3 w4 w5 "), (0.9, "better"), (None, "better")])
async def test_a_calibrated_line_weighs_the_prompt_too(score: float | None, answer: str):
    """The same confidence is enough for an easy prompt and not for a hard one; an unknown score counts as even."""
    terms = Verification("large", None, 4, 60_000.0, Line(Likely(), 0.5), score)
    run = Run(FakeTarget("small", [*words(0, 4), UNSURE, *words(4, 6), *END]), FakeTarget("large", LARGE), terms=terms)
    assert answer == await run.answer()


async def test_a_calibrated_line_reads_the_prompt():
    """The same score and confidence are not enough for words that the small model is known to stumble over."""
    terms = Verification("large", None, 4, 60_000.0, Line(Likely(), 0.5), 0.1)
    for text, expected in (("Here is a riddle", "better"), ("Here is a poem", "w0 w1 w2 w3 w4 w5 ")):
        small = FakeTarget("small", [*words(0, 4), SURE, *words(4, 6), *END])
        assert expected == await Run(small, FakeTarget("large", LARGE), terms=terms, text=text).answer()


async def test_a_whole_answer_is_weighed_by_beginning_and_end():
    """What is not streamed is judged once more, by the confidence of its first tokens and of all of it."""
    terms = Verification("large", None, 4, 60_000.0, Line(Likely(), 0.6), 0.2)
    small = FakeTarget("small", [*words(0, 4), SURE, *words(4, 6), Confidence(6, -1.9, 2.0, 0.01), *END])
    run = Run(small, FakeTarget("large", LARGE), terms=terms, stream=False)
    await run.answer()
    assert [] == run.trace.escalations
    strict = Verification("large", None, 4, 60_000.0, Line(Likely(), 0.75), 0.2)
    small = FakeTarget("small", [*words(0, 4), SURE, *words(4, 6), Confidence(6, -1.9, 2.0, 0.01), *END])
    run = Run(small, FakeTarget("large", LARGE), terms=strict, stream=False)
    assert "better" == await run.answer()
    assert ["confidence"] == [given_up.signal for given_up in run.trace.escalations]
