"""Listening to a child's heart: does it answer, and does its decode thread move on?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from router.engine import wire
from router.engine.client import EngineClient
from router.errors import RouterError

GRACE_S = 0.25  # for an answer that has arrived while this process itself was busy


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Seconds: between two beats, until silence is death, and until a single decode step is.

    A hung child is noticed after `every_s` + `patience_s` + `GRACE_S` at most, so in less than 5 s by default.
    """

    every_s: float = 0.75
    patience_s: float = 3.0
    stall_s: float = 120.0


async def listen(client: EngineClient, beat: Heartbeat, on_pong: Callable[[wire.Pong], None]) -> str:
    """Ask for a sign of life again and again; return what is wrong once there is none, or the engine is stuck."""
    while True:
        pong = await _pong(client, beat.patience_s)
        if pong is None:
            return f"it did not answer for {beat.patience_s:g} s"
        if pong.step_ms > beat.stall_s * 1000:
            return f"one decode step took over {beat.stall_s:g} s"
        on_pong(pong)
        await asyncio.sleep(beat.every_s)


async def _pong(client: EngineClient, patience_s: float) -> wire.Pong | None:
    reply = asyncio.ensure_future(client.ask(wire.Ping(client.next_id()), wire.Pong))
    try:
        await asyncio.wait({reply}, timeout=patience_s)
        # If it was this process that did not get to run, the answer lies in the socket: look once more.
        done, _ = await asyncio.wait({reply}, timeout=GRACE_S)
        return reply.result() if done else None
    except RouterError:
        return None
    finally:
        reply.cancel()
