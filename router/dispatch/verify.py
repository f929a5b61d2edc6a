"""The cascade: holds an answer back until it is known to be good enough, or gives it up before the client sees any of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from router.chat import ChatRequest, Event
from router.dispatch.doubt import Doubt, Signal


class EscalatedError(Exception):
    """The answer is not good enough: another target is to answer. Never leaves this room."""

    def __init__(self, signal: Signal) -> None:
        super().__init__(signal)
        self.signal: Signal = signal


async def verified(
    events: AsyncGenerator[Event, None], doubt: Doubt, request: ChatRequest, may_escalate: Callable[[], bool]
) -> AsyncGenerator[Event, None]:
    """The events of an answer that is good enough; those that came before this was known come in one go.

    `may_escalate` is asked when an answer is not good enough; False keeps it all the same. A streamed answer is judged by
    its beginning, one that is not streamed once more when it is whole.

    Raises:
        EscalatedError: the answer is not good enough; no event was yielded if the answer is streamed.
    """

    def check() -> None:
        if doubt.signal is not None and may_escalate():
            raise EscalatedError(doubt.signal)

    ends_at = asyncio.get_running_loop().time() + doubt.max_added_s
    async with aclosing(_Reader(events)) as reader:
        held: list[Event] = []
        while not doubt.is_settled:
            await _read_on(reader, doubt, held, ends_at)
        check()
        for event in held:
            yield event
        while (event_or_end := await reader.next()) is not None:
            doubt.see(event_or_end)
            yield event_or_end
        if not request.stream:
            doubt.end()
            check()


async def _read_on(reader: "_Reader", doubt: Doubt, held: list[Event], ends_at: float) -> None:
    try:
        event = await reader.next_before(ends_at)
    except TimeoutError:
        doubt.run_out()
        return
    if event is None:
        doubt.end()
    else:
        doubt.see(event)
        held.append(event)


class _Reader:
    """Reads events with a limit on the wait that does not disturb them: what was waited for comes with the next read."""

    def __init__(self, events: AsyncGenerator[Event, None]) -> None:
        self._events = events
        self._pending: asyncio.Future[Event | None] | None = None

    async def next(self) -> Event | None:
        """The next event, None at the end."""
        pending, self._pending = self._pending, None
        return await (anext(self._events, None) if pending is None else pending)

    async def next_before(self, ends_at: float) -> Event | None:
        """The next event, None at the end. Raises `TimeoutError` when there is none by `ends_at` (the loop's time)."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(anext(self._events, None))
        wait_s = max(0.0, ends_at - asyncio.get_running_loop().time())
        done, _ = await asyncio.wait({self._pending}, timeout=wait_s)
        if not done:
            raise TimeoutError
        return await self.next()

    async def aclose(self) -> None:
        """Stop the answer, even in the middle of a wait."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.cancel()
            await asyncio.wait({pending})
            # Asked for, so that an error which nobody is left to read is not reported as forgotten.
            _ = pending.cancelled() or pending.exception()
        await self._events.aclose()
