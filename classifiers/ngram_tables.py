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


class Table(ctypes.Structure):
    """One table as `native.cpp` knows it."""

    _fields_ = (("weights", ctypes.c_void_p), ("bits", ctypes.c_int32), ("columns", ctypes.c_int32))


class NgramTables:
    """Tables that are read together: each has a row for each bucket, 2^n of them (n at most `BITS`)."""

    def __init__(self, *tables: NDArray[np.float32]) -> None:
        self._tables = [np.ascontiguousarray(table, dtype=np.float32) for table in tables]
        self._bits = [len(table).bit_length() - 1 for table in tables]
        self._columns = [table.shape[1] for table in tables]
        self._library = library()
        self._many = len(tables)
        sizes = zip(self._tables, self._bits, self._columns, strict=True)
        self._passed = (Table * self._many)(*(Table(table.ctypes.data, *size) for table, *size in sizes))
        self._totals = ctypes.c_double * sum(self._columns)
        self._folded = FOLDED.ctypes.data

    def sums(self, reading: Reading) -> list[float]:
        """For each column of each table the weights of the reading's distinct n-grams.

        Those of each kind count one over the root of their number.
        """
        if self._library is None:
            return self._by_numpy(reading)
        totals, codes, words = self._totals(), reading.codes, reading.tokens.joined
        self._library.shunt_weigh(
            codes, len(codes) // 4, words, len(words), self._folded, self._passed, self._many, totals
        )
        return list(totals[:])

    def _by_numpy(self, reading: Reading) -> list[float]:
        found, sums = hits(reading), list[float]()
        for table, bits in zip(self._tables, self._bits, strict=True):
            rows, total = found.buckets >> (BITS - bits), np.zeros(table.shape[1], dtype=np.float32)
            for start in range(0, len(rows), BLOCK):
                block = slice(start, start + BLOCK)
                total += found.weights[block] @ table.take(rows[block], axis=0)
            sums += total.tolist()
        return sums
