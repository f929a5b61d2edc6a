"""Noticing that the client has left: work for nobody is stopped, streamed or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive

from router.errors import ClientGone


@asynccontextmanager
async def while_present(receive: Receive) -> AsyncIterator[None]:
    """Run the block while the client is there; the request's body must have been read.

    Starlette cancels nothing when a client disconnects before the first byte of an answer, so the block's task is
    cancelled here.

    Raises:
        ClientGone: the client closed the connection while the block ran.
    """
    work = asyncio.current_task()
    if work is None:
        raise RuntimeError("while_present needs a running task")
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        while (await receive())["type"] != "http.disconnect":
            pass
        has_left = True
        work.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not has_left:
            raise
        work.uncancel()
        raise ClientGone("The client closed the connection.") from None
    finally:
        # Not awaited: the watcher can then cancel this task only while it is suspended inside the block.
        watcher.cancel()
