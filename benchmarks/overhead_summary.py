"""Many rounds of the overhead benchmark in a few figures: medians over the rounds, with their range."""

from dataclasses import dataclass
from statistics import median

from benchmarks.load import Load, Spread

RESOLUTION = 0.001
"""The load generator counts whole microseconds: chunks read at once are no time apart."""


@dataclass(frozen=True, slots=True)
class Round:
    """One pair of measurements, the CPU time that the router's process used in its own, and the pace around it."""

    direct: Load
    router: Load
    router_cpu_seconds: float
    reference_ms: float


def summarise(name: str, rounds: list[Round]) -> dict[str, object]:
    """The figures of one scenario.

    `added_ms` is router minus direct within each round, then the median; `ratio` is router over direct, likewise.
    `router_cpu_references_per_request` is CPU time in units of `pace.reference_ms`, taken around the same round.
    """
    cpu_ms = [1e3 * r.router_cpu_seconds / r.router.requests for r in rounds]
    summary: dict[str, object] = {
        "scenario": name,
        "latency_ms": _compare(rounds, "latency_ms"),
        "first_byte_ms": _compare(rounds, "first_byte_ms"),
        "requests_per_s": _pair([(r.direct.requests_per_s, r.router.requests_per_s) for r in rounds]),
        "router_cpu_ms_per_request": _range(cpu_ms),
        "router_cpu_references_per_request": _range(
            [ms / r.reference_ms for ms, r in zip(cpu_ms, rounds, strict=True)]
        ),
        "reference_ms": _range([r.reference_ms for r in rounds]),
        "router_cpu_share_of_a_core": _range([r.router_cpu_seconds / r.router.seconds for r in rounds]),
    }
    if all(r.router.gap_ms for r in rounds):
        summary["gap_ms"] = _compare(rounds, "gap_ms")
        summary["router_cpu_us_per_event"] = _range([1e6 * r.router_cpu_seconds / r.router.events for r in rounds])
    return summary


def _compare(rounds: list[Round], field: str) -> dict[str, object]:
    pairs = [(getattr(r.direct, field), getattr(r.router, field)) for r in rounds]
    return {quantile: _added(pairs, quantile) for quantile in ("p50", "p99")}


def _added(pairs: list[tuple[Spread, Spread]], quantile: str) -> dict[str, float]:
    values = [(getattr(direct, quantile), getattr(router, quantile)) for direct, router in pairs]
    added = [router - direct for direct, router in values]
    return {**_pair(values), "added_ms": median(added), "added_ms_lowest": min(added), "added_ms_highest": max(added)}


def _pair(values: list[tuple[float, float]]) -> dict[str, float]:
    return {
        "direct": median(direct for direct, _ in values),
        "router": median(router for _, router in values),
        "ratio": median(router / max(direct, RESOLUTION) for direct, router in values),
    }


def _range(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "lowest": min(values), "highest": max(values)}
