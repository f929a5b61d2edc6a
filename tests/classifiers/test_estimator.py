"""The steps of the pipeline obey scikit-learn's contract."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers.cues import LEXICON_FILE, read_lexicon
from classifiers.features import HashedNgrams, Reader, Structure
from classifiers.gain import GainRegressor
from classifiers.pipelines import difficulty_pipeline

ROWS_DECIDE_FOLDS = "a row that is repeated falls into several folds of the calibration, a row of weight two into one"
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": ROWS_DECIDE_FOLDS,
    "check_sample_weight_equivalence_on_sparse_data": ROWS_DECIDE_FOLDS,
}


@parametrize_with_checks([GainRegressor()], expected_failed_checks=lambda _: EXPECTED)
def test_scikit_learns_own_checks(estimator: object, check: object) -> None:
    """The head passes scikit-learn's checks for a regressor."""
    check(estimator)


@pytest.mark.parametrize("step", [Reader(), HashedNgrams(bits=12), Structure({"greeting": ("a greeting", ("hi$",))})])
def test_text_steps_keep_the_contract(step: object) -> None:
    """Scikit-learn has no checks for text steps: parameters are kept as given, and a clone has the same."""
    assert step.get_params() == clone(step).get_params()
    assert step.set_params(**step.get_params()) is step
    assert step.__sklearn_tags__().input_tags.string


def test_the_pipeline_can_be_cloned_and_fitted_again() -> None:
    """A clone of the pipeline learns the same weights from the same texts."""
    lexicon = read_lexicon(LEXICON_FILE.read_text(encoding="utf-8"))
    texts = ["hello there", "prove the theorem", "good morning", "prove that it converges"] * 5
    pipeline = difficulty_pipeline(lexicon)
    first = pipeline.fit(texts, [0, 1, 0, 1] * 5).predict(texts[:4])
    second = clone(pipeline).fit(texts, [0, 1, 0, 1] * 5).predict(texts[:4])
    np.testing.assert_array_equal(first, second)
    assert first[1] > first[0]


def test_group_levels_are_not_learned() -> None:
    """With groups, a feature that only tells the groups apart gets hardly any weight."""
    rng = np.random.RandomState(0)
    group = np.repeat([0, 1], 200)
    signal = rng.normal(size=400)
    gain = (rng.uniform(size=400) < 1 / (1 + np.exp(-2 * signal - 3 * group + 1.5))).astype(float)
    features = sp.csr_matrix(np.column_stack([signal, group.astype(float)]))
    fitted = GainRegressor(C=1.0).fit(features, gain, groups=group)
    assert abs(fitted.coef_[1]) < 0.2 * abs(fitted.coef_[0])


def test_the_probability_is_calibrated() -> None:
    """On noise-free log-odds the predicted gain is the share of gains, within sampling error."""
    rng = np.random.RandomState(1)
    signal = rng.normal(size=4000)
    gain = (rng.uniform(size=4000) < 1 / (1 + np.exp(-1.5 * signal))).astype(float)
    predicted = GainRegressor(C=0.01).fit(signal[:, None], gain).predict(signal[:, None])
    for low in (0.0, 0.25, 0.5, 0.75):
        chosen = (predicted >= low) & (predicted < low + 0.25)
        assert predicted[chosen].mean() == pytest.approx(gain[chosen].mean(), abs=0.05)


def test_what_the_large_model_spoils_counts_against_it() -> None:
    """Of two kinds of prompts on which nothing is gained, the one where the large model does worse scores lower."""
    rng = np.random.default_rng(3)
    kind = rng.integers(3, size=600)
    advantage = np.select([kind == 0, kind == 1], [rng.random(600) < 0.5, 0.0], -1.0).astype(float)
    features = np.eye(3)[kind]
    gained, nothing, lost = GainRegressor(C=1.0).fit(features, advantage).predict(np.eye(3))
    assert gained > nothing > lost
