"""Drift: nothing for the same prompts, much for others, and a bounded memory of both."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.drift import BINS, ENOUGH, HALF_LIFE, Drift, histogram, stability_index

GENERATOR = random.Random(0)
THEN = [GENERATOR.betavariate(2, 5) for _ in range(5000)]


def observed(drift: Drift, scores: list[float]) -> float | None:
    for score in scores:
        drift.observe(score)
    return drift.index()


def test_the_same_kind_of_prompts_is_no_drift():
    """Scores from the training distribution stay below the conventional 0.1."""
    generator = random.Random(1)
    same = [generator.betavariate(2, 5) for _ in range(4000)]
    assert observed(Drift(histogram(THEN)), same) < 0.1


def test_another_kind_of_prompts_is():
    """Scores from elsewhere pass the conventional 0.25, and the index comes back when the old kind does."""
    generator = random.Random(2)
    drift = Drift(histogram(THEN))
    assert observed(drift, [generator.betavariate(5, 2) for _ in range(4000)]) > 0.25
    assert observed(drift, [generator.betavariate(2, 5) for _ in range(int(8 * HALF_LIFE))]) < 0.1


def test_there_is_no_figure_before_there_is_enough():
    """Chance alone looks like drift in a few scores, so nothing is said of them."""
    drift = Drift(histogram(THEN))
    assert observed(drift, [0.5] * (ENOUGH - 1)) is None
    assert observed(drift, [0.5]) is not None


def test_it_goes_on_for_ever():
    """After many half-lives the weights are still finite: the memory has a fixed size and no overflow."""
    drift = Drift(histogram(THEN))
    assert observed(drift, [0.999] * int(40 * HALF_LIFE)) < 100


@given(st.lists(st.floats(-1, 2), min_size=1), st.lists(st.floats(-1, 2), min_size=1))
def test_the_index_is_never_negative(then: list[float], now: list[float]):
    """Whatever the scores, the index is zero for equal shares and positive otherwise."""
    assert stability_index(histogram(then), histogram(now)) >= -1e-9
    assert stability_index(histogram(then), histogram(then)) == pytest.approx(0)


@pytest.mark.parametrize("reference", [[], [1.0], [0.0] * BINS])
def test_a_histogram_of_another_shape_is_refused(reference: list[float]):
    """Drift from nothing cannot be told."""
    with pytest.raises(ValueError, match="histogram"):
        Drift(reference)
