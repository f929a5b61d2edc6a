"""The faults of a large target, end to end over real sockets: dispatch, HTTP, and two scripted servers that count."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest

from router.backends.direct import DirectBackend
from router.chat import Event
from router.dispatch.carry import Effects, carry_out
from router.dispatch.fleet import Fleet
from router.dispatch.framing import ChatFrames
from router.dispatch.trace import Trace
from router.errors import RouterError, StreamInterrupted
from router.policy.decision import Decision
from tests.fakes import faults
from tests.fakes.chats import QUICK, chat, model, text_of, usage_of
from tests.fakes.large import LargeServer, answer_tokens
from tests.fakes.patience import AT_ONCE_S

ANSWER = "".join(answer_tokens(12))
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


async def at_once(_seconds: float) -> None:
    """A back-off that nobody has to wait for."""


@dataclass
class Pair:
    """A first target, a second one, and the backends that reach them."""

    first: LargeServer
    second: LargeServer
    backends: dict[str, DirectBackend]
    trace: Trace = field(default_factory=Trace)
    seen: list[Event] = field(default_factory=list)
    fleet: Fleet = field(init=False)

    def __post_init__(self) -> None:
        self.fleet = Fleet.fresh(self.backends)

    async def ask(self, *plan: str, stream: bool = True) -> None:
        names = plan or ("first", "second")
        decision = Decision("auto", "rule", names[0], names, "rule")
        events = carry_out(decision, chat(stream=stream), self.fleet, self.trace, Effects(sleep=at_once))
        async with aclosing(events):
            async for event in events:
                self.seen.append(event)

    async def fail(self, *plan: str, stream: bool = True) -> RouterError:
        try:
            await self.ask(*plan, stream=stream)
        except RouterError as error:
            return error
        raise AssertionError("it did not fail")

    def requests(self) -> tuple[int, int]:
        return self.first.counts.requests, self.second.counts.requests


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Two healthy servers; the first one can also be reached by an impatient and by a restless entry."""
    async with LargeServer() as first, LargeServer() as second:
        entries = [
            model("first", first.base_url, key="sk-canary-0004"),
            model("impatient", first.base_url, clocks=replace(QUICK, first_token_s=0.1)),
            model("restless", first.base_url, clocks=replace(QUICK, idle_s=0.1)),
            model("second", second.base_url, context=200_000),
        ]
        backends = {entry.name: DirectBackend(entry) for entry in entries}
        for backend in backends.values():
            await backend.start()
        yield Pair(first, second, backends)
        for backend in backends.values():
            await backend.close()


@both_ways
async def test_row_18_refused(pair: Pair, stream: bool) -> None:
    """Refused connections fall back; with nowhere to go they are a 502, asked for once."""
    await pair.first.refuse()
    await pair.ask(stream=stream)
    assert (ANSWER, ("first:refused", "second:ok")) == (text_of(pair.seen), pair.trace.summary())
    error = await pair.fail("first", stream=stream)
    assert (502, "upstream_unavailable") == (error.status, error.code)
    assert "first:refused" == pair.trace.summary()[-1]


async def test_row_19_never_answers(pair: Pair) -> None:
    """After the first-token clock the silent connection is closed and the next target answers."""
    pair.first.script.append(faults.never_answer())
    await pair.ask("impatient", "second")
    await pair.first.client_disconnected()
    assert (ANSWER, (1, 1)) == (text_of(pair.seen), pair.requests())
    pair.first.script.append(faults.never_answer())
    error = await pair.fail("impatient")
    assert (504, "upstream_timeout") == (error.status, error.code)


@both_ways
async def test_row_20_a_single_500(pair: Pair, stream: bool) -> None:
    """One 500 costs exactly one more request to the same server."""
    pair.first.script.append(faults.status(500))
    await pair.ask(stream=stream)
    assert (ANSWER, (2, 0)) == (text_of(pair.seen), pair.requests())


