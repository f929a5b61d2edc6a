"""The records as JSON lines, CSV or Parquet, row by row: the whole ledger never has to fit into memory."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from router.config import Config
from router.errors import ConfigError
from router.ledger.drain import drain
from router.ledger.form import Format
from router.ledger.store import Store
from router.ledger.tables import records
from router.ledger.tally import Tally

BATCH = 5_000
INNER = frozenset({"id", "journal", "position"})  # where a record came from is of no use elsewhere
COLUMNS = tuple(column for column in records.columns if column.name not in INNER)


def export(config: Config, form: Format, out: BinaryIO, since: float | None = None) -> int:
    """Write every record from `since` on, oldest first, and return how many; what waits in the journals is stored first.

    Raises:
        ConfigError: the ledger cannot be used.
    """
    write = {Format.JSONL: _jsonl, Format.CSV: _csv, Format.PARQUET: _parquet}[form]
    try:
        with Store.of(config.state_dir, config.ledger) as store:
            drain(config.state_dir, store, Tally())
            return write(_batches(store, since), out)
    except SQLAlchemyError as error:
        raise ConfigError(f"the ledger of {config.state_dir} cannot be used: {type(error).__name__}") from error


def _batches(store: Store, since: float | None) -> Iterator[list[Mapping[str, Any]]]:
    query = select(*COLUMNS).order_by(records.c.id)
    if since is not None:
        query = query.where(records.c.at >= since)
    with store.reading() as connection:
        rows = connection.execution_options(yield_per=BATCH).execute(query)
        for rows_of_batch in rows.mappings().partitions(BATCH):
            yield [dict(row) for row in rows_of_batch]


def _jsonl(batches: Iterator[list[Mapping[str, Any]]], out: BinaryIO) -> int:
    count = 0
    for batch in batches:
        out.writelines(json.dumps(_typed(row), allow_nan=False).encode() + b"\n" for row in batch)
        count += len(batch)
    return count


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as lists: the store keeps them as text."""
    return {**row, "attempts": json.loads(row["attempts"]), "tags": row["tags"].split(",") if row["tags"] else []}


def _csv(batches: Iterator[list[Mapping[str, Any]]], out: BinaryIO) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.DictWriter(text, [column.name for column in COLUMNS], lineterminator="\n")
    writer.writeheader()
    count = 0
    for batch in batches:
        writer.writerows(batch)
        count += len(batch)
    text.flush()
    text.detach()
    return count


def _parquet(batches: Iterator[list[Mapping[str, Any]]], out: BinaryIO) -> int:
    from router.ledger.parquet import write  # noqa: PLC0415 - 12 MB that only this format needs

    return write(COLUMNS, batches, out)
