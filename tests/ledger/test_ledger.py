"""The facade that the request path holds."""

import fcntl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from router.config import Config, LedgerSettings
from router.errors import ConfigError
from router.ledger.drain import LOCK_NAME, journal_sizes
from router.ledger.drainer import Drainer
from router.ledger.journal import JOURNAL_FOLDER
from router.ledger.ledger import Ledger
from router.ledger.store import FILE_NAME
from router.ledger.tally import Tally
from tests.fakes.patience import PATIENCE_S
from tests.ledger.books import stored_ids
from tests.ledger.examples import record

ROOT = Path(__file__).resolve().parents[2]


def ledger(state_dir: Path) -> Ledger:
    return Ledger(
        Config(path=None, models={}, tiers=(), policies={}, default_policy="auto", state_dir=state_dir / "state")
    )


def test_closing_stores_everything(tmp_path: Path):
    """After an orderly end every record is in the store and no journal is left."""
    books = ledger(tmp_path)
    books.start()
    for number in range(5):
        books.record(record(f"req_{number}"))
    books.close()
    assert stored_ids(tmp_path / "state") == [f"req_{number}" for number in range(5)]
    assert list(journal_sizes(tmp_path / "state")) == []
    assert books.tally == Tally(written=5, stored=5)


def test_a_start_stores_what_a_dead_process_left(tmp_path: Path):
    """The next process to run completes the books of the one before."""
    first = ledger(tmp_path)
    first.start()
    first._journal.append(record("left"))
    first._journal.close()
    second = ledger(tmp_path)
    second.start()
    second.close()
    assert stored_ids(tmp_path / "state") == ["left"]
    first.close()


def test_a_ledger_that_was_not_started_touches_no_disk(tmp_path: Path):
    """Explaining a decision builds a ledger and leaves no trace of it."""
    books = ledger(tmp_path)
    books.record(record("nowhere"))
    books.close()
    assert list(tmp_path.iterdir()) == []
    assert books.tally == Tally(dropped=1)


def test_a_folder_that_cannot_be_written_refuses_the_start(tmp_path: Path):
    """Serving without books would be found out too late."""
    (tmp_path / "state").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match="state"):
        ledger(tmp_path).start()


def test_a_store_that_is_down_is_said_once_and_then_back(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """An outage of the store is one line in the log, its end another; records wait in between, and that is told."""
    books = ledger(tmp_path)
    books._journal.open()
    books.record(record("waits"))
    database = tmp_path / "state" / FILE_NAME
    database.mkdir()
    drainer = Drainer(tmp_path / "state", books.tally)
    books.tally.current_at = 0.0
    drainer.drain_once()
    drainer.drain_once()
    assert books.tally.current_at == 0.0
    database.rmdir()
    drainer.drain_once()
    assert 0 <= books.tally.behind_s < 60
    books.tally.current_at = 0.0
    drainer.drain_once()  # nothing is new, so that nothing waits
    assert 0 <= books.tally.behind_s < 60
    assert [entry.levelname for entry in caplog.records] == ["ERROR", "WARNING"]
    assert stored_ids(tmp_path / "state") == ["waits"]
    books.close()


def test_what_another_process_was_draining_is_looked_at_again(tmp_path: Path):
    """A command that drains at the same moment may have passed the last lines: nothing counts as stored because of it."""
    books = ledger(tmp_path)
    books._journal.open()
    drainer = Drainer(tmp_path / "state", books.tally)
    drainer.drain_once()
    books.record(record("late"))
    books.tally.current_at = 0.0
    with (tmp_path / "state" / JOURNAL_FOLDER / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        drainer.drain_once()
    assert (books.tally.stored, books.tally.current_at) == (0, 0.0)
    drainer.drain_once()
    assert stored_ids(tmp_path / "state") == ["late"]
    assert 0 <= books.tally.behind_s < 60
    books.close()


def test_the_last_pass_waits_for_another_processs(tmp_path: Path):
    """A server that stops while a command drains leaves nothing in its journal."""
    books, is_stopping = ledger(tmp_path), threading.Event()
    books._journal.open()
    books.record(record("last"))
    is_stopping.set()
    with (tmp_path / "state" / JOURNAL_FOLDER / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stopping = threading.Thread(target=Drainer(tmp_path / "state", books.tally).run, args=(is_stopping,))
        stopping.start()
        stopping.join(0.2)  # long enough to see one that does not wait end
        assert stopping.is_alive()
    stopping.join(PATIENCE_S)
    assert stored_ids(tmp_path / "state") == ["last"]
    books.close()


def test_a_store_that_is_down_for_an_hour_loses_nothing(tmp_path: Path):
    """An hour of passes that fail: requests go on, and every record arrives once when the store is back."""
    state = tmp_path / "state"
    books = ledger(tmp_path)
    books._journal.open()
    state_file = state / FILE_NAME
    state_file.mkdir()  # a folder where the file should be: nothing can be opened
    drainer = Drainer(state, books.tally)
    for number in range(3600):
        books.record(record(f"req_{number}"))
        if number % 60 == 0:
            drainer.drain_once()
    assert (books.tally.written, books.tally.dropped, books.tally.stored) == (3600, 0, 0)
    state_file.rmdir()
    drainer.drain_once()
    books._journal.close()
    drainer.drain_once()
    assert sorted(stored_ids(state)) == sorted(f"req_{number}" for number in range(3600))
    assert books.tally.stored == 3600


def test_old_records_go(tmp_path: Path):
    """With `keep_days` what is older is deleted by the drainer, and what is newer stays."""
    now = time.time()
    state = tmp_path / "state"
    books = ledger(tmp_path)
    books._journal.open()
    for name, age_days in (("old", 31), ("new", 29)):
        books.record(record(name, at=now - age_days * 86_400))
    books._journal.close()
    Drainer(state, books.tally, LedgerSettings(keep_days=30)).drain_once()
    assert stored_ids(state) == ["new"]


def test_one_thread_at_a_time_loads_the_library_of_the_store(tmp_path: Path):
    """The drain and what the limits carry over begin together: two that import SQLAlchemy at once get half of it each."""
    command = [sys.executable, "-m", "tests.ledger.beginner", str(tmp_path)]
    begun = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ("2 False\n", "") == (begun.stdout, begun.stderr)
