"""Real engine children for tests: how to start one, and pauses that a test looks at instead of waiting for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from router.engine.gguf import GgufError
from router.engine.inspection import inspect
from router.engine.settings import Settings
from router.engine.supervisor import NotServableError, Plan, Rhythm, Supervisor
from router.engine.watch import Snapshot
from router.engine.wire import Sampling, Submit

LOAD_S = 120.0
WINDOW = 8192


def plan_of(model: Path, *, parallel: int = 4, check: bool = True) -> Callable[[], Awaitable[Plan]]:
    """What a supervisor prepares for `model`: a window of `WINDOW` tokens for each of `parallel` sequences."""

    async def prepare() -> Plan:
        file = Snapshot.of(model)
        if check:
            try:
                inspect(model)
            except GgufError as error:
                raise NotServableError(str(error), file) from error
        return Plan(Settings("", str(model), WINDOW, parallel, 16, threads=1), file)

    return prepare


class Pauses:
    """Instead of sleep: remembers how long the pause would be, and ends it when the test says so."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._begun = asyncio.Event()
        self._over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        """Pause until `end`."""
        self.asked.append(seconds)
        self._over.clear()
        self._begun.set()
        await self._over.wait()

    async def begun(self) -> None:
        """Return once a pause has begun."""
        await self._begun.wait()
        self._begun.clear()

    def end(self) -> None:
        """The pause is over."""
        self._over.set()


@asynccontextmanager
async def supervised(
    prepare: Callable[[], Awaitable[Plan]], *, rhythm: Rhythm | None = None, pauses: Pauses | None = None
) -> AsyncIterator[Supervisor]:
    """A started supervisor that is closed in the end."""
    supervisor = Supervisor("test", prepare, rhythm=rhythm, **({"sleep": pauses} if pauses else {}))
    supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.close()


async def ready(supervisor: Supervisor) -> None:
    """Wait until the child serves."""
    async with asyncio.timeout(LOAD_S):
        await supervisor.until("ready")


def endless(id_: int) -> Submit:
    """A request that writes for seconds, until its window is full."""
    return brief(id_, max_tokens=None)


def brief(id_: int, *, max_tokens: int | None = 32) -> Submit:
    """A request for so many tokens."""
    message = {"role": "user", "content": "Once upon a time"}
    return Submit(id_, messages=[message], sampling=Sampling(temperature=0), max_tokens=max_tokens, ignore_eos=True)
