"""Where log lines go: a bounded queue and a thread that writes, so that a slow terminal never holds a request up."""

import logging
import queue
import threading
from typing import TextIO

MAX_WAITING = 10_000
CLOSE_S = 2.0


class Outlet(logging.Handler):
    """Writes each line in a thread of its own; lines that find no room, or no disk, are dropped and counted."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter, *, max_waiting: int = MAX_WAITING) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.dropped = 0
        self._stream = stream
        self._max_waiting = max_waiting
        # The simple kind costs a tenth of the other; it has no bound of its own.
        self._queue: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line; never waits."""
        if self._queue.qsize() < self._max_waiting:
            self._queue.put(record)
        else:
            self.dropped += 1

    def close(self) -> None:
        """Write what is queued, as far as that works in two seconds, and stop."""
        super().close()
        self._queue.put(None)
        self._thread.join(CLOSE_S)

    def _write_all(self) -> None:
        while (record := self._queue.get()) is not None:
            try:
                self._stream.write(f"{self.format(record)}\n")
                if self._queue.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                # The disk is full or the terminal is gone: there is nowhere to say so but in the count.
                self.dropped += 1
