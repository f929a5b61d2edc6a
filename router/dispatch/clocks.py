"""The clocks of one target: first token, silence between tokens, and the whole answer."""

import asyncio
from collections.abc import AsyncGenerator

from router.chat import ChatRequest, Chunk, Event
from router.config import Clocks
from router.errors import RouterError, StreamEnd, StreamInterrupted, UpstreamTimeout


async def timed(
    events: AsyncGenerator[Event, None], request: ChatRequest, clocks: Clocks, ends_at: float
) -> AsyncGenerator[Event, None]:
    """`events`, with a limit on each wait; the loop's clock reads `ends_at` when the whole has taken too long.

    An answer that is not streamed comes in one piece, so its first event has until `ends_at`. The caller closes
    `events`: when a clock runs out, the wait is cancelled inside it and its work is stopped there.

    Raises:
        UpstreamTimeout: before the first chunk.
        StreamInterrupted: after it.
    """
    loop = asyncio.get_running_loop()
    has_begun = False
    wait_s = clocks.first_token_s if request.stream else clocks.total_s
    while True:
        deadline = loop.time() + wait_s
        limit = asyncio.timeout_at(min(deadline, ends_at))
        try:
            async with limit:
                event = await anext(events)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise _ran_out(has_begun, "idle_timeout" if deadline <= ends_at else "total_timeout") from error
        if isinstance(event, Chunk):
            has_begun = True
            wait_s = clocks.idle_s
        yield event


def _ran_out(has_begun: bool, end: StreamEnd) -> RouterError:
    if not has_begun:
        return UpstreamTimeout("The target did not answer in time.")
    if end == "idle_timeout":
        return StreamInterrupted("The target fell silent in the middle of its answer.", end=end)
    return StreamInterrupted("The answer took longer than the target's total limit.", end=end)
