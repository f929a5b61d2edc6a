"""The head of the difficulty pipeline: a linear model of the gain, with its probability calibrated by cross-fitting.

Imported for training only, never to serve.
"""

from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

# Weights are rounded so that the artifact compresses; far below what moves a decision.
DECIMALS = 4


class GainRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Expected gain (0..1, P(large is right and small is wrong)) by logistic regression on fractional targets.

    A fractional target counts as both outcomes, weighted. The raw scores are calibrated by Platt's sigmoid (Platt 1999)
    on `folds` cross-fitted parts, and the sigmoid is folded into `coef_` and `intercept_`: it is affine in log-odds, so
    the contributions of the features still add up to the log-odds of the probability.
    """

    def __init__(self, C: float = 0.01, folds: int = 5, max_iter: int = 300) -> None:  # noqa: N803
        self.C = C
        self.folds = folds
        self.max_iter = max_iter

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.regressor_tags.poor_score = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803
        """Fit to gains `y` (clipped to 0..1); `sample_weight` says how much each row counts."""
        X, y = validate_data(self, X, y, accept_sparse="csr", y_numeric=True, dtype=np.float64)  # noqa: N806
        gain = np.clip(np.asarray(y, dtype=np.float64), 0, 1)
        weight = np.ones(len(gain)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        slope, offset = self._calibration(X, gain, weight)
        coef, intercept = _logistic(X, gain, weight, self.C, self.max_iter)
        self.coef_ = np.round(slope * coef, DECIMALS)
        self.intercept_ = float(np.round(slope * intercept + offset, DECIMALS))
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """The log-odds of the gain."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", reset=False, dtype=np.float64)  # noqa: N806
        return np.asarray(X @ self.coef_).ravel() + self.intercept_

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """The calibrated expected gain."""
        return 1 / (1 + np.exp(-self.decision_function(X)))

    def _calibration(
        self,
        X: sp.csr_matrix,
        gain: NDArray[np.float64],
        weight: NDArray[np.float64],  # noqa: N803
    ) -> tuple[float, float]:
        if self.folds < 2 or len(gain) < 2 * self.folds:
            return 1.0, 0.0
        fold = np.random.RandomState(0).permutation(len(gain)) % self.folds
        raw = np.zeros(len(gain))
        for part in range(self.folds):
            inside = fold != part
            coef, intercept = _logistic(X[inside], gain[inside], weight[inside], self.C, self.max_iter)
            raw[~inside] = np.asarray(X[~inside] @ coef).ravel() + intercept
        slope, offset = _logistic(raw[:, None], gain, weight, 1e6, self.max_iter)
        # A sigmoid that turns the order around would mean that nothing was learned.
        return (float(slope[0]), float(offset)) if slope[0] > 0 else (1.0, 0.0)


def _logistic(
    X: sp.csr_matrix,
    gain: NDArray[np.float64],
    weight: NDArray[np.float64],
    C: float,
    max_iter: int,  # noqa: N803
) -> tuple[NDArray[np.float64], float]:
    stack = sp.vstack if sp.issparse(X) else np.vstack
    outcome = np.repeat([1, 0], len(gain))
    counts = np.concatenate((gain * weight, (1 - gain) * weight))
    kept = counts > 0
    if len(np.unique(outcome[kept])) < 2:
        share = min(max(float(np.average(gain, weights=weight)), 1e-6), 1 - 1e-6)
        return np.zeros(X.shape[1]), float(np.log(share / (1 - share)))
    rows = stack([X, X])
    model = LogisticRegression(C=C, max_iter=max_iter, tol=1e-3)
    model.fit(rows[kept], outcome[kept], sample_weight=counts[kept])
    return model.coef_[0], float(model.intercept_[0])
