"""Digests of large files, computed once."""

import hashlib
import os
from pathlib import Path

import pytest

from router.engine import digest
from router.engine.digest import FOLDER, sha256_of


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file with known contents."""
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    return path


def _right(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _count_reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    reads: list[object] = []
    original = hashlib.file_digest

    def counted(file, name):
        reads.append(file)
        return original(file, name)

    monkeypatch.setattr(digest.hashlib, "file_digest", counted)
    return reads


def test_unchanged_file_is_read_once(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start does not read gigabytes to learn what it knew."""
    reads = _count_reads(monkeypatch)
    assert [sha256_of(model, tmp_path) for _ in range(3)] == [_right(b"weights")] * 3
    assert len(reads) == 1


def test_changed_file_is_read_again(model: Path, tmp_path: Path) -> None:
    """Other bytes, even of the same length, have another digest."""
    sha256_of(model, tmp_path)
    model.write_bytes(b"WEIGHTS")
    assert sha256_of(model, tmp_path) == _right(b"WEIGHTS")


def test_replaced_file_is_read_again(model: Path, tmp_path: Path) -> None:
    """A file put in its place with the same size and time is another file."""
    sha256_of(model, tmp_path)
    times = model.stat()
    other = tmp_path / "other"
    other.write_bytes(b"weightz")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(model)
    assert sha256_of(model, tmp_path) == _right(b"weightz")


@pytest.mark.parametrize("junk", [b"", b"{}", b"[1]", b'["a", 1, 2, 3, null]', b"\xff"])
def test_damaged_memory_is_ignored(model: Path, tmp_path: Path, junk: bytes) -> None:
    """What is remembered is never trusted when it does not look right."""
    sha256_of(model, tmp_path)
    [entry] = (tmp_path / FOLDER).iterdir()
    entry.write_bytes(junk)
    assert sha256_of(model, tmp_path) == _right(b"weights")


def test_cache_that_cannot_be_written_only_costs_time(model: Path, tmp_path: Path) -> None:
    """The digest is right even where it cannot be remembered."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert sha256_of(model, blocked) == _right(b"weights")
