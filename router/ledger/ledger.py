"""The ledger as the request path sees it: `record` and nothing that waits."""

import threading

from router.config import Config
from router.errors import ConfigError
from router.importing import ALONE
from router.ledger.entry import Capture, Feedback
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.ledger.record import UsageRecord
from router.ledger.tally import Tally

STOP_S = 10.0


class Ledger:
    """Journals each record at once; a thread moves the journal into the store."""

    def __init__(self, config: Config) -> None:
        self.tally = Tally()
        self._state_dir = config.state_dir
        self._settings = config.ledger
        self._capture = config.capture
        self._journal = Journal(config.state_dir / JOURNAL_FOLDER)
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._drain, name="ledger-drain", daemon=True)

    def start(self) -> None:
        """Open the journal and start draining, what earlier processes left behind included.

        Raises:
            ConfigError: the state folder cannot be written.
        """
        try:
            self._journal.open()
        except OSError as error:
            raise ConfigError(f"the state folder {self._state_dir} cannot be written: {error.strerror}") from error
        self._thread.start()

    def record(self, record: UsageRecord) -> None:
        """Write down one finished request. Never raises: a record that cannot be written is counted as dropped."""
        if self._journal.append(record):
            self.tally.written += 1
        else:
            self.tally.dropped += 1

    def note(self, entry: Feedback | Capture) -> bool:
        """Write down what belongs to a record; False when it had to be dropped."""
        return self._journal.append(entry)

    def adopt(self, config: Config) -> None:
        """From now on this is how much of what was said is kept."""
        self._capture = config.capture

    def close(self) -> None:
        """Move what is left into the store; what a store that is down does not take stays in the journal."""
        self._journal.close()
        self._is_stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _drain(self) -> None:
        # SQLAlchemy takes about half a second to import: in this thread nobody waits for it.
        with ALONE:
            from router.ledger.drainer import Drainer  # noqa: PLC0415

        Drainer(self._state_dir, self.tally, self._settings, lambda: self._capture).run(self._is_stopping)
