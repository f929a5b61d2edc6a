"""Feedback and captured words: through the journal into the store, and out of it when their time is over."""

from pathlib import Path

from sqlalchemy import select

from router.capture import CaptureSettings
from router.config import LedgerSettings
from router.ledger.drainer import Drainer
from router.ledger.entry import Capture, Feedback, entry_of, line_of
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.ledger.store import Store
from router.ledger.tables import captures, feedback
from router.ledger.tally import Tally
from tests.ledger.books import drained, stored_ids
from tests.ledger.examples import NOON, RECORD

OPINION = Feedback("req_1", NOON, "app", 0.25, "too long")
WORDS = Capture("req_1", NOON, "app", "auto", "what is it?", "this", NOON + 60)


def written(folder: Path, *entries: object) -> None:
    journal = Journal(folder / JOURNAL_FOLDER)
    journal.open()
    assert all(journal.append(entry) for entry in entries)
    journal.close()


def kept(folder: Path, column: object) -> list[object]:
    with Store.in_folder(folder) as store, store.reading() as connection:
        return [*connection.scalars(select(column))]


def test_a_line_is_what_it_was():
    """Every kind of entry is read as it was written, and nothing else is taken for one."""
    assert [entry_of(line_of(entry)) for entry in (RECORD, OPINION, WORDS)] == [RECORD, OPINION, WORDS]
    assert entry_of(b'{"feedback":{}}\n') is entry_of(b'{"praise":{}}\n') is entry_of(b"{") is None


def test_they_arrive_once_beside_the_record(tmp_path: Path):
    """Records alone are counted as records; draining again adds nothing."""
    written(tmp_path, RECORD, OPINION, WORDS)
    assert (drained(tmp_path).stored, drained(tmp_path).stored) == (1, 0)
    assert stored_ids(tmp_path) == ["req_1"]
    assert kept(tmp_path, feedback.c.comment) == ["too long"]
    assert kept(tmp_path, captures.c.bytes) == [len("what is it?this")]


def test_words_go_when_their_time_is_over_or_they_are_too_many(tmp_path: Path):
    """Each has its own end; of what is left the oldest go until the rest is small enough."""
    until = 4e9
    many = [Capture(f"r{n}", NOON, None, "auto", "x" * 100, "", until) for n in range(10)]
    written(tmp_path, WORDS, *many)
    drainer = Drainer(tmp_path, Tally(), LedgerSettings(), lambda: CaptureSettings(1.0, max_bytes=350))
    drainer.drain_once()
    assert kept(tmp_path, captures.c.request_id) == ["r7", "r8", "r9"]


def test_old_opinions_go_with_their_records(tmp_path: Path):
    """`keep_days` is for everything."""
    written(tmp_path, RECORD, OPINION, WORDS)
    drained(tmp_path)
    with Store.in_folder(tmp_path) as store:
        assert store.prune(NOON + 1) == 1
    assert kept(tmp_path, feedback.c.id) == kept(tmp_path, captures.c.id) == []
