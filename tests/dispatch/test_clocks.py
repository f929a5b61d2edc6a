"""The clocks of one answer."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from router.chat import Chunk, Event
from router.config import Clocks
from router.dispatch.clocks import TimedAnswer
from router.errors import StreamInterrupted, UpstreamTimeout
from tests.fakes.chats import chat

CHUNK = Chunk({"content": "a"})
LONG_S = 1000.0


def timed(events: AsyncGenerator[Event, None], *, stream: bool = True, **clocks: float) -> TimedAnswer:
    patient = Clocks(**{"first_token_s": LONG_S, "idle_s": LONG_S, "total_s": LONG_S, **clocks})
    ends_at = asyncio.get_running_loop().time() + patient.total_s
    return TimedAnswer(events, chat(stream=stream), patient, ends_at)


async def says(*chunks: Event, then_waits: bool = True) -> AsyncGenerator[Event, None]:
    for chunk in chunks:
        yield chunk
    if then_waits:
        await asyncio.get_running_loop().create_future()


async def test_no_clock_runs_out_on_time() -> None:
    """An answer in time passes, and its end is None."""
    answer = timed(says(CHUNK, then_waits=False))
    assert [CHUNK, None] == [await answer.next(), await answer.next()]
    answer.stop()


async def test_the_first_token_clock_is_only_the_first() -> None:
    """A short first-token clock does not hurry the tokens after it, a short idle clock not the first one."""
    answer = timed(says(), first_token_s=0.02)
    with pytest.raises(UpstreamTimeout):
        await answer.next()
    answer = timed(says(CHUNK), idle_s=0.02)
    assert CHUNK == await answer.next()
    with pytest.raises(StreamInterrupted) as caught:
        await answer.next()
    assert "idle_timeout" == caught.value.end


async def test_a_whole_answer_has_the_total_clock() -> None:
    """Without a stream there is no first token to wait for: the first event may take as long as the whole."""
    answer = timed(says(), stream=False, first_token_s=0.0, total_s=0.02)
    with pytest.raises(UpstreamTimeout):
        await answer.next()


async def test_time_spent_elsewhere_is_not_silence() -> None:
    """A slow reader is not a silent target: the clock runs only while the target is waited for."""
    answer = timed(says(CHUNK, CHUNK, then_waits=False), idle_s=0.02)
    await answer.next()
    rung = asyncio.Event()
    asyncio.get_running_loop().call_later(0.06, rung.set)
    await rung.wait()
    assert CHUNK == await answer.next()
    answer.stop()


async def test_a_client_that_leaves_as_the_clock_rings_has_left() -> None:
    """When both cancel the same wait, the cancellation from outside is not swallowed."""

    async def leaves() -> AsyncGenerator[Event, None]:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            waiting.cancel()
        yield CHUNK

    waiting = asyncio.create_task(timed(leaves(), first_token_s=0.02).next())
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_timer_is_moved_not_made() -> None:
    """A thousand tokens need one timer."""
    loop = asyncio.get_running_loop()
    made: list[float] = []
    call_at = loop.call_at
    answer = timed(says(*[CHUNK] * 1000, then_waits=False))
    answer._loop = type(
        "Loop", (), {"time": loop.time, "call_at": lambda _s, at, f: made.append(at) or call_at(at, f)}
    )()
    while await answer.next():
        pass
    answer.stop()
    assert 1 == len(made)
