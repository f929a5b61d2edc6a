"""The operating point: the threshold that meets an objective on labelled prompts, and what to expect of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from classifiers.bootstrap import Interval, Rows, interval
from classifiers.calibration import Calibration
from classifiers.outcomes import Outcome

ObjectiveName: TypeAlias = Literal["max_large_pct", "min_quality", "max_usd_per_1k"]

DIGITS = 4
STEPS = 400
"""How many thresholds are tried, spread evenly over the prompts."""

Floats = NDArray[np.float64]
GRID = np.linspace(0, 1, 10**DIGITS + 1)


class UnmetError(ValueError):
    """No threshold meets the objective on these prompts; the message says what the nearest one gives."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What a threshold has to hold.

    `max_large_pct`: at most this share of prompts goes to the large model. `min_quality`: at least this share of the large
    model's own quality is kept (0.95 is 95 %). `max_usd_per_1k`: a thousand prompts cost at most this.
    """

    name: ObjectiveName
    value: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """`name=value`; ValueError says what is wrong with it."""
        name, equals, written = text.partition("=")
        if name not in get_args(ObjectiveName) or not equals:
            raise ValueError(
                f"an objective is one of {', '.join(f'{known}=NUMBER' for known in get_args(ObjectiveName))}"
            )
        try:
            value = float(written)
        except ValueError:
            raise ValueError(f"{name} needs a number, not {written[:20]!r}") from None
        most = {"max_large_pct": 100.0, "min_quality": 1.0}.get(name, math.inf)
        if not (math.isfinite(value) and 0 <= value <= most):
            raise ValueError(f"{name} must be {'0 or more' if most == math.inf else f'from 0 to {most:g}'}")
        return cls(name, value)  # type: ignore[arg-type]  # membership was just checked

    def __str__(self) -> str:
        return f"{self.name}={self.value:g}"


@dataclass(frozen=True, slots=True)
class Point:
    """Scores below `threshold` are for the small model. Those in [start, stop) are too close to call."""

    threshold: float
    start: float
    stop: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What to expect of a point, each with its interval; `saving_pct` and `usd_per_1k` are None without prices.

    `large_pct` is the share of prompts that goes to the large model, `abstain_pct` that in the abstain band;
    `quality` the share of the large model's own quality that is kept; `saving_pct` compares with the large model alone.
    """

    large_pct: Interval
    abstain_pct: Interval
    quality: Interval
    saving_pct: Interval | None
    usd_per_1k: Interval | None


@dataclass(frozen=True, slots=True)
class Bench:
    """Labelled prompts with their scores. `band` is the abstain band's half width in calibrated probability.

    `probability` holds the calibrated probability of every score on a fine grid, once for all thresholds.
    `abstains_up` says whether the band goes to the large model (or another that counts as it), or to the small one.
    """

    scores: Floats
    small: Floats
    large: Floats
    small_usd: Floats | None
    large_usd: Floats | None
    probability: Floats
    band: float
    abstains_up: bool

    @classmethod
    def of(
        cls, outcomes: Sequence[Outcome], scores: Sequence[float], calibration: Calibration, band: float, up: bool
    ) -> Self:
        """From labelled rows; prices count only when every row has them."""
        return cls(
            np.asarray(scores, dtype=np.float64),
            np.array([row.small for row in outcomes]),
            np.array([row.large for row in outcomes]),
            _known([row.small_usd for row in outcomes]),
            _known([row.large_usd for row in outcomes]),
            np.array([calibration.probability(score) for score in GRID.tolist()]) if band else GRID,
            band,
            up,
        )

    def point(self, threshold: float) -> Point:
        """The threshold with its abstain band, from probability back to scores."""
        if not self.band:
            return Point(threshold, threshold, threshold)
        middle = float(np.interp(threshold, GRID, self.probability))
        start = GRID[min(int(np.searchsorted(self.probability, middle - self.band, "left")), len(GRID) - 1)]
        stop = GRID[min(int(np.searchsorted(self.probability, middle + self.band, "right")), len(GRID) - 1)]
        return Point(threshold, round(min(float(start), threshold), DIGITS), round(max(float(stop), threshold), DIGITS))

    def goes_large(self, point: Point) -> NDArray[np.bool_]:
        """Which prompts the large model answers."""
        return self.scores >= (point.start if self.abstains_up else point.stop)

    def cost(self, goes_large: NDArray[np.bool_]) -> Floats | None:
        """USD of each prompt."""
        if self.small_usd is None or self.large_usd is None:
            return None
        return np.where(goes_large, self.large_usd, self.small_usd)


