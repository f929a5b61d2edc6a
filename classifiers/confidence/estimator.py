"""Learn the second stage, in scikit-learn's contract. Imported for training only, never to serve."""

from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.confidence.stage import WIDTH, SecondStage, named
from classifiers.confidence.words import pack, unpack
from classifiers.features import rarity

Floats = NDArray[np.float64]


class GoodEnough(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """P(good enough): one logistic regression over bent numbers, their products, and the prompt's n-grams.

    Each number is bent at `knots` quantiles. An n-gram counts `voice` of a number in units of its spread, so that
    thousands of rare ones do not drown a few telling numbers; what words say is learned given the confidence, and not by
    themselves first. Targets are from 0 to 1; a fractional one counts as both outcomes. A fit by likelihood needs no
    calibration on top.
    """

    def __init__(self, C: float = 0.5, knots: int = 3, voice: float = 0.2) -> None:  # noqa: N803
        self.C = C
        self.knots = knots
        self.voice = voice

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, grams: sp.csr_matrix | None = None) -> Self:  # noqa: N803
        """Learn `knots_`, `limits_`, `coef_` and `intercept_`, over the unscaled `basis`, and `words_` and `grain_`.

        `grams` has a row for each of `X`, as `features.weighed` makes them.
        """
        checked, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        rows: Floats = np.asarray(checked, dtype=np.float64)
        good = np.clip(np.asarray(y, dtype=np.float64), 0, 1)
        self.limits_ = np.stack([rows.min(axis=0), rows.max(axis=0)])
        inner = np.linspace(0, 1, self.knots + 2)[1:-1]
        self.knots_ = np.quantile(rows, inner, axis=0).T if self.knots else np.zeros((rows.shape[1], 0))
        basis = self.basis(rows)
        mean, scale = basis.mean(axis=0), basis.std(axis=0)
        scale[scale < 1e-9] = 1.0
        inputs = [sp.csr_matrix((basis - mean) / scale)]
        loudness = np.zeros(0)
        if grams is not None:
            loudness = self.voice * rarity(grams)
            inputs.append(grams @ sp.diags_array(loudness))
        coef, bias = _logistic(sp.hstack(inputs, format="csr"), good, self.C)
        numbers, words = np.split(coef, [basis.shape[1]])
        self.coef_ = numbers / scale
        self.intercept_ = float(bias - self.coef_ @ mean)
        self.words_, self.grain_ = pack(words * loudness)
        return self

    def basis(self, X: Floats) -> Floats:  # noqa: N803
        """The numbers within their limits, what of each lies above each knot, and the products of pairs."""
        kept = np.clip(X, self.limits_[0], self.limits_[1])
        above = [np.maximum(kept[:, [place]] - knots, 0) for place, knots in enumerate(self.knots_)]
        left, right = np.triu_indices(kept.shape[1], 1)
        return np.column_stack([kept, *above, kept[:, left] * kept[:, right]])

    def log_odds(self, X: ArrayLike, grams: sp.csr_matrix | None = None) -> Floats:  # noqa: N803
        """Log-odds that the answer is good enough."""
        check_is_fitted(self)
        rows: Floats = np.asarray(validate_data(self, X, reset=False, dtype=np.float64))
        found = self.basis(rows) @ self.coef_ + self.intercept_
        if grams is not None and self.words_:
            found += grams @ unpack(self.words_, self.grain_)
        return np.asarray(found)

    def predict(self, X: ArrayLike, grams: sp.csr_matrix | None = None) -> Floats:  # noqa: N803
        """P(good enough)."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.log_odds(X, grams), -500, 500))))

    def compiled(self) -> SecondStage:
        """The same as a pure function; ValueError unless it was fitted to `numbers`."""
        if self.n_features_in_ != WIDTH:
            raise ValueError(f"fitted to {self.n_features_in_} numbers, the second stage has {WIDTH}")
        bends = self.coef_[WIDTH : WIDTH + self.knots_.size].reshape(self.knots_.shape)
        return named(
            SecondStage(
                name="",
                weights=tuple(self.coef_[:WIDTH].tolist()),
                bias=self.intercept_,
                limits=tuple((low, high) for low, high in self.limits_.T.tolist()),
                knots=tuple(map(tuple, self.knots_.tolist())),
                bends=tuple(map(tuple, bends.tolist())),
                products=tuple(self.coef_[WIDTH + self.knots_.size :].tolist()),
                words=self.words_,
                grain=self.grain_,
            )
        )


def _logistic(inputs: sp.csr_matrix, good: Floats, strength: float) -> tuple[Floats, float]:
    outcome = np.repeat([1, 0], len(good))
    counts = np.concatenate((good, 1 - good))
    kept = counts > 0
    if len(np.unique(outcome[kept])) < 2:
        share = min(max(float(good.mean()), 1e-6), 1 - 1e-6)
        return np.zeros(inputs.shape[1]), float(np.log(share / (1 - share)))
    model = LogisticRegression(C=strength, solver="newton-cg", max_iter=1000)
    model.fit(sp.vstack([inputs, inputs], format="csr")[kept], outcome[kept], sample_weight=counts[kept])
    return np.asarray(model.coef_[0]), float(model.intercept_[0])
