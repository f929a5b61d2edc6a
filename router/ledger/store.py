"""The store: one table of records behind SQLAlchemy, SQLite in a file by default."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Self

import msgspec
from sqlalchemy import (
    URL,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateColumn

from router.config import LedgerSettings
from router.errors import ConfigError
from router.ledger.record import UsageRecord

FILE_NAME = "ledger.sqlite3"
BUSY_S = 10.0
MIGRATION_LOCK = 0x5348554E54  # SHUNT

metadata = MetaData()

# A record is known by its place in the journal, not by its request id: a client chooses that id and may use it twice.
records = Table(
    "records",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("journal", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("day", String(10), nullable=False),
    Column("request_id", String, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("route", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("target", String, nullable=False),
    Column("model", String, nullable=False),
    Column("score", Float),
    Column("task", String),
    Column("stream", Boolean, nullable=False),
    Column("outcome", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("usage_estimated", Boolean, nullable=False),
    Column("cost_usd", Float),
    Column("baseline", String),
    Column("baseline_usd", Float),
    Column("latency_s", Float, nullable=False),
    Column("ttft_s", Float),
    Column("attempts", String, nullable=False),
    Column("escalated_from", String),
    Column("escalation_signal", String),
    Column("escalation_prompt_tokens", Integer, nullable=False, server_default="0"),
    Column("escalation_completion_tokens", Integer, nullable=False, server_default="0"),
    Column("escalation_usd", Float),
    Column("key", String),
    Column("tags", String, nullable=False, server_default=""),
    Column("price_map", String),
    Column("cache_write_tokens", Integer, nullable=False, server_default="0"),
    Column("reasoning_tokens", Integer, nullable=False, server_default="0"),
    Column("audio_tokens", Integer, nullable=False, server_default="0"),
    Column("audio_completion_tokens", Integer, nullable=False, server_default="0"),
    Column("image_tokens", Integer, nullable=False, server_default="0"),
    Column("energy_j", Float),
    Column("energy_kind", String),
    Column("cache", String),
    Column("cache_saved_usd", Float),
    UniqueConstraint("journal", "position"),
    Index("records_by_time", "at"),
)
progress = Table(
    "progress",
    metadata,
    Column("journal", String, primary_key=True),
    Column("position", Integer, nullable=False),
)
schema = Table("schema", metadata, Column("version", Integer, nullable=False))


def _create(connection: Connection) -> None:
    metadata.create_all(connection)


def adds(*names: str) -> Callable[[Connection], None]:
    """A step that adds these columns of `records`, as they are declared above, where they are missing."""

    def add(connection: Connection) -> None:
        known = {column["name"] for column in inspect(connection).get_columns(records.name)}
        for name in names:
            if name not in known:  # a store that was made just now has them
                written = CreateColumn(records.c[name]).compile(dialect=connection.dialect)
                connection.exec_driver_sql("ALTER TABLE records ADD COLUMN " + str(written))

    return add


ESCALATION_COLUMNS = (
    "escalated_from",
    "escalation_signal",
    "escalation_prompt_tokens",
    "escalation_completion_tokens",
    "escalation_usd",
)
KEY_COLUMNS = ("key", "tags", "price_map")
KIND_COLUMNS = ("cache_write_tokens", "reasoning_tokens", "audio_tokens", "audio_completion_tokens", "image_tokens")
ENERGY_COLUMNS = ("energy_j", "energy_kind")
CACHE_COLUMNS = ("cache", "cache_saved_usd")
_FIELDS = tuple(field.name for field in fields(UsageRecord))

# Forward only: step n takes a store from version n to n + 1.
MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _create,
    adds(*ESCALATION_COLUMNS),
    adds(*KEY_COLUMNS, *KIND_COLUMNS, *ENERGY_COLUMNS),
    adds(*CACHE_COLUMNS),
)


class Store:
    """One open store, closed as a context; each thread that uses it has its own."""

    def __init__(self, url: URL) -> None:
        self._is_file = url.get_backend_name() == "sqlite"
        patience = {"timeout": BUSY_S} if self._is_file else {"connect_timeout": int(BUSY_S)}
        self.engine = create_engine(url, connect_args=patience)
        if self._is_file:
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", _begin)

    @classmethod
    def in_folder(cls, state_dir: Path) -> "Store":
        """The embedded default: a SQLite file in the state folder."""
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(URL.create("sqlite", database=str(state_dir / FILE_NAME)))

    @classmethod
    def of(cls, state_dir: Path, settings: LedgerSettings) -> "Store":
        """The store that the policy file names, otherwise the embedded default.

        Raises:
            ConfigError: the address is none of a PostgreSQL database, or its driver is not installed.
        """
        if settings.url is None:
            return cls.in_folder(state_dir)
        try:
            url = make_url(settings.url.value)
            if url.get_backend_name() != "postgresql":
                raise ConfigError(f"{settings.url.env} must be an address like postgresql://user@host/database")
            return cls(url.set(drivername="postgresql+psycopg"))
        except ArgumentError:
            raise ConfigError(f"{settings.url.env} must be an address like postgresql://user@host/database") from None
        except ImportError:
            raise ConfigError("PostgreSQL needs psycopg: pip install 'shunt[postgres]'") from None

    def migrate(self) -> None:
        """Bring the tables to this version, one process at a time.

        Raises:
            ConfigError: a newer version of Shunt wrote this store.
        """
        with self.engine.begin() as connection:
            if not self._is_file:
                # The drainer's lock is of one state folder; several of them may share this database.
                connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            version = _version(connection)
            if version > len(MIGRATIONS):
                raise ConfigError(
                    f"{self.engine.url.database}: the ledger has version {version}, this Shunt knows {len(MIGRATIONS)}"
                )
            for step in MIGRATIONS[version:]:
                step(connection)
            if version < len(MIGRATIONS):
                connection.execute(delete(schema))
                connection.execute(insert(schema).values(version=len(MIGRATIONS)))

    def position(self, journal: str) -> int:
        """How many bytes of a journal file are in the store."""
        with self.engine.connect() as connection:
            found = connection.scalar(select(progress.c.position).where(progress.c.journal == journal))
        return found or 0

    def add(self, journal: str, lines: Sequence[tuple[int, UsageRecord]], end: int) -> int:
        """Store records with their places in `journal`, and that it is read up to `end`, in one transaction.

        Returns how many were new; a place that is there already is left alone.
        """
        rows = [_row(journal, position, record) for position, record in lines]
        with self.engine.begin() as connection:
            added = 0
            if rows:
                added = self._insert(connection, rows)
            moved = connection.execute(update(progress).where(progress.c.journal == journal).values(position=end))
            if not moved.rowcount:
                connection.execute(insert(progress).values(journal=journal, position=end))
        return added

    def _insert(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        if self._is_file:
            return connection.execute(sqlite.insert(records).on_conflict_do_nothing(), rows).rowcount
        # PostgreSQL's driver does not tell the number of rows of a batch, so that they are asked for.
        statement = postgresql.insert(records).on_conflict_do_nothing().returning(records.c.id)
        return len(connection.execute(statement, rows).all())

    def forget(self, journal: str) -> None:
        """The file is gone: its progress is no longer needed."""
        with self.engine.begin() as connection:
            connection.execute(delete(progress).where(progress.c.journal == journal))

    def prune(self, before: float) -> int:
        """Delete the records from before that moment (Unix seconds), and return how many."""
        with self.engine.begin() as connection:
            return connection.execute(delete(records).where(records.c.at < before)).rowcount

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for a report."""
        with self.engine.connect() as connection:
            yield connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.engine.dispose()


def _row(journal: str, position: int, record: UsageRecord) -> Mapping[str, object]:
    # asdict would copy every value: three times the work of all the rest.
    row = {name: getattr(record, name) for name in _FIELDS}
    row["attempts"] = msgspec.json.encode(record.attempts).decode()
    row["tags"] = ",".join(record.tags)
    row["day"] = time.strftime("%Y-%m-%d", time.gmtime(record.at))
    return row | {"journal": journal, "position": position}


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema.name):
        return 0
    return connection.scalar(select(schema.c.version)) or 0


def _prepare(connection: sqlite3.Connection, _pooled: object) -> None:
    # The sqlite3 module opens transactions late and none for a change of tables; `_begin` opens every one.
    connection.isolation_level = None
    # WAL lets reports read while the drainer writes.
    connection.execute("PRAGMA journal_mode=WAL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
