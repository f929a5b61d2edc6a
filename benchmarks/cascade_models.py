"""Ways to tell from prompt and confidence whether the large model is needed, each fitted to one part of the rows.

TF-IDF of words and characters is one matrix of similarities, so that a fit on some rows is one solve.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classifiers import load
from classifiers.confidence.numbers import NAMES, numbers
from classifiers.confidence.selection import fitted
from classifiers.confidence.words import BITS
from classifiers.features import weighed
from classifiers.reading import Reading, read

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

RIDGE = 1.0
INNER_FOLDS = 5
LENGTH, CONFIDENCE = NAMES.index("prompt length"), NAMES.index("whole answer")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one family of data sets. `similar` holds cosines of texts, `readings` the texts themselves.

    `small` and `large` say who was right, `sets` which data set a row is of, `numbers` what the second stage sees.
    """

    sets: NDArray[np.str_]
    small: Floats
    large: Floats
    numbers: Floats
    similar: Floats
    readings: Sequence[Reading]

    @property
    def gain(self) -> Floats:
        """1 where the large model is right and the small one wrong."""
        return self.large * (1 - self.small)


def rows_of(
    prompts: Sequence[str], sets: Sequence[str], right: ArrayLike, answers: Sequence[tuple[float, int]]
) -> Rows:
    """Compute the features.

    `right` has a column for each model, small and large; an answer has its mean log-probability per token and its tokens.
    Of its first tokens nothing is known, so that the whole answer stands for them.
    """
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    asked = [question(prompt) for prompt in prompts]
    text = sp.hstack([words.fit_transform(asked), characters.fit_transform(asked)]).tocsr()
    classifier = load()
    small, large = np.asarray(right, dtype=float).T
    seen = [
        numbers(prompt, classifier.judge(prompt).score, whole, None, tokens)
        for prompt, (whole, tokens) in zip(asked, answers, strict=True)
    ]
    readings = [read(prompt) for prompt in asked]
    return Rows(np.array(sets), small, large, np.array(seen), np.asarray((text @ text.T).toarray()), readings)


def question(prompt: str) -> str:
    """The question without the instructions that every prompt of its data set shares."""
    found = re.search(r"(?:Question|Problem): (.*?)(?:\n\nAnswer:|\n\nStep-By|$)", prompt, re.DOTALL)
    return found[1] if found else prompt


def text_score(rows: Rows, target: Floats, train: Places, test: Places) -> Floats:
    """A score for every row of `train` and `test` from texts alone; a training row's is by fits that did not see it."""
    found = np.zeros(len(target))
    fold = np.random.RandomState(100).permutation(len(train)) % INNER_FOLDS
    for part in range(INNER_FOLDS):
        found[train[fold == part]] = _ridge(rows, target, train[fold != part], train[fold == part])
    found[test] = _ridge(rows, target, train, test)
    return found


def _ridge(rows: Rows, target: Floats, train: Places, test: Places) -> Floats:
    # Centred by data set: what makes one set harder than another must not be learned as the words of its prompts.
    level = {name: target[train][rows.sets[train] == name].mean() for name in set(rows.sets[train].tolist())}
    left = target[train] - np.array([level[name] for name in rows.sets[train].tolist()])
    weights = np.linalg.solve(rows.similar[np.ix_(train, train)] + RIDGE * np.eye(len(train)), left)
    return np.asarray(rows.similar[np.ix_(test, train)] @ weights)


def by_length(rows: Rows, _train: Places, test: Places) -> Floats:
    """Longer prompts need the large model more."""
    return np.asarray(rows.numbers[test, LENGTH])


def by_confidence(rows: Rows, _train: Places, test: Places) -> Floats:
    """What the small model is unsure of needs the large one."""
    return np.asarray(-rows.numbers[test, CONFIDENCE])


def by_text(rows: Rows, train: Places, test: Places) -> Floats:
    """TF-IDF alone, trained on the gain."""
    return text_score(rows, rows.gain, train, test)[test]


def by_logistic(rows: Rows, train: Places, test: Places) -> Floats:
    """The published way: confidence, out-of-fold TF-IDF score and length in a logistic regression."""
    inputs = np.column_stack([rows.numbers[:, [CONFIDENCE, LENGTH]], text_score(rows, rows.gain, train, test)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
    model.fit(inputs[train], rows.gain[train])
    return np.asarray(model.decision_function(inputs[test]))


def by_second_stage(rows: Rows, train: Places, test: Places) -> Floats:
    """`classifiers.confidence` as it ships."""
    stage = fitted(rows.numbers[train], 1 - rows.gain[train], [rows.readings[place] for place in train])
    return -stage.log_odds(rows.numbers[test], weighed([rows.readings[place] for place in test], BITS))


Method = Callable[[Rows, Places, Places], Floats]
METHODS: dict[str, Method] = {
    "length": by_length,
    "text": by_text,
    "confidence": by_confidence,
    "logistic": by_logistic,
    "second_stage": by_second_stage,
}
