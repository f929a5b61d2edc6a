"""How sure a figure is: percentile intervals over resampled rows (Efron 1979)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 500
COVERAGE = 0.95

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the bounds that `COVERAGE` of its resamples lie in."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """`0.601 (0.583 to 0.620)`, or a dash for a figure that the rows do not give."""
        return "-" if math.isnan(self.value) else f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def rounded(self, digits: int) -> "Interval":
        """The same with fewer digits."""
        return Interval(round(self.value, digits), round(self.low, digits), round(self.high, digits))


def interval(measure: Callable[[Rows], float], size: int, *, rounds: int = ROUNDS, seed: int = 0) -> Interval:
    """The figure that `measure` gives for all of `size` rows, and its bounds; `measure` takes the rows' numbers.

    Resamples for which there is no figure (NaN) are left out; the same seed gives the same bounds.
    """
    return intervals(lambda rows: (measure(rows),), size, rounds=rounds, seed=seed)[0]


def intervals(
    measure: Callable[[Rows], Sequence[float]], size: int, *, rounds: int = ROUNDS, seed: int = 0
) -> tuple[Interval, ...]:
    """The same for several figures of one resample."""
    generator = np.random.default_rng(seed)
    found = np.array([measure(generator.integers(0, size, size)) for _ in range(rounds)])
    return tuple(_bounds(value, column) for value, column in zip(measure(np.arange(size)), found.T, strict=True))


def _bounds(value: float, resampled: NDArray[np.float64]) -> Interval:
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return Interval(value, math.nan, math.nan)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    return Interval(value, float(low), float(high))
