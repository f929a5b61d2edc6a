"""The head of the difficulty pipeline: a linear model of the gain, with its probability calibrated by cross-fitting.

Imported for training only, never to serve.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float64]

# Weights are rounded so that the artifact compresses; far below what moves a decision.
DECIMALS = 4
GROUP_SCALE = 10.0
MAX_ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class _Rows:
    """What one fit needs: features, gains in 0..1, how much each row counts, and the level of each row's group."""

    features: sp.csr_matrix
    gain: Floats
    weight: Floats
    groups: sp.csr_matrix

    def take(self, chosen: NDArray[np.bool_]) -> "_Rows":
        """Some of the rows."""
        return _Rows(self.features[chosen], self.gain[chosen], self.weight[chosen], self.groups[chosen])


class GainRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Expected gain (0..1, P(large is right and small is wrong)) by logistic regression on fractional targets.

    A fractional target counts as both outcomes, weighted. With `groups`, every group of rows has a level of its own
    while the weights are learned, so that they learn what makes one prompt of a benchmark harder than another and not
    which benchmark is the harder one; the levels are dropped afterwards. The raw scores are calibrated by Platt's
    sigmoid (Platt 1999) on `folds` cross-fitted parts, with a level for the rows where column `level` is not zero, and
    folded into `coef_` and `intercept_`: it is affine in log-odds, so contributions still add up. `cross_fitted_` holds
    the probability of every training row by the weights of the parts that it was not in.
    """

    def __init__(self, C: float = 0.01, folds: int = 3, level: int | None = None) -> None:  # noqa: N803
        self.C = C
        self.folds = folds
        self.level = level

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.regressor_tags.poor_score = True
        return tags

    def fit(
        self,
        X: ArrayLike,  # noqa: N803
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit to gains `y` (clipped to 0..1); `sample_weight` says how much each row counts."""
        X, y = validate_data(self, X, y, accept_sparse="csr", y_numeric=True, dtype=np.float64)  # noqa: N806
        gain = np.clip(np.asarray(y, dtype=np.float64), 0, 1)
        weight = np.ones(len(gain)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if not weight.sum() > 0:
            raise ValueError("All sample weights are zero: nothing to learn from.")
        rows = _Rows(sp.csr_matrix(X), gain, weight, _levels(groups, len(gain)))
        coef = self._fit(rows)
        raw = self._cross_fitted(rows, coef)
        slope, shift, intercept = self._calibration(rows, raw)
        coef = slope * coef
        if self.level is not None:
            coef[self.level] += shift
        self.coef_ = np.round(coef, DECIMALS)
        self.intercept_ = float(np.round(intercept, DECIMALS))
        return self

    def log_odds(self, X: ArrayLike) -> Floats:  # noqa: N803
        """The log-odds of the gain."""
        check_is_fitted(self)
        rows = sp.csr_matrix(validate_data(self, X, accept_sparse="csr", reset=False, dtype=np.float64))
        return np.asarray(rows @ self.coef_).ravel() + self.intercept_

    def predict(self, X: ArrayLike) -> Floats:  # noqa: N803
        """The calibrated expected gain."""
        return np.asarray(1 / (1 + np.exp(-self.log_odds(X))))

    def _fit(self, rows: _Rows) -> Floats:
        stacked = sp.hstack([rows.features, rows.groups * GROUP_SCALE]).tocsr()
        coef, _ = _logistic(stacked, rows.gain, rows.weight, self.C)
        return coef[: rows.features.shape[1]]

    def _cross_fitted(self, rows: _Rows, coef: Floats) -> Floats:
        raw = np.asarray(rows.features @ coef).ravel()
        if 2 <= self.folds <= len(raw) // 2:
            fold = np.random.RandomState(0).permutation(len(raw)) % self.folds
            for part in range(self.folds):
                raw[fold == part] = np.asarray(rows.features[fold == part] @ self._fit(rows.take(fold != part))).ravel()
        return raw

    def _calibration(self, rows: _Rows, raw: Floats) -> tuple[float, float, float]:
        """Slope, shift of the level column, and intercept."""
        columns = [raw]
        if self.level is not None:
            columns.append(rows.features[:, [self.level]].toarray().ravel())
        fitted, intercept = _logistic(sp.csr_matrix(np.column_stack(columns)), rows.gain, rows.weight, 1e6)
        # A sigmoid that turns the order around would mean that nothing was learned.
        slope = float(fitted[0]) if fitted[0] > 0 else 1.0
        shift = float(fitted[1]) if self.level is not None else 0.0
        self.cross_fitted_ = 1 / (1 + np.exp(-(slope * raw + shift * columns[-1] * (len(columns) > 1) + intercept)))
        return slope, shift, intercept


def _levels(groups: ArrayLike | None, size: int) -> sp.csr_matrix:
    if groups is None:
        return sp.csr_matrix((size, 0))
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    return sp.csr_matrix((np.ones(size), (np.arange(size), number)))


def _logistic(features: sp.csr_matrix, gain: Floats, weight: Floats, strength: float) -> tuple[Floats, float]:
    outcome = np.repeat([1, 0], len(gain))
    counts = np.concatenate((gain * weight, (1 - gain) * weight))
    kept = counts > 0
    if len(np.unique(outcome[kept])) < 2:
        share = min(max(float(np.average(gain, weights=weight)), 1e-6), 1 - 1e-6)
        return np.zeros(features.shape[1]), float(np.log(share / (1 - share)))
    rows = sp.vstack([features, features]).tocsr()
    model = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS, tol=1e-3)
    model.fit(rows[kept], outcome[kept], sample_weight=counts[kept])
    return np.asarray(model.coef_[0]), float(model.intercept_[0])
