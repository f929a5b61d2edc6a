"""Answers in the memory of this process, bounded in bytes: the one that nobody asked for longest goes first."""

import time
from collections import OrderedDict
from collections.abc import Callable

from router.cache.store import CacheStats

ENTRY_BYTES = 400  # the key, the entry and its place in the dictionary, as measured with tracemalloc
LARGEST_PART = 8  # no answer may take more than this part of the whole: one long one would empty the cache


class MemoryStore:
    """A `Store` of at most `max_bytes`, with what each entry takes beside its own bytes counted in."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.stats = CacheStats()
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """As `Store` says."""
        found = self._entries.get(key)
        if found is None:
            return None
        value, ends_at = found
        if self._clock() >= ends_at:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """As `Store` says."""
        if len(value) + ENTRY_BYTES > self._max_bytes // LARGEST_PART:
            return
        if key in self._entries:
            self._drop(key)
        self._entries[key] = (value, self._clock() + ttl_s)
        self.stats.entries += 1
        self.stats.bytes += len(value) + ENTRY_BYTES
        while self.stats.bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))
            self.stats.evictions += 1

    def drop(self, key: str) -> None:
        """As `Store` says."""
        if key in self._entries:
            self._drop(key)

    async def close(self) -> None:
        """Nothing is open."""

    def _drop(self, key: str) -> None:
        value, _ = self._entries.pop(key)
        self.stats.entries -= 1
        self.stats.bytes -= len(value) + ENTRY_BYTES
