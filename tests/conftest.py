"""What every test may ask for."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.large import LargeServer
from tests.fakes.shunt import ShuntServer

# A busy machine is not a broken promise: examples have no deadline of their own, tests have pytest's timeout.
# Everybody's run tries the same examples, so that a change is judged by what it changes; `make fuzz` tries new ones.
settings.register_profile(
    "shunt", deadline=None, derandomize="SHUNT_FUZZ" not in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shunt")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real weights and data beside the checkout; tests that need it skip by name without it."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "models").is_dir():
        pytest.skip("needs ../shared (real weights and data), which is not on this machine")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large() -> AsyncIterator[LargeServer]:
    """A large model's server for the tests of one module."""
    async with LargeServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shunt(
    request: pytest.FixtureRequest, large: LargeServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ShuntServer]:
    """A running router with the module's `POLICY` (`ENVIRON`, `WINDOW`): a tiny `{small}` model here, `{large}` behind it."""
    folder = tmp_path_factory.mktemp("shunt")
    small = write_tiny_gguf(folder / "tiny.gguf", context=getattr(request.module, "WINDOW", 512))
    policy = request.module.POLICY.format(small=small, large=large.base_url)
    async with ShuntServer(folder, policy, environ=getattr(request.module, "ENVIRON", None)) as server:
        yield server
