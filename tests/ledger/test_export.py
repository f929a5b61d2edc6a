"""The records in the forms that other tools read."""

import csv
import errno
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from arro3.io import read_parquet

from router.ledger.export import export
from router.ledger.form import Format
from router.ledger.journal import JOURNAL_FOLDER, Journal
from tests.ledger.examples import NOON, record
from tests.ledger.test_verify import CONFIG

RECORDS = [
    record("a", cost_usd=None, tags=("team-a", "prod"), key="app", attempts=("small:timeout", "large:ok")),
    record("b", at=NOON + 60, score=None, cost_usd=0.25, task='say "hi", twice\n'),
]


@pytest.fixture
def books(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / JOURNAL_FOLDER)
    journal.open()
    for each in RECORDS:
        journal.append(each)
    journal.close()
    return tmp_path


def written(books: Path, form: Format, since: float | None = None) -> bytes:
    out = io.BytesIO()
    export(replace(CONFIG, state_dir=books), form, out, since)
    return out.getvalue()


def test_json_lines_hold_every_field(books: Path):
    """One object for each record, lists as lists, unknown as null, what waits in the journal included."""
    rows = [json.loads(line) for line in written(books, Format.JSONL).splitlines()]
    assert [(row["request_id"], row["cost_usd"], row["tags"]) for row in rows] == [
        ("a", None, ["team-a", "prod"]),
        ("b", 0.25, []),
    ]
    assert rows[0]["attempts"] == ["small:timeout", "large:ok"]
    assert rows[0].keys() >= {"request_id", "day", "key", "baseline_usd", "price_map", "energy_j"}
    assert rows[0].keys().isdisjoint({"id", "journal", "position"})


def test_csv_is_read_back(books: Path):
    """Quotes, commas and line ends survive; unknown is empty."""
    rows = list(csv.DictReader(io.StringIO(written(books, Format.CSV).decode())))
    assert [(row["request_id"], row["cost_usd"], row["task"]) for row in rows] == [
        ("a", "", "extraction"),
        ("b", "0.25", 'say "hi", twice\n'),
    ]


def test_only_what_is_new_enough(books: Path):
    """`since` is a moment, and what happened at it is in."""
    assert written(books, Format.JSONL, NOON + 60).count(b"\n") == 1


def test_more_than_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Rows come in batches, in order, none twice."""
    monkeypatch.setattr("router.ledger.export.BATCH", 5)
    journal = Journal(tmp_path / JOURNAL_FOLDER)
    journal.open()
    for number in range(23):
        journal.append(record(f"req_{number}"))
    journal.close()
    rows = [json.loads(line)["request_id"] for line in written(tmp_path, Format.JSONL).splitlines()]
    assert rows == [f"req_{number}" for number in range(23)]


def test_parquet_keeps_types(books: Path):
    """Numbers are numbers and unknown is null."""
    table = read_parquet(io.BytesIO(written(books, Format.PARQUET))).read_all()
    names = ("request_id", "cost_usd", "stream", "prompt_tokens")
    assert [table.column(name).to_pylist() for name in names] == [["a", "b"], [None, 0.25], [True, True], [120, 120]]


class Full(io.RawIOBase):
    """A disk without room."""

    def writable(self) -> bool:
        return True

    def write(self, _data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("form", Format)
def test_a_full_disk_is_an_error_like_any_other(books: Path, form: Format):
    """Whatever the format, the writer hears of it."""
    with pytest.raises(OSError, match="No space left"):
        export(replace(CONFIG, state_dir=books), form, Full())
