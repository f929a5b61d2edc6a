"""Cues: what a prompt asks for, recognised by word stems in fifteen languages (`data/cues.json`).

A stem matches at the start of a token; one that ends in "$" only matches a whole word. Statistics learn slowly that
"beweise", "докажи" and "証明" ask for the same thing: the lexicon says it once.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from classifiers.reading import Reading

Lexicon: TypeAlias = Mapping[str, tuple[str, tuple[str, ...]]]
"""For each cue: what it says to a person, and its stems."""

LEXICON_FILE = Path(__file__).parent / "data" / "cues.json"

_PREFIX = 4
_PADDING = np.zeros(_PREFIX, dtype=np.uint64)
_STEP = np.uint64(0x100000001B3)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


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
        self._buckets = {key: tuple(stems) for key, stems in buckets.items()}
        widths = sorted({len(key) for key in buckets})
        self._filters = tuple((width, _filter(key for key in buckets if len(key) == width)) for width in widths)

    def find(self, reading: Reading) -> dict[int, list[int]]:
        """Where each cue that occurs starts in the folded text, ascending, by its number."""
        found: dict[int, list[int]] = {}
        text = reading.folded
        padded = np.concatenate((reading.codes, _PADDING))
        keys = np.zeros(len(reading.starts), dtype=np.uint64)
        width = 0
        for wanted, table in self._filters:
            while width < wanted:
                keys = keys * _STEP + padded[reading.starts + width]
                width += 1
            for start in reading.starts[table[_slot(keys)]].tolist():
                _collect(found, text, start, self._buckets.get(text[start : start + wanted], ()))
        return {cue: sorted(places) for cue, places in found.items()}


def _slot(keys: NDArray[np.uint64]) -> NDArray[np.intp]:
    return ((keys * _SPREAD) >> np.uint64(48)).astype(np.intp)


def _filter(keys: Iterable[str]) -> NDArray[np.bool_]:
    # A table of 2^16 marks that rules out nearly every token that starts like no stem, without a look-up for each.
    table = np.zeros(1 << 16, dtype=bool)
    for key in keys:
        value = np.zeros(1, dtype=np.uint64)
        for character in key:
            value = value * _STEP + np.uint64(ord("0") if character.isdigit() else ord(character))
        table[_slot(value)] = True
    return table


def _collect(found: dict[int, list[int]], text: str, start: int, stems: tuple[_Stem, ...]) -> None:
    for stem in stems:
        end = start + len(stem.text)
        if text.startswith(stem.text, start) and not (stem.whole and text[end : end + 1].isalnum()):
            found.setdefault(stem.cue, []).append(start)
