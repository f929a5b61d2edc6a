"""The ledger in a real PostgreSQL: the same promises as in the file beside the journal."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from router.config import LedgerSettings, Secret
from router.ledger import reports
from router.ledger.drain import drain
from router.ledger.drainer import Drainer
from router.ledger.grouping import By
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.ledger.store import Store
from router.ledger.tables import captures, feedback, records
from router.ledger.tally import Tally
from tests.ledger.examples import NOON, record
from tests.ledger.postgres import Postgres, postgres, postgres_server
from tests.ledger.test_words import OPINION, WORDS

__all__ = ["postgres", "postgres_server"]
pytestmark = pytest.mark.xdist_group("postgres")


def settings(server: Postgres) -> LedgerSettings:
    return LedgerSettings(Secret("LEDGER_URL", server.url))


def written(folder: Path, *names: str) -> None:
    journal = Journal(folder / JOURNAL_FOLDER)
    journal.open()
    for name in names:
        assert journal.append(record(name, tags=("team-a",), attempts=("a:ok", "b:timeout")))
    journal.close()


def ids(server: Postgres, folder: Path) -> Counter:
    with Store.of(folder, settings(server)) as store, store.reading() as connection:
        return Counter(connection.scalars(select(records.c.request_id)))


def test_records_arrive_once_and_add_up(postgres: Postgres, tmp_path: Path):
    """Draining again adds nothing, reports add up, and old records go when their time is over."""
    written(tmp_path, "a", "b")
    report = reports.up_to_date(tmp_path, [By.DAY, By.TAG], None, settings(postgres))
    assert [(line.group, line.requests, line.prompt_tokens) for line in report.lines] == [
        (("2026-11-22", "team-a"), 2, 240)
    ]
    written(tmp_path, "c")
    tally = Tally()
    with Store.of(tmp_path, settings(postgres)) as store:
        drain(tmp_path, store, tally)
        drain(tmp_path, store, tally)
        assert tally.stored == 1
        assert store.prune(NOON) == 0
        assert store.prune(NOON + 1) == 3


def test_replicas_that_begin_together_migrate_once(postgres: Postgres, tmp_path: Path):
    """Folders of their own, one database: nobody makes the tables twice, and nothing is lost or doubled."""
    folders = [tmp_path / f"replica-{number}" for number in range(3)]

    def replica(folder: Path) -> None:
        written(folder, *(f"{folder.name}-{number}" for number in range(50)))
        with Store.of(folder, settings(postgres)) as store:
            drain(folder, store, Tally())

    with ThreadPoolExecutor(3) as replicas:
        list(replicas.map(replica, folders))
    found = ids(postgres, folders[0])
    assert (len(found), max(found.values())) == (150, 1)


def test_a_database_that_is_away_costs_nothing_but_time(postgres: Postgres, tmp_path: Path):
    """Away for as long as it likes: records wait in the journal, and arrive once when it is back."""
    drainer, tally = Drainer(tmp_path, Tally(), settings(postgres)), Tally()
    written(tmp_path, "before")
    drainer.drain_once()
    postgres.stop()
    for number in range(3):
        written(tmp_path, *(f"away-{number}-{each}" for each in range(20)))
        drainer.drain_once()
    postgres.start()
    drainer.drain_once()
    found = ids(postgres, tmp_path)
    assert (len(found), max(found.values()), tally.dropped) == (61, 1, 0)
    with Store.of(tmp_path, settings(postgres)) as store, store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(records)) == 61


def test_a_database_that_is_killed_while_it_stores_loses_and_doubles_nothing(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Three crashes amid transactions, while requests go on being recorded: each record arrives once, none is dropped."""
    monkeypatch.setattr("router.ledger.drain.BATCH_BYTES", 2048)
    is_over, tally, count = threading.Event(), Tally(), 0
    drainer = Drainer(tmp_path, tally, settings(postgres))
    journal = Journal(tmp_path / JOURNAL_FOLDER, max_file_bytes=65_536)
    journal.open()

    def drain_all_the_time() -> None:
        while not is_over.is_set():
            drainer.drain_once()

    with ThreadPoolExecutor(1) as beside:
        draining = beside.submit(drain_all_the_time)
        try:
            for _ in range(3):
                aim = tally.stored + 30
                while tally.stored < aim and not draining.done():
                    if count < tally.stored + 100:
                        assert journal.append(record(f"req_{count}"))
                        count += 1
                    time.sleep(0)
                postgres.stop()
                postgres.start()
        finally:
            is_over.set()
        draining.result()
    journal.close()
    drainer.drain_once()
    found = ids(postgres, tmp_path)
    assert found == Counter(f"req_{number}" for number in range(count))
    assert tally.unreadable == 0


def test_feedback_and_words_are_kept_there_too(postgres: Postgres, tmp_path: Path):
    """They arrive once, and words go when they are too many or too old."""
    journal = Journal(tmp_path / JOURNAL_FOLDER)
    journal.open()
    later = replace(WORDS, request_id="req_2", until=NOON + 1e6)
    assert all(journal.append(entry) for entry in (OPINION, WORDS, later, replace(later, request_id="req_3")))
    journal.close()
    with Store.of(tmp_path, settings(postgres)) as store:
        for _ in range(2):
            drain(tmp_path, store, Tally())
        store.forget_words(NOON + 61, max_bytes=len("what is it?this"))
        with store.reading() as connection:
            assert [*connection.scalars(select(feedback.c.score))] == [0.25]
            assert [*connection.scalars(select(captures.c.request_id))] == ["req_3"]


def test_nothing_that_a_caller_says_holds_up_the_others(postgres: Postgres, tmp_path: Path):
    """PostgreSQL has no character 0 and no number beyond its own: one is replaced, the other left out and counted."""
    journal = Journal(tmp_path / JOURNAL_FOLDER)
    journal.open()
    assert journal.append(replace(OPINION, comment="a\0b"))
    assert journal.append(record("beyond", prompt_tokens=2**40))
    assert journal.append(record("after"))
    journal.close()
    tally = Tally()
    with Store.of(tmp_path, settings(postgres)) as store:
        drain(tmp_path, store, tally)
        with store.reading() as connection:
            assert [*connection.scalars(select(feedback.c.comment))] == ["a\ufffdb"]
            assert [*connection.scalars(select(records.c.request_id))] == ["after"]
    assert tally == Tally(stored=1, unreadable=1)
