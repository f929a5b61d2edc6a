"""One running router for all that asks it from outside."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.clients.place import Place, open_place


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """The router of the matrix and of the tests of the wire."""
    async with open_place(tmp_path_factory.mktemp("clients")) as opened:
        yield opened
