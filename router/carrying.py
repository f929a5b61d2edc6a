"""Brings what the ledger says was spent into the limits of a process that begins."""

import asyncio
import logging
import time

from router.config import Config
from router.errors import ConfigError
from router.importing import ALONE
from router.limits.quotas import Quotas, Spent
from router.limits.till import day_start, month_start

PATIENCE_S = 10.0
AGAIN_S = 5.0

logger = logging.getLogger("shunt.limits")


class Carrying:
    """Reads the ledger once, beside the requests; while its store is down it is tried again and the limits begin at zero."""

    def __init__(self, config: Config, quotas: Quotas) -> None:
        self._config = config
        self._quotas = quotas
        self._began_at = time.time()
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, wait: bool) -> None:
        """Begin; with `wait` no request comes before the ledger was read, unless that takes longer than ten seconds."""
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(_ended)
        if wait:
            await asyncio.wait({self._task}, timeout=PATIENCE_S)

    async def close(self) -> None:
        """Give up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        is_told = False
        while True:
            try:
                spent = await asyncio.to_thread(_spent, self._config, self._began_at)
            except ConfigError as error:
                if not is_told:
                    logger.error("budgets begin at zero until the ledger can be read: %s", error)  # noqa: TRY400 - the words are all there is to it
                is_told = True
                await asyncio.sleep(AGAIN_S)
            else:
                self._quotas.carry(spent)
                return


def _spent(config: Config, until: float) -> list[Spent]:
    # SQLAlchemy takes about half a second to import: in this thread nobody waits for it.
    with ALONE:
        from router.ledger.spending import Span, spent_in  # noqa: PLC0415

    return spent_in(config.state_dir, Span(month_start(until), day_start(until), until), config.ledger)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("budgets begin at zero, until a restart: %s", type(error).__name__)
