"""The cache as a request sees it: find an answer under some terms, or leave one there.

Requests that come while the same one is being answered are answered by themselves. To wait for the first would tie each of
them to another client's fate, its slowness, its going away and its failure, and would take away their streams.
"""

from router.cache.kept import Kept, decoded, encoded
from router.cache.memory import MemoryStore
from router.cache.store import CacheStats, Store
from router.cache.terms import Terms
from router.config import CacheSettings
from router.errors import ConfigError

NO_REDIS = "cache.redis needs the redis library: pip install redis"


def store_of(settings: CacheSettings) -> Store:
    """The place for answers that a policy file asks for.

    Raises:
        ConfigError: it asks for a Redis, and the library for it is not installed or cannot read its address.
    """
    if settings.redis is None:
        return MemoryStore(settings.max_bytes)
    try:
        from router.cache.redis import RedisStore  # noqa: PLC0415 - an extra, and only here

        return RedisStore(settings.redis.value)
    except ImportError as error:
        raise ConfigError(NO_REDIS) from error
    except ValueError as error:
        raise ConfigError(f"{settings.redis.env} is not an address of a Redis") from error


class Cache:
    """Answers of one process, or of several that share a Redis."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def stats(self) -> CacheStats:
        """What it holds and has done."""
        return self._store.stats

    async def find(self, terms: Terms, allowed: tuple[str, ...]) -> Kept | None:
        """The answer under `terms`, if it is of a target that the request may have now."""
        stored = await self._store.get(terms.key) if terms.may_read else None
        kept = None if stored is None else decoded(stored)
        return kept if kept is not None and kept.target in allowed else None

    def keep(self, terms: Terms, kept: Kept) -> None:
        """Leave `kept` there."""
        self._store.put(terms.key, encoded(kept), terms.ttl_s)

    async def close(self) -> None:
        """Let go of what is open."""
        await self._store.close()
