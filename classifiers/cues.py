"""Cues: what a prompt asks for, recognised by word stems in fifteen languages (`data/cues.json`).

A stem matches at the start of a word, or of several in a row; one that ends in "$" only matches whole words. Statistics
learn slowly that "beweise", "докажи" and "証明" ask for the same thing: the lexicon says it once.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias

import numpy as np

from classifiers.reading import Reading
from classifiers.tokens import tokens

Lexicon: TypeAlias = Mapping[str, tuple[str, tuple[str, ...]]]
"""For each cue: what it says to a person, and its stems."""

LEXICON_FILE = Path(__file__).parent / "data" / "cues.json"

LEAD, TAIL = 60, 80
"""A cue leads when it starts in about so many characters of the head or the tail."""

_PREFIX, _LONG_PREFIX = 4, 8
"""Bytes of a word that stems are looked up by; the longer for letters outside of ASCII, which are two bytes or three."""

_SHORTEST = 3
ASCII_END = 128


@dataclass(frozen=True, slots=True)
class _Stem:
    """Words in a row, the last of which may go on unless `whole`; `marks` is the text itself where it has marks.

    It is looked up by its longest word, which stands at `anchor`: many stems start with "in" or "the", as do many texts.
    """

    words: tuple[bytes, ...]
    whole: bool
    marks: str | None
    cue: int
    anchor: int

    @property
    def exact(self) -> bool:
        """Whether the word at the anchor must be the whole word of a text."""
        return self.whole or self.anchor + 1 < len(self.words)

    def stands(self, words: list[bytes], place: int) -> bool:
        """Whether the stem, of several words, has its anchor at this word."""
        start, last = place - self.anchor, place - self.anchor + len(self.words) - 1
        if start < 0 or last >= len(words) or not words[last].startswith(self.words[-1]):
            return False
        return tuple(words[start:last]) == self.words[:-1] and (not self.whole or words[last] == self.words[-1])


@dataclass(frozen=True, slots=True)
class _Stems:
    """The stems that may stand at a word.

    Those of one word are plain tuples (text, whole, marks, cue), because most of the work is to look at them.
    """

    short: list[tuple[bytes, bool, str | None, int]]
    long: list[_Stem]

    def add(self, stem: _Stem) -> None:
        if len(stem.words) > 1:
            self.long.append(stem)
        else:
            self.short.append((stem.words[0], stem.whole, stem.marks, stem.cue))


def read_lexicon(content: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The lexicon from its JSON text."""
    entries = json.loads(content)
    return {
        name: (entry["says"], tuple(stem.strip() for stems in entry["stems"].values() for stem in stems.split(",")))
        for name, entry in entries.items()
    }


class CueMatcher:
    """Finds the cues of a reading: one look-up for each word, bounded by the size of the sample."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.names = tuple(lexicon)
        self.says = tuple(says for says, _ in lexicon.values())
        self._stems: dict[bytes, _Stems] = {}
        for cue, (_, texts) in enumerate(lexicon.values()):
            for stem in map(_stem, texts, [cue] * len(texts)):
                for key in _keys(stem):
                    self._stems.setdefault(key, _Stems([], [])).add(stem)

    def find(self, reading: Reading) -> dict[int, bool]:
        """The number of every cue that occurs, and whether it leads: stands near the head or the tail."""
        words, folded = reading.tokens.all, reading.folded
        places = self._places(words, ascii_only=folded.isascii())
        found: dict[int, bool] = {}
        if not places:
            return found
        head, tail = _edges(words, len(folded))
        for place, stems in places:
            leads, word = place < head or place >= tail, words[place]
            for start, whole, marks, cue in stems.short:
                if word.startswith(start) and (not whole or word == start) and (marks is None or marks in folded):
                    found[cue] = leads or found.get(cue, False)
            for stem in stems.long:
                if stem.stands(words, place) and (stem.marks is None or stem.marks in folded):
                    found[stem.cue] = leads or found.get(stem.cue, False)
        return found

    def _places(self, words: list[bytes], *, ascii_only: bool) -> list[tuple[int, _Stems]]:
        """The words that some stems may stand at, and which."""
        look_up = self._stems.get
        found = [(place, stems) for place, word in enumerate(words) if (stems := look_up(word[:_PREFIX]))]
        if ascii_only:
            return found
        long = ((place, word[:_LONG_PREFIX]) for place, word in enumerate(words) if len(word) > _PREFIX)
        return found + [(place, stems) for place, start in long if (stems := look_up(start))]


def _edges(words: list[bytes], size: int) -> tuple[int, int]:
    """The first word that is not of the head, and the first of the tail."""
    ends = list(accumulate(map(len, words)))
    density = ends[-1] / size
    return bisect_left(ends, LEAD * density) + 1, bisect_left(ends, ends[-1] - TAIL * density) + 1


def _stem(text: str, cue: int) -> _Stem:
    plain = text.removesuffix("$").lower()
    points = np.array([ord(character) for character in plain], dtype=np.intp)
    words = tokens(plain, points, digits=False).all
    if not words:
        raise ValueError(f"{text!r}: a stem needs a letter")
    whole = text.endswith("$") or _is_mark(plain[-1])
    anchor = max(range(len(words)), key=lambda place: len(words[place]))
    return _Stem(tuple(words), whole, plain if any(map(_is_mark, plain)) else None, cue, anchor)


def _is_mark(character: str) -> bool:
    return character.isascii() and not character.isalnum() and character != " "


def _keys(stem: _Stem) -> Iterator[bytes]:
    """The first bytes of every word that the stem's anchor may be."""
    word = stem.words[stem.anchor]
    longest = _PREFIX if word[0] < ASCII_END else _LONG_PREFIX
    if stem.exact or len(word) >= longest:
        yield word[:longest]
    elif len(word) >= _PREFIX:
        yield word[:_PREFIX]
    elif len(word) < _SHORTEST:
        raise ValueError(f"{word!r}: a stem so short must be a whole word")
    else:
        yield word
        yield from (word + bytes((byte,)) for byte in range(256))
