"""Listening to the heart of a child that behaves as the test wants."""

import asyncio

import pytest

from router.engine import wire
from router.engine.heart import LOOK_S, Heartbeat, listen
from tests.engine.scripted import ScriptedChild, connected

QUICK = Heartbeat(every_s=0.0, patience_s=0.05, stall_s=2.0)


def _never() -> bool:
    return False


async def _answer(child: ScriptedChild, **figures: float) -> None:
    ping = await child.read()
    assert isinstance(ping, wire.Ping)
    await child.send(wire.Pong(ping.id, 0, 1, 0.0, 0, 256, 0.0, 0, 0, 0, **figures))


async def test_signs_of_life_are_handed_on() -> None:
    """Each answer reaches whoever keeps the figures, as long as there are any."""
    heard: list[wire.Pong] = []
    async with connected() as (client, child):
        listening = asyncio.ensure_future(listen(client, QUICK, heard.append, _never))
        for _ in range(3):
            await _answer(child)
        assert await listening == "it did not answer for 0.5 s"
        assert len(heard) == 3


async def test_a_child_that_is_held_up_is_waited_for() -> None:
    """On a machine that is too busy silence is not death: the child's late answer is taken like any other."""
    heard: list[wire.Pong] = []
    looks = asyncio.Semaphore(0)

    def is_held_up() -> bool:
        looks.release()
        return not heard

    async with connected() as (client, child):
        listening = asyncio.ensure_future(listen(client, Heartbeat(0.0, 0.0), heard.append, is_held_up))
        for _ in range(4):
            await looks.acquire()
        await _answer(child)
        assert await listening == "it did not answer for 0.5 s"
        assert len(heard) == 1


async def test_tokens_are_signs_of_life() -> None:
    """Where the answer stands in line behind what the child had to say before, there is no silence."""
    heard: list[wire.Pong] = []
    async with connected() as (client, child):
        listening = asyncio.ensure_future(listen(client, Heartbeat(0.0, 3 * LOOK_S), heard.append, _never))
        ping = await child.read()
        for _ in range(8):
            before = client.received_bytes
            await child.send(wire.Pong(-1, 0, 1, 0.0, 0, 256, 0.0, 0, 0, 0))
            await asyncio.wait({listening}, timeout=LOOK_S)
            assert client.received_bytes > before
        await child.send(wire.Pong(ping.id, 0, 1, 0.0, 0, 256, 0.0, 0, 0, 0))
        await child.read()
        assert len(heard) == 1
        listening.cancel()


async def test_a_child_is_not_waited_for_without_end() -> None:
    """One that says it would run, and never answers, is given up after the time of the longest decode step."""
    async with connected() as (client, _):
        beat = Heartbeat(patience_s=0.0, stall_s=2 * LOOK_S)
        assert await listen(client, beat, lambda _: None, lambda: True) == "it did not answer for 0.5 s"


async def test_stuck_decode_step_is_noticed() -> None:
    """A child that answers but whose decode thread hangs is given up all the same."""
    async with connected() as (client, child):
        listening = asyncio.ensure_future(listen(client, QUICK, lambda _: None, _never))
        await _answer(child, step_ms=1999.0)
        await _answer(child, step_ms=2001.0)
        assert await listening == "one decode step took over 2 s"


async def test_lost_connection_is_silence() -> None:
    """A connection that is gone needs no patience."""
    async with connected() as (client, child):
        child.writer.close()
        await client.lost.wait()
        assert "it hung up" == await listen(client, Heartbeat(patience_s=1e9), lambda _: None, _never)


@pytest.mark.parametrize("beat", [Heartbeat()])
def test_hung_child_is_noticed_in_time(beat: Heartbeat) -> None:
    """The default heartbeat keeps the promise of 5 s."""
    assert beat.every_s + beat.patience_s + 2 * LOOK_S < 4.5
