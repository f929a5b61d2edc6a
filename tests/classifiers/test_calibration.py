"""The map from score to probability: monotone, chosen on rows it has not seen, and right where it is used."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import load
from classifiers.calibrating import MIN_ROWS, calibrate
from classifiers.calibration import Calibration, log_odds, logistic
from classifiers.examples import hand_written

scores = st.floats(0, 1)
MAPS = (
    Calibration(),
    Calibration("platt", slope=2.0, intercept=-1.0),
    Calibration("isotonic", knots=((0.1, 0.0), (0.4, 0.3), (0.6, 0.3), (0.9, 0.8))),
    Calibration("isotonic", knots=((0.5, 0.2),)),
)


@pytest.mark.parametrize("calibration", MAPS, ids=lambda found: found.method)
@given(low=scores, high=scores)
def test_no_map_turns_the_order_around(calibration: Calibration, low: float, high: float):
    """A higher score never has a lower probability, and every probability is one."""
    low, high = sorted((low, high))
    found = calibration.probability(low), calibration.probability(high)
    assert 0 <= found[0] <= found[1] + 1e-12 <= 1 + 1e-12


@given(st.floats(-1e6, 1e6))
def test_log_odds_and_back(value: float):
    """The two never overflow, and undo one another within the bounds that are kept."""
    assert 0 <= logistic(value) <= 1
    if abs(value) < 10:
        assert log_odds(logistic(value)) == pytest.approx(value)


def _drawn(true: Calibration, size: int = 4000) -> tuple[list[float], list[float]]:
    generator = np.random.default_rng(3)
    score = generator.random(size)
    gain = generator.random(size) < [true.probability(value) for value in score.tolist()]
    return score.tolist(), gain.astype(float).tolist()


@pytest.mark.parametrize(
    ("true", "method"),
    [
        (Calibration(), "none"),
        (Calibration("platt", slope=0.5, intercept=-1.5), "platt"),
        (Calibration("isotonic", knots=((0.0, 0.05), (0.45, 0.05), (0.55, 0.9), (1.0, 0.9))), "isotonic"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_map_that_fits_is_chosen(true: Calibration, method: str):
    """Each kind of distortion gets the map that undoes it, and the error on unseen rows is below 0.05."""
    found = calibrate(*_drawn(true))
    assert found.calibration.method == method
    assert found.error <= 0.05
    assert found.error <= found.error_before + 0.01


def test_a_score_that_says_nothing_is_not_turned_around():
    """Against a score that points the wrong way a map can only flatten it, never reverse it."""
    score, gain = _drawn(Calibration())
    found = calibrate(score, [1 - value for value in gain]).calibration
    assert found.probability(0.9) >= found.probability(0.1)


def test_the_shipped_score_is_a_probability_after_calibration():
    """On held-out prompts of its own domain the map brings the expected calibration error below 0.05."""
    rows = [example for example in hand_written() if example.held_out]
    classifier = load()
    found = calibrate([classifier.judge(row.prompt).score for row in rows], [row.gain for row in rows])
    assert found.error <= 0.05


def test_few_rows_leave_the_score_as_it_is():
    """From a handful of rows nothing is learned."""
    score, gain = _drawn(Calibration("platt", slope=0.5, intercept=-1.5), MIN_ROWS - 1)
    assert calibrate(score, gain).calibration == Calibration()


@pytest.mark.parametrize("gain", [0.0, 1.0])
def test_one_outcome_alone_is_no_error(gain: float):
    """A file on which one model is always good enough still gives a map."""
    found = calibrate([number / 100 for number in range(100)], [gain] * 100)
    assert 0 <= found.calibration.probability(0.5) <= 1
