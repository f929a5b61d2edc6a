"""The shape of a prompt: how long, how many numbers, how varied, how its options look. No word's meaning is in it.

Which of two prompts of a kind needs the large model shows in the same numbers whatever the kind is, so this is what is
learned across all benchmarks and what carries over to prompts of a kind that was never seen. Nothing here depends on
case or on the amount of white space.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers.reading import Reading
from classifiers.survey import NEGATIONS, Tokens
from classifiers.tokens import plain_words

FORMS = ("options", "word problem", "open")
"""Forms of a prompt: an exam question with options, a paragraph with numbers in it, and everything else."""

OPTIONS, WORD_PROBLEM, OPEN = range(len(FORMS))

ABOUT_OPTIONS = "how its options look"

SHAPE = (
    ("characters", "length"),
    ("words", "length"),
    ("stem", "length"),
    ("numbers", "numbers in it"),
    ("numbers_share", "numbers in it"),
    ("digits_share", "numbers in it"),
    ("largest_number", "size of its numbers"),
    ("decimals", "numbers in it"),
    ("percent", "asks about shares or multiples"),
    ("multiples", "asks about shares or multiples"),
    ("sentences", "number of sentences"),
    ("words_per_sentence", "length of its sentences"),
    ("word_length", "length of its words"),
    ("longest_word", "length of its words"),
    ("long_words", "length of its words"),
    ("variety", "how varied its words are"),
    ("commas", "length of its sentences"),
    ("quotes", "quotes a text"),
    ("hyphens", "compound words"),
    ("formula", "contains formulas"),
    ("question", "is a question"),
    ("negation", "asks for what is not so"),
    ("options", ABOUT_OPTIONS),
    ("option_length", ABOUT_OPTIONS),
    ("longest_option", ABOUT_OPTIONS),
    ("option_spread", ABOUT_OPTIONS),
    ("option_numbers", ABOUT_OPTIONS),
)
"""Each number of a shape, in order, and what it says to a person."""

LINEAR, HINGE = 0.1, 0.3
PRIORS = (LINEAR, HINGE, HINGE)
"""How much a straight effect of a number may weigh, and its bends."""

BOUND = 4.0
"""No number counts further from its mean than so many times its spread: no prompt is outside of what was seen."""

_FLOORS = np.array([[-BOUND], [0.0], [0.0]])

MAGNITUDE = 12
WORD_PROBLEM_CHARACTERS = 80

_OPTION = re.compile(r"(?:^|\n)[ \t]*\(?([A-Ha-h])[.):][ \t]+(?=\S)")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_CONTRACTED = ("n't", "n\u2019t")
_AMOUNT = re.compile(r"\bhow (?:many|much|long|old|far)\b|\bcalculate\b")
_ENDS = (".", "!", "?", "。", "؟")
_ASKING = ("how ", "calculate")


@dataclass(frozen=True, slots=True)
class Shape:
    """One of `FORMS` by its number, and the numbers named by `SHAPE`."""

    form: int
    numbers: tuple[float, ...]


def shape(reading: Reading) -> Shape:
    """The shape of a reading."""
    text, marks = reading.folded, reading.marks
    options = _options(reading.raw)
    stem = text[: max(len(text) - sum(map(len, options)) - 3 * len(options), 0)] if options else text
    numbers = _NUMBER.findall(text) if reading.marks.digit else []
    tokens = reading.tokens
    sentences = _sentence_ends(stem)
    values = (
        *_sizes(reading, stem, tokens.lettered, len(numbers)),
        *_amounts(numbers),
        float(marks.percent > 0 or "percent" in text),
        math.log1p(tokens.multiples),
        *_of_words(tokens, max(sentences, 1)),
        math.log1p(marks.comma),
        math.log1p(marks.double_quote),
        math.log1p(marks.hyphen),
        math.log1p(marks.operator),
        float("?" in stem or "\u061f" in stem),
        float(_negates(stem, tokens if not options else None)),
        *_of_options(options),
    )
    return Shape(_form(text, len(options), len(numbers)), values)


def bend(numbers: NDArray[np.float64], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers of a shape in units of their spread, and how far each is above its two knots; all bounded.

    `scales` has four rows: mean, spread and two knots of every number.
    """
    return np.ravel(bounded(numbers, *origins(scales)) * np.array(PRIORS)[:, None])


