"""Ways to tell from prompt and confidence whether the large model is needed, each fitted to one part of the rows.

Text is seen through one matrix of similarities (TF-IDF of words and characters), so that a fit on some rows is one solve.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classifiers.confidence.estimator import GoodEnough
from classifiers.features import HashedNgrams
from classifiers.reading import Reading, read

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

RIDGE = 1.0
INNER_FOLDS = 5
BITS = 14
TEXT_WEIGHT = 0.2


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one family of data sets. `similar` holds cosines of texts, `readings` the texts themselves.

    `small` and `large` say who was right, `sets` which data set a row is of.
    """

    sets: NDArray[np.str_]
    small: Floats
    large: Floats
    confidence: Floats
    length: Floats
    tokens: Floats
    similar: Floats
    readings: Sequence[Reading]

    @property
    def gain(self) -> Floats:
        """1 where the large model is right and the small one wrong."""
        return self.large * (1 - self.small)


def rows_of(prompts: Sequence[str], sets: Sequence[str], numbers: Floats) -> Rows:
    """Compute the features; the columns of `numbers` are small, large, confidence in log-odds, and answer tokens."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    asked = [question(prompt) for prompt in prompts]
    text = sp.hstack([words.fit_transform(asked), characters.fit_transform(asked)]).tocsr()
    return Rows(
        np.array(sets),
        numbers[:, 0],
        numbers[:, 1],
        numbers[:, 2],
        np.log([len(prompt) for prompt in asked]),
        np.log1p(numbers[:, 3]),
        np.asarray((text @ text.T).toarray()),
        [read(prompt) for prompt in asked],
    )


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
    return rows.length[test]


def by_confidence(rows: Rows, _train: Places, test: Places) -> Floats:
    """What the small model is unsure of needs the large one."""
    return -rows.confidence[test]


def by_text(rows: Rows, train: Places, test: Places) -> Floats:
    """TF-IDF alone, trained on the gain."""
    return text_score(rows, rows.gain, train, test)[test]


def by_logistic(rows: Rows, train: Places, test: Places) -> Floats:
    """The published way: confidence, out-of-fold TF-IDF score and length in a logistic regression."""
    inputs = np.column_stack([rows.confidence, text_score(rows, rows.gain, train, test), rows.length])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
    model.fit(inputs[train], rows.gain[train])
    return np.asarray(model.decision_function(inputs[test]))


def by_second_stage(rows: Rows, train: Places, test: Places) -> Floats:
    """`classifiers.confidence` as it ships: bent numbers and their products."""
    text = text_score(rows, rows.gain, train, test)
    inputs = np.column_stack([text, rows.confidence, rows.length, rows.tokens])
    return -GoodEnough().fit(inputs[train], 1 - rows.gain[train]).log_odds(inputs[test])


def by_joint(rows: Rows, train: Places, test: Places) -> Floats:
    """One logistic regression over bent numbers and n-grams: what a prompt's words say is learned given the confidence."""
    numbers = np.column_stack([rows.confidence, rows.length, rows.tokens])
    basis = GoodEnough().fit(numbers[train], 1 - rows.gain[train]).basis(numbers)
    bent = sp.csr_matrix(StandardScaler().fit(basis[train]).transform(basis))
    text = HashedNgrams(bits=BITS).fit([rows.readings[place] for place in train]).transform(rows.readings)
    inputs = sp.hstack([bent, TEXT_WEIGHT * text]).tocsr()
    model = LogisticRegression(C=0.5, solver="newton-cg")
    return np.asarray(model.fit(inputs[train], rows.gain[train]).decision_function(inputs[test]))


Method = Callable[[Rows, Places, Places], Floats]
METHODS: dict[str, Method] = {
    "length": by_length,
    "text": by_text,
    "confidence": by_confidence,
    "logistic": by_logistic,
    "second_stage": by_second_stage,
    "joint": by_joint,
}
