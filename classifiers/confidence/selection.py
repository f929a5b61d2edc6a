"""Whether the prompt's score is worth its place in the second stage. Imported for training only, never to serve."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifiers.confidence.estimator import GoodEnough
from classifiers.confidence.numbers import NAMES
from classifiers.confidence.words import BITS
from classifiers.features import weighed
from classifiers.reading import Reading

Floats = NDArray[np.float64]

FOLDS = 5
SEED = 0
_SCORE = NAMES.index("prompt")


def fitted(rows: Floats, good: Floats, readings: Sequence[Reading], *, is_scored: bool = True) -> GoodEnough:
    """The second stage of answers: without the prompt's score unless that is better beyond a standard error.

    Not `is_scored` leaves it out for certain: a score that was itself taught with these prompts would flatter.

    The stage learns from the prompt's own words, and a score that was learned on other traffic, or for another pair of
    models, mostly adds noise to that: 0.01 of APGR on a thousand questions. `rows` has a row of `numbers` for each answer,
    `good` is how good it was (0..1), `readings` are its prompts. The rule is Breiman's (Classification and Regression
    Trees, 1984, 3.4.3), over log loss on rows that a fit did not see.
    """
    grams = weighed(readings, BITS)
    bare = rows.copy()
    bare[:, _SCORE] = 0.0
    is_worth = is_scored and _pays(_log_loss(bare, good, grams) - _log_loss(rows, good, grams))
    return GoodEnough().fit(rows if is_worth else bare, good, grams)


def _pays(saved: Floats) -> bool:
    return bool(saved.mean() > saved.std() / len(saved) ** 0.5)


def _log_loss(rows: Floats, good: Floats, grams: sp.csr_matrix) -> Floats:
    """Of each row, by a fit that did not see it."""
    found = np.zeros(len(rows))
    fold = np.random.default_rng(SEED).permutation(len(rows)) % FOLDS
    for part in range(FOLDS):
        held = fold == part
        stage = GoodEnough().fit(rows[~held], good[~held], grams[~held])
        odds = stage.log_odds(rows[held], grams[held])
        found[held] = np.logaddexp(0, odds) - good[held] * odds
    return found
