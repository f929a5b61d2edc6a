"""Choose and fit the map from score to probability by cross-validation. Imported to calibrate only, never to serve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from classifiers.calibration import Calibration, log_odds
from classifiers.protocol import calibration_error

FOLDS = 5
KNOTS = 12
DIGITS = 4
MIN_ROWS = 50
"""Rows below which a map would learn more noise than truth: the score is then kept as it is."""

Floats = NDArray[np.float64]
Fit = Callable[[Floats, Floats], Calibration]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The chosen map, and the expected calibration error on rows that it had not seen, with it and without."""

    calibration: Calibration
    error: float
    error_before: float


def calibrate(scores: Sequence[float], gains: Sequence[float]) -> Calibrated:
    """The map with the lowest mean squared error on held-out folds; on a tie the simpler one."""
    score, gain = np.asarray(scores, dtype=np.float64), np.asarray(gains, dtype=np.float64)
    fits = FITS if len(score) >= MIN_ROWS else FITS[:1]
    held_out = {fit: _cross_fitted(fit, score, gain) for fit in fits}
    best = min(held_out, key=lambda fit: round(float(np.mean((held_out[fit] - gain) ** 2)), DIGITS))
    return Calibrated(
        best(score, gain),
        round(calibration_error(held_out[best], gain), DIGITS),
        round(calibration_error(score, gain), DIGITS),
    )


def _none(_score: Floats, _gain: Floats) -> Calibration:
    return Calibration()


def _platt(score: Floats, gain: Floats) -> Calibration:
    inputs = np.array([[log_odds(value)] for value in score])
    outcome = np.repeat([1, 0], len(gain))
    weights = np.concatenate((gain, 1 - gain))
    model = LogisticRegression(C=1e6)
    try:
        model.fit(np.vstack([inputs, inputs]), outcome, sample_weight=weights)
    except ValueError:  # every row has the same outcome
        return Calibration()
    slope = float(model.coef_[0][0])
    if slope <= 0:  # would mean that the score says nothing here
        return Calibration()
    return Calibration("platt", round(slope, DIGITS), round(float(model.intercept_[0]), DIGITS))


def _isotonic(score: Floats, gain: Floats) -> Calibration:
    # Fitted on the means of equal parts of the rows, so that the map stays short enough to be read in a diff.
    parts = [part for part in np.array_split(np.argsort(score, kind="stable"), KNOTS) if len(part)]
    places = np.array([score[part].mean() for part in parts])
    means = np.array([gain[part].mean() for part in parts])
    fitted = IsotonicRegression(y_min=0, y_max=1).fit_transform(places, means)
    knots = {
        round(float(place), DIGITS): round(float(value), DIGITS) for place, value in zip(places, fitted, strict=True)
    }
    return Calibration("isotonic", knots=tuple(sorted(knots.items())))


FITS: tuple[Fit, ...] = (_none, _platt, _isotonic)


def _cross_fitted(fit: Fit, score: Floats, gain: Floats) -> Floats:
    fold = np.random.default_rng(0).permutation(len(score)) % FOLDS
    found = np.zeros(len(score))
    for part in range(FOLDS):
        fitted = fit(score[fold != part], gain[fold != part])
        found[fold == part] = [fitted.probability(value) for value in score[fold == part].tolist()]
    return found
