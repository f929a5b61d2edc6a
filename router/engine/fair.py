"""The waiting line: bounded, and fair between callers by the tokens each was served.

Start-time fair queueing on tokens ("virtual token counter", Sheng et al., arXiv 2401.00588): the caller that was served
least goes first, and one that was away starts level with the least served of those present, so absence saves nothing.
"""

from collections import deque
from collections.abc import Iterator

from router.engine.sequence import Sequence


class FairQueue:
    """First come, first served for one caller; least served first between callers."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Sequence]] = {}
        self._served: dict[str, float] = {}
        self._returned: deque[Sequence] = deque()

    def __len__(self) -> int:
        return len(self._returned) + sum(len(line) for line in self._lines.values())

    def push(self, sequence: Sequence) -> None:
        """Join at the end of the caller's line."""
        caller = sequence.caller
        if caller not in self._lines:
            self._lines[caller] = deque()
            self._served.setdefault(caller, self._floor())
        self._lines[caller].append(sequence)

    def crowding(self, caller: str, count: int, needed: int) -> list[Sequence]:
        """The `needed` sequences that a full line gives up for `count` of `caller`: the newest of the longest lines.

        None of them where that would leave another with less than the newcomer: an equal share is nobody's to take.
        (Longest queue drop, McKenney 1990: the whole line is anyone's while nobody else wants it.)
        """
        lengths = {name: len(line) for name, line in self._lines.items()}
        share = lengths.get(caller, 0) + count
        chosen: list[Sequence] = []
        while len(chosen) < needed:
            crowd = max(lengths, key=lambda name: lengths[name], default=caller)
            if lengths.get(crowd, 0) <= share:
                return []
            lengths[crowd] -= 1
            chosen.append(self._lines[crowd][lengths[crowd]])
        return chosen

    def give_back(self, sequence: Sequence) -> None:
        """A sequence that lost its place goes before everyone: its stream is already running."""
        self._returned.appendleft(sequence)

    def candidates(self) -> Iterator[Sequence]:
        """Those given back, then the head of each line, least served caller first."""
        yield from tuple(self._returned)
        for caller in sorted(self._lines, key=lambda name: self._served[name]):
            yield self._lines[caller][0]

    def remove(self, sequence: Sequence) -> None:
        """Take a sequence out, wherever it waits. Raises ValueError when it does not."""
        if sequence in self._returned:
            self._returned.remove(sequence)
            return
        line = self._lines.get(sequence.caller, deque())
        line.remove(sequence)
        if not line:
            del self._lines[sequence.caller]

    def charge(self, caller: str, tokens: int) -> None:
        """The caller was served."""
        self._served[caller] = self._served.get(caller, 0.0) + tokens

    def settle(self, present: set[str]) -> None:
        """Forget callers that neither wait nor are being served, so that the table does not grow."""
        self._served = {name: n for name, n in self._served.items() if name in present or name in self._lines}

    def _floor(self) -> float:
        return min(self._served.values(), default=0.0)