@both_ways
async def test_row_20_503_with_a_long_wait(pair: Pair, stream: bool) -> None:
    """A 503 that asks for a minute is not asked again: the next target answers."""
    pair.first.script.append(faults.status(503, retry_after="60"))
    await pair.ask(stream=stream)
    assert (ANSWER, (1, 1)) == (text_of(pair.seen), pair.requests())


async def test_row_20_500_for_ever(pair: Pair) -> None:
    """With one retry a target that always fails sees two requests, no matter how many layers there are."""
    pair.first.script += [faults.status(500)] * 10
    await pair.ask()
    assert (2, 1) == pair.requests()


@both_ways
async def test_row_21_rate_limited(pair: Pair, stream: bool) -> None:
    """429 falls back after one request; alone it reaches the caller with the same Retry-After."""
    pair.first.script += [faults.status(429, retry_after="7")] * 2
    await pair.ask(stream=stream)
    assert (ANSWER, (1, 1)) == (text_of(pair.seen), pair.requests())
    error = await pair.fail("first", stream=stream)
    assert (429, 7.0) == (error.status, error.retry_after_s)


@pytest.mark.parametrize("code", [401, 403])
async def test_row_22_our_key_is_bad(pair: Pair, code: int) -> None:
    """A refused key is a 502 of ours after one request, and the key is not in it."""
    pair.first.script.append(faults.status(code, error={"message": "bad key sk-canary-0004"}))
    error = await pair.fail("first")
    assert (502, "upstream_auth", 1) == (error.status, error.code, pair.first.counts.requests)
    assert "canary" not in str(error)


async def test_row_23_too_long(pair: Pair) -> None:
    """A prompt too long for the first window is answered by the larger one, and by a smaller one never."""
    pair.first.script.append(faults.context_length())
    await pair.ask()
    assert (ANSWER, (1, 1)) == (text_of(pair.seen), pair.requests())
    pair.second.script.append(faults.context_length())
    error = await pair.fail("second", "first")
    assert (400, "context_length_exceeded", (1, 2)) == (error.status, error.code, pair.requests())


@both_ways
@pytest.mark.parametrize("fault", [faults.html, faults.broken_json, faults.empty_choices, faults.huge_body])
async def test_row_24_not_a_completion(pair: Pair, fault, stream: bool) -> None:
    """What is not a completion falls back after one request; alone it is a 502."""
    pair.first.script += [fault(), fault()]
    await pair.ask(stream=stream)
    assert (ANSWER, (1, 1)) == (text_of(pair.seen), pair.requests())
    error = await pair.fail("first", stream=stream)
    assert (502, "upstream_invalid") == (error.status, error.code)


async def test_row_25_error_before_the_first_token(pair: Pair) -> None:
    """An error event after the role alone still falls back: the client has seen nothing."""
    pair.first.script.append(faults.error_first({"message": "x", "code": "rate_limit_exceeded"}))
    await pair.ask()
    assert (ANSWER, (1, 1)) == (text_of(pair.seen), pair.requests())


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (faults.reset(after=5), "upstream_error"),
        (faults.error_event(after=5), "upstream_error"),
        (faults.truncate(after=5), "truncated"),
        (faults.truncate(after=5, done=True), "truncated"),
        (faults.html_midstream(after=5), "truncated"),
        (faults.stall(after=5), "idle_timeout"),
    ],
    ids=["26 reset", "26 error event", "27 clean end", "27 [DONE]", "27 html", "28 stall"],
)
async def test_rows_26_to_28_broken_after_tokens(pair: Pair, fault, end: str) -> None:
    """What came is intact, one error event follows, no finish reason, no [DONE], no second model."""
    pair.first.script.append(fault)
    error = await pair.fail("restless", "second")
    frames = ChatFrames("r1", 1, include_usage=True)
    sent = b"".join(frames.frame(event, "restless") or b"" for event in pair.seen) + frames.error(error)
    assert (StreamInterrupted, end) == (type(error), pair.trace.end)
    assert ("".join(answer_tokens(5)), (1, 0)) == (text_of(pair.seen), pair.requests())
    assert (1, True, False) == (sent.count(b'"error"'), sent.rstrip().endswith(b"}}"), b"[DONE]" in sent)
    assert b'"finish_reason":"' not in sent


