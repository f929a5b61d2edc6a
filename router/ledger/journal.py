"""The append-only journal: one JSON line for each record, in one write, before the answer's last byte is sent.

Every process writes files of its own and holds a lock on the one that it is writing. The kernel lets go of the lock when
the process ends, however it ends, so a file that nobody locks is complete. A `kill -9` right after `append` loses nothing;
a power cut can lose what the kernel had not written out yet.
"""

import errno
import fcntl
import logging
import os
import secrets
import threading
import time
from pathlib import Path

import msgspec

from router.ledger.entry import Entry, line_of

JOURNAL_FOLDER = "journal"
SUFFIX = ".jsonl"
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_TOTAL_BYTES = 1024 * 1024 * 1024

logger = logging.getLogger("shunt.ledger")


class Journal:
    """Appends records to the newest of this process's files in `folder`.

    A file is closed at `max_file_bytes`. While this process's files that nobody has drained hold `max_total_bytes`, or
    the disk refuses a write, records are dropped: an answer never fails for its bookkeeping.
    """

    def __init__(
        self, folder: Path, *, max_file_bytes: int = MAX_FILE_BYTES, max_total_bytes: int = MAX_TOTAL_BYTES
    ) -> None:
        self.folder = folder
        self._max_file_bytes = max_file_bytes
        self._max_total_bytes = max_total_bytes
        self._lock = threading.Lock()
        self._prefix = f"{time.time_ns():020}-{os.getpid()}"
        self._paths: list[Path] = []
        self._fd: int | None = None
        self._size = 0
        self._is_torn = False
        self._is_failing = False

    def open(self) -> None:
        """Make the folder and the first file.

        Raises:
            OSError: the folder cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            self._open_next()

    def append(self, entry: Entry) -> bool:
        """Write `entry` down; False when it had to be dropped. Never raises."""
        with self._lock:
            try:
                self._write(line_of(entry))
            except (OSError, ValueError, TypeError, msgspec.MsgspecError) as error:
                self._report(error)
                return False
            self._is_failing = False
            return True

    def close(self) -> None:
        """Close the file; what is in it belongs to the drainer."""
        with self._lock:
            self._close_file()

    def _write(self, line: bytes) -> None:
        if self._fd is None or self._size >= self._max_file_bytes:
            self._rotate()
        if self._fd is None:
            raise OSError(errno.EBADF, "the journal is not open")
        if self._is_torn:
            # Ends what a full disk left of the line before, so that only that one is lost.
            line = b"\n" + line
        count = os.write(self._fd, line)
        self._size += count
        self._is_torn = count < len(line)
        if self._is_torn:
            raise OSError(errno.ENOSPC, "only a part of the record could be written")

    def _rotate(self) -> None:
        sizes = {path: size for path in self._paths if (size := _size_of(path)) is not None}
        self._paths = list(sizes)
        if sum(sizes.values()) >= self._max_total_bytes:
            raise OSError(errno.EDQUOT, f"{self._max_total_bytes} bytes of journal wait to be drained")
        self._close_file()
        self._open_next()

    def _open_next(self) -> None:
        """Open a new file and lock it; a drainer that came between the two steps takes it for a dead one."""
        while True:
            path = self.folder / f"{self._prefix}-{secrets.token_hex(4)}{SUFFIX}"
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY, 0o600)
            if try_lock(fd, fcntl.LOCK_EX) and os.fstat(fd).st_nlink > 0:
                break
            os.close(fd)
        self._fd, self._size, self._is_torn = fd, 0, False
        self._paths.append(path)

    def _close_file(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _report(self, error: Exception) -> None:
        if not self._is_failing:
            # Said once for each outage: a full disk needs no log line for every request.
            self._is_failing = True
            logger.error("usage records are being dropped: %s: %s", type(error).__name__, _reason(error))


def try_lock(fd: int, kind: int) -> bool:
    """Take the lock `kind` (LOCK_SH or LOCK_EX) on an open file; False when another process or thread holds it."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _reason(error: Exception) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else ""
