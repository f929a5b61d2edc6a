"""Answers in a Redis that several replicas share. Its outage costs the hits, never a request."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from router.cache.store import CacheStats

PREFIX = "shunt:answer:"
ANSWER_S = 0.25  # how long a request waits for it
REST_S = 5.0  # how long one that failed is left alone
MAX_BYTES = 1 << 20
MAX_WRITES = 64


class RedisStore:
    """A `Store` behind `address`; Redis itself forgets what is too old, and bounds its memory as it is configured to."""

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.stats = CacheStats()
        self._clock = clock
        self._rests_until = 0.0
        self._writes: set[asyncio.Task[None]] = set()
        self._client: Redis = Redis.from_url(
            address,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
        )

    async def get(self, key: str) -> bytes | None:
        """As `Store` says; waits for a quarter of a second at most."""
        if self._clock() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await self._client.get(PREFIX + key)
        except (RedisError, OSError, TimeoutError):
            self._failed()
            return None
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """As `Store` says: the answer that is kept does not wait for it."""
        if len(value) <= MAX_BYTES:
            self._begin(lambda: self._client.set(PREFIX + key, value, px=int(ttl_s * 1000)))

    def drop(self, key: str) -> None:
        """As `Store` says."""
        self._begin(lambda: self._client.delete(PREFIX + key))

    async def close(self) -> None:
        """Finish the writes under way, none longer than a quarter of a second, and close the connections."""
        await asyncio.gather(*self._writes)
        await self._client.aclose()

    def _begin(self, write: Callable[[], Awaitable[object]]) -> None:
        if len(self._writes) >= MAX_WRITES or self._clock() < self._rests_until:
            return
        task = asyncio.get_running_loop().create_task(self._finish(write))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _finish(self, write: Callable[[], Awaitable[object]]) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await write()
        except (RedisError, OSError, TimeoutError):
            self._failed()

    def _failed(self) -> None:
        self.stats.failures += 1
        self._rests_until = self._clock() + REST_S
