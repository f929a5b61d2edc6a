"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
