"""Cues: what a prompt asks for, recognised by word stems in fifteen languages (`data/cues.json`).

A stem matches at the start of a token; one that ends in "$" only matches a whole word. Statistics learn slowly that
"beweise", "докажи" and "証明" ask for the same thing: the lexicon says it once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from classifiers.reading import Reading

Lexicon: TypeAlias = Mapping[str, tuple[str, tuple[str, ...]]]
"""For each cue: what it says to a person, and its stems."""

LEXICON_FILE = Path(__file__).parent / "data" / "cues.json"

_PREFIX = 4


@dataclass(frozen=True, slots=True)
class _Stem:
    text: str
    whole: bool
    cue: int


def read_lexicon(content: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The lexicon from its JSON text."""
    entries = json.loads(content)
    return {
        name: (entry["says"], tuple(stem.strip() for stems in entry["stems"].values() for stem in stems.split(",")))
        for name, entry in entries.items()
    }


class CueMatcher:
    """Finds the cues of a reading: two dictionary look-ups for each token, bounded by the size of the sample."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.names = tuple(lexicon)
        self.says = tuple(says for says, _ in lexicon.values())
        buckets: dict[str, list[_Stem]] = {}
        for cue, (_, stems) in enumerate(lexicon.values()):
            for stem in stems:
                text = stem.removesuffix("$").lower()
                buckets.setdefault(text[:_PREFIX], []).append(_Stem(text, stem.endswith("$"), cue))
        self._long = {key: tuple(stems) for key, stems in buckets.items() if len(key) == _PREFIX}
        self._short = {key: tuple(stems) for key, stems in buckets.items() if len(key) < _PREFIX}
        self._widths = tuple(sorted({len(key) for key in self._short}))

    def find(self, reading: Reading) -> dict[int, list[int]]:
        """Where each cue that occurs starts in the folded text, by its number."""
        found: dict[int, list[int]] = {}
        text = reading.folded
        long, short, widths = self._long.get, self._short.get, self._widths
        for start in reading.starts.tolist():
            stems = long(text[start : start + _PREFIX])
            if stems:
                _collect(found, text, start, stems)
            for width in widths:
                stems = short(text[start : start + width])
                if stems:
                    _collect(found, text, start, stems)
        return found


def _collect(found: dict[int, list[int]], text: str, start: int, stems: tuple[_Stem, ...]) -> None:
    for stem in stems:
        end = start + len(stem.text)
        if text.startswith(stem.text, start) and not (stem.whole and text[end : end + 1].isalnum()):
            found.setdefault(stem.cue, []).append(start)
