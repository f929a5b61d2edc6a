"""What calibrate, train and evaluate print."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from classifiers.adapting import Comparison
from classifiers.measuring import Report, Worth
from router.quality.calibrate import Outlook
from router.quality.curve import text_curve

PLAIN_WIDTH = 160
TARGET_ERROR = 0.05
"""Expected calibration error that a probability may have and still be called one."""


def show_outlook(found: Outlook, console: Console) -> None:
    """The threshold and what to expect of it."""
    console = _wide(console)
    point, error = found.point, found.calibrated
    rest = f"; {found.left_out} more are decided by other rules" if found.left_out else ""
    _say(console, f"{found.objective}: threshold {point.threshold:g} on {found.rows} prompts{rest}")
    console.print(_outlook_table(found, "to the large model"))
    note = "" if error.error <= TARGET_ERROR else f", over {TARGET_ERROR}: more rows would help"
    _say(
        console,
        f"calibration error {error.error:.3f} by {error.calibration.method} on unseen rows"
        f" ({error.error_before:.3f} as the score is){note}",
    )


def show_line(found: Outlook, stage: str, console: Console) -> None:
    """The line of `verify` and what to expect of it."""
    console = _wide(console)
    words = f"{found.objective}: good enough from a probability of {1 - found.point.threshold:.4g} on, by {stage}"
    rest = f"; {found.left_out} more are not checked" if found.left_out else ""
    _say(console, f"{words}, on {found.rows} answers{rest}")
    console.print(_outlook_table(found, "of the checked answers move"))


def _outlook_table(found: Outlook, share_words: str) -> Table:
    expected, point = found.expected, found.point
    table = _table("", "expected", "95 % of resamples")
    for words, figure, unit in (
        (share_words, expected.large_pct, "%"),
        ("too close to call", expected.abstain_pct if point.stop > point.start else None, "%"),
        ("quality kept", expected.quality, ""),
        ("saved", expected.saving_pct, "%"),
        ("cost of 1,000 prompts", expected.usd_per_1k, " USD"),
    ):
        if figure is not None:
            bounds = f"{figure.low:.4g} to {figure.high:.4g}{unit}"
            table.add_row(words, f"{figure.value:.4g}{unit}", bounds)
    return table


def show_comparison(found: Comparison, console: Console) -> None:
    """The new artifact beside the one it was taught from."""
    console = _wide(console)
    table = _table(f"{found.held_out} held-out prompts", "now", "taught", "difference")
    table.add_row("APGR (more is better)", str(found.apgr[0]), str(found.apgr[1]), str(found.apgr_difference))
    table.add_row(
        "log loss (less is better)", str(found.log_loss[0]), str(found.log_loss[1]), str(found.log_loss_difference)
    )
    console.print(table)


def show_report(report: Report, console: Console) -> None:
    """The figures with their intervals, length beside them, the curve, and the groups."""
    console = _wide(console)
    _say(console, f"{report.rows} prompts; small alone {report.small:.3f}, large alone {report.large:.3f}")
    table = _table("", "APGR (random 0.5)", "CPT50", "CPT80")
    for name, worth in (("score", report.router), ("prompt length", report.length)):
        table.add_row(name, str(worth.apgr), str(worth.cpt50), str(worth.cpt80))
    console.print(table)
    _say(console, f"calibration error {report.calibration_error:.3f}\n")
    console.print(_curve_table(report))
    console.print(f"\n{text_curve(report)}\n", highlight=False, markup=False, soft_wrap=True)
    for words, groups in (("task", report.by_task), ("language", report.by_language)):
        if len(groups) > 1:
            console.print(_group_table(words, groups))


def as_json(report: Report) -> str:
    """The whole report; a figure that the rows do not give is null."""
    return json.dumps(_finite(asdict(report)), indent=1, ensure_ascii=False)


def _curve_table(report: Report) -> Table:
    table = _table("large calls", "mean score", "by length", "USD for 1,000 prompts")
    for step, length in zip(report.curve, report.length_curve, strict=True):
        cost = "-" if step.usd_per_1k is None else str(step.usd_per_1k)
        table.add_row(f"{step.share:.0%}", str(step.quality), str(length.quality), cost)
    return table


def _group_table(words: str, groups: Mapping[str, tuple[Worth, Worth]]) -> Table:
    table = _table(words, "prompts", "APGR", "by length")
    for name, (worth, length) in groups.items():
        table.add_row(escape(name), str(worth.rows), str(worth.apgr), str(length.apgr))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _wide(console: Console) -> Console:
    # A pipe has no width of its own, and a line of a table must not be broken there.
    return console if console.is_terminal else Console(file=console.file, width=PLAIN_WIDTH)


def _say(console: Console, words: str) -> None:
    console.print(words, highlight=False, markup=False, soft_wrap=True)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 (NaN alone differs from itself)
