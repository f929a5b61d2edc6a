"""Compressed bodies: unpacked piece by piece, so that a small one that would grow without end is refused early."""

import zlib
from typing import Final

from router.errors import InvalidJson, TooLarge

GZIP: Final = 16 + zlib.MAX_WBITS
CODINGS: Final = {"gzip": GZIP, "x-gzip": GZIP, "deflate": zlib.MAX_WBITS}
ACCEPTED: Final = "gzip, deflate"


class Inflater:
    """Unpacks at most `most` bytes of one body."""

    def __init__(self, coding: str, most: int) -> None:
        self._wbits = CODINGS[coding]
        self._most = most
        self._size = 0
        self._engine: zlib._Decompress | None = None

    def feed(self, data: bytes) -> bytes:
        """What `data` unpacks to.

        Raises:
            TooLarge: it would be over `most` bytes in all; nothing more is unpacked.
            InvalidJson: it is not what it is declared as.
        """
        found: list[bytes] = []
        while data:
            self._engine = self._engine or zlib.decompressobj(self._window(data))
            try:
                found.append(self._engine.decompress(data, self._most - self._size + 1))
            except zlib.error:
                raise InvalidJson("The body is not compressed as its Content-Encoding says.") from None
            self._size += len(found[-1])
            if self._size > self._most:
                raise TooLarge(f"The body is over the limit of {self._most} bytes once it is unpacked.")
            data = self._engine.unconsumed_tail
            if self._engine.eof:
                # Of gzip, several members may follow one another.
                data, self._engine = self._rest(self._engine.unused_data), None
        return b"".join(found)

    def end(self) -> None:
        """Nothing more will come. Raises `InvalidJson` when something is missing."""
        if self._engine is not None:
            raise InvalidJson("The body ends before its compressed data does.")

    def _window(self, data: bytes) -> int:
        """Some clients send `deflate` without zlib's header, whatever the standard says."""
        is_bare = self._wbits == zlib.MAX_WBITS and data[0] & 0x0F != zlib.DEFLATED
        return -zlib.MAX_WBITS if is_bare else self._wbits

    def _rest(self, data: bytes) -> bytes:
        if data and self._wbits != GZIP:
            raise InvalidJson("Something follows the compressed body.")
        return data
