"""The overhead benchmark's figures for people: lines for the terminal, a picture for the docs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = (
    "load",
    "direct p50 / p99, ms",
    "router p50 / p99, ms",
    "added p50 / p99, ms",
    "requests/s direct",
    "requests/s router",
    "CPU ms per request (lowest)",
    "CPU in references",
    "CPU us per event",
)


def lines(result: Mapping[str, Any]) -> list[str]:
    """A Markdown table of the scenarios, then memory; docs/benchmarks.md holds the same lines."""
    memory = result["rss_mb"]
    cells = [COLUMNS, ("---", *["--:"] * (len(COLUMNS) - 1)), *(_cells(scenario) for scenario in result["scenarios"])]
    ready, warm, after = (f"{memory[when]:.0f} MB" for when in ("ready", "warm", "after"))
    return [
        *(f"| {' | '.join(row)} |" for row in cells),
        "",
        f"RSS of the router: {ready} when ready, {warm} warm, {after} after the load.",
    ]


def _cells(scenario: Mapping[str, Any]) -> tuple[str, ...]:
    time, rate = _time(scenario), scenario["requests_per_s"]
    durations = [f"{time['p50'][arm]:.3g} / {time['p99'][arm]:.3g}" for arm in ("direct", "router", "added_ms")]
    cpu, event = scenario["router_cpu_ms_per_request"], scenario.get("router_cpu_us_per_event")
    return (
        scenario["scenario"],
        *durations,
        *(f"{rate[arm]:.{0 if rate[arm] >= 100 else 1}f}" for arm in ("direct", "router")),
        f"{cpu['median']:.2f} ({cpu['lowest']:.2f})",
        f"{scenario['router_cpu_references_per_request']['median']:.1f}",
        f"{event['median']:.0f}" if event else "",
    )


def _time(scenario: Mapping[str, Any]) -> Mapping[str, Any]:
    """The time that a client feels: of a stream the one to its first byte."""
    time: Mapping[str, Any] = scenario["first_byte_ms" if "gap_ms" in scenario else "latency_ms"]
    return time


def plot(record: Mapping[str, Any], path: Path) -> None:
    """Draw added latency, requests/s and CPU per request as one PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only a picture needs

    scenarios, machine = record["result"]["scenarios"], record["machine"]
    names = [scenario["scenario"] for scenario in scenarios]
    added = {quantile: [_time(scenario)[quantile]["added_ms"] for scenario in scenarios] for quantile in ("p50", "p99")}
    rates = [scenario["requests_per_s"]["router"] for scenario in scenarios]
    cpu = [scenario["router_cpu_ms_per_request"]["median"] for scenario in scenarios]
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, sharey=True)
    _bars(left, names, added, "added latency, ms (streams: to the first byte)")
    _bars(middle, names, {"": rates}, "requests/s through the router")
    _bars(right, names, {"": cpu}, "CPU ms per request, router's process")
    left.legend(fontsize=8)
    left.invert_yaxis()
    figure.suptitle(
        f"Router in front of a mock: {machine['cpu']}, {machine['cores']} shared cores, {record['date'][:10]}"
    )
    figure.savefig(path, dpi=110)


def _bars(axes: Any, names: Sequence[str], series: Mapping[str, Sequence[float]], label: str) -> None:
    height = 0.8 / len(series)
    for number, (name, values) in enumerate(series.items()):
        bars = axes.barh([at + number * height for at in range(len(names))], values, height=height * 0.9, label=name)
        axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=8)
    axes.set_yticks([at + 0.4 - height / 2 for at in range(len(names))], names)
    axes.set_xlabel(label)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
