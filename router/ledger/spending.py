"""What was spent before this process began, so that a restart gives nobody a fresh budget."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError

from router.config import IN_FILE, LedgerSettings
from router.errors import ConfigError
from router.ledger.drain import drain
from router.ledger.store import Store
from router.ledger.tables import records
from router.ledger.tally import Tally
from router.limits.quotas import Spent


@dataclass(frozen=True, slots=True)
class Span:
    """The day and the month that it is, up to the moment when this process began. All in Unix seconds."""

    month_start: float
    day_start: float
    end: float


def spent_in(state_dir: Path, span: Span, settings: LedgerSettings = IN_FILE) -> list[Spent]:
    """What each key with its tags has spent, and nobody's in the shadow; what waits in the journals is stored first.

    Raises:
        ConfigError: the ledger cannot be read or written now.
    """
    table = records.c
    query = (
        select(
            table.key,
            table.tags,
            func.sum(case((table.at >= span.day_start, table.cost_usd), else_=0.0)),
            func.sum(table.cost_usd),
        )
        .where(table.at >= span.month_start, table.at < span.end)
        .group_by(table.key, table.tags)
    )
    try:
        with Store.of(state_dir, settings) as store:
            drain(state_dir, store, Tally())
            with store.reading() as connection:
                rows = connection.execute(query).all()
    except (SQLAlchemyError, OSError) as error:
        raise ConfigError(f"the ledger in {state_dir} cannot be used: {type(error).__name__}") from error
    return [
        Spent(key, tuple(tags.split(",")) if tags else (), day or 0.0, month or 0.0) for key, tags, day, month in rows
    ]
