"""Moves what the journals hold into the store, each record exactly once."""

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import DataError

from router.ledger.entry import Entry, entry_of
from router.ledger.journal import JOURNAL_FOLDER, SUFFIX, try_lock
from router.ledger.store import Store
from router.ledger.tally import Tally

# What databases say of a value that they cannot hold, and what their drivers say before they ask.
UNFIT = (DataError, OverflowError, ValueError)
BATCH_BYTES = 256 * 1024
LOCK_NAME = "drain.lock"

logger = logging.getLogger("shunt.ledger")


def drain(state_dir: Path, store: Store, tally: Tally, *, wait: bool = True) -> bool:
    """One pass over every journal, those of dead processes included, whose files are then deleted.

    Only one process drains at a time. With `wait` False, False says that another one is at it.

    Raises:
        ConfigError: a newer version of Shunt wrote the store.
        SQLAlchemyError, OSError: the store or the folder cannot be used now; trying again loses and doubles nothing.
    """
    folder = state_dir / JOURNAL_FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder / LOCK_NAME, wait=wait) as is_mine:
        if not is_mine:
            return False
        store.migrate()
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            _drain_file(path, store, tally)
        return True


def journal_sizes(state_dir: Path) -> Iterator[tuple[str, int]]:
    """Name and size in bytes of each journal."""
    for path in (state_dir / JOURNAL_FOLDER).glob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):
            yield path.name, path.stat().st_size


@contextmanager
def _alone(path: Path, *, wait: bool) -> Iterator[bool]:
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if wait:
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield wait or try_lock(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)


def _drain_file(path: Path, store: Store, tally: Tally) -> None:
    with path.open("rb") as file:
        # Asked before reading: a file whose writer is gone cannot grow behind us.
        is_dead = try_lock(file.fileno(), fcntl.LOCK_SH)
        file.seek(store.position(path.name))
        tail = _drain_lines(path.name, file, store, tally)
        if not is_dead:
            return
        if tail:
            tally.unreadable += 1
            logger.warning("a journal ends in the middle of a record: its process died while writing it")
        path.unlink()
    store.forget(path.name)


def _drain_lines(name: str, file: BinaryIO, store: Store, tally: Tally) -> bytes:
    """Store every complete line; what comes after the last one is returned."""
    position = file.tell()
    while lines := file.readlines(BATCH_BYTES):
        tail = b"" if lines[-1].endswith(b"\n") else lines.pop()
        found: list[tuple[int, Entry]] = []
        for line in lines:
            entry = entry_of(line)
            if entry is not None:
                found.append((position, entry))
            elif line.strip():
                tally.unreadable += 1
            position += len(line)
        if lines:
            _store(name, found, position, store, tally)
        if tail:
            return tail
    return b""


def _store(name: str, found: Sequence[tuple[int, Entry]], end: int, store: Store, tally: Tally) -> None:
    """Store `found`; an entry that the store can never hold is counted as unreadable, and holds up no other."""
    try:
        tally.stored += store.add(name, found, end)
    except UNFIT:
        for one in found:
            try:
                tally.stored += store.add(name, [one], one[0])
            except UNFIT as error:
                tally.unreadable += 1
                logger.error("an entry that the ledger's store cannot hold is left out: %s", type(error).__name__)  # noqa: TRY400 - the text can hold the entry
        store.add(name, [], end)