def origins(scales: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each bend of each number starts, and one over the number's spread."""
    return scales[[0, 2, 3]], 1 / scales[1]


def bounded(
    numbers: NDArray[np.float64], starts: NDArray[np.float64], steepness: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The numbers in three rows, straight and from each knot on, before any prior."""
    bent = (numbers - starts) * steepness
    np.maximum(bent, _FLOORS, out=bent)
    return np.minimum(bent, BOUND, out=bent)


def _form(text: str, options: int, numbers: int) -> int:
    if options:
        return OPTIONS
    if not numbers or len(text) <= WORD_PROBLEM_CHARACTERS:
        return OPEN
    asks = text.endswith(("?", "؟")) and numbers > 1 and _sentence_ends(text[:-1]) > 0
    return WORD_PROBLEM if asks or (any(map(text.__contains__, _ASKING)) and _AMOUNT.search(text)) else OPEN


def _sentence_ends(text: str) -> int:
    # Folded text has no white space but single spaces, so plain counts do what a pattern would.
    found = text.count(". ") + text.count("! ") + text.count("? ") + text.endswith(_ENDS)
    return found if text.isascii() else found + text.count("。 ") + text.count("؟ ")


def _negates(stem: str, tokens: Tokens | None) -> bool:
    """Of a text with options only its stem counts, whose words are not counted yet."""
    negates = not NEGATIONS.isdisjoint(plain_words(stem)) if tokens is None else tokens.negations > 0
    return negates or any(map(stem.__contains__, _CONTRACTED))


def _sizes(reading: Reading, stem: str, words: int, numbers: int) -> tuple[float, ...]:
    size = len(reading.folded)
    return (
        math.log1p(reading.size),
        math.log1p(words * reading.size / max(size, 1)),
        math.log1p(len(stem) + reading.size - size),
        math.log1p(numbers),
        numbers / (words + numbers + 1),
        reading.marks.digit / (size + 1),
    )


def _amounts(numbers: list[str]) -> tuple[float, ...]:
    if not numbers:
        return (0.0, 0.0)
    largest = max(float(number.replace(",", "")[:MAGNITUDE]) for number in set(numbers))
    return (math.log10(1 + largest), float(any("." in number for number in numbers)))


def _of_words(tokens: Tokens, sentences: int) -> tuple[float, ...]:
    count = tokens.lettered
    if not count:
        return (math.log(sentences), 0.0, 0.0, 0.0, 0.0, 0.0)
    return (
        math.log(sentences),
        math.log1p(count / sentences),
        tokens.letters / count,
        math.log1p(tokens.longest),
        tokens.many_long / count,
        tokens.distinct / (count + 1),
    )


def _options(raw: str) -> list[str]:
    # Options are lines of their own, so this looks at the text as it was written.
    if "\n" not in raw:
        return []
    found = list(_OPTION.finditer(raw))
    if [match[1].lower() for match in found[:2]] != ["a", "b"]:
        return []
    ends = [*(match.start() for match in found[1:]), len(raw)]
    return [
        raw[match.end() : end].strip().removesuffix("Answer:").strip() for match, end in zip(found, ends, strict=True)
    ]


def _of_options(options: list[str]) -> tuple[float, ...]:
    if not options:
        return (0.0, 0.0, 0.0, 0.0, 0.0)
    lengths = [len(option) for option in options]
    shortest, longest = math.log1p(min(lengths)), math.log1p(max(lengths))
    numeric = sum(not any(character.isalpha() for character in option) for option in options)
    mean = math.log1p(sum(lengths) / len(lengths))
    return (len(options) / 4, mean, longest, longest - shortest, numeric / len(options))
