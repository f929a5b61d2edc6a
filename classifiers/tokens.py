"""Words of a folded text as bytes: plain texts by two calls into C, all others by the classes of their characters.

A word is a run of letters, marks and numbers, with every digit as "0". In scripts that are written without spaces every
character is a word, and so is every symbol outside of ASCII. White space and punctuation are no words.
"""

import unicodedata
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.intp]

_PLANE = 0xFFFF
DIGITS = [code for code in range(_PLANE + 1) if chr(code).isdecimal()]
"""Every decimal digit of the basic plane, in any script."""

FIRST, LAST = 450, 250
"""Words of a text that count when it has more: those at its head and those at its tail."""

_DIGIT = ord("0")
_ZEROS = dict.fromkeys(DIGITS, "0")
_GAP, _WORD, _SINGLE, _UNKNOWN = range(4)
_UNSPACED = ((0x0E00, 0x0EFF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF))

_SPACED = bytes(
    _DIGIT if byte in b"0123456789" else byte if byte >= 128 or chr(byte).isalpha() else ord(" ") for byte in range(256)
)
"""Translates UTF-8: digits to "0", what stands between words to spaces."""

# What is not known yet is looked up when a text first has it: asking for all 65,536 would cost every start 0.05 s.
CLASSES = np.full(_PLANE + 1, _UNKNOWN, dtype=np.uint8)
"""What each code point of the basic plane is to the words of a text."""
CLASSES[_PLANE] = _SINGLE  # stands for every code point beyond the basic plane


def plain_words(text: str) -> list[bytes]:
    """The words of a text, quickly; all of them and no others if it is ASCII."""
    return text.encode("utf-8", "surrogatepass").translate(_SPACED).split()


def points_of(codes: bytes) -> Points:
    """Code points of 32 bits each as numbers to index with."""
    return np.frombuffer(codes, dtype=np.uint32).astype(np.intp)


def words_of(folded: str, points: Points, *, digits: bool) -> tuple[list[bytes], list[bytes], list[int]]:
    """The words of a folded text, those of them that are of letters, in a script with spaces, and how long these are.

    `points` are the text's code points, `digits` says whether it has any; lengths are in characters.
    """
    if folded.isascii():
        words = plain_words(folded)
        words = words if len(words) <= FIRST + LAST else words[:FIRST] + words[-LAST:]
        lettered = [word for word in words if word[0] != _DIGIT] if digits else words
        return words, lettered, list(map(len, lettered))
    starts, ends, kinds = bounds(points)
    text = folded.translate(_ZEROS) if digits else folded
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    words = [text[start:end].encode("utf-8", "surrogatepass") for start, end in pairs]
    kept = kinds == _WORD
    if digits:
        kept &= np.array([word[:1] != b"0" for word in words], dtype=bool)
    return words, [words[place] for place in np.flatnonzero(kept).tolist()], (ends - starts)[kept].tolist()


def bounds(points: Points) -> tuple[Points, Points, NDArray[np.uint8]]:
    """Where the words of any text that count start and end, and the class of each."""
    classes = _classes_of(points)
    cut = np.ones(len(classes) + 1, dtype=bool)
    np.not_equal(classes[1:], classes[:-1], out=cut[1:-1])
    cut[:-1] |= classes == _SINGLE
    cuts = np.flatnonzero(cut)
    kinds = classes[cuts[:-1]]
    kept = np.flatnonzero(kinds != _GAP)
    if len(kept) > FIRST + LAST:
        kept = np.concatenate((kept[:FIRST], kept[-LAST:]))
    return cuts[:-1][kept], cuts[1:][kept], kinds[kept]


def _classes_of(points: Points) -> NDArray[np.uint8]:
    classes = CLASSES.take(points, mode="clip")
    if not (classes == _UNKNOWN).any():
        return classes
    learn(points)
    return CLASSES.take(points, mode="clip")


def learn(points: Points) -> None:
    """Look up the classes that are not known yet."""
    for code in set(points[CLASSES.take(points, mode="clip") == _UNKNOWN].tolist()):
        CLASSES[code] = _class_of(code)


def _class_of(code: int) -> int:
    kind = unicodedata.category(chr(code))[0]
    if kind in "LMN":
        return _SINGLE if any(low <= code <= high for low, high in _UNSPACED) else _WORD
    return _SINGLE if kind == "S" and code >= len(_SPACED) // 2 else _GAP
