"""Noticing that a file is no longer the one that was looked at."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Sleep: TypeAlias = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file as it was: inode, size in bytes, time of change in ns; all zero when it did not exist."""

    path: Path
    inode: int = 0
    size: int = 0
    changed_ns: int = 0

    @classmethod
    def of(cls, path: Path) -> "Snapshot":
        """The file as it is now."""
        try:
            status = path.stat()
        except OSError:
            return cls(path)
        return cls(path, status.st_ino, status.st_size, status.st_mtime_ns)

    @property
    def exists(self) -> bool:
        """True when there was a file."""
        return self != Snapshot(self.path)

    async def outdated(self, poll_s: float, sleep: Sleep) -> None:
        """Return once the file is another one, or has come or gone."""
        while Snapshot.of(self.path) == self:
            await sleep(poll_s)
