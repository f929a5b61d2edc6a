"""From the journals to the store: every record, once."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from router.errors import ConfigError
from router.ledger.drain import drain, journal_sizes
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.ledger.store import (
    ENERGY_COLUMNS,
    ESCALATION_COLUMNS,
    FILE_NAME,
    KEY_COLUMNS,
    KIND_COLUMNS,
    MIGRATIONS,
    Store,
    records,
    schema,
)
from router.ledger.tally import Tally
from tests.ledger.books import drained, stored, stored_ids
from tests.ledger.examples import RECORD, record


@pytest.fixture
def journal(tmp_path: Path):
    opened = Journal(tmp_path / JOURNAL_FOLDER)
    opened.open()
    yield opened
    opened.close()


def test_a_record_arrives_whole(journal: Journal, tmp_path: Path):
    """Every field of the record is a column of the row, and the day is that of UTC."""
    journal.append(RECORD)
    drained(tmp_path)
    row = stored(tmp_path)[0]
    assert (row["request_id"], row["target"], row["day"]) == ("req_1", "small", "2026-11-22")
    assert (row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"]) == (120, 40, 20)
    assert (row["cost_usd"], row["baseline_usd"], row["score"], row["ttft_s"]) == (0.0, 0.0007, 0.25, 0.1)
    assert (row["stream"], row["attempts"]) == (1, '["small:ok"]')


def test_draining_again_adds_nothing(journal: Journal, tmp_path: Path):
    """The place up to which a live file was read is remembered with the rows."""
    journal.append(record("a"))
    assert drained(tmp_path).stored == 1
    assert drained(tmp_path).stored == 0
    journal.append(record("b"))
    assert drained(tmp_path).stored == 1
    assert stored_ids(tmp_path) == ["a", "b"]


def test_losing_the_place_doubles_nothing(journal: Journal, tmp_path: Path):
    """Even when a file is read from its beginning again, each record is known by its place in it."""
    journal.append(record("a"))
    journal.append(record("b"))
    drained(tmp_path)
    with sqlite3.connect(tmp_path / FILE_NAME) as store:
        store.execute("delete from progress")
    store.close()
    assert drained(tmp_path).stored == 0
    assert stored_ids(tmp_path) == ["a", "b"]


def test_two_requests_may_have_the_same_id(journal: Journal, tmp_path: Path):
    """A client chooses its request ids; using one twice does not hide the second request."""
    journal.append(record("same"))
    journal.append(record("same"))
    assert drained(tmp_path).stored == 2


def test_a_live_file_stays_and_a_dead_one_goes(journal: Journal, tmp_path: Path):
    """A file is deleted once it is drained and its writer has let go of it."""
    journal.append(RECORD)
    drained(tmp_path)
    assert len(list(journal_sizes(tmp_path))) == 1
    journal.close()
    drained(tmp_path)
    assert list(journal_sizes(tmp_path)) == []
    assert stored_ids(tmp_path) == ["req_1"]


def test_a_half_line_waits_while_its_writer_lives(journal: Journal, tmp_path: Path):
    """The end of a live file may still be on its way; that of a dead one never comes, and is counted."""
    journal.append(record("a"))
    with next((tmp_path / JOURNAL_FOLDER).glob("*.jsonl")).open("ab") as file:
        file.write(b'{"request_id": "to')
    assert drained(tmp_path) == Tally(stored=1)
    journal.close()
    assert drained(tmp_path) == Tally(unreadable=1)
    assert list(journal_sizes(tmp_path)) == []


def test_a_line_that_cannot_be_read_is_counted_and_passed(journal: Journal, tmp_path: Path):
    """One damaged line costs one record, not the file."""
    journal.append(record("a"))
    with next((tmp_path / JOURNAL_FOLDER).glob("*.jsonl")).open("ab") as file:
        file.write(b"garbage\n")
    journal.append(record("b"))
    assert drained(tmp_path) == Tally(stored=2, unreadable=1)
    assert stored_ids(tmp_path) == ["a", "b"]


def test_an_entry_that_the_store_cannot_hold_is_counted_and_passed(journal: Journal, tmp_path: Path):
    """A number beyond the store's own costs one entry, not the ledger; draining again counts and stores nothing more."""
    journal.append(record("a"))
    journal.append(record("beyond", prompt_tokens=2**63))
    journal.append(record("b"))
    assert drained(tmp_path) == Tally(stored=2, unreadable=1)
    assert drained(tmp_path) == Tally()
    journal.append(record("c"))
    assert drained(tmp_path) == Tally(stored=1)
    assert stored_ids(tmp_path) == ["a", "b", "c"]


