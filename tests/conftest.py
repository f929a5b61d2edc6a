"""What every test may ask for."""

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is not a broken promise: examples have no deadline of their own, tests have pytest's timeout.
settings.register_profile("shunt", deadline=None)
settings.load_profile("shunt")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real weights and data beside the checkout; tests that need it skip by name without it."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "models").is_dir():
        pytest.skip("needs ../shared (real weights and data), which is not on this machine")
    return folder
