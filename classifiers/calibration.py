"""From a score to a probability that holds on the user's own prompts: the map as it is stored and used."""

import bisect
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

Method: TypeAlias = Literal["none", "platt", "isotonic"]

SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """A map that never turns the order around.

    `platt` (Platt 1999) is a line in log-odds: slope and intercept. `isotonic` (Zadrozny and Elkan 2002) joins knots,
    each a score and a probability, by straight lines. `none` leaves the score as it is.
    """

    method: Method = "none"
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def probability(self, score: float) -> float:
        """The calibrated P(the large model is needed)."""
        if self.method == "platt":
            return logistic(self.slope * log_odds(score) + self.intercept)
        return self._between_knots(score) if self.method == "isotonic" else score

    def _between_knots(self, score: float) -> float:
        place = bisect.bisect_right(self.knots, score, key=lambda knot: knot[0])
        if place in {0, len(self.knots)}:
            return self.knots[max(place - 1, 0)][1]
        (start, low), (end, high) = self.knots[place - 1], self.knots[place]
        return low + (high - low) * (score - start) / (end - start)


def log_odds(probability: float) -> float:
    """The log-odds of a probability, kept finite."""
    kept = min(max(probability, SMALLEST), 1 - SMALLEST)
    return math.log(kept / (1 - kept))


def logistic(value: float) -> float:
    """The probability of log-odds, for any size of them."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    odds = math.exp(value)
    return odds / (1 + odds)
