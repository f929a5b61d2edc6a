"""Objectives: the threshold that is found holds what was asked for."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.calibration import Calibration
from classifiers.operating import Bench, Objective, UnmetError, choose, expect
from classifiers.outcomes import Outcome

PLATT = Calibration("platt", 1.2, -0.1)


def bench(size: int = 2000, *, band: float = 0.0, up: bool = True, priced: bool = True, seed: int = 0) -> Bench:
    generator = np.random.default_rng(seed)
    score = generator.random(size)
    small = (generator.random(size) > score).astype(float)
    usd = (0.0, 0.002) if priced else (None, None)
    rows = [Outcome("p", value, 1.0, small_usd=usd[0], large_usd=usd[1]) for value in small.tolist()]
    return Bench.of(rows, score.tolist(), PLATT, band, up)


@pytest.mark.parametrize("text", ["max_large_pct=25", "min_quality=0.95", "max_usd_per_1k=0.4"])
def test_objectives_read_as_they_are_written(text: str):
    """An objective and its text are the same thing."""
    assert str(Objective.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "25", "max_large_pct", "max_large_pct=", "max_large_pct=x", "max_large_pct=101", "min_quality=1.5",
     "max_usd_per_1k=-1", "max_usd_per_1k=nan", "max_usd_per_1k=inf", "quality=1"],
)  # fmt: skip
def test_other_objectives_are_refused(text: str):
    """What is no objective is refused with the ones there are, or with the range."""
    with pytest.raises(ValueError, match=r"objective is one of|needs a number|must be"):
        Objective.parse(text)


@pytest.mark.parametrize("band", [0.0, 0.05])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("share", [10.0, 25.0, 33.3, 80.0, 100.0])
def test_a_share_of_large_calls_is_kept_to_and_used(band: float, up: bool, share: float):
    """No more than the share goes large, abstentions included, and not much less than it."""
    found = bench(band=band, up=up)
    point = choose(Objective("max_large_pct", share), found)
    large = 100 * found.goes_large(point).mean()
    assert large <= share
    # The band takes its share whole: within it no threshold can be finer.
    assert large >= share - 1.0 or (band and (point.threshold in {0.0, 1.0} or large >= share - 12))


def test_a_quality_floor_is_met_at_the_least_cost():
    """The quality is kept, and a higher threshold would lose it."""
    found = bench()
    point = choose(Objective("min_quality", 0.95), found)
    expected = expect(found, point)
    assert expected.quality.value >= 0.95
    assert expect(found, found.point(point.threshold + 0.02)).quality.value < 0.95


def test_a_budget_is_kept_to():
    """A thousand prompts cost no more than they may."""
    found = bench()
    expected = expect(found, choose(Objective("max_usd_per_1k", 0.4), found))
    assert expected.usd_per_1k is not None
    assert 0.39 <= expected.usd_per_1k.value <= 0.4


def test_what_to_expect_has_an_interval_around_it():
    """Every expectation lies within its bounds; the saving is what is not sent to the large model."""
    found = bench()
    expected = expect(found, choose(Objective("max_large_pct", 25), found))
    for interval in (expected.large_pct, expected.quality, expected.saving_pct, expected.usd_per_1k):
        assert interval.low < interval.value < interval.high
    assert expected.saving_pct.value == pytest.approx(100 - expected.large_pct.value)


def test_without_prices_nothing_is_said_of_money():
    """An unknown price is unknown: no saving is promised, and a budget cannot be an objective."""
    found = bench(priced=False)
    expected = expect(found, choose(Objective("max_large_pct", 25), found))
    assert (expected.saving_pct, expected.usd_per_1k) == (None, None)
    with pytest.raises(UnmetError, match="needs prices"):
        choose(Objective("max_usd_per_1k", 0.4), found)


def test_an_objective_that_nothing_meets_says_what_would_come_nearest():
    """The refusal names the objective and the best that these prompts allow."""
    rows = [Outcome("p", 0.0, 1.0, small_usd=0.001, large_usd=0.002)] * 10
    found = Bench.of(rows, [0.5] * 10, Calibration(), 0.0, True)
    with pytest.raises(UnmetError, match=r"max_usd_per_1k=0.4 .* nearest gives 1$"):
        choose(Objective("max_usd_per_1k", 0.4), found)


@settings(deadline=None, max_examples=25)
@given(threshold=st.floats(0, 1), band=st.floats(0.01, 0.5))
def test_the_band_lies_around_the_threshold_in_probability(threshold: float, band: float):
    """Within the band the calibrated probability is within the half width of the threshold's, and beyond it is not."""
    found = bench(10, band=band)
    point = found.point(round(threshold, 4))
    probability = PLATT.probability
    assert point.start <= point.threshold <= point.stop
    assert probability(point.start) >= probability(point.threshold) - band - 0.001 or point.start == 0
    assert probability(point.stop) <= probability(point.threshold) + band + 0.001
    assert math.isfinite(point.start)
