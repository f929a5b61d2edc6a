"""The overhead benchmark measures a real router, and its documentation shows what it measured."""

import argparse
import json

import pytest

from benchmarks import overhead
from benchmarks.results import FOLDER

# One router for the whole file.
pytestmark = pytest.mark.xdist_group("overhead")


@pytest.fixture(scope="module")
def result() -> dict[str, object]:
    """A run too short to mean anything, of everything."""
    parser = argparse.ArgumentParser()
    overhead.add_options(parser)
    return overhead.run(parser.parse_args(["--rounds", "1", "--seconds", "0.3", "--chunks", "8", "--gap-ms", "2"]))


def test_every_scenario_is_measured(result: dict[str, object]):
    """One summary for each kind of load; the router costs CPU in each of them."""
    assert [scenario.name for scenario in overhead.SCENARIOS] == [one["scenario"] for one in result["scenarios"]]
    assert all(one["router_cpu_ms_per_request"]["lowest"] > 0 for one in result["scenarios"])
    assert [False, False, False, True, True] == ["gap_ms" in one for one in result["scenarios"]]


def test_client_ledger_and_metrics_agree(result: dict[str, object]):
    """Every request is in the ledger and in the metrics, to the token, and each was judged."""
    counts = result["agreement"]
    assert counts["client"] == counts["ledger"]
    assert {"requests": counts["client"]["requests"], "scores": counts["client"]["requests"]} == counts["metrics"]


def test_the_process_stays_small(result: dict[str, object]):
    """At most 200 MB without litellm."""
    assert (True, False) == (result["rss_mb"]["after"] <= 200, result["litellm_loaded"])


def test_the_docs_show_the_kept_figures():
    """The table in docs/benchmarks.md is the one that the kept result makes."""
    record = json.loads((FOLDER / "overhead.json").read_text(encoding="utf-8"))
    shown = (FOLDER.parents[1] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [] == [line for line in overhead.lines(record["result"]) if line not in shown]
