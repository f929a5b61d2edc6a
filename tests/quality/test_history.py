"""Labels from the ledger: who answered and at what cost from the books, prompts and opinions from the user's file."""

import json
from pathlib import Path

import pytest

from classifiers.outcomes import DataError
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.quality.history import read_history
from tests.ledger.examples import record


def books(folder: Path, *answers: tuple[str, str]) -> Path:
    """A state folder whose journal holds these requests, by id and target."""
    journal = Journal(folder / JOURNAL_FOLDER)
    journal.open()
    for name, target in answers:
        journal.append(record(name, target=target, outcome="ok", cost_usd=0.001, baseline_usd=0.01))
    journal.close()
    return folder


def prompts(folder: Path, *rows: dict[str, object]) -> Path:
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": "p", **row}) + "\n" for row in rows))
    return path


def test_a_bad_answer_of_the_small_model_needed_the_large_one(tmp_path: Path):
    """A rating of the small model's answer is its score; the large model counts as good enough, at its known price."""
    state = books(tmp_path, ("a", "small"), ("b", "small"))
    found = read_history(
        state, prompts(tmp_path, {"request_id": "a", "rating": 0}, {"request_id": "b", "rating": 1}), "small"
    )
    assert [row.gain for row in found.rows] == [1.0, 0.0]
    assert [(row.small_usd, row.large_usd) for row in found.rows] == [(0.001, 0.01)] * 2


def test_a_large_answer_says_nothing_of_the_small_model(tmp_path: Path):
    """Such a row is left out and counted, unless it brings the small model's own score."""
    state = books(tmp_path, ("a", "large"), ("b", "large"))
    rows = prompts(tmp_path, {"request_id": "a", "rating": 1}, {"request_id": "b", "rating": 0.5, "small": 0.25})
    found = read_history(state, rows, "small")
    assert [(row.small, row.large) for row in found.rows] == [(0.25, 0.5)]
    assert (found.unknown, found.silent) == (0, 1)


def test_requests_that_are_not_in_the_books_are_counted(tmp_path: Path):
    """An unknown id, and one that two requests share, label nothing."""
    state = books(tmp_path, ("a", "small"), ("twice", "small"), ("twice", "large"))
    rows = [{"request_id": name, "rating": 1} for name in ("a", "b", "twice")]
    found = read_history(state, prompts(tmp_path, *rows), "small")
    assert (len(found.rows), found.unknown) == (1, 2)


def test_a_bad_row_is_named(tmp_path: Path):
    """File, line and reason, as for every data file; nothing to learn from is an error too."""
    state = books(tmp_path, ("a", "small"))
    with pytest.raises(DataError, match=r"prompts\.jsonl, line 1: needs a text request_id"):
        read_history(state, prompts(tmp_path, {"rating": 1}), "small")
    with pytest.raises(DataError, match=r"prompts\.jsonl, line 1: rating must be a score"):
        read_history(state, prompts(tmp_path, {"request_id": "a", "rating": 2}), "small")
    with pytest.raises(DataError, match="no row tells"):
        read_history(state, prompts(tmp_path, {"request_id": "zzz", "rating": 1}), "small")
