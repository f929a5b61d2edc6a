"""The curve of quality over the share of large calls: as text for a terminal, and as a PNG."""

from collections.abc import Sequence
from pathlib import Path

from classifiers.measuring import Report, Step
from router.errors import ConfigError

ROWS, COLUMNS = 14, 61


def text_curve(report: Report) -> str:
    """Router `o`, length `.`, both `8`, over the share of large calls; plain characters that any terminal has."""
    found = [step.quality.value for step in (*report.curve, *report.length_curve)]
    low, high = min(found), max(found)
    span = (high - low) or 1.0
    grid = [[" "] * COLUMNS for _ in range(ROWS)]
    for mark, curve in ((".", report.length_curve), ("o", report.curve)):
        for column in range(COLUMNS):
            row = ROWS - 1 - round((_at(curve, column / (COLUMNS - 1)) - low) / span * (ROWS - 1))
            grid[row][column] = "8" if grid[row][column] == "." and mark == "o" else mark
    lines = []
    for number, cells in enumerate(grid):
        value = high - span * number / (ROWS - 1)
        lines.append(f"{value:7.3f} |{''.join(cells)}".rstrip())
    lines.append(" " * 8 + "+" + "-" * COLUMNS)
    lines.append(" " * 9 + "0 %".ljust(COLUMNS // 2 - 1) + "50 %".ljust(COLUMNS // 2 - 3) + "100 %")
    lines.append(" " * 9 + "share of large calls; o score, . prompt length")
    return "\n".join(lines)


def draw(report: Report, path: Path) -> None:
    """Write the curve with its 95 % intervals as a PNG.

    Raises:
        ConfigError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (only for a picture, and not a dependency)
    except ImportError:
        raise ConfigError("--plot needs matplotlib, which is not installed: pip install matplotlib") from None
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, curve, style in (("score", report.curve, "-"), ("prompt length", report.length_curve, "--")):
        shares = [100 * step.share for step in curve]
        axes.plot(shares, [step.quality.value for step in curve], style, label=name)
        axes.fill_between(
            shares, [step.quality.low for step in curve], [step.quality.high for step in curve], alpha=0.15, lw=0
        )
    axes.plot([0, 100], [report.small, report.large], ":", color="gray", label="random")
    axes.set_xlabel("share of large calls, %")
    axes.set_ylabel("mean score")
    axes.set_title(f"APGR {report.router.apgr} on {report.rows} prompts")
    axes.legend()
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _at(curve: Sequence[Step], share: float) -> float:
    place = min(int(share * (len(curve) - 1)), len(curve) - 2)
    part = share * (len(curve) - 1) - place
    return curve[place].quality.value * (1 - part) + curve[place + 1].quality.value * part
