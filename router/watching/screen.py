"""The live table of `shunt top`."""

import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from router.watching.frame import Frame, Row, frame
from router.watching.scrape import Scrape

COLUMNS = ("target", "tier", "state", "req/s", "share", "TTFT p50", "tokens/s", "queue", "live", "spent")


def once(look: Callable[[], Scrape], console: Console, interval_s: float) -> None:
    """Print the table of one interval."""
    before = look()
    time.sleep(interval_s)
    console.print(table(frame(before, look())))


def watch(look: Callable[[], Scrape], console: Console, interval_s: float) -> None:
    """Show the table anew after every interval, until Ctrl-C."""
    before = look()
    with Live(table(frame(before, before)), console=console, screen=True) as live:
        while True:
            time.sleep(interval_s)
            after = look()
            live.update(table(frame(before, after)))
            before = after


def table(shown: Frame) -> RenderableType:
    """The frame as two lines and a table."""
    rows = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in shown.rows:
        rows.add_row(*_cells(row))
    first = f"{shown.requests_per_s:.1f} requests/s, {shown.inflight} under way, {shown.refused_per_s:.1f}/s refused"
    second = f"spent ${shown.cost_usd:.4f}, saved ${shown.saved_usd:.4f}, {shown.escalations_per_s:.1f}/s escalated"
    return Group(first, second, "", rows)


def _cells(row: Row) -> tuple[str, ...]:
    ttft = "-" if row.ttft_ms is None else f"<= {row.ttft_ms:.0f} ms"
    numbers = (f"{row.requests_per_s:.1f}", f"{row.share:.0%}", ttft, f"{row.tokens_per_s:.0f}")
    return (row.target, row.tier, row.state, *numbers, f"{row.queued}", f"{row.live}", f"${row.cost_usd:.4f}")
