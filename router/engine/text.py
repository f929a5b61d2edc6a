"""From the bytes of tokens to text that may be shown: whole characters, and nothing of a stop string."""

import codecs

_utf8 = codecs.getincrementaldecoder("utf-8")


class TextStream:
    """Joins bytes to characters and holds back what may yet turn out to be the start of a stop string.

    `stopped_by` is the stop string that has come: the earliest in the text, of several there the longest.

    `drops_space` leaves out one space at the very start, which belongs to the border between prompt and answer.
    """

    def __init__(self, stops: tuple[str, ...] = (), *, drops_space: bool = False) -> None:
        self._decoder = _utf8("replace")
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self._drops_space = drops_space
        self.stopped_by: str | None = None

    @property
    def is_stopped(self) -> bool:
        """True once a stop string has come."""
        return self.stopped_by is not None

    def push(self, data: bytes) -> str:
        """What may be shown now. After a stop string has come, `is_stopped` is True and nothing more is shown."""
        text = self._decoder.decode(data)
        if self._drops_space and text:
            self._drops_space = False
            text = text.removeprefix(" ")
        if not self._stops:
            return text
        self._held += text
        found = [(at, -len(stop), stop) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            cut, _, self.stopped_by = min(found)
        else:
            cut = len(self._held) - self._suspect()
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def finish(self) -> str:
        """What was held back; a character that was not completed is left out, for half of one is not text."""
        held, self._held = self._held, ""
        return "" if self.is_stopped else held

    def _suspect(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        held = self._held
        longest = min(len(held), max(map(len, self._stops)) - 1)
        for size in range(longest, 0, -1):
            tail = held[-size:]
            if any(stop.startswith(tail) for stop in self._stops):
                return size
        return 0
