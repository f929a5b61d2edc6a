"""The file of keys: read whole, changed by one process at a time, replaced in one step."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from router.errors import ConfigError
from router.keys.key import Key

FILE_NAME = "keys.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """The content of the file."""

    version: int
    keys: tuple[Key, ...]


def path_in(state_dir: Path) -> Path:
    """Where the keys of a state folder are."""
    return state_dir / FILE_NAME


def read(path: Path) -> tuple[Key, ...]:
    """Every key in the file, revoked ones too; none when there is no file.

    Raises:
        ConfigError: it cannot be read, is damaged, or was written by a newer version.
    """
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: the keys cannot be read: {type(error).__name__}") from error
    if kept.version != VERSION:
        raise ConfigError(f"{path}: the keys have version {kept.version}, this Shunt knows {VERSION}")
    return kept.keys


def change(path: Path, edit: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
    """Replace the keys by what `edit` makes of them; a reader sees the old file or the new one, never a part.

    Raises:
        ConfigError: as `read`, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(path.with_suffix(".lock")):
            _write(path, msgspec.json.format(msgspec.json.encode(Kept(VERSION, edit(read(path)))), indent=1))
    except OSError as error:
        raise ConfigError(f"{path}: the keys cannot be written: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fd = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
