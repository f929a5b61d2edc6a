"""Who uses a child now, and since when nobody has: what unloading an idle model goes by."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from router.engine.watch import Sleep


class Activity:
    """The uses of one child. `last` is when the last one ended or the child was loaded, in seconds of `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.open = 0
        self._clock = clock
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self.touch()

    def touch(self) -> None:
        """Count idleness from now on."""
        self.last = self._clock()

    @contextmanager
    def use(self) -> Iterator[None]:
        """In use while the block runs."""
        self.open += 1
        self._is_quiet.clear()
        try:
            yield
        finally:
            self.open -= 1
            self.touch()
            if not self.open:
                self._is_quiet.set()

    async def idle_for(self, seconds: float, sleep: Sleep) -> None:
        """Return once nobody has used it for `seconds`."""
        while True:
            await self._is_quiet.wait()
            left = self.last + seconds - self._clock()
            if left <= 0:
                return
            await sleep(left)
