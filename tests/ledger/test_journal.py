"""The journal: one write for each record, whatever the disk says."""

import errno
import os
from pathlib import Path

import msgspec
import pytest

from router.ledger.journal import Journal
from router.ledger.record import UsageRecord
from tests.ledger.examples import RECORD, record


@pytest.fixture
def journal(tmp_path: Path):
    opened = Journal(tmp_path / "journal")
    opened.open()
    yield opened
    opened.close()


def lines(journal: Journal) -> list[bytes]:
    return b"".join(path.read_bytes() for path in sorted(journal.folder.iterdir())).splitlines()


def test_a_record_is_on_disk_when_append_returns(journal: Journal):
    """Another reader of the file sees the whole line at once, and it reads back equal."""
    assert journal.append(RECORD)
    assert [msgspec.json.decode(line, type=UsageRecord) for line in lines(journal)] == [RECORD]


def test_each_record_is_one_write(journal: Journal, monkeypatch: pytest.MonkeyPatch):
    """A kill can fall between two records, never between two halves of our own making."""
    writes: list[bytes] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(data) or real(fd, data))
    journal.append(RECORD)
    journal.append(RECORD)
    assert [data.count(b"\n") for data in writes] == [1, 1]


def test_a_full_disk_drops_and_never_raises(journal: Journal, monkeypatch: pytest.MonkeyPatch):
    """While writes fail records are dropped, and it works again when there is room."""

    def no_room(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", no_room)
        assert [journal.append(record("lost")), journal.append(record("lost"))] == [False, False]
    assert journal.append(record("kept"))
    assert len(lines(journal)) == 1


def test_an_outage_is_logged_once(journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """A full disk does not fill the log as well."""
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    for _ in range(5):
        journal.append(RECORD)
    assert len(caplog.records) == 1


def test_half_a_record_spoils_no_other(journal: Journal, monkeypatch: pytest.MonkeyPatch):
    """What a full disk cut short is ended before the next record begins."""
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: real(fd, data[:10]))
        assert not journal.append(record("cut"))
    assert journal.append(record("whole"))
    torn, whole = lines(journal)
    assert len(torn) == 10
    assert msgspec.json.decode(whole, type=UsageRecord).request_id == "whole"


def test_a_journal_that_was_never_opened_drops(tmp_path: Path):
    """Commands that only explain touch no disk."""
    assert not Journal(tmp_path / "journal").append(RECORD)
    assert not (tmp_path / "journal").exists()


def test_files_rotate_by_size(tmp_path: Path):
    """No file grows far beyond its bound, and nothing is lost between two."""
    journal = Journal(tmp_path, max_file_bytes=1000)
    journal.open()
    for number in range(10):
        assert journal.append(record(f"req_{number}"))
    journal.close()
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 2000
    assert len(list(tmp_path.iterdir())) > 2
    assert len(lines(journal)) == 10


def test_the_whole_is_bounded_and_recovers(tmp_path: Path):
    """When nobody drains, records are dropped at the bound; once the files are gone, it goes on."""
    journal = Journal(tmp_path, max_file_bytes=1000, max_total_bytes=4000)
    journal.open()
    results = [journal.append(RECORD) for _ in range(50)]
    assert 4 <= results.count(True) <= 15
    assert not results[-1]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 6000
    for path in tmp_path.iterdir():
        path.unlink()
    assert journal.append(RECORD)
    journal.close()


def test_a_record_that_cannot_be_written_in_json_is_dropped(journal: Journal):
    """Even a defect elsewhere does not break the answer."""
    assert not journal.append(record("x", rule="\ud800"))
    assert lines(journal) == []