async def test_row_28_the_stalled_connection_is_closed(pair: Pair) -> None:
    """The idle clock also closes the connection upstream."""
    pair.first.script.append(faults.stall(after=2))
    await pair.fail("restless", "second")
    async with asyncio.timeout(AT_ONCE_S):
        await pair.first.client_disconnected()


@pytest.mark.parametrize("fault", [faults.reset(after=5), faults.truncate(after=5)], ids=["26", "27"])
async def test_rows_26_and_27_whole_answers_are_saved(pair: Pair, fault) -> None:
    """Not streamed, a broken answer is never seen: after the retry the other target gives a whole one."""
    pair.first.script += [fault, fault]
    await pair.ask(stream=False)
    assert (ANSWER, 1) == (text_of(pair.seen), pair.second.counts.requests)


async def test_row_29_identical_chunks(pair: Pair) -> None:
    """300 identical chunks arrive as 300 chunks."""
    pair.first.script.append(faults.identical(count=300))
    await pair.ask()
    usage = usage_of(pair.seen)
    assert ("same " * 300, 300, "done") == (text_of(pair.seen), usage.completion_tokens, pair.trace.end)


async def test_row_30_a_large_event(pair: Pair) -> None:
    """A 1 MB event passes whole."""
    pair.first.script.append(faults.texts(["ż" * 512 * 1024]))
    await pair.ask()
    assert "ż" * 512 * 1024 == text_of(pair.seen)


@both_ways
async def test_row_31_leaving_before_the_first_token(pair: Pair, stream: bool) -> None:
    """A client that leaves closes the upstream connection at once, and nobody else is asked."""
    pair.first.script.append(faults.never_answer())
    task = asyncio.create_task(pair.ask(stream=stream))
    await pair.first.request_arrived()
    task.cancel()
    async with asyncio.timeout(AT_ONCE_S):
        await pair.first.client_disconnected()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ((1, 0), ("first:cancelled",)) == (pair.requests(), pair.trace.summary())


async def test_many_at_once_share_nothing(pair: Pair) -> None:
    """Fifty requests at once, every fifth one cut off: each gets its own answer, and no connection is left behind."""
    pair.first.script += [faults.truncate(after=3) if turn % 5 == 0 else faults.texts(["ok"]) for turn in range(50)]
    runs = [Pair(pair.first, pair.second, pair.backends) for _ in range(50)]
    outcomes = await asyncio.gather(*(run.ask("first") for run in runs), return_exceptions=True)
    assert 10 == sum(isinstance(outcome, StreamInterrupted) for outcome in outcomes)
    texts = [text_of(run.seen) for run, outcome in zip(runs, outcomes, strict=True) if outcome is None]
    assert ["ok"] * 40 == texts
    await pair.backends["first"].close()
    while pair.first.open_connections:
        await asyncio.sleep(0)


async def test_row_40_a_flapping_target(pair: Pair) -> None:
    """With a target that fails every other request, all 200 are answered, and its breaker opens on the way."""
    pair.first.script += [faults.status(500), faults.texts(["ok"]), faults.status(500), faults.status(500)] * 100
    opened = False
    for _ in range(200):
        await pair.ask(stream=False)
        opened = opened or pair.fleet.health.is_open("first")
    assert (True, 200) == (opened, sum(outcome.endswith(":ok") for outcome in pair.trace.summary()))


async def test_row_41_both_dead(pair: Pair) -> None:
    """Once both breakers are open a dead pair is told within 50 ms, with Retry-After."""
    await pair.first.refuse()
    await pair.second.refuse()
    for _ in range(5):
        await pair.fail()
    started = asyncio.get_running_loop().time()
    error = await pair.fail()
    assert (503, "no_target_available", True) == (error.status, error.code, error.retry_after_s > 0)
    assert 0.05 > asyncio.get_running_loop().time() - started
