"""Whether today's prompts still look like those that the classifier was fitted to: the population stability index.

PSI = sum over bins of (now - then) * ln(now / then). By convention below 0.1 nothing has changed, above 0.25 much has.
"""

import math
from collections.abc import Iterable, Sequence

BINS = 20
"""Bins of equal width from 0 to 1."""

HALF_LIFE = 2_000.0
"""After so many further scores, one counts half."""

ENOUGH = 500
"""Scores before there is a figure: with fewer, chance alone looks like drift."""

SMALLEST_SHARE = 1e-3
"""An empty bin counts as this much, so that one stray score does not make the index infinite."""

_RESCALE_AT = 1e9


def histogram(scores: Iterable[float]) -> list[float]:
    """The share of scores in each bin; all zero for no scores."""
    counts = [0] * BINS
    for score in scores:
        counts[_bin(score)] += 1
    total = sum(counts)
    return [round(count / total, 6) if total else 0.0 for count in counts]


def stability_index(then: Sequence[float], now: Sequence[float]) -> float:
    """The PSI of two histograms, whatever each adds up to."""
    return sum((new - old) * math.log(new / old) for old, new in zip(_shares(then), _shares(now), strict=True))


class Drift:
    """A histogram of fixed size that forgets slowly, beside the one that training had."""

    def __init__(self, reference: Sequence[float]) -> None:
        if len(reference) != BINS or not sum(reference) > 0:
            raise ValueError(f"a histogram of {BINS} bins is needed")
        self._reference = tuple(reference)
        self._weights = [0.0] * BINS
        self._seen = 0
        # Each new score counts more than the one before, which is the same as letting the old ones fade.
        self._weight = 1.0

    def observe(self, score: float) -> None:
        """Count one score; a constant few operations."""
        self._weights[_bin(score)] += self._weight
        self._seen += 1
        self._weight *= 2 ** (1 / HALF_LIFE)
        if self._weight > _RESCALE_AT:
            self._weights = [weight / self._weight for weight in self._weights]
            self._weight = 1.0

    def index(self) -> float | None:
        """The PSI of what was observed lately; None before there is enough of it."""
        return stability_index(self._reference, self._weights) if self._seen >= ENOUGH else None


def _bin(score: float) -> int:
    return min(max(int(score * BINS), 0), BINS - 1)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    kept = [max(count / total, SMALLEST_SHARE) for count in counts]
    return [share / sum(kept) for share in kept]
