"""The journal as it grows: every record of every router that writes into one state folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from router.ledger.journal import SUFFIX
from router.ledger.record import UsageRecord

_decoder = msgspec.json.Decoder(UsageRecord)


class Follower:
    """Yields what is written to the journals in `folder` after it was made; `close` lets go of the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._torn: dict[str, bytes] = {}
        for path in self._new():
            self._files[path.name].seek(0, 2)

    def poll(self) -> Iterator[UsageRecord]:
        """The records that came since the last time, file by file; a line that cannot be read is passed over."""
        for _ in self._new():
            pass
        for name, file in self._files.items():
            yield from self._read(name, file)

    def close(self) -> None:
        """Close every file."""
        for file in self._files.values():
            file.close()

    def _new(self) -> Iterator[Path]:
        """Files not seen before, opened: they can be read to their end even after a drain has removed them."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if path.name not in self._files:
                try:
                    self._files[path.name] = path.open("rb")
                except FileNotFoundError:  # drained a moment ago
                    continue
                yield path

    def _read(self, name: str, file: BinaryIO) -> Iterator[UsageRecord]:
        *lines, rest = (self._torn.get(name, b"") + file.read()).split(b"\n")
        self._torn[name] = rest
        for line in lines:
            try:
                yield _decoder.decode(line)
            except msgspec.MsgspecError:
                continue
