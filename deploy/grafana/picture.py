"""A dashboard as one picture, drawn from what Prometheus answered: for the documentation, where there is no Grafana."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deploy.grafana.panel import Board, Panel

COLUMNS, UNIT_IN = 24, 0.6
_UNITS = {"percentunit": (100.0, "%"), "s": (1000.0, "ms"), "bytes": (2.0**-20, "MiB"), "currencyUSD": (1.0, "USD")}
_UNITS |= {"reqps": (1.0, "requests/s"), "watt": (1.0, "W"), "short": (1.0, "")}


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its legend, seconds since the start, and values in the panel's unit."""

    legend: str
    times_s: tuple[float, ...]
    values: tuple[float, ...]


def legend_of(written: str, labels: Mapping[str, str]) -> str:
    """Grafana's legend: `{{label}}` is that label's value."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), written)


def draw(board: Board, answers: Mapping[Panel, Sequence[Series]], path: Path) -> None:
    """Write the board as a PNG, its panels where Grafana would have them."""
    rows = [_lines(row.panels) for row in board.rows]
    heights = [1 if line[0].kind == "stat" else 3 for lines in rows for line in lines]
    figure = Figure(figsize=(COLUMNS * UNIT_IN, sum(heights) * 1.1 + 0.6), layout="constrained")
    grid = figure.add_gridspec(len(heights), COLUMNS, height_ratios=heights)
    for number, line in enumerate(line for lines in rows for line in lines):
        start = 0
        for panel in line:
            _panel(figure.add_subplot(grid[number, start : start + panel.width]), panel, answers[panel])
            start += panel.width
    figure.suptitle(board.title, x=0.01, ha="left", weight="bold")
    figure.savefig(path, dpi=80)


def _lines(panels: Sequence[Panel]) -> list[list[Panel]]:
    """Panels side by side, until a line is full."""
    lines: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(one.width for one in lines[-1]) + panel.width > COLUMNS:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _panel(axis: Axes, panel: Panel, answer: Sequence[Series]) -> None:
    factor, unit = _UNITS[panel.unit]
    axis.set_title(panel.title, fontsize=9, loc="left")
    if panel.kind == "stat":
        axis.axis("off")
        values = [series.values[-1] for series in answer]
        axis.text(0.5, 0.4, f"{factor * sum(values):.4g} {unit}", fontsize=14, ha="center", va="center")
        return
    axis.tick_params(labelsize=7)
    axis.set_ylabel(unit, fontsize=7)
    for series in answer:
        axis.plot(
            series.times_s, [factor * value for value in series.values], label=series.legend[:40] or None, marker="."
        )
    values = [0.0, *(value for series in answer for value in series.values)]
    axis.set_ylim(1.1 * factor * min(values), 1.1 * factor * max(values) or 1.0)
    axis.set_xlabel("seconds", fontsize=7)
    if any(series.legend for series in answer):
        axis.legend(fontsize=6, loc="upper left")
