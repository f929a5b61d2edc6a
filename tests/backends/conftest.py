"""A scripted large server and the backend that talks to it."""

from collections.abc import AsyncIterator

import pytest

from router.backends.direct import DirectBackend
from tests.fakes.chats import model
from tests.fakes.large import LargeServer


@pytest.fixture
async def large() -> AsyncIterator[LargeServer]:
    """A scripted server that plays by the rules until told otherwise."""
    async with LargeServer() as server:
        yield server


@pytest.fixture
async def direct(large: LargeServer) -> AsyncIterator[DirectBackend]:
    """A started backend pointed at `large`."""
    backend = DirectBackend(model(base_url=large.base_url, key="sk-canary-0001"))
    await backend.start()
    yield backend
    await backend.close()
