"""What became of the records of one process."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Records written to the journal, dropped, moved to the store, and journal lines that could not be read.

    A process also moves what others of its state folder wrote, so `stored` may exceed `written`. `current_at` is when
    the store last held all of it, in seconds of `time.monotonic`.
    """

    written: int = 0
    dropped: int = 0
    stored: int = 0
    unreadable: int = 0
    current_at: float = field(default_factory=time.monotonic, compare=False)

    @property
    def behind_s(self) -> float:
        """For how long records may have been waiting, in seconds; about one while all is well."""
        return time.monotonic() - self.current_at
