"""What a place for answers has to be able to do."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class CacheStats:
    """What the cache of this process holds and has done; a Redis counts its own entries."""

    entries: int = 0
    bytes: int = 0
    evictions: int = 0
    failures: int = 0


class Store(Protocol):
    """Bytes by key, each for a time. Neither verb ever raises: a store that fails has nothing and keeps nothing."""

    stats: CacheStats

    async def get(self, key: str) -> bytes | None:
        """What was put under `key`, while its time is not up."""

    def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds, as far as there is room; returns at once."""

    def drop(self, key: str) -> None:
        """Forget what is under `key`; returns at once."""

    async def close(self) -> None:
        """Let go of what the store holds open."""
