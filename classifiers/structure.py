"""Structural numbers of a prompt: cues, length, code, formulas, question form, options, scripts.

Every number lies in about 0..1. The order of the numbers is fixed by `names` and by the lexicon.
"""

import math
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from classifiers.cues import CueMatcher
from classifiers.reading import Reading

LENGTH_KNOTS = (3, 4, 5, 6, 7, 8, 9, 10, 11, 13)
"""log2 of the length in characters; ideographs and kana count three."""

LEAD_CHARACTERS = 60
TAIL_CHARACTERS = 80

_OPTION = re.compile(r"^[ \t]*\(?[A-Ha-h1-9][.):][ \t]", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*•][ \t]", re.MULTILINE)
_INDENT = re.compile(r"^(?: {4}|\t)", re.MULTILINE)
_CODE_MARKS = "{};()[]<>_="
_FORMULA_MARKS = "=^√∑∫≤≥≠∞±×÷∈∀∃→\\"
_QUOTES = "\"“”„«»「」『』'’"

_SCRIPTS = (
    ("cyrillic", 0x0400, 0x052F),
    ("hebrew or arabic", 0x0590, 0x08FF),
    ("indic", 0x0900, 0x0DFF),
    ("kana", 0x3040, 0x30FF),
    ("ideographs", 0x3400, 0x9FFF),
    ("hangul", 0xAC00, 0xD7AF),
)
_ACCENTED = (0x00C0, 0x024F)

_SHAPE = (
    ("question", "is a question"),
    ("ends_with_question", "is a question"),
    ("exclamation", "has an exclamation"),
    ("sentences", "number of sentences"),
    ("lines", "number of lines"),
    ("one_line", "is one line"),
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
    ("comma", "long sentences"),
    ("word_length", "long words"),
    ("no_cue", "asks for nothing we recognise"),
    ("cues", "number of things asked"),
)


def names(matcher: CueMatcher) -> tuple[str, ...]:
    """The name of every structural number, in order."""
    return (
        *(f"cue:{name}" for name in matcher.names),
        *(f"lead:{name}" for name in matcher.names),
        *(f"length:{knot}" for knot in LENGTH_KNOTS),
        *(name for name, _ in _SHAPE),
        *(f"script:{name}" for name, _, _ in _SCRIPTS),
        "script:accented",
    )


def says(matcher: CueMatcher) -> tuple[str, ...]:
    """What every structural number says to a person, in the order of `names`; numbers that say the same add up."""
    return (
        *matcher.says,
        *matcher.says,
        *("length" for _ in LENGTH_KNOTS),
        *(words for _, words in _SHAPE),
        *("its script" for _ in range(len(_SCRIPTS) + 1)),
    )


def structure(reading: Reading, matcher: CueMatcher) -> NDArray[np.float64]:
    """The structural numbers of a reading."""
    found = matcher.find(reading)
    size = len(reading.folded)
    present = [0.0] * len(matcher.names)
    leading = [0.0] * len(matcher.names)
    for cue, places in found.items():
        present[cue] = 1.0
        last = size - TAIL_CHARACTERS
        leading[cue] = 1.0 if places[0] < LEAD_CHARACTERS or places[-1] >= last else 0.0
    scripts = list(_scripts(reading.codes))
    return np.array([*present, *leading, *_length(reading, scripts), *_shape(reading, len(found)), *scripts])


def _length(reading: Reading, scripts: list[float]) -> Iterator[float]:
    dense = scripts[3] + scripts[4]
    size = math.log2(1 + reading.length * (1 + 2 * dense))
    return (min(max(size - knot, 0.0), 1.0) for knot in LENGTH_KNOTS)


def _scripts(codes: NDArray[np.uint64]) -> Iterator[float]:
    # One sorted copy and one search give the share of every range at once.
    if not len(codes):
        return iter([0.0] * (len(_SCRIPTS) + 1))
    edges = np.searchsorted(np.sort(codes), _SCRIPT_EDGES).tolist()
    return ((edges[i + 1] - edges[i]) / len(codes) for i in range(0, len(edges), 2))


_SCRIPT_EDGES = np.array(
    [edge for low, high in (*((low, high) for _, low, high in _SCRIPTS), _ACCENTED) for edge in (low, high + 1)],
    dtype=np.uint64,
)


def _squash(count: int, scale: float) -> float:
    return count / (count + scale)


def _count(text: str, marks: str) -> int:
    return sum(text.count(mark) for mark in marks)


def _shape(reading: Reading, cues: int) -> tuple[float, ...]:
    raw = reading.raw.strip()
    tokens = len(reading.starts)
    questions = raw.count("?") + raw.count("？") + raw.count("؟")
    digits = int(np.count_nonzero(reading.codes == ord("0")))
    numbers = int(np.count_nonzero(reading.codes[reading.starts] == ord("0"))) if tokens else 0
    lines = raw.count("\n")
    size = max(len(raw), 1)
    return (
        1.0 if questions else 0.0,
        1.0 if raw.endswith(("?", "？", "؟")) else 0.0,
        1.0 if "!" in raw or "！" in raw else 0.0,
        _squash(_count(raw, ".。।!！") + questions, 4),
        _squash(lines, 6),
        0.0 if lines else 1.0,
        digits / size,
        _squash(numbers, 4),
        _squash(_count(raw, _FORMULA_MARKS), 4),
        1.0 if "\\" in raw or raw.count("$") > 1 else 0.0,
        _squash(_count(raw, _CODE_MARKS), 12),
        1.0 if "```" in raw else 0.0,
        1.0 if _INDENT.search(raw) else 0.0,
        _squash(len(_OPTION.findall(raw)), 2),
        _squash(len(_BULLET.findall(raw)), 2),
        _squash(_count(raw, _QUOTES), 2),
        1.0 if ":" in raw or "：" in raw else 0.0,
        _squash(_count(raw, ",，、،;"), 6),
        min(len(reading.folded) / max(tokens, 1) / 10, 1.0),
        0.0 if cues else 1.0,
        _squash(cues, 4),
    )
