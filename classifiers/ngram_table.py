"""Learned weights of hashed n-grams, and what they come to for a text."""

import ctypes

import numpy as np
from numpy.typing import NDArray

from classifiers.hashing import FOLDED
from classifiers.native import library
from classifiers.ngrams import BITS, hits
from classifiers.reading import Reading

BLOCK = 512
"""Rows that are multiplied at once: OpenBLAS starts threads for more, which costs more than the product."""


class NgramTable:
    """`weights` has a row for each bucket, 2^n of them (n at most `BITS`), and a column for each number to add up."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._weights = np.ascontiguousarray(weights, dtype=np.float32)
        self._bits = len(weights).bit_length() - 1
        self._library = library()
        self._columns = weights.shape[1]
        self._addresses = (FOLDED.ctypes.data, self._weights.ctypes.data)
        self._totals = ctypes.c_double * self._columns

    def sums(self, reading: Reading) -> list[float]:
        """For each column the weights of the reading's distinct n-grams, those of each kind over the root of their number."""
        if self._library is None:
            return self._by_numpy(reading)
        totals, codes, words = self._totals(), reading.codes, reading.tokens.joined
        folded, weights = self._addresses
        self._library.shunt_weigh(
            codes, len(codes) // 4, words, len(words), folded, weights, self._bits, self._columns, totals
        )
        return list(totals)

    def _by_numpy(self, reading: Reading) -> list[float]:
        found = hits(reading)
        rows, total = found.buckets >> (BITS - self._bits), np.zeros(self._columns, dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            block = slice(start, start + BLOCK)
            total += found.weights[block] @ self._weights.take(rows[block], axis=0)
        return [float(value) for value in total]
