"""What the prompt's own n-grams say of the answer: whole numbers from -127 to 127, written as one line of text."""

import base64
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from classifiers.ngram_tables import NgramTables
from classifiers.ngrams import BITS as MOST_BITS
from classifiers.reading import read

BITS = 14
"""Of the table that is learned: 16 KB, or 22 as text."""

STEPS = 127

Floats = NDArray[np.float64]


def pack(weights: Floats) -> tuple[str, float]:
    """Weights as text, and how many log-odds a step is; no text where all are zero."""
    grain = float(np.abs(weights).max(initial=0.0)) / STEPS
    if not grain:
        return "", 0.0
    return base64.b64encode(np.rint(weights / grain).astype(np.int8).tobytes()).decode(), grain


def unpack(packed: str, grain: float) -> Floats:
    """The weights of a text.

    Raises:
        ValueError: it is no base64, or holds another number of weights than a power of 2, at most 2^18.
    """
    weights: Floats = np.frombuffer(base64.b64decode(packed, validate=True), dtype=np.int8) * np.float64(grain)
    if len(weights).bit_count() != 1 or len(weights) > 1 << MOST_BITS:
        raise ValueError(f"{len(weights)} weights of n-grams")
    return weights


def log_odds_of(prompt: str, packed: str, grain: float) -> float:
    """What the distinct n-grams of a prompt come to."""
    return _table(packed, grain).sums(read(prompt))[0] if packed else 0.0


@lru_cache(maxsize=8)
def _table(packed: str, grain: float) -> NgramTables:
    return NgramTables(unpack(packed, grain).astype(np.float32)[:, None])
