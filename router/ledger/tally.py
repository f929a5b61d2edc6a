"""What became of the records of one process."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Records written to the journal, dropped, moved to the store, and journal lines that could not be read.

    A process also moves what other processes left behind, so `stored` may exceed `written`.
    """

    written: int = 0
    dropped: int = 0
    stored: int = 0
    unreadable: int = 0
