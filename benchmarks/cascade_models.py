"""Ways to tell from prompt and confidence whether the large model is needed, each fitted to one part of the rows.

Text is seen through one matrix of similarities (TF-IDF of words and characters), so that a fit on some rows is one solve.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classifiers.confidence.estimator import GoodEnough
from classifiers.cues import LEXICON_FILE, CueMatcher, read_lexicon
from classifiers.reading import read
from classifiers.structure import structure

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

RIDGE = 1.0
INNER_FOLDS = 5
BAGS = 4
NEGATION = re.compile(r"\b(not|except|false)\b", re.IGNORECASE)
OPTION = re.compile(r"\n[A-D]: (.*)")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one family of data sets. `similar` holds cosines of texts, `built` those of their structure.

    `simple` is what a glance sees: digits, options, negation, length. `small` and `large` say who was right, `sets`
    which data set a row is of.
    """

    sets: NDArray[np.str_]
    small: Floats
    large: Floats
    confidence: Floats
    length: Floats
    tokens: Floats
    similar: Floats
    built: Floats
    simple: Floats

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
    matcher = CueMatcher(read_lexicon(LEXICON_FILE.read_text(encoding="utf-8")))
    shapes = np.array([structure(read(prompt), matcher) for prompt in asked])
    shapes = StandardScaler().fit_transform(shapes[:, shapes.std(axis=0) > 0.02])
    return Rows(
        np.array(sets),
        numbers[:, 0],
        numbers[:, 1],
        numbers[:, 2],
        np.log([len(prompt) for prompt in asked]),
        np.log1p(numbers[:, 3]),
        np.asarray((text @ text.T).toarray()),
        shapes @ shapes.T / max(shapes.shape[1], 1),
        np.array([_simple(prompt, text_) for prompt, text_ in zip(prompts, asked, strict=True)]),
    )


def question(prompt: str) -> str:
    """The question without the instructions that every prompt of its data set shares."""
    found = re.search(r"(?:Question|Problem): (.*?)(?:\n\nAnswer:|\n\nStep-By|$)", prompt, re.DOTALL)
    return found[1] if found else prompt


def _simple(prompt: str, asked: str) -> list[float]:
    options = OPTION.findall(prompt)
    sizes = [len(option) for option in options] or [0]
    return [
        sum(character.isdigit() for character in asked) / max(len(asked), 1),
        float(np.log1p(np.mean(sizes))),
        float(np.log1p(np.std(sizes))),
        float(sum(any(character.isdigit() for character in option) for option in options)),
        float(bool(NEGATION.search(asked))),
        float(np.log(len(asked))),
    ]


def text_score(rows: Rows, target: Floats, train: Places, test: Places, seed: int = 0) -> Floats:
    """A score for every row of `train` and `test` from texts alone; a training row's is by fits that did not see it."""
    found = np.zeros(len(target))
    fold = np.random.RandomState(100 + seed).permutation(len(train)) % INNER_FOLDS
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


def by_blend(rows: Rows, train: Places, test: Places) -> Floats:
    """A Gaussian process, boosted trees, a forest and a logistic regression, averaged; trees on out-of-fold scores."""
    boosted, forest, linear = np.zeros(len(test)), np.zeros(len(test)), np.zeros(len(test))
    for seed in range(BAGS):
        targets = (rows.gain, 1 - rows.small, rows.large)
        texts = [text_score(rows, target, train, test, seed) for target in targets]
        inputs = np.column_stack([rows.confidence, *texts, rows.simple])
        gain = rows.gain[train]
        trees = HistGradientBoostingClassifier(
            max_iter=80, learning_rate=0.05, max_leaf_nodes=6, min_samples_leaf=30, l2_regularization=5,
            random_state=seed, max_features=0.6,
        )  # fmt: skip
        boosted += trees.fit(inputs[train], gain).decision_function(inputs[test])
        woods = RandomForestClassifier(150, min_samples_leaf=15, max_features=0.4, random_state=seed)
        forest += woods.fit(inputs[train], gain).predict_proba(inputs[test])[:, 1]
        knots = np.quantile(rows.confidence[train], (0.15, 0.35, 0.5, 0.65, 0.85))
        bent = np.column_stack([inputs, np.maximum(rows.confidence[:, None] - knots, 0)])
        line = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=500))
        linear += line.fit(bent[train], gain).predict_proba(bent[test])[:, 1]
    process = _process(rows, train, test)
    return 1 / (1 + np.exp(-boosted / BAGS)) + (forest + linear) / BAGS + process


def _process(rows: Rows, train: Places, test: Places) -> Floats:
    """Kernel ridge over the rank of the confidence, text, structure, and confidence together with text."""
    rank = np.argsort(np.argsort(rows.confidence)) / len(rows.confidence)

    def kernel(left: Places, right: Places) -> Floats:
        near = np.exp(-((rank[left][:, None] - rank[right][None]) ** 2) / (2 * 0.25**2))
        text, built = rows.similar[np.ix_(left, right)], rows.built[np.ix_(left, right)]
        return np.asarray(near + 0.3 * text + 0.1 * built + 0.3 * near * text)

    mean = rows.gain[train].mean()
    weights = np.linalg.solve(kernel(train, train) + 2 * np.eye(len(train)), rows.gain[train] - mean)
    return np.asarray(kernel(test, train) @ weights + mean)


Method = Callable[[Rows, Places, Places], Floats]
METHODS: dict[str, Method] = {
    "length": by_length,
    "text": by_text,
    "confidence": by_confidence,
    "logistic": by_logistic,
    "second_stage": by_second_stage,
    "blend": by_blend,
}
