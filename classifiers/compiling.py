"""From the fitted pipelines to the arrays that serve. Imported for training and tests only."""

import numpy as np
from sklearn.pipeline import Pipeline

from classifiers.shape import FORMS, SHAPE
from classifiers.tables import Floats, Tables, pack_lexicon
from classifiers.tasks import TASKS


def compile_pipelines(difficulty: Pipeline, task: Pipeline) -> Tables:
    """Fold idf, feature weights, coefficients and calibration into one table for each head."""
    steps = dict(difficulty["features"].transformer_list)
    words, structure, shape, forms = _parts(difficulty)
    labels = list(task["head"].classes_)
    order = [labels.index(label) for label in TASKS]
    task_coef = task["head"].coef_[order].T
    task_idf = dict(task["features"].transformer_list)["ngrams"].idf_
    task_prior = task["features"].transformer_weights["structure"]
    return Tables(
        lexicon=pack_lexicon(steps["structure"].lexicon),
        words=words.astype(np.float32),
        scales=steps["shape"].scales_,
        shape=shape,
        structure=structure,
        typical=steps["structure"].typical_,
        bias=forms + difficulty["head"].intercept_,
        task_words=np.ascontiguousarray(task_coef[: len(task_idf)] * task_idf[:, None], dtype=np.float32),
        task_structure=np.ascontiguousarray(task_coef[len(task_idf) :] * task_prior),
        task_bias=task["head"].intercept_[order].astype(np.float64),
    )


def _parts(difficulty: Pipeline) -> tuple[Floats, Floats, Floats, Floats]:
    """The weights of words, structure, shape and form, in the layout of `Tables`."""
    union, coef = difficulty["features"], difficulty["head"].coef_
    ngrams = dict(union.transformer_list)["ngrams"]
    ends = len(FORMS) * len(ngrams.idf_), len(coef) - len(FORMS) * (3 * len(SHAPE) + 1), len(coef) - len(FORMS)
    words, structure, shape, forms = np.split(coef, ends)
    return (
        words.reshape(len(FORMS), -1) * ngrams.idf_ * np.array(ngrams.priors)[:, None],
        structure * union.transformer_weights["structure"],
        shape.reshape(len(FORMS), -1),
        forms,
    )
