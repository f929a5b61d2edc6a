"""Noticing that the client has left."""

import asyncio

import pytest
from starlette.types import Message

from router.api.presence import while_present
from router.errors import ClientGone


async def _never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def _gone() -> Message:
    return {"type": "http.disconnect"}


async def test_a_disconnect_stops_the_block():
    """Work for a client that has left is cancelled, and the reason is ClientGone."""
    with pytest.raises(ClientGone):
        async with while_present(_gone):
            await asyncio.Event().wait()
    assert asyncio.current_task().cancelling() == 0


async def test_a_present_client_changes_nothing():
    """A block that ends by itself is left alone."""
    async with while_present(_never):
        await asyncio.sleep(0)


async def test_a_cancellation_from_outside_is_not_a_disconnect():
    """When the server stops a request, the request sees a cancellation."""
    entered = asyncio.Event()

    async def work() -> None:
        async with while_present(_never):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_watcher_does_not_outlive_the_block():
    """Nothing per request is left behind."""
    async with while_present(_never):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
