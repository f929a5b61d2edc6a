"""Draining, and what the store then holds."""

import sqlite3
from pathlib import Path

from router.ledger.drain import drain
from router.ledger.store import FILE_NAME, Store
from router.ledger.tally import Tally


def drained(state_dir: Path) -> Tally:
    """What one pass over the journals of `state_dir` does."""
    tally = Tally()
    with Store.in_folder(state_dir) as store:
        assert drain(state_dir, store, tally)
    return tally


def stored(state_dir: Path) -> list[dict[str, object]]:
    """The rows of the store, read without our own code."""
    connection = sqlite3.connect(state_dir / FILE_NAME)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute("select * from records order by id")]
    finally:
        connection.close()


def stored_ids(state_dir: Path) -> list[object]:
    return [row["request_id"] for row in stored(state_dir)]
