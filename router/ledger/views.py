"""A report as a table for a person, as JSON, and as CSV."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.ledger.line import Line
from router.ledger.reports import Report
from router.ledger.sparkline import days_of

PLAIN_WIDTH = 240  # a pipe has no width of its own, and a line of a table must not be broken there
SUMS = tuple(field.name for field in fields(Line) if field.name != "group")


def as_json(report: Report) -> str:
    """One object: what it is grouped by, the lines, and the total; null is unknown."""
    rows = [_object(report, line) for line in report.lines]
    total = {name: value for name, value in asdict(report.total).items() if name != "group"}
    return json.dumps({"by": report.by, "since": _time(report.since), "rows": rows, "total": total}, indent=2)


def as_csv(report: Report) -> str:
    """A header and one line for each group; an empty field is unknown. No total, so that columns can be added up."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*report.by, *SUMS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_object(report, line) for line in report.lines)
    return text.getvalue()


def show(report: Report, console: Console) -> None:
    """The table; plain text when the output is not a terminal."""
    if not console.is_terminal:
        console = Console(file=console.file, width=PLAIN_WIDTH)
    period = "" if report.since is None else f" since {_time(report.since)}"
    if not report.total.requests:
        console.print(f"No requests{period}.", highlight=False)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for by in report.by:
        table.add_column(by.value)
    for name in ("requests", "tokens in", "tokens out", "cost", "large model", "saved"):
        table.add_column(name, justify="right")
    for line in report.lines:
        table.add_row(*("-" if key is None else escape(key) for key in line.group), *_cells(line))
    if report.by and len(report.lines) > 1:
        table.add_row("total", *("" for _ in report.by[1:]), *_cells(report.total), style="bold")
    console.print(table)
    for words in days_of(report):
        console.print(words, highlight=False, soft_wrap=True)
    console.print(_notes(report, period), style="dim", highlight=False)


def _cells(line: Line) -> Iterable[str]:
    yield from (f"{number:,}" for number in (line.requests, line.prompt_tokens, line.completion_tokens))
    yield _partial(line.cost_usd, line.unknown_costs)
    yield _partial(line.baseline_usd, line.unknown_savings)
    yield _partial(line.saved_usd, line.unknown_savings)


def _partial(usd: float | None, unknown: int) -> str:
    if usd is None:
        return "unknown"
    return f"{dollars(usd)} + {unknown} unknown" if unknown else dollars(usd)


def dollars(usd: float) -> str:
    """Two places from a dollar on, six below; the sign before the dollar."""
    size = f"{abs(usd):,.2f}" if abs(usd) >= 1 else f"{abs(usd):.6f}"
    return f"-${size}" if usd < 0 and float(size.replace(",", "")) else f"${size}"


def _notes(report: Report, period: str) -> str:
    notes = [f"Days are days of UTC{period and f'; everything{period}'}."]
    if report.total.unknown_costs:
        notes.append("An unknown cost is in no sum: give the model a price in the policy file.")
    return " ".join(notes)


def _object(report: Report, line: Line) -> dict[str, object]:
    keys = dict(zip(report.by, line.group, strict=True))
    return {**{by.value: key for by, key in keys.items()}, **{name: getattr(line, name) for name in SUMS}}


def _time(since: float | None) -> str | None:
    return None if since is None else datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M UTC")
