"""Everything that is counted in the characters and words of a text, in one call of compiled code, or else in Python."""

import ctypes
from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from classifiers.hashing import FOLDED
from classifiers.marks import GROUPS, KINDS, Marks, count
from classifiers.native import library
from classifiers.tokens import CLASSES, FIRST, LAST, Points, learn, points_of, words_of

LONG_WORD = 7
LEAD, TAIL = 60, 80
"""What stands in about so many characters of the head or the tail leads, or concludes."""

MULTIPLES = frozenset(
    b"half twice third quarter double triple times percent each every more less than per total remaining left".split()
)
NEGATIONS = frozenset(b"not except least never false incorrect no cannot without".split())


class Tokens(NamedTuple):
    """The words of a text, parted by single spaces, and what is counted in them.

    `numeric` begin with a digit; `lettered` are of letters, in a script with spaces: of these all further fields tell.
    `letters` is the sum of their lengths in characters, `many_long` have more than `LONG_WORD`, and `multiples` and
    `negations` are words of those sets. `head` is the first word that is not of the head, `tail` the first of the tail.
    """

    joined: bytes
    words: int
    numeric: int
    lettered: int
    letters: int
    longest: int
    many_long: int
    distinct: int
    multiples: int
    negations: int
    head: int
    tail: int

    @property
    def all(self) -> list[bytes]:
        """Every word."""
        return self.joined.split()


def survey(folded: str, codes: bytes) -> tuple[Marks, Tokens]:
    """The marks and words of a folded text whose code points are `codes`, 32 bits each."""
    native = library()
    if native is None:
        return _by_hand(folded, points_of(codes))
    size = len(codes) // 4
    marks, counts, words = _Marks(), _Counts(), ctypes.create_string_buffer(5 * size)
    if not native.shunt_survey(codes, size, _PLAN, marks, words, counts):
        learn(points_of(codes))
        native.shunt_survey(codes, size, _PLAN, marks, words, counts)
    length, *numbers = counts[:]  # a slice is a list in one step, where to iterate asks for one number at a time
    return Marks._make(marks[:]), Tokens(words.raw[:length], *numbers)


def _by_hand(folded: str, points: Points) -> tuple[Marks, Tokens]:
    marks = count(points)
    words, lettered, lengths = words_of(folded, points, digits=marks.digit > 0)
    found = Tokens(
        joined=b" ".join(words),
        words=len(words),
        numeric=sum(word[:1] == b"0" for word in words),
        lettered=len(lettered),
        letters=sum(lengths),
        longest=max(lengths, default=0),
        many_long=sum(map(LONG_WORD.__lt__, lengths)),
        distinct=len(set(lettered)),
        multiples=sum(map(MULTIPLES.__contains__, lettered)),
        negations=sum(map(NEGATIONS.__contains__, lettered)),
        head=_edge(words, LEAD, len(folded), from_end=False),
        tail=_edge(words, TAIL, len(folded), from_end=True),
    )
    return marks, found


def _edge(words: list[bytes], characters: int, size: int, *, from_end: bool) -> int:
    if not words:
        return 0
    ends = list(accumulate(map(len, words)))
    density = ends[-1] / size
    return bisect_left(ends, ends[-1] - characters * density if from_end else characters * density) + 1


def _hashes(words: frozenset[bytes]) -> NDArray[np.uint32]:
    return np.array(sorted(map(crc32, words)), dtype=np.uint32)


class _Plan(ctypes.Structure):
    """As in `native.cpp`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("classes", "folded", "kinds", "groups", "multiples", "negations")),
        *((name, ctypes.c_int32) for name in ("rows", "width", "many_multiples", "many_negations")),
        *((name, ctypes.c_int32) for name in ("first", "last", "long_word", "lead", "tail")),
    )


_Marks = ctypes.c_int32 * len(Marks._fields)
_Counts = ctypes.c_int32 * 12
_ARRAYS = (CLASSES, FOLDED, KINDS, GROUPS, _hashes(MULTIPLES), _hashes(NEGATIONS))
_PLAN = ctypes.byref(
    _Plan(
        *(array.ctypes.data for array in _ARRAYS),
        *GROUPS.shape,
        len(MULTIPLES),
        len(NEGATIONS),
        *(FIRST, LAST, LONG_WORD, LEAD, TAIL),
    )
)
