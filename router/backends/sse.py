"""Server-sent events, read incrementally: bytes in, the data of each event out.

The grammar is WHATWG's ("9.2.6 Interpreting an event stream"): lines end in LF, CRLF or CR, a blank line ends an
event, several `data:` lines are joined by LF, comments and other fields are skipped, and an event that the end of the
stream cuts off is discarded.
"""

MAX_EVENT_BYTES = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class EventSizeError(ValueError):
    """One event is over the limit; the stream cannot be trusted any further."""


class SseParser:
    """The parser of one stream. Memory is bounded by `max_event_bytes` for each event, however it is cut up."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._unfinished: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0
        self._pending = 0
        self._at_start = True
        self._ended_in_cr = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of every event that `piece` completes, in order.

        Raises:
            EventSizeError: an event grows over the limit.
        """
        if self._ended_in_cr or b"\r" in piece:
            piece = self._only_lf(piece)
        lines = piece.split(b"\n")
        rest = lines.pop()
        events: list[bytes] = []
        if lines:
            if self._unfinished:
                lines[0] = b"".join([*self._unfinished, lines[0]])
                self._unfinished.clear()
                self._pending = 0
            self._take(lines, events)
        if rest:
            self._pending += len(rest)
            self._check()
            self._unfinished.append(rest)
        return events

    def _only_lf(self, piece: bytes) -> bytes:
        if not piece:
            return piece
        if self._ended_in_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        self._ended_in_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take(self, lines: list[bytes], events: list[bytes]) -> None:
        if self._at_start:
            lines[0] = lines[0].removeprefix(_BOM)
            self._at_start = False
        for line in lines:
            if line.startswith(b"data:"):
                self._size += len(line)
                self._check()
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data.clear()
                self._size = 0
            elif line == b"data":
                self._data.append(b"")

    def _check(self) -> None:
        if self._size + self._pending > self._max:
            raise EventSizeError(f"An event is over {self._max} bytes.")
