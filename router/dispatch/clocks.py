"""The clocks of one target: first token, silence between tokens, and the whole answer."""

import asyncio
from collections.abc import AsyncGenerator

from router.chat import ChatRequest, Chunk, Event
from router.config import Clocks
from router.errors import RouterError, StreamInterrupted, UpstreamTimeout


class TimedAnswer:
    """Reads an answer event by event, with a limit on each wait.

    One timer serves the whole answer and is moved only when it rings: a new one for each token costs more than the
    token. When a clock runs out, the wait is cancelled inside the generator, which stops its work there. An answer
    that is not streamed comes in one piece, so its first event has as long as the whole.
    """

    def __init__(
        self, events: AsyncGenerator[Event, None], request: ChatRequest, clocks: Clocks, ends_at: float
    ) -> None:
        self._events = events
        self._idle_s = clocks.idle_s
        self._wait_s = clocks.first_token_s if request.stream else clocks.total_s
        self._ends_at = ends_at
        self._loop = asyncio.get_running_loop()
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._has_begun = False
        self._has_rung = False

    async def next(self) -> Event | None:
        """The next event, None at the end.

        Raises:
            UpstreamTimeout: a clock ran out before the first chunk.
            StreamInterrupted: it did after it.
        """
        task = asyncio.current_task()
        pending = task.cancelling() if task else 0
        self._arm()
        self._waiting = task
        try:
            event = await anext(self._events, None)
        except asyncio.CancelledError:
            # Only our own cancellation becomes a timeout; a client that leaves at the same moment still wins.
            if self._has_rung and task and task.uncancel() <= pending:
                raise self._ran_out() from None
            raise
        finally:
            self._waiting = None
        if not self._has_begun and isinstance(event, Chunk):
            self._has_begun = True
            self._wait_s = self._idle_s
        return event

    def stop(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._deadline = min(self._loop.time() + self._wait_s, self._ends_at)
        if self._timer is None or self._timer.when() > self._deadline:
            self.stop()
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._ring)
        else:
            self._has_rung = True
            self._waiting.cancel()

    def _ran_out(self) -> RouterError:
        if not self._has_begun:
            return UpstreamTimeout("The target did not answer in time.")
        if self._deadline < self._ends_at:
            return StreamInterrupted("The target fell silent in the middle of its answer.", end="idle_timeout")
        return StreamInterrupted("The answer took longer than the target's total limit.", end="total_timeout")
