"""Why a score is what it is, in words for a person."""

import numpy as np
from numpy.typing import NDArray

from classifiers.compiled import Scorer
from classifiers.judgement import Contribution
from classifiers.ngrams import BITS, grams
from classifiers.reading import Reading
from classifiers.shape import OPEN, SHAPE, Shape, bend, shape
from classifiers.structure import says, structure

STARTS = ("where every exam question starts", "where every word problem starts", "where every prompt starts")
WORDS_NAMED = 12
SHORT_CHARACTERS, LONG_CHARACTERS = 60, 400


def explain(scorer: Scorer, reading: Reading) -> tuple[Contribution, ...]:
    """All contributions to the log-odds, the strongest first: they add up to it exactly."""
    found = shape(reading)
    parts = [Contribution(STARTS[found.form], float(scorer.tables.bias[found.form]))]
    parts += _of_numbers(scorer, reading, found)
    parts += _of_words(scorer, reading, found.form)
    return tuple(sorted(parts, key=lambda part: -abs(part.log_odds)))


def _of_numbers(scorer: Scorer, reading: Reading, found: Shape) -> list[Contribution]:
    values = bend(found.numbers, scorer.tables.scales) * scorer.tables.shape[found.form]
    said = [*(words for _, words in SHAPE)] * 3
    if found.form == OPEN:
        values = np.concatenate((values, structure(reading, scorer.matcher) * scorer.tables.structure))
        said += says(scorer.matcher)
    totals: dict[str, float] = {}
    for words, value in zip(said, values.tolist(), strict=True):
        if value:
            totals[words] = totals.get(words, 0.0) + value
    named = {"length": _size(reading.size)}
    return [Contribution(named.get(words, words), value) for words, value in totals.items()]


def _size(length: float) -> str:
    if length < SHORT_CHARACTERS:
        return "short"
    return "long" if length > LONG_CHARACTERS else "of middling length"


def _of_words(scorer: Scorer, reading: Reading, form: int) -> list[Contribution]:
    if not len(reading.starts):
        return []
    totals: dict[str, float] = {}
    for token, value in enumerate(_by_token(scorer, reading, form).tolist()):
        text = reading.folded[reading.starts[token] : reading.ends[token]]
        totals[text] = totals.get(text, 0.0) + value
    ranked = sorted(totals.items(), key=lambda item: -abs(item[1]))
    named = [Contribution(f'the word "{text}"', value) for text, value in ranked[:WORDS_NAMED]]
    rest = sum(value for _, value in ranked[WORDS_NAMED:])
    return [*named, Contribution("the other words", rest)] if ranked[WORDS_NAMED:] else named


def _by_token(scorer: Scorer, reading: Reading, form: int) -> NDArray[np.float64]:
    # A character n-gram belongs to the token in which it starts, a pair to its first token.
    found = grams(reading, BITS)
    tokens = np.arange(len(reading.starts))
    of_characters = np.maximum(np.searchsorted(reading.starts, found.at, side="right") - 1, 0)
    totals = np.zeros(len(tokens))
    parts = ((found.words, tokens), (found.pairs, tokens[:-1]), (found.characters, of_characters))
    for buckets, owners in parts:
        distinct, place, count = np.unique(buckets, return_inverse=True, return_counts=True)
        value = scorer.tables.words[form][distinct].astype(np.float64) / np.sqrt(max(len(distinct), 1)) / count
        np.add.at(totals, owners, value[place])
    return totals
