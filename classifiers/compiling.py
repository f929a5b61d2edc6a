"""From the fitted pipelines to the arrays that serve. Imported for training and tests only."""

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from classifiers.compiled import Tables, pack_lexicon
from classifiers.tasks import TASKS


def compile_pipelines(difficulty: Pipeline, task: Pipeline) -> Tables:
    """Fold idf, feature weights, coefficients and calibration into one table for each head."""
    words, structure = _fold(difficulty, difficulty["head"].coef_[:, None])
    labels = list(task["head"].classes_)
    order = [labels.index(label) for label in TASKS]
    task_words, task_structure = _fold(task, task["head"].coef_[order].T)
    return Tables(
        lexicon=pack_lexicon(dict(difficulty["features"].transformer_list)["structure"].lexicon),
        words=words[:, 0].astype(np.float32),
        structure=structure[:, 0],
        bias=np.array([difficulty["head"].intercept_]),
        task_words=task_words.astype(np.float32),
        task_structure=task_structure,
        task_bias=task["head"].intercept_[order].astype(np.float64),
    )


def _fold(pipeline: Pipeline, coef: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    union = pipeline["features"]
    idf = dict(union.transformer_list)["ngrams"].idf_
    priors = union.transformer_weights
    words = coef[: len(idf)] * (idf * priors["ngrams"])[:, None]
    return words, np.ascontiguousarray(coef[len(idf) :] * priors["structure"])
