"""What the ledger says: requests, tokens, cost and savings, by whatever they are grouped by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from router.config import IN_FILE, LedgerSettings
from router.errors import ConfigError
from router.ledger.drain import drain
from router.ledger.grouping import By
from router.ledger.line import Line
from router.ledger.record import SHADOW
from router.ledger.store import Store
from router.ledger.tables import records
from router.ledger.tagging import by_tag
from router.ledger.tally import Tally


@dataclass(frozen=True, slots=True)
class Report:
    """The lines of every group in order, and the sum of all; `since` in Unix seconds."""

    by: tuple[By, ...]
    since: float | None
    lines: tuple[Line, ...]
    total: Line


def up_to_date(
    state_dir: Path, by: Sequence[By], since: float | None = None, settings: LedgerSettings = IN_FILE
) -> Report:
    """The report up to this moment: what waits in the journals is stored first.

    Raises:
        ConfigError: the ledger cannot be read or written.
    """
    try:
        with Store.of(state_dir, settings) as store:
            drain(state_dir, store, Tally())
            return report(store, by, since)
    except (SQLAlchemyError, OSError) as error:
        raise ConfigError(f"the ledger in {state_dir} cannot be used: {type(error).__name__}") from error


def report(store: Store, by: Sequence[By], since: float | None = None) -> Report:
    """Add up the records from `since` on."""
    keys = [records.c["tags" if name is By.TAG else name] for name in by]
    sums = select(*keys, *_sums()).group_by(*keys).order_by(*keys)
    with store.reading() as connection:
        lines = tuple(_line(row, len(keys)) for row in connection.execute(_from(sums, since)))
        lines = by_tag(lines, list(by).index(By.TAG)) if By.TAG in by else lines
        total = _line(connection.execute(_from(select(*_sums()), since)).one(), 0)
    return Report(tuple(by), since, lines, total)


def _from(query: Select[Any], since: float | None) -> Select[Any]:
    return query if since is None else query.where(records.c.at >= since)


def _sums() -> list[ColumnElement[Any]]:
    table = records.c
    # A difference with an unknown side is NULL, which sums and counts pass over.
    saved = table.baseline_usd - table.cost_usd
    return [
        func.count(),
        func.count(case((table.route != SHADOW, 1))),
        func.coalesce(func.sum(table.prompt_tokens), 0),
        func.coalesce(func.sum(table.completion_tokens), 0),
        func.coalesce(func.sum(table.cached_tokens), 0),
        func.sum(table.cost_usd),
        func.count(table.cost_usd),
        func.sum(case((table.cost_usd.is_not(None), table.baseline_usd))),
        func.sum(saved),
        func.count(saved),
    ]


def _line(row: Row[Any], keys: int) -> Line:
    rows, count, prompt, completion, cached, cost, costs, baseline, saved, savings = row[keys:]
    return Line(
        group=tuple(row[:keys]),
        requests=count,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cost_usd=_known(cost, rows),
        unknown_costs=rows - costs,
        baseline_usd=_known(baseline, rows),
        saved_usd=_known(saved, rows),
        unknown_savings=rows - savings,
    )


def _known(total: float | None, count: int) -> float | None:
    """Nothing was spent by no request; by some whose costs nobody knows, it is unknown what was."""
    return 0.0 if count == 0 else total
