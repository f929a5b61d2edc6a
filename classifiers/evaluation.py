"""How good the classifier is: both tracks of the public sets, beside the length baseline, and the held-out prompts.

Imported for training and evaluation only, never to serve.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifiers.classifier import Classifier
from classifiers.cues import LEXICON_FILE, read_lexicon
from classifiers.examples import Example
from classifiers.pipelines import difficulty_pipeline
from classifiers.protocol import apgr, calibration_error, cpt, ranking
from classifiers.weighing import shared_weights

TESTED = ("mmlu", "gsm8k", "mt_bench")
TOO_SMALL_TO_SPLIT = ("mt_bench",)
FOLDS = 5
CALIBRATING_FOLDS = 2
"""Fewer than what ships has: every track fits this many times more."""

Weigh = Callable[[Sequence[Example]], list[float]]


@dataclass(frozen=True, slots=True)
class Table:
    """Every example with its features computed once, so that each track only fits the head again."""

    examples: Sequence[Example]
    features: sp.csr_matrix
    weights: NDArray[np.float64]

    def predict(self, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Expected gain of the `test` rows after fitting a fresh head on the `train` rows."""
        head = difficulty_pipeline({})["head"].set_params(folds=CALIBRATING_FOLDS)
        advantages = np.array([example.advantage for example in self.examples])
        groups = np.array([example.source for example in self.examples])
        shared = np.array(shared_weights(self.examples))
        head.fit(
            self.features[train],
            advantages[train],
            sample_weight=self.weights[train],
            groups=groups[train],
            shared_weight=shared[train],
        )
        return np.asarray(head.predict(self.features[test]))


def tabulate(examples: Sequence[Example], weigh: Weigh) -> Table:
    """Compute the features of all examples. Only idf sees a test prompt, never its label."""
    pipeline = difficulty_pipeline(read_lexicon(LEXICON_FILE.read_text(encoding="utf-8")))
    features = pipeline[:-1].fit_transform([example.prompt for example in examples])
    return Table(examples, sp.csr_matrix(features), np.array(weigh(examples)))


def tracks(examples: Sequence[Example], weigh: Weigh) -> dict[str, dict[str, dict[str, float]]]:
    """APGR, CPT50 and CPT80 of each public set out of domain and in domain (5-fold), with length beside them."""
    table = tabulate(examples, weigh)
    family = np.array([example.family for example in examples])
    public = np.array([example.source.startswith("public/") for example in examples])
    held = np.array([example.held_out for example in examples])
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in TESTED:
        test = public & (family == name)
        outside = table.predict((family != name) & ~held, test)
        length = np.array([float(len(example.prompt)) for example in examples])[test]
        rows = [example for example, chosen in zip(examples, test, strict=True) if chosen]
        found[name] = {
            "out_of_domain": _scores(outside, rows),
            "length": _scores(length, rows),
        }
        if name not in TOO_SMALL_TO_SPLIT:
            inside = _cross_fitted(table, test, (~test) & ~held)
            found[name]["in_domain"] = _scores(inside, rows) | {"calibration_error": _calibration(inside, rows)}
    return found


def _cross_fitted(table: Table, test: NDArray[np.bool_], always: NDArray[np.bool_]) -> NDArray[np.float64]:
    places = np.flatnonzero(test)
    fold = np.random.RandomState(0).permutation(len(places)) % FOLDS
    predicted = np.zeros(len(places))
    for part in range(FOLDS):
        train, tested = always.copy(), np.zeros(len(test), dtype=bool)
        train[places[fold != part]] = True
        tested[places[fold == part]] = True
        predicted[fold == part] = table.predict(train, tested)
    return predicted


def _calibration(score: NDArray[np.float64], rows: Sequence[Example]) -> float:
    return round(calibration_error(score, [row.gain for row in rows]), 4)


def _scores(score: NDArray[np.float64], rows: Sequence[Example]) -> dict[str, float]:
    weak, strong = [row.weak for row in rows], [row.strong for row in rows]
    return {
        "apgr": round(apgr(score, weak, strong), 4),
        "cpt50": round(cpt(score, weak, strong, 0.5), 4),
        "cpt80": round(cpt(score, weak, strong, 0.8), 4),
    }


def hand_written_scores(classifier: Classifier, tested: Sequence[Example]) -> dict[str, object]:
    """On prompts written by hand: ranking of hard over easy, decisions at the threshold, task labels."""
    judged = [classifier.judge(example.prompt) for example in tested]
    scores = np.array([judgement.score for judgement in judged])
    hard = np.array([example.gain > 0.5 for example in tested])
    right = np.array([judgement.task == example.task for judgement, example in zip(judged, tested, strict=True)])
    languages = np.array([example.language for example in tested])
    tasks = np.array([example.task for example in tested])
    length = np.array([len(example.prompt) for example in tested])
    return {
        "prompts": len(tested),
        "auc": round(ranking(scores, hard), 4),
        "auc_length_alone": round(ranking(length, hard), 4),
        "auc_by_language": _by(languages, lambda chosen: ranking(scores[chosen], hard[chosen])),
        "decisions_right": round(float(np.mean((scores >= classifier.threshold) == hard)), 4),
        "calibration_error": round(calibration_error(scores, hard), 4),
        "task_accuracy": round(float(right.mean()), 4),
        "task_accuracy_by_task": _by(tasks, lambda chosen: float(right[chosen].mean())),
        "task_accuracy_by_language": _by(languages, lambda chosen: float(right[chosen].mean())),
    }


def _by(keys: NDArray[np.str_], measure: Callable[[NDArray[np.bool_]], float]) -> Mapping[str, float]:
    return {str(key): round(measure(keys == key), 4) for key in np.unique(keys)}
