"""Families of estimators, each from the same rows: what ships, its halves alone, trees, neighbours, TF-IDF and a blend."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from classifiers.evaluation import Table
from classifiers.shape import FORMS, SHAPE

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Predict = Callable[[Mask, Mask], Floats]
"""From the rows to learn from to a score for each row to be tested."""

SHIPS = "shape, then words and cues (ships)"
BLEND = "what ships, learned in and out of domain, and TF-IDF, summed"
NEIGHBOURS = 100
PENALTY = 10.0
"""Of the ridge regression over TF-IDF; not tuned."""


@dataclass(frozen=True, slots=True)
class _Rows:
    gain: Floats
    weight: Floats
    source: NDArray[np.str_]
    family: NDArray[np.str_]
    shape: Floats
    text: sp.csr_matrix


def families(table: Table) -> Mapping[str, Predict]:
    """Every family by its name."""
    rows = _rows(table)
    shape, words = _halves(table)
    ships, tfidf = _remembering(table.predict), _remembering(lambda train, test: _tfidf(rows, train, test))
    return {
        SHIPS: ships,
        "shape alone": shape.predict,
        "words and cues alone": words.predict,
        "boosted trees on the shape": lambda train, test: _boosted(rows, train, test),
        f"the {NEIGHBOURS} nearest by shape": lambda train, test: _nearest(rows, train, test),
        "TF-IDF of words and characters, ridge": tfidf,
        BLEND: lambda train, test: _summed(rows, ships, tfidf, train, test),
    }


def _remembering(predict: Predict) -> Predict:
    """The same, which does not learn the same twice: the sum asks again for what was measured by itself."""
    known: dict[tuple[bytes, bytes], Floats] = {}

    def remembered(train: Mask, test: Mask) -> Floats:
        key = (train.tobytes(), test.tobytes())
        if key not in known:
            known[key] = predict(train, test)
        return known[key]

    return remembered


def _summed(rows: _Rows, ships: Predict, tfidf: Predict, train: Mask, test: Mask) -> Floats:
    public = np.isin(rows.source, rows.source[test])
    outside = train & ~np.isin(rows.family, rows.family[test])
    # Over the whole set at once: what is learned out of domain is the same for all folds.
    unseen = ships(outside, public)[test[public]]
    parts = (_log_odds(ships(train, test)), _log_odds(unseen), tfidf(train, test))
    return np.asarray(sum(map(_standard, parts)))


def _rows(table: Table) -> _Rows:
    prompts = [example.prompt for example in table.examples]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=3, dtype=np.float32)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=4, dtype=np.float32)
    start = table.features.shape[1] - len(FORMS) * (3 * len(SHAPE) + 1)
    blocks = (table.features[:, start + form * 3 * len(SHAPE) :][:, : len(SHAPE)] for form in range(len(FORMS)))
    return _Rows(
        np.array([example.gain for example in table.examples]),
        table.weights,
        np.array([example.source for example in table.examples]),
        np.array([example.family for example in table.examples]),
        np.asarray(sum(block.toarray() for block in blocks)),
        sp.hstack([words.fit_transform(prompts), characters.fit_transform(prompts)]).tocsr(),
    )


def _halves(table: Table) -> tuple[Table, Table]:
    """The same rows with their shape alone, and without it."""
    width = table.features.shape[1]
    place = np.arange(width)
    start = width - len(FORMS) * (3 * len(SHAPE) + 1)
    shape = place >= start
    kept = (shape, ~shape | (place >= width - len(FORMS)))
    masked = [(table.features @ sp.diags_array(mask.astype(float))).tocsr() for mask in kept]
    for features in masked:
        features.eliminate_zeros()
    first, second = (Table(table.examples, sp.csr_matrix(features), table.weights) for features in masked)
    return first, second


def _levels(rows: _Rows, train: Mask) -> Floats:
    """Gains without the level of their source: which benchmark is the harder one is not to be learned."""
    left = rows.gain.copy()
    for source in np.unique(rows.source[train]):
        own = train & (rows.source == source)
        left[own] -= rows.gain[own].mean()
    return left


def _boosted(rows: _Rows, train: Mask, test: Mask) -> Floats:
    trees = HistGradientBoostingRegressor(max_iter=80, max_leaf_nodes=8, learning_rate=0.05, random_state=0)
    trees.fit(rows.shape[train], _levels(rows, train)[train], sample_weight=rows.weight[train])
    return np.asarray(trees.predict(rows.shape[test]))


def _nearest(rows: _Rows, train: Mask, test: Mask) -> Floats:
    near = KNeighborsRegressor(NEIGHBOURS).fit(rows.shape[train], _levels(rows, train)[train])
    return np.asarray(near.predict(rows.shape[test]))


def _tfidf(rows: _Rows, train: Mask, test: Mask) -> Floats:
    # In domain the set's own rows are the better teachers by themselves.
    own = train & np.isin(rows.source, rows.source[test])
    taught = own if own.any() else train
    model = Ridge(alpha=PENALTY, solver="sparse_cg", tol=1e-3, max_iter=200)
    model.fit(rows.text[taught], _levels(rows, taught)[taught], sample_weight=rows.weight[taught])
    return np.asarray(model.predict(rows.text[test]), dtype=np.float64)


def _log_odds(probability: Floats) -> Floats:
    return np.asarray(np.log(probability / (1 - probability)))


def _standard(score: Floats) -> Floats:
    return np.asarray((score - score.mean()) / max(float(score.std()), 1e-12))
