"""The benchmark of the ledger measures what it says."""

import pytest

from benchmarks import ledger


def test_every_figure_is_there(monkeypatch: pytest.MonkeyPatch):
    """A small run yields every figure, and its table names each part."""
    monkeypatch.setattr(ledger, "RECORDS", 50)
    monkeypatch.setattr(ledger, "LINES", 20)
    monkeypatch.setattr(ledger, "ROUNDS", 2)
    result = ledger.run()
    assert [result[name]["best"] > 0 for name in ledger.PARTS] == [True] * len(ledger.PARTS)
    assert len(ledger.lines(result)) == len(ledger.PARTS) + 2


def test_lost_records_stop_it(monkeypatch: pytest.MonkeyPatch):
    """Figures of a ledger that loses records are not kept."""
    monkeypatch.setattr(ledger, "RECORDS", 10)
    monkeypatch.setattr("router.ledger.journal.Journal.append", lambda *_: True)
    with pytest.raises(RuntimeError, match="10 records were written, 0 stored"):
        ledger.run()
