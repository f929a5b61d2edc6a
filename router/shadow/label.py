"""Labels on disk: one JSON line for each comparison, one file for each day of UTC.

A line has no words of anybody, unless the policy says `keep: prompts`. The files also say what was spent on a day, so that
a restart does not begin the day's money anew.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

FOLDER = "shadow"
DAY_S = 86_400
FILE_NAME = re.compile(r"^\d{4}-\d{2}-\d{2}\.jsonl$")


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """How two answers to one request compare.

    Scores are from 0 to 1, None where there was no comparison. `usd` is what the comparison cost, the judge included;
    `served_usd` and `shadow_usd` what each answer did. `score` and `task` are the classifier's,
    `artifact` is the sha256 of its arrays: a score means nothing to another one.
    """

    request_id: str
    at: float
    policy: str
    rule: str
    served: str
    shadow: str
    usd: float
    compare: str
    score: float | None = None
    task: str | None = None
    served_score: float | None = None
    shadow_score: float | None = None
    served_usd: float | None = None
    shadow_usd: float | None = None
    prompt: str | None = None
    artifact: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Label).decode


class Labels:
    """The labels of one state folder; several processes may write to it."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER

    def append(self, label: Label) -> None:
        """Write one line down.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._folder / f"{day_of(label.at)}.jsonl", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(fd, _encode(label) + b"\n")
        finally:
            os.close(fd)

    def spent_usd(self, day: str) -> dict[str, float]:
        """What was spent on `day`, by policy."""
        spent: dict[str, float] = {}
        for label in self._of(self._folder / f"{day}.jsonl"):
            spent[label.policy] = spent.get(label.policy, 0.0) + label.usd
        return spent

    def all(self) -> Iterator[Label]:
        """Every comparison that came to scores, oldest day first."""
        for path in self._files():
            yield from (label for label in self._of(path) if label.served_score is not None)

    def forget(self, now: float, keep_days: int) -> None:
        """Remove the files of days that are older than `keep_days`."""
        oldest = day_of(now - keep_days * DAY_S)
        for path in self._files():
            if path.stem < oldest:
                with suppress(OSError):
                    path.unlink()

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.jsonl") if FILE_NAME.match(path.name))

    def _of(self, path: Path) -> Iterator[Label]:
        try:
            lines = path.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            # A line that was cut when the machine went down, or that a newer version wrote.
            with suppress(msgspec.DecodeError):
                yield _decode(line)


def day_of(at: float) -> str:
    """The day of UTC, like 2026-03-01."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))
