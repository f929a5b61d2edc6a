"""A file that is still being fetched: what came so far, its running digest, and the step to its final name."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from router.engine.location import SourceError

CHUNK_BYTES = 1 << 20


class Part:
    """`target` as far as it has come; `tag` tells one content from another. Every method but `digest` blocks."""

    def __init__(self, target: Path, tag: str) -> None:
        self.path = target.with_name(f"{target.name}.{tag}.part")
        self.size = 0
        self._target = target
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of what is there."""
        return self._hash.hexdigest()

    def open(self) -> None:
        """Read what an earlier attempt left; parts of other contents are of no use any more."""
        for stale in self.path.parent.glob(f"{_escaped(self._target.name)}.*.part"):
            if stale != self.path:
                stale.unlink(missing_ok=True)
        self._file = self.path.open("a+b", buffering=0)
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._hash.update(chunk)
            self.size += len(chunk)

    def append(self, data: bytes) -> None:
        """Add what came."""
        file = self._opened()
        if file.write(data) != len(data):
            raise OSError("no space is left for it")
        self._hash.update(data)
        self.size += len(data)

    def restart(self) -> None:
        """Forget everything: the other side starts from the beginning."""
        self._opened().truncate(0)
        self._hash = hashlib.sha256()
        self.size = 0

    def close(self) -> None:
        """Close the file, and leave it where it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self, sha256: str | None) -> None:
        """Give the whole file its name. Raises `SourceError` when it is not what was asked for; then it is removed."""
        if sha256 is not None and self.digest != sha256:
            self.close()
            self.path.unlink(missing_ok=True)
            raise SourceError(f"{self._target.name}: what came has sha256 {self.digest}, and {sha256} was expected")
        os.fsync(self._opened().fileno())
        self.close()
        self.path.replace(self._target)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the part is not open")
        return self._file


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
