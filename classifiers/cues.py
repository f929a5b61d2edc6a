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
    """Words in a row, the last of which may go on unless `whole`; `marks` is the text itself where it has marks."""

    words: tuple[bytes, ...]
    last: bytes
    whole: bool
    marks: str | None
    cue: int

    def matches(self, words: list[bytes], place: int, text: str) -> bool:
        """Whether the stem stands at this word."""
        end = place + len(self.words)
        if end >= len(words) or not words[end].startswith(self.last) or (self.whole and words[end] != self.last):
            return False
        return tuple(words[place:end]) == self.words and (self.marks is None or self.marks in text)


@dataclass(frozen=True, slots=True)
class _Stems:
    """The stems that may start at a word: those of one word, and the longer ones by the next word's first byte."""

    short: list[_Stem]
    long: dict[bytes, list[_Stem]]

    def add(self, stem: _Stem) -> None:
        second = (*stem.words[1:], stem.last)[0][:1]
        (self.long.setdefault(second, []) if stem.words else self.short).append(stem)


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
                    self._stems.setdefault(key, _Stems([], {})).add(stem)

    def find(self, reading: Reading) -> dict[int, bool]:
        """The number of every cue that occurs, and whether it leads: stands near the head or the tail."""
        words, folded = reading.tokens.all, reading.folded
        places = self._places(words, ascii_only=folded.isascii())
        found: dict[int, bool] = {}
        if not places:
            return found
        head, tail = _edges(words, len(folded))
        following = [*words[1:], b""]
        for place, stems in places:
            leads = place < head or place >= tail
            longer = stems.long.get(following[place][:1], ()) if stems.long else ()
            for stem in (*stems.short, *longer):
                known = found.get(stem.cue)
                if (known is None or (leads and not known)) and stem.matches(words, place, folded):
                    found[stem.cue] = leads
        return found

    def _places(self, words: list[bytes], *, ascii_only: bool) -> list[tuple[int, _Stems]]:
        """The words that some stems may start at, and which."""
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
    return _Stem(tuple(words[:-1]), words[-1], whole, plain if any(map(_is_mark, plain)) else None, cue)


def _is_mark(character: str) -> bool:
    return character.isascii() and not character.isalnum() and character != " "


def _keys(stem: _Stem) -> Iterator[bytes]:
    """The first bytes of every word that the stem may start at."""
    first = stem.words[0] if stem.words else stem.last
    longest = _PREFIX if first[0] < ASCII_END else _LONG_PREFIX
    if stem.words or stem.whole or len(first) >= longest:
        yield first[:longest]
    elif len(first) >= _PREFIX:
        yield first[:_PREFIX]
    elif len(first) < _SHORTEST:
        raise ValueError(f"{first!r}: a stem so short must be a whole word")
    else:
        yield first
        yield from (first + bytes((byte,)) for byte in range(256))
