"""SHA-256 of large files, computed once: a digest is remembered with the file's size and time of change."""

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from router.engine.watch import Snapshot

FOLDER = "digests"


def sha256_of(path: Path, cache_dir: Path) -> str:
    """The file's SHA-256 in hex, from memory when the file has not changed since. Raises OSError."""
    path = path.resolve(strict=True)
    before = Snapshot.of(path)
    known = _recall(before, cache_dir)
    if known is not None:
        return known
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if Snapshot.of(path) == before:
        remember(before, digest, cache_dir)
    return digest


def remember(file: Snapshot, digest: str, cache_dir: Path) -> None:
    """Keep the digest of a file that was read whole. A cache that cannot be written costs time, nothing else."""
    entry = _entry(file.path, cache_dir)
    with suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=entry.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump([*_identity(file), digest], out)
        Path(name).replace(entry)


def _recall(file: Snapshot, cache_dir: Path) -> str | None:
    try:
        *identity, digest = json.loads(_entry(file.path, cache_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None
    return digest if identity == _identity(file) and isinstance(digest, str) else None


def _identity(file: Snapshot) -> list[object]:
    return [str(file.path), file.inode, file.size, file.changed_ns]


def _entry(path: Path, cache_dir: Path) -> Path:
    return cache_dir / FOLDER / (hashlib.sha256(str(path).encode()).hexdigest()[:32] + ".json")
