"""What the tests of the telemetry have in common."""

import pytest

from router.telemetry import outlet
from tests.fakes.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued is written before a test reads it, however busy the machine is."""
    monkeypatch.setattr(outlet, "CLOSE_S", PATIENCE_S)
