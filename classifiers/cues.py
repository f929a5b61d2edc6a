"""Cues: what a prompt asks for, recognised by word stems in fifteen languages (`data/cues.json`).

A stem matches at the start of a word, or of several in a row; one that ends in "$" only matches whole words. Statistics
learn slowly that "beweise", "докажи" and "証明" ask for the same thing: the lexicon says it once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ahocorasick_rs import BytesAhoCorasick, Implementation

from classifiers.reading import Reading
from classifiers.tokens import points_of, words_of

Lexicon: TypeAlias = Mapping[str, tuple[str, tuple[str, ...]]]
"""For each cue: what it says to a person, and its stems."""

LEXICON_FILE = Path(__file__).parent / "data" / "cues.json"

SHORTEST = 3
"""Bytes of a word that may go on: one of a letter or two would match everywhere."""

_GAP = b" "
"""What the words of a text are joined by, for the search; no word has one in it."""


@dataclass(frozen=True, slots=True)
class _Stem:
    """Words in a row, the last of which may go on unless `whole`; `marks` is the text itself where it has marks.

    It stands where its longest word does, at `anchor`.
    """

    words: tuple[bytes, ...]
    whole: bool
    marks: str | None
    cue: int
    anchor: int

    @property
    def pattern(self) -> bytes:
        """What is looked for in the joined words."""
        return _GAP + _GAP.join(self.words) + (_GAP if self.whole else b"")


def read_lexicon(content: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The lexicon from its JSON text."""
    entries = json.loads(content)
    return {
        name: (entry["says"], tuple(stem.strip() for stems in entry["stems"].values() for stem in stems.split(",")))
        for name, entry in entries.items()
    }


class CueMatcher:
    """Finds the cues of a reading: all stems in one pass over its words (Aho and Corasick, CACM 18 (1975), 333-340)."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.names = tuple(lexicon)
        self.says = tuple(says for says, _ in lexicon.values())
        self._stems = [_stem(text, cue) for cue, (_, texts) in enumerate(lexicon.values()) for text in texts]
        self._automaton = BytesAhoCorasick(
            [stem.pattern for stem in self._stems], implementation=Implementation.ContiguousNFA
        )

    def find(self, reading: Reading) -> dict[int, bool]:
        """The number of every cue that occurs, and whether it leads: stands near the head or the tail (`survey.LEAD`)."""
        tokens, folded = reading.tokens, reading.folded
        text = _GAP + tokens.joined + _GAP
        found: dict[int, bool] = {}
        hits = self._automaton.find_matches_as_indexes(text, overlapping=True)
        if not hits:
            return found
        for number, start, _ in hits:
            stem = self._stems[number]
            if stem.marks is None or stem.marks in folded:
                place = text.count(_GAP, 0, start) + stem.anchor
                found[stem.cue] = found.get(stem.cue, False) or place < tokens.head or place >= tokens.tail
        return found


def _stem(text: str, cue: int) -> _Stem:
    plain = text.removesuffix("$").lower()
    words, _, _ = words_of(plain, points_of(plain.encode("utf-32-le")), digits=False)
    if not words:
        raise ValueError(f"{text!r}: a stem needs a letter")
    whole = text.endswith("$") or _is_mark(plain[-1])
    if not whole and len(words) == 1 and len(words[0]) < SHORTEST:
        raise ValueError(f"{text!r}: a stem so short must be a whole word")
    anchor = max(range(len(words)), key=lambda place: len(words[place]))
    return _Stem(tuple(words), whole, plain if any(map(_is_mark, plain)) else None, cue, anchor)


def _is_mark(character: str) -> bool:
    return character.isascii() and not character.isalnum() and character != " "
