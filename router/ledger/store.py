"""The store: records, and what is kept beside them, behind SQLAlchemy; SQLite in a file by default."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Self

import msgspec
from sqlalchemy import (
    URL,
    Connection,
    Table,
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
from router.ledger.entry import Entry, Feedback
from router.ledger.record import UsageRecord
from router.ledger.tables import captures, feedback, metadata, progress, records, schema

FILE_NAME = "ledger.sqlite3"
BUSY_S = 10.0
MIGRATION_LOCK = 0x5348554E54  # SHUNT


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
    _create,  # feedback and captures
    adds("baseline_cached_tokens"),
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
            raise ConfigError("PostgreSQL needs psycopg: pip install 'psycopg[binary]'") from None

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

    def add(self, journal: str, lines: Sequence[tuple[int, Entry]], end: int) -> int:
        """Store entries with their places in `journal`, and that it is read up to `end`, in one transaction.

        Returns how many records were new; a place that is there already is left alone.
        """
        rows: dict[Table, list[Mapping[str, object]]] = {}
        for position, entry in lines:
            table, row = _row(entry)
            rows.setdefault(table, []).append({**row, "journal": journal, "position": position})
        with self.engine.begin() as connection:
            new = {table: self._insert(connection, table, found) for table, found in rows.items()}
            moved = connection.execute(update(progress).where(progress.c.journal == journal).values(position=end))
            if not moved.rowcount:
                connection.execute(insert(progress).values(journal=journal, position=end))
        return new.get(records, 0)

    def _insert(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> int:
        if self._is_file:
            return connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows).rowcount
        # PostgreSQL's driver does not tell the number of rows of a batch, so that they are asked for.
        statement = postgresql.insert(table).on_conflict_do_nothing().returning(table.c.id)
        return len(connection.execute(statement, rows).all())

    def forget(self, journal: str) -> None:
        """The file is gone: its progress is no longer needed."""
        with self.engine.begin() as connection:
            connection.execute(delete(progress).where(progress.c.journal == journal))

    def prune(self, before: float) -> int:
        """Delete the records from before that moment (Unix seconds) with what belongs to them, and return how many."""
        with self.engine.begin() as connection:
            for table in (feedback, captures):
                connection.execute(delete(table).where(table.c.at < before))
            return connection.execute(delete(records).where(records.c.at < before)).rowcount

    def forget_words(self, now: float, max_bytes: int | None = None) -> None:
        """Delete the captured words whose time is over, and the oldest of those that are more than `max_bytes`."""
        with self.engine.begin() as connection:
            connection.execute(delete(captures).where(captures.c.until < now))
            if max_bytes is None:
                return
            upto = func.sum(captures.c.bytes).over(order_by=captures.c.id.desc()).label("upto")
            sizes = select(captures.c.id, upto).subquery()
            found = connection.scalar(select(func.max(sizes.c.id)).where(sizes.c.upto > max_bytes))
            if found is not None:
                connection.execute(delete(captures).where(captures.c.id <= found))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for a report."""
        with self.engine.connect() as connection:
            yield connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.engine.dispose()


def _row(entry: Entry) -> tuple[Table, dict[str, object]]:
    if isinstance(entry, UsageRecord):
        # asdict would copy every value: three times the work of all the rest.
        row = {name: getattr(entry, name) for name in _FIELDS}
        row["attempts"] = msgspec.json.encode(entry.attempts).decode()
        row["tags"] = ",".join(entry.tags)
        row["day"] = time.strftime("%Y-%m-%d", time.gmtime(entry.at))
        return records, row
    # Words of anybody's: PostgreSQL has no character 0, and one of them must not hold up the others.
    words = asdict(entry).items()
    row = {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in words}
    if isinstance(entry, Feedback):
        return feedback, row
    row["bytes"] = len(entry.prompt.encode()) + len(entry.answer.encode())
    return captures, row


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
