"""The memory that all local models may take together, and who has to go when another one is needed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from rich.filesize import decimal


class NoRoomError(Exception):
    """The budget is taken by models that are answering; it may have room later."""


class Tenant(Protocol):
    """A model that may be in memory."""

    @property
    def idle_since(self) -> float | None:
        """When it was last used, in seconds of the budget's clock; None while it must not be unloaded."""

    def unload(self, reason: str | None = None) -> None:
        """Begin to give the memory back; its `room` is left once that is done."""


class Budget:
    """Estimates of bytes against a bound; None is no bound. One event loop, no threads."""

    def __init__(self, most: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.clock = clock
        self._held: dict[Tenant, int] = {}
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    def held(self, tenant: Tenant) -> int:
        """Bytes that `tenant` has now."""
        return self._held.get(tenant, 0)

    def objection(self, need: int) -> str | None:
        """Why a model of `need` bytes can never be loaded, or None."""
        if self.most is None or need <= self.most:
            return None
        return f"it needs about {decimal(need)}, and memory_budget_mib is {self.most >> 20}"

    @asynccontextmanager
    async def room(self, tenant: Tenant, need: int, *, may_evict: bool) -> AsyncIterator[None]:
        """`need` bytes while the block runs; idle tenants, least recently used first, make room if `may_evict`.

        Raises:
            NoRoomError: there is not enough room.
        """
        async with self._turn:
            while self._lacks(need):
                await self._evict(need, may_evict=may_evict)
            self._held[tenant] = need
        try:
            yield
        finally:
            del self._held[tenant]
            self._freed.set()

    def _lacks(self, need: int) -> bool:
        return self.most is not None and sum(self._held.values()) + need > self.most

    async def _evict(self, need: int, *, may_evict: bool) -> None:
        idle = {tenant: since for tenant in self._held if (since := tenant.idle_since) is not None}
        # Nobody is sent away for one that would not fit even then.
        spared = sum(size for tenant, size in self._held.items() if tenant not in idle)
        if not may_evict or self.most is None or spared + need > self.most:
            taken = sum(self._held.values())
            raise NoRoomError(
                f"it needs about {decimal(need)}, and of memory_budget_mib {decimal(taken)} are taken by other models"
            )
        oldest = min(idle, key=lambda tenant: idle[tenant])
        oldest.unload("unloaded to make room for another model")
        while oldest in self._held:
            self._freed.clear()
            await self._freed.wait()
