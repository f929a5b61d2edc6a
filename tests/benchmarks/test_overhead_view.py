"""The overhead benchmark's figures are shown as they were measured."""

from pathlib import Path

import pytest

from benchmarks.load import Load, Spread
from benchmarks.overhead_summary import Round, summarise
from benchmarks.overhead_view import lines, plot


def load(p50: float, requests: int, events: int) -> Load:
    spread = Spread(mean=p50, p50=p50, p90=p50, p99=2 * p50, max=3 * p50)
    return Load(requests, 0, events, 2.0, 0.1, spread, spread, spread if events else None)


@pytest.fixture
def result() -> dict[str, object]:
    whole = summarise("whole", [Round(load(0.5, 4000, 0), load(2.0, 1000, 0), 1.5, 0.1)])
    stream = summarise("stream", [Round(load(0.5, 20, 200), load(2.0, 20, 200), 0.05, 0.1)])
    return {"scenarios": [whole, stream], "rss_mb": {"ready": 120.4, "warm": 125.5, "after": 130.0}}


def test_the_table_holds_the_measured_figures(result: dict[str, object]):
    """Direct, router, the difference, the rates and the CPU of each request, and of each event of a stream."""
    shown = lines(result)
    assert "| whole | 0.5 / 1 | 2 / 4 | 1.5 / 3 | 2000 | 500 | 1.50 (1.50) | 15.0 |  |" == shown[2]
    assert "| stream | 0.5 / 1 | 2 / 4 | 1.5 / 3 | 10.0 | 10.0 | 2.50 (2.50) | 25.0 | 250 |" == shown[3]
    assert "RSS of the router: 120 MB when ready, 126 MB warm, 130 MB after the load." == shown[-1]


def test_the_picture_is_a_png(result: dict[str, object], tmp_path: Path):
    """One PNG is drawn, whatever the number of scenarios."""
    record = {"result": result, "date": "2026-08-01T00:00:00+00:00", "machine": {"cpu": "x", "cores": 2}}
    plot(record, tmp_path / "overhead.png")
    assert b"\x89PNG" == (tmp_path / "overhead.png").read_bytes()[:4]
