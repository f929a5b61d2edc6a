"""What the processor's own counters say that work on this machine has taken, shared out among the requests that had a part in it.

Linux tells the energy of each processor package, and of its memory where that has a counter of its own, in microjoules
(RAPL, Documentation/power/powercap). Whatever was used while n requests were at local models is counted as an nth for each:
what else the machine did meanwhile, and what it takes to be switched on, is in it. Many systems let only root read the
counters; where they cannot be read nothing is measured.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from router.chat import Bill

POWERCAP = Path("/sys/class/powercap")
MICRO = 1e-6
_PACKAGE = re.compile(r"[a-z-]*rapl:\d+")
_PART = re.compile(r"[a-z-]*rapl:\d+:\d+")


@dataclass(slots=True)
class Counter:
    """One counter, in microjoules; from `span` on it begins anew."""

    read: Callable[[], int]
    span: int
    last: int = 0

    def used(self) -> int:
        """What was used since it was last asked."""
        now = self.read()
        used, self.last = (now - self.last) % self.span, now
        return used


class Power:
    """Shares the energy of `counters` out among the requests under way. One event loop uses it."""

    def __init__(self, counters: Sequence[Counter]) -> None:
        self._counters = counters
        self._live = 0
        self._each_j = 0.0

    @classmethod
    def of_machine(cls, root: Path = POWERCAP) -> "Power | None":
        """The counters of this machine; None where there are none, or they cannot be read."""
        found = []
        with suppress(OSError):
            found = [*_counters(root)]
        return cls(found) if found else None

    @contextmanager
    def counted(self, bill: Bill) -> Iterator[None]:
        """Add to `bill` this request's part of what is used while the block runs."""
        self._advance()
        self._live += 1
        began = self._each_j
        try:
            yield
        finally:
            self._advance()
            self._live -= 1
            bill.joules = (bill.joules or 0.0) + self._each_j - began

    def _advance(self) -> None:
        used = sum(counter.used() for counter in self._counters)
        if self._live:
            self._each_j += used * MICRO / self._live


def _counters(root: Path) -> Iterator[Counter]:
    for zone in sorted(root.iterdir()):
        name = (zone / "name").read_text().strip() if (zone / "name").exists() else ""
        is_package = _PACKAGE.fullmatch(zone.name) and name != "psys"  # the platform's holds the packages once more
        if is_package or (_PART.fullmatch(zone.name) and name == "dram"):
            counter = Counter(_reader(zone / "energy_uj"), int((zone / "max_energy_range_uj").read_text()) + 1)
            counter.used()
            yield counter


def _reader(path: Path) -> Callable[[], int]:
    fd = os.open(path, os.O_RDONLY)
    return lambda: int(os.pread(fd, 32, 0))
