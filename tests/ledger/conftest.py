"""What the tests of the ledger have in common."""

import pytest

from router.ledger import ledger
from tests.fakes.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is journaled is stored before a test reads it, however busy the machine is."""
    monkeypatch.setattr(ledger, "STOP_S", PATIENCE_S)
