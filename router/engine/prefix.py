"""Who holds which part of the attention memory: live sequences, and retired ones kept because a prompt may return.

The memory is one pool of cells. A strip is what one slot holds: the tokens at positions 0..length-1. Strips that begin
with the same tokens share cells, so opening a new conversation on a known prefix costs nothing, and the pool counts
references to know what an eviction would free. Retired strips go in order of last use.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]

MIN_SHARED = 8
"""A shorter common prefix (a BOS and a role marker) is not worth a look at another strip."""


class Memory(Protocol):
    """The two effects on the real attention memory."""

    def copy(self, source: int, target: int, upto: int) -> None:
        """Let slot `target` share the first `upto` positions of `source`."""

    def drop(self, slot: int) -> None:
        """Forget what the slot holds."""


@dataclass(slots=True, eq=False)
class Strip:
    """What one slot holds: the first `length` of `tokens`. `group` keeps unlike ones (other adapters) apart."""

    slot: int
    tokens: Tokens
    group: str = ""
    length: int = 0
    cells: list[int] = field(default_factory=list)
    used_at: int = 0


def common(left: Tokens, right: Tokens) -> int:
    """Length of the longest common prefix."""
    size = min(len(left), len(right))
    unlike = left[:size] != right[:size]
    first = int(unlike.argmax()) if size else 0
    return first if size and unlike[first] else size


class Pool:
    """Counts the references to each cell of the memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = list(range(size - 1, -1, -1))
        self._references = [0] * size

    @property
    def free(self) -> int:
        """Cells that nobody holds."""
        return len(self._free)

    def take(self, count: int) -> list[int]:
        """Hold `count` fresh cells; the caller has made room."""
        taken = [self._free.pop() for _ in range(count)]
        for cell in taken:
            self._references[cell] = 1
        return taken

    def share(self, cells: Iterable[int]) -> None:
        """Hold cells that another strip holds too."""
        for cell in cells:
            self._references[cell] += 1

    def release(self, cells: Iterable[int]) -> None:
        """Let go; a cell that nobody holds is free."""
        for cell in cells:
            self._references[cell] -= 1
            if not self._references[cell]:
                self._free.append(cell)


class PrefixCache:
    """Opens, grows, retires and evicts strips. `slots` bounds live and retired strips together."""

    def __init__(self, memory: Memory, cells: int, slots: int, *, keep: bool = True) -> None:
        self._memory = memory
        self._keep = keep
        self._pool = Pool(cells)
        self._slots = list(range(slots - 1, -1, -1))
        self._live: list[Strip] = []
        self._retired: list[Strip] = []
        self._clock = 0

    @property
    def used(self) -> int:
        """Cells held by live and retired strips."""
        return self._pool.size - self._pool.free

    @property
    def size(self) -> int:
        """Cells in all."""
        return self._pool.size

    def match(self, tokens: Tokens, group: str = "") -> tuple[int, Strip | None]:
        """The longest known prefix of `tokens`, always short of the whole: its last token has to be read for logits."""
        best, found = 0, None
        for strip in (*self._live, *self._retired):
            if strip.group != group or strip.length <= best:
                continue
            length = common(tokens[:-1], strip.tokens[: strip.length])
            if length > best:
                best, found = length, strip
        return (best, found) if best >= MIN_SHARED and self._keep else (0, None)

    def open(self, tokens: Tokens, source: tuple[int, Strip | None], group: str = "") -> Strip | None:
        """A strip for `tokens` (which may grow in place), beginning with what `match` found; None when slots ran out."""
        length, origin = source
        if not self._slots and not self._evict(besides=origin):
            return None
        strip = Strip(self._slots.pop(), tokens, group, used_at=self._tick())
        if origin is not None:
            strip.length, strip.cells = length, origin.cells[:length]
            origin.used_at = strip.used_at
            self._pool.share(strip.cells)
            self._memory.copy(origin.slot, strip.slot, length)
        self._live.append(strip)
        return strip

    def make_room(self, count: int, besides: Strip | None = None) -> bool:
        """Evict retired strips, least recently used first, until `count` cells are free; False when that fails."""
        while self._pool.free < count:
            if not self._evict(besides):
                return False
        return True

    def grow(self, strip: Strip, count: int) -> None:
        """The next `count` tokens are about to be read into the strip; `make_room` has said yes."""
        strip.cells += self._pool.take(count)
        strip.length += count

    def retire(self, strip: Strip) -> None:
        """The sequence is over; keep what it read, unless that is nothing new."""
        self._live.remove(strip)
        if not self._keep or strip.length < MIN_SHARED:
            self._free(strip)
            return
        strip.tokens = strip.tokens[: strip.length].copy()
        strip.used_at = self._tick()
        self._forget_covered(strip)
        self._retired.append(strip)

    def abandon(self, strip: Strip) -> None:
        """Take a live strip's memory away at once."""
        self._live.remove(strip)
        self._free(strip)

    def forget_all(self) -> None:
        """The real memory was lost or is in doubt: drop every strip, live ones too."""
        for strip in (*self._live, *self._retired):
            self._free(strip)
        self._live.clear()
        self._retired.clear()

    def _forget_covered(self, strip: Strip) -> None:
        for other in [one for one in self._retired if one.group == strip.group and one.length <= strip.length]:
            if common(other.tokens, strip.tokens) == other.length:
                self._retired.remove(other)
                self._free(other)

    def _evict(self, besides: Strip | None = None) -> bool:
        candidates = [strip for strip in self._retired if strip is not besides]
        if not candidates:
            return False
        oldest = min(candidates, key=lambda strip: strip.used_at)
        self._retired.remove(oldest)
        self._free(oldest)
        return True

    def _free(self, strip: Strip) -> None:
        self._memory.drop(strip.slot)
        self._pool.release(strip.cells)
        self._slots.append(strip.slot)
        strip.cells, strip.length = [], 0

    def _tick(self) -> int:
        self._clock += 1
        return self._clock
