"""Why a score is what it is, in words for a person."""

import numpy as np

from classifiers.compiled import Scorer
from classifiers.judgement import Contribution
from classifiers.ngrams import grams
from classifiers.reading import Reading, instruction
from classifiers.shape import ABOUT_OPTIONS, OPEN, OPTIONS, SHAPE, Shape, bend, shape
from classifiers.structure import GRADUAL, says, structure
from classifiers.tables import Floats
from classifiers.tokens import Points, bounds

STARTS = ("where every exam question starts", "where every word problem starts", "where every prompt starts")
WORDS_NAMED = 12
SHORT_CHARACTERS, LONG_CHARACTERS = 60, 400


def explain(scorer: Scorer, reading: Reading) -> tuple[Contribution, ...]:
    """All contributions to the log-odds, the strongest first: they add up to it exactly."""
    found = shape(reading)
    parts = [Contribution(STARTS[found.form], _start(scorer, found.form))]
    parts += _of_numbers(scorer, reading, found)
    parts += _of_words(scorer, reading, found.form)
    return tuple(sorted(parts, key=lambda part: -abs(part.log_odds)))


def _start(scorer: Scorer, form: int) -> float:
    start = float(scorer.tables.bias[form]) + float(_usual(scorer, form) @ scorer.tables.shape[form])
    return start + float(scorer.tables.typical @ scorer.tables.structure) if form == OPEN else start


def _usual(scorer: Scorer, form: int) -> Floats:
    # What every prompt of the form has some of is told against the mean, and everything else against its absence.
    always = [words in GRADUAL or (form == OPTIONS and words == ABOUT_OPTIONS) for _, words in SHAPE]
    return bend(np.where(always, scorer.tables.scales[0], 0.0), scorer.tables.scales)


def _of_numbers(scorer: Scorer, reading: Reading, found: Shape) -> list[Contribution]:
    unusual = bend(np.array(found.numbers), scorer.tables.scales) - _usual(scorer, found.form)
    values = unusual * scorer.tables.shape[found.form]
    said = [*(words for _, words in SHAPE)] * 3
    if found.form == OPEN:
        untypical = np.subtract(structure(instruction(reading), scorer.matcher), scorer.tables.typical)
        values = np.concatenate((values, untypical * scorer.tables.structure))
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
    starts, ends, _ = bounds(reading.points)
    values = _by_word(scorer, reading, form, starts).tolist()
    if not len(starts):
        return [Contribution("its marks", value) for value in values if value]
    totals: dict[str, float] = {}
    for start, end, value in zip(starts.tolist(), ends.tolist(), values, strict=True):
        text = reading.folded[start:end]
        totals[text] = totals.get(text, 0.0) + value
    ranked = sorted(totals.items(), key=lambda item: -abs(item[1]))
    named = [Contribution(f'the word "{text}"', value) for text, value in ranked[:WORDS_NAMED]]
    rest = sum(value for _, value in ranked[WORDS_NAMED:])
    return [*named, Contribution("the other words", rest)] if ranked[WORDS_NAMED:] else named


def _by_word(scorer: Scorer, reading: Reading, form: int, starts: Points) -> Floats:
    # A run of characters belongs to the word in which it starts or that it follows, a pair to its first word.
    found = grams(reading)
    words = np.arange(len(starts))
    of_runs = np.maximum(np.searchsorted(starts, np.arange(len(found.runs)), side="right") - 1, 0)
    totals = np.zeros(max(len(words), 1))
    for buckets, owners in ((found.words, words), (found.pairs, words[:-1]), (found.runs, of_runs)):
        distinct, place, count = np.unique(buckets, return_inverse=True, return_counts=True)
        value = scorer.tables.words[form][distinct].astype(np.float64) / np.sqrt(max(len(distinct), 1)) / count
        np.add.at(totals, owners, value[place])
    return totals
