"""Hashes of words and of runs of characters, each kind at the cost of a few vector operations, and their buckets."""

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from classifiers.tokens import DIGITS, Points

Hashes = NDArray[np.uint64]

RUN = 4
"""How many characters a run has."""

_MIX = np.uint64(0xD6E8FEB86659FD93)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_HALF = np.uint64(32)
_PLANE = 0xFFFF

FOLDED = np.arange(_PLANE + 1, dtype=np.uint16)
"""Every code point of the basic plane, each digit as "0"."""
FOLDED[DIGITS] = ord("0")


def of_words(words: list[bytes]) -> Hashes:
    """One hash for each word."""
    return np.fromiter(map(crc32, words), dtype=np.uint64, count=len(words))


def of_pairs(hashes: Hashes) -> Hashes:
    """One hash for each two neighbours among the hashes of words."""
    return hashes[:-1] * _PAIR + hashes[1:]


def of_runs(points: Points) -> Hashes:
    """One hash for each place where `RUN` characters start: their code points themselves, of 16 bits each."""
    codes = FOLDED.take(points & _PLANE)
    count = max(len(codes) - RUN + 1, 0)
    return np.ndarray((count,), dtype="<u8", buffer=codes, strides=(codes.itemsize,)) if count else _NONE


_NONE = np.zeros(0, dtype=np.uint64)


def buckets(hashes: Hashes, bits: int) -> Hashes:
    """A bucket in 0 .. 2^bits - 1 for each hash."""
    mixed = hashes * _MIX
    mixed ^= mixed >> _HALF
    mixed *= _MIX
    mixed >>= np.uint64(64 - bits)
    return mixed
