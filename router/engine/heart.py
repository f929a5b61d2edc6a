"""Listening to a child's heart: does it answer, and does its decode thread move on?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from router.engine import wire
from router.engine.client import EngineClient
from router.errors import RouterError

LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Seconds: between two beats, until silence is death, and until a single decode step is.

    A hung child is noticed after `every_s` + `patience_s` + 2 `LOOK_S` at most, so in less than 5 s by default. One that
    would run if the machine let it is waited for as long as a decode step is.
    """

    every_s: float = 0.75
    patience_s: float = 3.0
    stall_s: float = 120.0


async def listen(
    client: EngineClient, beat: Heartbeat, on_pong: Callable[[wire.Pong], None], is_held_up: Callable[[], bool]
) -> str:
    """Ask for a sign of life again and again; return what is wrong once there is none, or the engine is stuck."""
    while True:
        reply = asyncio.ensure_future(client.ask(wire.Ping(client.next_id()), wire.Pong))
        try:
            silent_s = await _answer(reply, client, beat, is_held_up)
            if not reply.done():
                return f"it did not answer for {silent_s:g} s"
            pong = reply.result()
        except RouterError:
            return "it hung up"
        finally:
            reply.cancel()
        if pong.step_ms > beat.stall_s * 1000:
            return f"one decode step took over {beat.stall_s:g} s"
        on_pong(pong)
        await asyncio.sleep(beat.every_s)


async def _answer(
    reply: asyncio.Future[wire.Pong], client: EngineClient, beat: Heartbeat, is_held_up: Callable[[], bool]
) -> float:
    """Wait for it, beyond `patience_s` only while the child is held up; for how many seconds nothing came at all.

    Anything that comes is a sign of life: where this process is the slow one, the answer stands in line behind tokens.
    """
    silent_s, idle, heard_bytes = 0.0, 0, client.received_bytes
    # Two looks: if it was this process that did not get to run, the answer lies in the socket.
    while not reply.done() and idle < 2 and silent_s < beat.stall_s:
        await asyncio.wait({reply}, timeout=LOOK_S)
        silent_s = silent_s + LOOK_S if client.received_bytes == heard_bytes else 0.0
        heard_bytes = client.received_bytes
        idle = idle + 1 if silent_s >= beat.patience_s and not is_held_up() else 0
    return silent_s
