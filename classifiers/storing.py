"""Put an artifact in its place whole or not at all.

The place is a symbolic link to a folder beside it. A new artifact is written to a folder of its own, brought to the disk,
and the link is then replaced in one step: a reader sees the old artifact or the new one, and the one before stays for a
way back.
"""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from classifiers.artifact import MANIFEST


class StoreError(Exception):
    """The artifact cannot be put there; the message says why."""


def store(place: Path, contents: Mapping[str, bytes], manifest: Mapping[str, object]) -> Path:
    """Write the files and the manifest, and let `place` lead to them; returns the folder that holds them.

    Raises:
        StoreError: `place` is something else than a link that this function made, or the disk refuses.
    """
    if place.exists() and not place.is_symlink():
        raise StoreError(f"{place} is in the way: only a link that training made itself is replaced")
    versions = place.with_name(f"{place.name}.versions")
    folder = versions / f"{manifest['artifact']}-{secrets.token_hex(3)}"
    files = {**contents, MANIFEST: (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()}
    try:
        _write_folder(folder, files)
        previous = place.resolve() if place.is_symlink() else None
        _point(place, Path(versions.name) / folder.name)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(f"{place}: {error.strerror}") from error
    _forget(versions, {folder.resolve(), previous})
    return folder


def write_file(path: Path, content: bytes) -> None:
    """Replace one file in one step: the old content or the new is there, whenever the power goes.

    Raises:
        OSError: the disk refuses.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(3)}")
    try:
        _write(aside, content)
        aside.replace(path)
        _sync(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, mode=0o700)
    for name, content in files.items():
        _write(folder / name, content)
    _sync(folder)
    _sync(folder.parent)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _point(place: Path, target: Path) -> None:
    aside = place.with_name(f".{place.name}.{secrets.token_hex(3)}")
    aside.symlink_to(target, target_is_directory=True)
    aside.replace(place)
    _sync(place.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _forget(versions: Path, kept: set[Path | None]) -> None:
    for folder in versions.iterdir():
        if folder.resolve() not in kept:
            shutil.rmtree(folder, ignore_errors=True)
