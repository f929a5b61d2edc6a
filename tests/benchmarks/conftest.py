"""What the benchmark tests share: they need a C compiler and Linux's /proc."""

import os
import shutil
import sys
from collections.abc import Iterator

import pytest

from benchmarks.servers import Server, serve_mock


@pytest.fixture(scope="session", autouse=True)
def _compiler() -> None:
    if sys.platform != "linux" or shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("needs Linux and a C compiler")


@pytest.fixture
def mock() -> Iterator[Server]:
    """A mock whose streams have 5 words without a pause."""
    with serve_mock(chunks=5, gap_ms=0) as server:
        yield server
