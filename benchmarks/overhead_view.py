"""The overhead benchmark's figures for people: lines for the terminal, a picture for the docs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HEADER = (
    f"{'':24}{'direct ms':>18}{'router ms':>18}{'added ms':>18}{'requests/s':>18}{'CPU':>12}\n"
    f"{'':24}{'p50':>9}{'p99':>9}{'p50':>9}{'p99':>9}{'p50':>9}{'p99':>9}{'direct':>9}{'router':>9}{'ms/req':>12}"
)


def lines(result: Mapping[str, Any]) -> list[str]:
    """A table of the scenarios, then memory."""
    memory = result["rss_mb"]
    return [
        HEADER,
        *(_row(scenario) for scenario in result["scenarios"]),
        *(_stream_row(scenario) for scenario in result["scenarios"] if "gap_ms" in scenario),
        f"RSS: {memory['ready']:.0f} MB ready, {memory['warm']:.0f} MB warm, {memory['after']:.0f} MB after the load",
    ]


def _row(scenario: Mapping[str, Any]) -> str:
    """One scenario; of a stream the time that counts is the one to its first byte."""
    time = scenario["first_byte_ms" if "gap_ms" in scenario else "latency_ms"]
    cells = [time[quantile][arm] for arm in ("direct", "router", "added_ms") for quantile in ("p50", "p99")]
    rate = scenario["requests_per_s"]
    cpu = scenario["router_cpu_ms_per_request"]["median"]
    durations = "".join(f"{cell:9.2f}" for cell in cells)
    return f"{scenario['scenario']:24}{durations}{rate['direct']:9.0f}{rate['router']:9.0f}{cpu:12.2f}"


def _stream_row(scenario: Mapping[str, Any]) -> str:
    gap, cpu = scenario["gap_ms"]["p99"], scenario["router_cpu_us_per_event"]["median"]
    return f"{scenario['scenario']:24}{cpu:.0f} us CPU per event; p99 gap {gap['direct']:.2f} -> {gap['router']:.2f} ms"


def plot(record: Mapping[str, Any], path: Path) -> None:
    """Draw added latency, requests/s and CPU per request as one PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only a picture needs

    scenarios = record["result"]["scenarios"]
    figure = Figure(figsize=(12, 4), layout="constrained")
    latency, rate, cpu = figure.subplots(1, 3, sharey=True)
    names = [scenario["scenario"] for scenario in scenarios]
    times = [scenario["first_byte_ms" if "gap_ms" in scenario else "latency_ms"] for scenario in scenarios]
    _bars(latency, names, [("p50", _added(times, "p50")), ("p99", _added(times, "p99"))])
    latency.set_xlabel("added latency, ms (streams: to the first byte)")
    rates = [scenario["requests_per_s"]["router"] for scenario in scenarios]
    _bars(rate, names, [("through the router", rates)])
    rate.set_xlabel("requests/s through the router")
    spent = [scenario["router_cpu_ms_per_request"]["median"] for scenario in scenarios]
    _bars(cpu, names, [("router process", spent)])
    cpu.set_xlabel("CPU ms per request, router process")
    machine = record["machine"]
    figure.suptitle(
        f"Router in front of a mock: {machine['cpu']}, {machine['cores']} shared cores, {record['date'][:10]}"
    )
    figure.savefig(path, dpi=110)


def _added(times: Sequence[Mapping[str, Any]], quantile: str) -> list[float]:
    return [time[quantile]["added_ms"] for time in times]


def _bars(axes: Any, names: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> None:
    height = 0.8 / len(series)
    for number, (label, values) in enumerate(series):
        places = [place + number * height for place in range(len(names))]
        bars = axes.barh(places, values, height=height * 0.9, label=label)
        axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=8)
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(names))], names)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        axes.legend(fontsize=8)
