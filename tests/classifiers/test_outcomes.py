"""Labelled files of the user's own: read exactly, refused by file and line."""

import gzip
import json
from pathlib import Path

import pytest

from classifiers.outcomes import DataError, data_digest, read_outcomes
from tests.classifiers.traffic import traffic, write

GOOD = '{"prompt": "Hi", "small": 1, "large": true}'


def test_rows_are_read_as_written(tmp_path: Path):
    """Prompts, scores and what else a row may say come through; blank lines and other keys are passed over."""
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"prompt": "Prove it.", "small": 0.25, "large": 1, "task": "mathematics", "language": "en", "other": [1],'
        ' "small_usd": 0, "large_usd": 0.01}\n\n' + GOOD + "\n"
    )
    first, second = read_outcomes(path)
    assert (first.prompt, first.gain, first.task, first.language, first.large_usd) == (
        "Prove it.", 0.75, "mathematics", "en", 0.01,
    )  # fmt: skip
    assert (second.small, second.large, second.gain) == (1.0, 1.0, 0.0)


def test_conversations_are_read_as_the_router_reads_them(tmp_path: Path):
    """A row of messages is scored on what the user says, with what a short turn continues."""
    messages = [
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Refactor the parser."},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "commit it"},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"messages": messages, "small": 0, "large": 1}))
    assert read_outcomes(path)[0].prompt == "Refactor the parser.\n\ncommit it"


def test_gzipped_files_are_read(tmp_path: Path):
    """A name that ends in .gz is a gzipped file."""
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert read_outcomes(path)[0].prompt == "Hi"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "not an object"),
        ('{"small": 1, "large": 1}', "needs a text prompt"),
        ('{"prompt": "  ", "small": 1, "large": 1}', "needs a text prompt"),
        ('{"prompt": "a", "messages": [], "small": 1, "large": 1}', "keep one"),
        ('{"messages": "a", "small": 1, "large": 1}', "messages must be a list"),
        ('{"messages": [{"role": "assistant", "content": "a"}], "small": 1, "large": 1}', "words of a user"),
        ('{"prompt": "a", "large": 1}', "small must be a score from 0 to 1"),
        ('{"prompt": "a", "small": 1, "large": 2}', "large must be a score from 0 to 1"),
        ('{"prompt": "a", "small": NaN, "large": 1}', "small must be a score from 0 to 1"),
        ('{"prompt": "a", "small": "1", "large": 1}', "small must be a score from 0 to 1"),
        ('{"prompt": "a", "small": 1, "large": 1, "task": "cooking"}', "task must be one of"),
        ('{"prompt": "a", "small": 1, "large": 1, "language": 3}', "language must be text"),
        ('{"prompt": "a", "small": 1, "large": 1, "large_usd": -1}', "large_usd must be US dollars"),
        ('{"prompt": "a", "small": 1, "large": 1, "large_usd": Infinity}', "large_usd must be US dollars"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_reason(tmp_path: Path, line: str, reason: str):
    """The first row that is wrong stops the reading, and the message says where and why."""
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{GOOD}\n{line}\n{GOOD}\n")
    with pytest.raises(DataError, match=f"rows.jsonl, line 2: .*{reason}"):
        read_outcomes(path)


def test_no_message_repeats_a_prompt(tmp_path: Path):
    """What a file holds may be private, so a refusal never quotes it."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "secret words", "small": 7, "large": 1}')
    with pytest.raises(DataError) as caught:
        read_outcomes(path)
    assert "secret" not in str(caught.value)


def test_a_file_without_rows_or_without_a_disk_is_refused(tmp_path: Path):
    """A missing, an empty and a broken file are told apart."""
    with pytest.raises(DataError, match="No such file"):
        read_outcomes(tmp_path / "missing.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match="holds no rows"):
        read_outcomes(tmp_path / "empty.jsonl")
    (tmp_path / "broken.gz").write_bytes(gzip.compress(GOOD.encode() * 99)[:-12])
    with pytest.raises(DataError, match=r"broken\.gz"):
        read_outcomes(tmp_path / "broken.gz")
    (tmp_path / "text.gz").write_text(GOOD)
    with pytest.raises(DataError, match=r"text\.gz"):
        read_outcomes(tmp_path / "text.gz")


def test_an_endless_line_is_refused(tmp_path: Path):
    """A line is read up to a bound, not into memory whatever its size."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "' + "a" * 5_000_000)
    with pytest.raises(DataError, match="line 1: longer than 4 MiB"):
        read_outcomes(path)


def test_the_digest_names_the_content(tmp_path: Path):
    """The same rows give the same digest wherever they lie; another label gives another one."""
    rows = traffic(20)
    again = read_outcomes(write(tmp_path / "rows.jsonl", rows))
    assert data_digest(again) == data_digest(rows)
    assert data_digest(traffic(20, seed=1)) != data_digest(rows)
