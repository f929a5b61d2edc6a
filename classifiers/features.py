"""The feature steps of the pipeline, in scikit-learn's contract. Imported for training only, never to serve."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from classifiers.cues import CueMatcher, Lexicon
from classifiers.ngrams import BITS, hits
from classifiers.reading import Reading, instruction, read
from classifiers.shape import FORMS, OPEN, bend, shape
from classifiers.structure import GRADUAL, names, says, structure

IDF_DECIMALS = 4
KNOTS = (1 / 3, 2 / 3)
TINY = 0.01


class _TextStep(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """What every step shares: it takes a list of texts and not a matrix."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: N803, ARG002 (scikit-learn's names)
        """Learn nothing."""
        return self


class Reader(_TextStep):
    """Texts to readings, once for all the steps behind it."""

    def transform(self, X: Iterable[str]) -> NDArray[np.object_]:  # noqa: N803
        """One `Reading` for each text."""
        texts = list(X)
        readings = np.empty(len(texts), dtype=object)
        for place, text in enumerate(texts):
            readings[place] = read(text)
        return readings


def weighed(readings: Iterable[Reading], bits: int) -> sp.csr_matrix:
    """The weights of `ngrams.hits`: one row for each reading, one column for each of 2^`bits` buckets."""
    found = [hits(reading) for reading in readings]
    ends = np.concatenate(([0], np.cumsum([len(hit.buckets) for hit in found])))
    columns = np.concatenate([hit.buckets for hit in found]) >> (BITS - bits)
    values = np.concatenate([hit.weights for hit in found])
    matrix = sp.csr_matrix((values, columns, ends), shape=(len(found), 1 << bits))
    matrix.sum_duplicates()
    return matrix


def rarity(matrix: sp.csr_matrix) -> NDArray[np.float64]:
    """Inverse document frequency of each column: ln((1 + n) / (1 + df)) + 1."""
    rows, columns = matrix.shape
    return np.asarray(np.log((1 + rows) / (1 + np.bincount(matrix.indices, minlength=columns))) + 1)


class HashedNgrams(_TextStep):
    """Readings to hashed word and character n-grams, weighted by inverse document frequency.

    `bits` is at most `BITS`: a smaller table folds neighbouring buckets of the full one. With `priors`, one for each of
    `shape.FORMS`, every form has a table of its own, times its prior: what a word says about an exam question does not
    carry over to other prompts. With `asked` only the instruction counts, and not what is quoted.
    """

    def __init__(self, bits: int = BITS, priors: tuple[float, ...] | None = None, *, asked: bool = False) -> None:
        self.bits = bits
        self.priors = priors
        self.asked = asked

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: N803, ARG002
        """Learn `idf_`, the `rarity` of each bucket."""
        self.idf_ = np.round(rarity(self._matrix(X)), IDF_DECIMALS)
        return self

    def transform(self, X: Sequence[Reading]) -> sp.csr_matrix:  # noqa: N803
        """A sparse matrix, one row for each reading and one column for each bucket (of each form)."""
        matrix = self._matrix(X)
        matrix.data *= self.idf_[matrix.indices]
        if self.priors is None:
            return matrix
        forms = np.array([shape(reading).form for reading in X], dtype=np.intp)
        matrix = sp.diags_array(np.array(self.priors)[forms]) @ matrix
        indices = matrix.indices + (np.repeat(forms, np.diff(matrix.indptr)) << self.bits)
        return sp.csr_matrix((matrix.data, indices, matrix.indptr), shape=(len(X), len(self.priors) << self.bits))

    def _matrix(self, readings: Sequence[Reading]) -> sp.csr_matrix:
        return weighed([instruction(reading) if self.asked else reading for reading in readings], self.bits)


class Structure(_TextStep):
    """Readings to structural numbers; `lexicon` maps a cue's name to what it says and its stems.

    Fitting learns `typical_`, which only explanations need: the mean of each number that is `GRADUAL`, 0 for the others.
    """

    def __init__(self, lexicon: Lexicon | None = None, *, open_only: bool = False) -> None:
        self.lexicon = lexicon
        self.open_only = open_only

    def fit(self, X: Sequence[Reading], y: object = None) -> Self:  # noqa: N803, ARG002
        """Learn what is typical of an open prompt."""
        matcher = CueMatcher(self.lexicon or {})
        found = [structure(instruction(reading), matcher) for reading in X if shape(reading).form == OPEN]
        mean = np.mean(found, axis=0) if found else np.zeros(len(names(matcher)))
        self.typical_ = np.round(np.where([words in GRADUAL for words in says(matcher)], mean, 0.0), IDF_DECIMALS)
        return self

    def transform(self, X: Sequence[Reading]) -> NDArray[np.float64]:  # noqa: N803
        """A dense matrix, one row for each reading and one column for each of `structure.names`."""
        matcher = CueMatcher(self.lexicon or {})
        if not len(X):
            return np.zeros((0, len(names(matcher))))
        if not self.open_only:
            return np.array([structure(instruction(reading), matcher) for reading in X])
        nothing = [0.0] * len(names(matcher))
        return np.array(
            [structure(instruction(reading), matcher) if shape(reading).form == OPEN else nothing for reading in X]
        )


class Shapes(_TextStep):
    """Readings to their shapes in units of their spread, with hinges, in one block for each form; then the form itself.

    The hinges, at every number's quantiles, let the effect of a number grow or fade along its range.
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: N803, ARG002
        """Learn `scales_`, an array of four rows: mean, spread and two knots of every number."""
        numbers = np.array([shape(reading).numbers for reading in X])
        knots = np.quantile(numbers, KNOTS, axis=0)
        self.scales_ = np.round(np.stack([numbers.mean(axis=0), numbers.std(axis=0) + TINY, *knots]), IDF_DECIMALS)
        return self

    def transform(self, X: Sequence[Reading]) -> NDArray[np.float64]:  # noqa: N803
        """A dense matrix: for each form its block of numbers (zero for all others), and a column for each form."""
        width = 3 * self.scales_.shape[1]
        rows = np.zeros((len(X), len(FORMS) * (width + 1)))
        for row, reading in zip(rows, X, strict=True):
            found = shape(reading)
            row[found.form * width : (found.form + 1) * width] = bend(np.array(found.numbers), self.scales_)
            row[len(FORMS) * width + found.form] = 1.0
        return rows
