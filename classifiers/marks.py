"""Marks of a text (punctuation and symbols) by what they are signs of, all counted in one pass."""

from typing import NamedTuple

import numpy as np

from classifiers.tokens import DIGITS, Points


class Marks(NamedTuple):
    """How many marks of each kind a text has."""

    question: int
    exclamation: int
    sentence: int
    formula: int
    operator: int
    code: int
    quote: int
    double_quote: int
    colon: int
    comma: int
    pause: int
    hyphen: int
    percent: int
    dollar: int
    backslash: int
    digit: int


_SIGNS = {
    "question": "?\u061f",
    "exclamation": "!",
    "sentence": ".\u3002!",
    "formula": "=^\u221a\u2211\u222b\u2264\u2265\u2260\u221e\u00b1\u00d7\u00f7\u2208\u2200\u2203\u2192\\",
    "operator": "=^\u221a\u2211\u222b\u2264\u2265\\+*/",
    "code": "{};()[]<>_=",
    "quote": "\"\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d\u300e\u300f'\u2019",
    "double_quote": '"\u201c\u201e\u00ab',
    "colon": ":",
    "comma": ",",
    "pause": ",\u3001\u060c;",
    "hyphen": "-",
    "percent": "%",
    "dollar": "$",
    "backslash": "\\",
    "digit": "0",
}
"""In folded text, where full-width forms are already plain ones; "0" stands for every digit."""

_ALL = sorted(set("".join(_SIGNS.values())))
KINDS = np.zeros(0x10000, dtype=np.uint8)
"""For each code point of the basic plane which mark it is, 0 for none."""
KINDS[[ord(mark) for mark in _ALL]] = np.arange(1, len(_ALL) + 1)
KINDS[DIGITS] = KINDS[ord("0")]
GROUPS = np.array([[0, *(mark in _SIGNS[name] for mark in _ALL)] for name in Marks._fields], dtype=np.uint8)
"""A row for each field of `Marks`: which marks are counted in it."""


def count(points: Points) -> Marks:
    """The marks among code points."""
    found = np.bincount(KINDS.take(points, mode="clip"), minlength=len(_ALL) + 1)
    return Marks(*(GROUPS.astype(np.int64) @ found).tolist())
