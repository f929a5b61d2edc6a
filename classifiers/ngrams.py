"""Hashed word and character n-grams of a reading, computed whole with numpy: no loop over tokens.

A substring's hash is a difference of prefix sums of a polynomial in an odd base modulo 2^64 (Karp and Rabin 1987, in
the form that shifts by the inverse of the base), so every n-gram costs a handful of vector operations.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers.reading import CAP, Reading

CHARACTERS = (4,)
BITS = 18

_BASE = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xD6E8FEB86659FD93)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_HALF = np.uint64(32)
_LOW = (1 << BITS) - 1


def _powers(base: int) -> NDArray[np.uint64]:
    values = [1]
    for _ in range(CAP):
        values.append(values[-1] * base & 0xFFFFFFFFFFFFFFFF)
    return np.array(values, dtype=np.uint64)


_UP = _powers(_BASE)
_DOWN = _powers(pow(_BASE, -1, 1 << 64))


@dataclass(frozen=True, slots=True)
class Grams:
    """The buckets of a text's n-grams: `words` (one for each token), `pairs` (tokens in a row), `characters`.

    `at` holds the position in the folded text where each character n-gram starts.
    """

    words: NDArray[np.intp]
    pairs: NDArray[np.intp]
    characters: NDArray[np.intp]
    at: NDArray[np.intp]


def _bucket(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.intp]:
    mixed = (hashes ^ (hashes >> _HALF)) * _MIX
    mixed ^= mixed >> _HALF
    return ((mixed * _MIX) >> np.uint64(64 - bits)).astype(np.intp)


def grams(reading: Reading, bits: int) -> Grams:
    """Buckets in 0 .. 2^bits - 1 for every n-gram of a reading, repeats included."""
    words, pairs, characters = _hashes(reading)
    spans = [max(len(reading.codes) - n + 1, 0) for n in CHARACTERS]
    at = np.concatenate([np.arange(span) for span in spans])
    return Grams(_bucket(words, bits), _bucket(pairs, bits), _bucket(characters, bits), at)


def _hashes(reading: Reading) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    mixed = (reading.codes + np.uint64(1)) * _MIX
    mixed ^= mixed >> _HALF
    size = len(mixed)
    sums = np.zeros(size + 1, dtype=np.uint64)
    np.cumsum(mixed * _UP[:size], out=sums[1:])
    words = (sums[reading.ends] - sums[reading.starts]) * _DOWN[reading.starts]
    pairs = words[:-1] * _PAIR + words[1:]
    spans = [(sums[n:] - sums[:-n]) * _DOWN[: max(size - n + 1, 0)] + np.uint64(n) for n in CHARACTERS if n <= size]
    characters = np.concatenate(spans) if spans else np.zeros(0, dtype=np.uint64)
    return words, pairs, characters


@dataclass(frozen=True, slots=True)
class Hits:
    """The distinct n-grams of a text: the bucket of each in 2^`BITS`, and its weight before any learned one.

    A part (words, pairs, characters) of n distinct n-grams weighs 1/sqrt(n) each, so that a long text is not a loud one.
    """

    buckets: NDArray[np.intp]
    weights: NDArray[np.float64]


def hits(reading: Reading) -> Hits:
    """What a linear model over hashed n-grams sees of a reading."""
    hashes = _hashes(reading)
    buckets = _bucket(np.concatenate(hashes), BITS)
    words, pairs = len(hashes[0]), len(hashes[1])
    # One sort for all parts: the number of the part stands above the bits of the bucket.
    buckets[words : words + pairs] += 1 << BITS
    buckets[words + pairs :] += 2 << BITS
    distinct = _distinct(buckets.astype(np.uint32)).astype(np.intp)
    counts = np.bincount(distinct >> BITS, minlength=3)
    return Hits(distinct & _LOW, np.repeat(1.0 / np.sqrt(np.maximum(counts, 1)), counts))


def _distinct(buckets: NDArray[np.uint32]) -> NDArray[np.uint32]:
    # np.unique hashes since numpy 2.3, which costs ten times as much at this size.
    buckets.sort()
    kept = np.empty(len(buckets), dtype=bool)
    kept[:1] = True
    np.not_equal(buckets[1:], buckets[:-1], out=kept[1:])
    return buckets[kept]
