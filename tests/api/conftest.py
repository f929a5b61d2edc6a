"""What the tests of the API may ask for."""

from collections.abc import Iterator

import pytest

from tests.fakes.inside import Client, running


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The application in this process."""
    with running(tmp_path_factory.mktemp("state")) as client:
        yield client