def test_only_one_drains_at_a_time(tmp_path: Path):
    """A second process that does not want to wait is told so."""
    import fcntl

    folder = tmp_path / JOURNAL_FOLDER
    folder.mkdir()
    with (folder / "drain.lock").open("w") as lock, Store.in_folder(tmp_path) as store:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not drain(tmp_path, store, Tally(), wait=False)


def test_a_failing_store_keeps_the_journal(journal: Journal, tmp_path: Path):
    """Nothing is deleted until it is in the store, and then nothing is missing."""
    journal.append(RECORD)
    journal.close()
    (tmp_path / FILE_NAME).write_bytes(b"not a database, and long enough to be seen as one" * 50)
    with pytest.raises(Exception, match="not a database"):
        drained(tmp_path)
    assert len(list(journal_sizes(tmp_path))) == 1
    (tmp_path / FILE_NAME).unlink()
    assert drained(tmp_path).stored == 1


def test_a_newer_store_is_refused(tmp_path: Path):
    """An older program does not write into tables that it does not know."""
    drained(tmp_path)
    with Store.in_folder(tmp_path) as store, store.engine.begin() as connection:
        connection.execute(update(schema).values(version=len(MIGRATIONS) + 1))
    with pytest.raises(ConfigError, match="version"):
        drained(tmp_path)


def test_an_interrupted_migration_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A step that fails takes the whole migration back."""

    def half(connection: object) -> None:
        connection.execute(insert(schema).values(version=7))
        raise RuntimeError("power cut")

    with Store.in_folder(tmp_path) as store:
        monkeypatch.setattr("router.ledger.store.MIGRATIONS", (*MIGRATIONS, half))
        with pytest.raises(RuntimeError):
            store.migrate()
        monkeypatch.undo()
        store.migrate()
    assert stored(tmp_path) == []


def test_records_of_many_batches_arrive_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file larger than one transaction is stored piece by piece, completely."""
    monkeypatch.setattr("router.ledger.drain.BATCH_BYTES", 1500)
    journal = Journal(tmp_path / JOURNAL_FOLDER)
    journal.open()
    for number in range(40):
        journal.append(record(f"req_{number}"))
    journal.close()
    assert drained(tmp_path).stored == 40
    assert stored_ids(tmp_path) == [f"req_{number}" for number in range(40)]


def test_an_older_store_learns_of_escalations(tmp_path: Path):
    """A store of the first version keeps its records, takes new ones, and what it did not know counts as none."""
    with Store.in_folder(tmp_path) as store:
        store.migrate()
        store.add("a", [(0, record("old"))], 10)
        with store.engine.begin() as connection:
            for name in (*ESCALATION_COLUMNS, *KEY_COLUMNS, *KIND_COLUMNS, *ENERGY_COLUMNS):
                connection.exec_driver_sql(f"ALTER TABLE records DROP COLUMN {name}")
            connection.execute(update(schema).values(version=1))
        store.migrate()
        moved = record("new", escalated_from="small", escalation_signal="json", escalation_prompt_tokens=7)
        store.add("a", [(10, moved)], 20)
        with store.reading() as connection:
            columns = [records.c[name] for name in ("request_id", "escalated_from", "escalation_prompt_tokens")]
            found = connection.execute(select(*columns).order_by(records.c.request_id)).all()
    assert [tuple(row) for row in found] == [("new", "small", 7), ("old", None, 0)]
