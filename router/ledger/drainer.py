"""The background loop that empties the journals while the router serves."""

import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from router.capture import CaptureSettings
from router.config import IN_FILE, LedgerSettings
from router.errors import ConfigError
from router.ledger.drain import drain, journal_sizes
from router.ledger.store import Store
from router.ledger.tally import Tally

INTERVAL_S = 1.0
PRUNE_EVERY_S = 3600.0
FORGET_EVERY_S = 60.0
DAY_S = 86_400.0

logger = logging.getLogger("shunt.ledger")


class Drainer:
    """Moves records to the store of `state_dir` every second; while the store is down they wait in the journal."""

    def __init__(
        self,
        state_dir: Path,
        tally: Tally,
        settings: LedgerSettings = IN_FILE,
        capture: Callable[[], CaptureSettings | None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._capture = capture
        self._pruned_at = -math.inf
        self._forgot_at = -math.inf
        self._state_dir = state_dir
        self._tally = tally
        self._is_failing = False
        self._seen: frozenset[tuple[str, int]] | None = None

    def run(self, is_stopping: threading.Event) -> None:
        """Drain until told to stop, then once more."""
        is_last = False
        while not is_last:
            is_last = is_stopping.wait(INTERVAL_S)
            self.drain_once(wait=is_last)

    def drain_once(self, *, wait: bool = False) -> None:
        """One pass if a journal has changed; a store that fails is reported once and tried again at the next one.

        While another process drains there is none, or with `wait` one after its.
        """
        started_at = time.monotonic()
        try:
            sizes = frozenset(journal_sizes(self._state_dir))
            if sizes == self._seen:
                self._tally.current_at = time.monotonic()
                return
            with Store.of(self._state_dir, self._settings) as store:
                if not drain(self._state_dir, store, self._tally, wait=wait):
                    # Whoever is at it may have passed our last lines already.
                    self._seen = None
                    return
                self._prune(store, time.time())
        except (SQLAlchemyError, OSError, ConfigError) as error:
            if not self._is_failing:
                # The text of a database error can hold a row, so only its kind is logged.
                logger.error(  # noqa: TRY400
                    "the ledger's store is down, records wait in the journal: %s", type(error).__name__
                )
            self._is_failing = True
            self._seen = None
        else:
            self._seen = sizes
            self._tally.current_at = started_at
            if self._is_failing:
                logger.warning("the ledger's store is back")
            self._is_failing = False

    def _prune(self, store: Store, now: float) -> None:
        """Delete what is too old, once an hour, and words that are too many or too old, once a minute."""
        if self._settings.keep_days is not None and now - self._pruned_at >= PRUNE_EVERY_S:
            store.prune(now - self._settings.keep_days * DAY_S)
            self._pruned_at = now
        if now - self._forgot_at >= FORGET_EVERY_S:
            capture = self._capture()
            store.forget_words(now, None if capture is None else capture.max_bytes)
            self._forgot_at = now
