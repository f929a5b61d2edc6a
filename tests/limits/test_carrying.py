"""What was spent before, brought into the limits of a process that begins."""

from pathlib import Path

import pytest

from router import carrying
from router.config import Config
from router.limits.quotas import Quotas
from tests.fakes.served import until


async def test_a_defect_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """Whatever keeps the ledger from being read, an operator hears that budgets begin at zero."""

    def fail(*_arguments: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(carrying, "_spent", fail)
    config = Config(path=None, models={}, tiers=(), policies={}, default_policy="auto", state_dir=tmp_path)
    beginning = carrying.Carrying(config, Quotas(()))
    await beginning.start(wait=True)
    await until(lambda: "budgets begin at zero, until a restart: RuntimeError" in caplog.text)
    await beginning.close()
