"""Listening to the heart of a child that behaves as the test wants."""

import asyncio

import pytest

from router.engine import wire
from router.engine.heart import Heartbeat, listen
from tests.engine.scripted import ScriptedChild, connected

QUICK = Heartbeat(every_s=0.0, patience_s=0.05, stall_s=2.0)


async def _answer(child: ScriptedChild, **figures: float) -> None:
    ping = await child.read()
    assert isinstance(ping, wire.Ping)
    await child.send(wire.Pong(ping.id, 0, 1, 0.0, 0, 256, 0.0, 0, 0, 0, **figures))


async def test_signs_of_life_are_handed_on() -> None:
    """Each answer reaches whoever keeps the figures, as long as there are any."""
    heard: list[wire.Pong] = []
    async with connected() as (client, child):
        listening = asyncio.ensure_future(listen(client, QUICK, heard.append))
        for _ in range(3):
            await _answer(child)
        assert await listening == "it did not answer for 0.05 s"
        assert len(heard) == 3


async def test_stuck_decode_step_is_noticed() -> None:
    """A child that answers but whose decode thread hangs is given up all the same."""
    async with connected() as (client, child):
        listening = asyncio.ensure_future(listen(client, QUICK, lambda _: None))
        await _answer(child, step_ms=1999.0)
        await _answer(child, step_ms=2001.0)
        assert await listening == "one decode step took over 2 s"


async def test_lost_connection_is_silence() -> None:
    """A connection that is gone needs no patience."""
    async with connected() as (client, child):
        child.writer.close()
        await client.lost.wait()
        assert "did not answer" in await listen(client, Heartbeat(patience_s=1e9), lambda _: None)


@pytest.mark.parametrize("beat", [Heartbeat()])
def test_hung_child_is_noticed_in_time(beat: Heartbeat) -> None:
    """The default heartbeat keeps the promise of 5 s."""
    assert beat.every_s + beat.patience_s < 4.5