def choose(objective: Objective, bench: Bench) -> Point:
    """The cheapest point that keeps a quality, or the best one that keeps to a share or a cost.

    Raises:
        UnmetError: there is none.
    """
    points = [bench.point(threshold) for threshold in _thresholds(bench.scores)]
    met = [(point, bench.goes_large(point)) for point in points]
    kept = [(point, float(chosen.mean())) for point, chosen in met if _meets(objective, bench, chosen)]
    if not kept:
        raise UnmetError(_nearest(objective, bench, [chosen for _, chosen in met]))
    # Going large less often is what a quality floor is for; more often is what a ceiling leaves room for.
    best = (min if objective.name == "min_quality" else max)(kept, key=lambda found: found[1])
    return best[0]


def expect(bench: Bench, point: Point) -> Expected:
    """What the point gives on these prompts, with bootstrap intervals."""
    chosen, size = bench.goes_large(point), len(bench.scores)
    quality = np.where(chosen, bench.large, bench.small)
    abstains = (bench.scores >= point.start) & (bench.scores < point.stop)
    cost, full = bench.cost(chosen), bench.large_usd

    def mean(values: Floats | NDArray[np.bool_], scale: float) -> Interval:
        return interval(lambda rows: scale * float(values[rows].mean()), size)

    return Expected(
        large_pct=mean(chosen, 100),
        abstain_pct=mean(abstains, 100),
        quality=interval(lambda rows: _ratio(quality, bench.large, rows), size),
        saving_pct=None
        if cost is None or full is None
        else interval(lambda rows: 100 * (1 - _ratio(cost, full, rows)), size),
        usd_per_1k=None if cost is None else mean(cost, 1000),
    )


def _thresholds(scores: Floats) -> list[float]:
    places = np.quantile(scores, np.linspace(0, 1, STEPS + 1))
    # Just above a score, so that rounding does not send that very prompt to the other side.
    above = np.ceil(places * 10**DIGITS + 0.5) / 10**DIGITS
    return [float(value) for value in np.unique(np.clip(np.concatenate(([0.0, 1.0], above)), 0, 1).round(DIGITS))]


def _meets(objective: Objective, bench: Bench, chosen: NDArray[np.bool_]) -> bool:
    value = _value(objective, bench, chosen)
    return value >= objective.value if objective.name == "min_quality" else value <= objective.value


def _value(objective: Objective, bench: Bench, chosen: NDArray[np.bool_]) -> float:
    if objective.name == "max_large_pct":
        return 100 * float(chosen.mean())
    if objective.name == "min_quality":
        return _ratio(np.where(chosen, bench.large, bench.small), bench.large, np.arange(len(chosen)))
    cost = bench.cost(chosen)
    if cost is None:
        raise UnmetError(
            "max_usd_per_1k needs prices: give the models a price in the policy file, or the rows their costs"
        )
    return 1000 * float(cost.mean())


def _nearest(objective: Objective, bench: Bench, tried: Sequence[NDArray[np.bool_]]) -> str:
    values = [_value(objective, bench, chosen) for chosen in tried]
    best = max(values) if objective.name == "min_quality" else min(values)
    return f"no threshold meets {objective} on these prompts: the nearest gives {best:.4g}"


def _ratio(part: Floats, whole: Floats, rows: Rows) -> float:
    total = float(whole[rows].sum())
    return float(part[rows].sum()) / total if total else math.nan


def _known(values: Sequence[float | None]) -> Floats | None:
    known = [value for value in values if value is not None]
    return np.array(known) if len(known) == len(values) else None
