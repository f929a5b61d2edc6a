"""The live table of `shunt top`."""

import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from router.errors import ConfigError
from router.watching.frame import Frame, Row, frame
from router.watching.scrape import Scrape

# The ledger is about a second behind while all is well.
LATE_S = 10.0
COLUMNS = ("target", "tier", "state", "req/s", "share", "TTFT p50", "tokens/s", "queue", "live", "spent")


def once(look: Callable[[], Scrape], console: Console, interval_s: float) -> None:
    """Print the table of one interval."""
    before = look()
    time.sleep(interval_s)
    console.print(table(frame(before, look())))


def watch(look: Callable[[], Scrape], console: Console, interval_s: float) -> None:
    """Show the table anew after every interval, until Ctrl-C; a router that is started again is waited for."""
    before = look()
    with Live(table(frame(before, before)), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval_s)
            try:
                after = look()
            except ConfigError as error:
                live.update(Text(str(error), style="red"), refresh=True)
                continue
            live.update(table(frame(before, after)), refresh=True)
            before = after


def table(shown: Frame) -> RenderableType:
    """The frame as two lines and a table."""
    rows = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in shown.rows:
        rows.add_row(*_cells(row))
    first = f"{shown.requests_per_s:.1f} requests/s, {shown.inflight} under way, {shown.refused_per_s:.1f}/s refused"
    first += f", {shown.escalations_per_s:.1f}/s escalated"
    second = f"since it started: spent ${shown.cost_usd:.4f}, saved ${shown.saved_usd:.4f}"
    more = [f"budget {name} {used:.0%}" for name, used in shown.budgets]
    more += [f"ledger {shown.ledger_behind_s:.0f} s behind"] if shown.ledger_behind_s > LATE_S else []
    return Group(first, ", ".join((second, *more)), "", rows)


def _cells(row: Row) -> tuple[str, ...]:
    ttft = "-" if row.ttft_ms is None else f"<= {row.ttft_ms:.0f} ms"
    numbers = (f"{row.requests_per_s:.1f}", f"{row.share:.0%}", ttft, f"{row.tokens_per_s:.0f}")
    return (row.target, row.tier, row.state, *numbers, f"{row.queued}", f"{row.live}", f"${row.cost_usd:.4f}")
