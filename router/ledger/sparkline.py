"""A row of small bars, one for each day."""

from collections.abc import Sequence
from datetime import date, timedelta

from router.ledger.grouping import By
from router.ledger.reports import Report

BARS = "▁▂▃▄▅▆▇█"
MOST_DAYS = 120


def bars(values: Sequence[float]) -> str:
    """From the least, or zero, to the most."""
    low, high = min(0.0, *values), max(0.0, *values)
    size = high - low
    return "".join(
        BARS[min(len(BARS) - 1, int((value - low) / size * len(BARS)))] if size else BARS[0] for value in values
    )


def days_of(report: Report) -> list[str]:
    """Requests and savings by day, in words and bars; nothing where the report is not by day, or of one day alone."""
    place = report.by.index(By.DAY) if By.DAY in report.by else None
    found = {line.group[place] or "" for line in report.lines} if place is not None else set()
    if place is None or len(found) < 2:
        return []
    first, last = date.fromisoformat(min(found)), date.fromisoformat(max(found))
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    names = [str(first + timedelta(days=number)) for number in range((last - first).days + 1)]
    told = []
    for what, name in (("requests", "requests"), ("cost", "cost_usd"), ("saved", "saved_usd")):
        sums = dict.fromkeys(names, 0.0)
        for line in report.lines:
            if line.group[place] in sums:
                sums[line.group[place] or ""] += getattr(line, name) or 0.0
        told.append(f"{what:8} {bars([*sums.values()])}")
    return [*told, f"         {names[0]} to {names[-1]}, a bar for each day"]
