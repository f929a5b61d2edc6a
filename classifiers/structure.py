"""Structural numbers of a prompt: cues, length, code, formulas, question form, options, scripts.

Every number lies in about 0..1; their order is fixed by `names` and by the lexicon. Difficulty uses them for open prompts
only: what makes an instruction hard says nothing about which of two exam questions is harder.
"""

import math
import re

import numpy as np

from classifiers.cues import CueMatcher
from classifiers.reading import Reading

LENGTH_KNOTS = (3, 4, 5, 6, 7, 8, 9, 10, 11, 13)
"""log2 of the length in characters; ideographs and kana count three."""

QUOTED_SCALE = 6
"""ln of a long quotation's characters."""

_OPTION = re.compile(r"^[ \t]*\(?[A-Ha-h1-9][.):][ \t]", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*\u2022][ \t]", re.MULTILINE)
_INDENT = re.compile(r"^(?: {4}|\t)", re.MULTILINE)

_SCRIPTS = (
    ("cyrillic", 0x0400, 0x052F),
    ("hebrew or arabic", 0x0590, 0x08FF),
    ("indic", 0x0900, 0x0DFF),
    ("kana", 0x3040, 0x30FF),
    ("ideographs", 0x3400, 0x9FFF),
    ("hangul", 0xAC00, 0xD7AF),
    ("accented", 0x00C0, 0x024F),
)
_SCRIPT_EDGES = np.array([edge for _, low, high in _SCRIPTS for edge in (low, high + 1)], dtype=np.intp)
_NO_SCRIPT = [0.0] * len(_SCRIPTS)

_SHAPE = (
    ("question", "is a question"),
    ("ends_with_question", "is a question"),
    ("exclamation", "has an exclamation"),
    ("sentences", "number of sentences"),
    ("lines", "number of lines"),
    ("one_line", "number of lines"),
    ("digits", "numbers in it"),
    ("numbers", "numbers in it"),
    ("formula", "contains formulas"),
    ("latex", "contains formulas"),
    ("code_marks", "contains code"),
    ("code_fence", "contains code"),
    ("indented", "contains code"),
    ("options", "offers options to choose from"),
    ("bullets", "is a list"),
    ("quotes", "quotes a text"),
    ("colon", "gives a text after a colon"),
    ("comma", "length of its sentences"),
    ("word_length", "length of its words"),
    ("no_cue", "asks for nothing we recognise"),
    ("cues", "number of things asked"),
    ("quoted", "gives a text to work on"),
    ("quoted_length", "gives a text to work on"),
)

GRADUAL = frozenset(
    (
        *("length", "number of sentences", "number of lines"),
        *("length of its sentences", "length of its words", "how varied its words are"),
    )
)
"""What every prompt has some of: to a person it says something only where it differs from what is typical."""


def names(matcher: CueMatcher) -> tuple[str, ...]:
    """The name of every structural number, in order."""
    return (
        *(f"cue:{name}" for name in matcher.names),
        *(f"lead:{name}" for name in matcher.names),
        *(f"length:{knot}" for knot in LENGTH_KNOTS),
        *(name for name, _ in _SHAPE),
        *(f"script:{name}" for name, _, _ in _SCRIPTS),
    )


def says(matcher: CueMatcher) -> tuple[str, ...]:
    """What every structural number says to a person, in the order of `names`; numbers that say the same add up."""
    return (
        *matcher.says,
        *matcher.says,
        *("length" for _ in LENGTH_KNOTS),
        *(words for _, words in _SHAPE),
        *("its script" for _ in _SCRIPTS),
    )


def structure(reading: Reading, matcher: CueMatcher) -> list[float]:
    """The structural numbers of a reading, best of an `instruction`: what is quoted asks for nothing."""
    found = matcher.find(reading)
    cues = len(matcher.names)
    numbers = [0.0] * (2 * cues)
    for cue, leads in found.items():
        numbers[cue] = 1.0
        numbers[cues + cue] = float(leads)
    scripts = _scripts(reading)
    return [*numbers, *_length(reading, scripts), *_shape(reading, len(found)), *scripts]


def _length(reading: Reading, scripts: list[float]) -> list[float]:
    dense = scripts[3] + scripts[4]
    size = math.log2(1 + reading.size * (1 + 2 * dense))
    return [1.0 if size - knot >= 1 else max(size - knot, 0.0) for knot in LENGTH_KNOTS]


def _scripts(reading: Reading) -> list[float]:
    if reading.folded.isascii():
        return _NO_SCRIPT
    # One sorted copy and one search give the share of every range at once.
    edges = np.searchsorted(np.sort(reading.points), _SCRIPT_EDGES).tolist()
    return [(edges[i + 1] - edges[i]) / max(len(reading.points), 1) for i in range(0, len(edges), 2)]


def _line_starts(pattern: re.Pattern[str], text: str, lines: int) -> int:
    # Searching a text of one line would try every place of it.
    return len(pattern.findall(text)) if lines else int(pattern.match(text) is not None)


def _squash(count: int, scale: float) -> float:
    return count / (count + scale)


def _shape(reading: Reading, cues: int) -> tuple[float, ...]:
    raw, marks, tokens = reading.raw.strip(), reading.marks, reading.tokens
    lines = raw.count("\n")
    return (
        1.0 if marks.question else 0.0,
        1.0 if reading.folded.endswith(("?", "\u061f")) else 0.0,
        1.0 if marks.exclamation else 0.0,
        _squash(marks.sentence + marks.question, 4),
        _squash(lines, 6),
        0.0 if lines else 1.0,
        reading.marks.digit / max(len(raw), 1),
        _squash(tokens.numeric, 4),
        _squash(marks.formula, 4),
        1.0 if marks.backslash or marks.dollar > 1 else 0.0,
        _squash(marks.code, 12),
        1.0 if "```" in raw else 0.0,
        1.0 if lines and _INDENT.search(raw) else 0.0,
        _squash(_line_starts(_OPTION, raw, lines), 2),
        _squash(_line_starts(_BULLET, raw, lines), 2),
        _squash(marks.quote, 2),
        1.0 if marks.colon else 0.0,
        _squash(marks.pause, 6),
        min(len(reading.folded) / max(tokens.words, 1) / 10, 1.0),
        0.0 if cues else 1.0,
        _squash(cues, 4),
        1.0 if reading.quoted else 0.0,
        math.log1p(reading.quoted) / QUOTED_SCALE,
    )
