"""The overhead benchmark's figures follow from its rounds."""

import pytest

from benchmarks.load import Load, Spread
from benchmarks.overhead_summary import Round, summarise


def spread(p50: float) -> Spread:
    return Spread(mean=p50, p50=p50, p90=p50, p99=2 * p50, max=3 * p50)


def load(p50: float, requests: int, events: int = 0) -> Load:
    gap = spread(10.0) if events else None
    return Load(requests, 0, events, 2.0, 0.1, spread(p50), spread(p50), gap)


ROUNDS = [
    Round(load(1.0, 2000), load(3.0, 1000), 1.0, 0.1),
    Round(load(1.0, 2000), load(4.0, 1000), 1.5, 0.1),
    Round(load(2.0, 1000), load(9.0, 500), 3.0, 0.2),
]


def test_added_time_is_the_median_of_the_differences_within_rounds():
    """Router minus direct is taken in each round first, so that a slow minute of the machine cancels."""
    latency = summarise("x", ROUNDS)["latency_ms"]
    assert {
        "direct": 1.0, "router": 4.0, "ratio": 4.0, "added_ms": 3.0, "added_ms_lowest": 2.0, "added_ms_highest": 7.0,
    } == latency["p50"]  # fmt: skip
    assert 6.0 == latency["p99"]["added_ms"]


def test_cpu_is_for_each_request():
    """CPU seconds over requests, in milliseconds, with the range over the rounds."""
    assert {"median": 1.5, "lowest": 1.0, "highest": 6.0} == summarise("x", ROUNDS)["router_cpu_ms_per_request"]


def test_rates_are_over_the_whole_time():
    """Requests over seconds of each arm, and their ratio."""
    assert {"direct": 1000.0, "router": 500.0, "ratio": 0.5} == summarise("x", ROUNDS)["requests_per_s"]


def test_streams_have_a_cost_for_each_event():
    """With stream events the CPU of one event is told, in microseconds."""
    summary = summarise("x", [Round(load(1.0, 10, 100), load(1.0, 10, 100), 0.02, 0.1)])
    assert pytest.approx(200.0) == summary["router_cpu_us_per_event"]["median"]
    assert 0.0 == summary["gap_ms"]["p99"]["added_ms"]


def test_whole_answers_have_no_events():
    """Nothing is said about events where there were none."""
    assert {"gap_ms", "router_cpu_us_per_event"}.isdisjoint(summarise("x", ROUNDS))


def test_cpu_is_also_told_in_references():
    """CPU over the reference work of the same round: when the whole machine is slow, this does not grow."""
    summary = summarise("x", ROUNDS)
    assert {"median": 15.0, "lowest": 10.0, "highest": 30.0} == pytest.approx(
        summary["router_cpu_references_per_request"]
    )
    assert {"median": 0.1, "lowest": 0.1, "highest": 0.2} == summary["reference_ms"]
