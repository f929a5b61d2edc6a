"""Hashed n-grams of a reading: words, pairs of neighbouring words, and runs of characters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers.hashing import buckets, of_pairs, of_runs, of_words
from classifiers.reading import Reading

BITS = 18

_LOW = (1 << BITS) - 1
_PARTS = np.array([1 << BITS, 2 << BITS], dtype=np.uint32)
"""Where the second and the third part begin when the number of the part stands above the bits of the bucket."""


@dataclass(frozen=True, slots=True)
class Grams:
    """The bucket of every n-gram of a text, repeats included.

    `words` has one for each word, `pairs` one for each two words in a row, and `runs` one for each place of the folded
    text where `hashing.RUN` characters start.
    """

    words: NDArray[np.intp]
    pairs: NDArray[np.intp]
    runs: NDArray[np.intp]


def grams(reading: Reading) -> Grams:
    """Buckets in 0 .. 2^`BITS` - 1."""
    words = of_words(reading.tokens.all)
    parts = (words, of_pairs(words), of_runs(reading.points))
    return Grams(*(buckets(part, BITS).astype(np.intp) for part in parts))


@dataclass(frozen=True, slots=True)
class Hits:
    """The distinct n-grams of a text: the bucket of each in 2^`BITS`, and its weight before any learned one.

    A part (words, pairs, runs) of n distinct n-grams weighs 1/sqrt(n) each, so that a long text is not a loud one.
    """

    buckets: NDArray[np.intp]
    weights: NDArray[np.float32]


def hits(reading: Reading) -> Hits:
    """What a linear model over hashed n-grams sees of a reading."""
    of_each = of_words(reading.tokens.all)
    hashes = np.concatenate((of_each, of_pairs(of_each), of_runs(reading.points)))
    found = buckets(hashes, BITS).astype(np.uint32)
    words = len(of_each)
    pairs = max(2 * words - 1, 0)
    # One sort for all parts: the number of the part stands above the bits of the bucket.
    found[words:pairs] |= _PARTS[0]
    found[pairs:] |= _PARTS[1]
    distinct = _distinct(found)
    first, second = np.searchsorted(distinct, _PARTS).tolist()
    counts = (first, second - first, len(distinct) - second)
    weights = np.array([max(count, 1) ** -0.5 for count in counts], dtype=np.float32)
    return Hits((distinct & _LOW).astype(np.intp), weights.repeat(counts))


def _distinct(found: NDArray[np.uint32]) -> NDArray[np.uint32]:
    # np.unique hashes since numpy 2.3, which costs ten times as much at this size.
    found.sort()
    kept = np.empty(len(found), dtype=bool)
    kept[:1] = True
    np.not_equal(found[1:], found[:-1], out=kept[1:])
    return found[kept]
