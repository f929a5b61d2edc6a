"""The head of the difficulty pipeline: a linear model of the gain, with its probability calibrated by cross-fitting.

Imported for training only, never to serve.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float64]

# Weights are rounded so that the artifact compresses; far below what moves a decision.
DECIMALS = 4
GROUP_SCALE = 30.0
MAX_ITERATIONS = 200
TOLERANCE = 1e-3
MIN_ROWS = 30
"""A form with fewer rows than this is calibrated together with all others."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """What one fit needs: features, advantages in -1..1, how much each row counts (and for the shared numbers), group levels."""

    features: sp.csr_matrix
    advantage: Floats
    weight: Floats
    shared: Floats
    groups: sp.csr_matrix

    def take(self, chosen: NDArray[np.bool_]) -> "_Rows":
        """Some of the rows."""
        parts = (self.features, self.advantage, self.weight, self.shared, self.groups)
        return _Rows(*(part[chosen] for part in parts))


class GainRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Expected gain (0..1, P(large is right and small is wrong)): ridge regression, then Platt's sigmoid.

    The weights are learned from the large model's whole advantage, in which it counts below zero where the small model is
    right and the large one wrong: what is gained by routing is linear in it, and to clip it would throw those rows away. Only
    the probability is that of a gain.

    `C` is the inverse of the penalty. With `groups`, every group of rows has a level of its own while the weights are
    learned, so that they learn what makes one prompt of a benchmark harder than another and not which benchmark is the
    harder one; the levels are dropped afterwards.

    A column that fewer than `seen` rows have gets no weight: nothing can be learned from it.

    With `forms` the last columns are, for each form of a prompt in turn, a block of `shared` numbers that is zero for
    all other forms, and then one column for each form that says whether it is this one. The shared numbers get one set
    of weights for all forms first (each row counting as `shared_weight` says), and everything else explains only what
    these leave over: so the many words of one benchmark cannot take the place of what holds for all of them.

    The raw scores are calibrated by Platt's sigmoid (Platt 1999) on `folds` cross-fitted parts, for each form by itself,
    and folded into `coef_` and `intercept_`: log-odds are affine in the features, so contributions still add up.
    `cross_fitted_` holds the probability of every training row by the weights of the parts that it was not in.
    """

    def __init__(self, C: float = 0.01, folds: int = 3, seen: int = 1, forms: int = 0, shared: int = 0) -> None:  # noqa: N803
        self.C = C
        self.folds = folds
        self.seen = seen
        self.forms = forms
        self.shared = shared

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
        shared_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit to advantages `y` (clipped to -1..1); `sample_weight` says how much each row counts."""
        X, y = validate_data(self, X, y, accept_sparse="csr", y_numeric=True, dtype=np.float64)  # noqa: N806
        advantage = np.clip(np.asarray(y, dtype=np.float64), -1, 1)
        weight = np.ones(len(advantage)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if not weight.sum() > 0:
            raise ValueError("All sample weights are zero: nothing to learn from.")
        shared = weight if shared_weight is None else np.asarray(shared_weight, dtype=np.float64)
        rows = _Rows(sp.csr_matrix(X), advantage, weight, shared, _levels(groups, len(advantage)))
        coef = self._fit(rows)
        self._calibrate(rows, coef, self._cross_fitted(rows, coef))
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
        width = rows.features.shape[1]
        if not self.forms:
            return self._ridge(rows.features, rows, rows.advantage, rows.weight)
        blocks = self._blocks(width)
        numbers = sum((rows.features[:, part] for part in blocks[1:]), rows.features[:, blocks[0]])
        common = self._ridge(numbers, rows, rows.advantage, rows.shared)
        left = rows.advantage - np.asarray(numbers @ common).ravel()
        own = self._ridge(rows.features[:, : blocks[0].start], rows, left, rows.weight)
        return np.concatenate((own, np.tile(common, self.forms), np.zeros(self.forms)))

    def _ridge(self, features: sp.csr_matrix, rows: _Rows, target: Floats, weight: Floats) -> Floats:
        counts = np.bincount(features.indices, minlength=features.shape[1])
        kept = np.flatnonzero(counts >= self.seen)
        stacked = sp.hstack([features[:, kept], rows.groups]).tocsr()
        model = Ridge(alpha=1 / self.C, solver="sparse_cg", tol=TOLERANCE, max_iter=MAX_ITERATIONS)
        coef = np.zeros(features.shape[1])
        coef[kept] = np.ravel(model.fit(stacked, target, sample_weight=weight).coef_)[: len(kept)]
        return coef

    def _blocks(self, width: int) -> list[slice]:
        start = width - self.forms - self.forms * self.shared
        return [slice(start + form * self.shared, start + (form + 1) * self.shared) for form in range(self.forms)]

    def _cross_fitted(self, rows: _Rows, coef: Floats) -> Floats:
        raw = np.asarray(rows.features @ coef).ravel()
        if 2 <= self.folds <= len(raw) // 2:
            fold = np.random.RandomState(0).permutation(len(raw)) % self.folds
            for part in range(self.folds):
                raw[fold == part] = np.asarray(rows.features[fold == part] @ self._fit(rows.take(fold != part))).ravel()
        return raw

    def _calibrate(self, rows: _Rows, coef: Floats, raw: Floats) -> None:
        gain = np.maximum(rows.advantage, 0)
        slope, intercept = _sigmoid(raw, gain, rows.weight)
        coef_, log_odds = coef * slope, slope * raw + intercept
        for form, own in self._forms(rows.features):
            if np.count_nonzero(own) < MIN_ROWS:
                continue
            steeper, shift = _sigmoid(raw[own], gain[own], rows.weight[own])
            columns = np.diff(rows.features[own].tocsc().indptr) > 0
            coef_[columns] = coef[columns] * steeper
            coef_[len(coef) - self.forms + form] = shift - intercept
            log_odds[own] = steeper * raw[own] + shift
        self.coef_ = np.round(coef_, DECIMALS)
        self.intercept_ = float(np.round(intercept, DECIMALS))
        self.cross_fitted_ = 1 / (1 + np.exp(-log_odds))

    def _forms(self, features: sp.csr_matrix) -> list[tuple[int, NDArray[np.bool_]]]:
        said = features[:, features.shape[1] - self.forms :].toarray() > 0
        return [(form, said[:, form]) for form in range(self.forms)]


def _levels(groups: ArrayLike | None, size: int) -> sp.csr_matrix:
    if groups is None:
        return sp.csr_matrix((size, 0))
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    return sp.csr_matrix((np.full(size, GROUP_SCALE), (np.arange(size), number)))


def _sigmoid(raw: Floats, gain: Floats, weight: Floats) -> tuple[float, float]:
    """Slope and intercept of the log-odds over the raw score; a fractional gain counts as both outcomes, weighted."""
    outcome = np.repeat([1, 0], len(gain))
    counts = np.concatenate((gain * weight, (1 - gain) * weight))
    kept = counts > 0
    if len(np.unique(outcome[kept])) < 2:
        share = min(max(float(np.average(gain, weights=weight)), 1e-6), 1 - 1e-6)
        return 1.0, float(np.log(share / (1 - share)))
    model = LogisticRegression(C=1e6, max_iter=MAX_ITERATIONS)
    # A raw score spans little; scaled, the solver finds its way.
    scale = max(float(raw.std()), 1e-12)
    model.fit(np.tile(raw / scale, 2)[kept, None], outcome[kept], sample_weight=counts[kept])
    slope = float(model.coef_[0, 0]) / scale
    if slope > 0:
        return slope, float(model.intercept_[0])
    # A sigmoid that turns the order around would mean that nothing was learned.
    share = float(np.average(gain, weights=weight))
    return 1.0, float(np.log(share / (1 - share)) - np.average(raw, weights=weight))
