"""The sets that quality is measured on: outcomes as arrays, and the domain of each public prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from classifiers.examples import Example, read_lines
from classifiers.protocol import apgr

MIN_DOMAIN = 300
"""A domain with fewer prompts than this is not reported: its interval would say nothing."""

Domains: TypeAlias = Mapping[str, NDArray[np.str_]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Outcomes of one set, in the order of its prompts; `length` in characters."""

    weak: Floats
    strong: Floats
    gain: Floats
    length: Floats

    @classmethod
    def of(cls, examples: Sequence[Example]) -> Self:
        """The outcomes of examples; the oracle's gain is strong minus weak."""
        weak, strong = (np.array([getattr(example, name) for example in examples]) for name in ("weak", "strong"))
        return cls(weak, strong, strong - weak, np.array([float(len(example.prompt)) for example in examples]))


def public_domains(data: Path) -> dict[str, NDArray[np.str_]]:
    """The domain of every MMLU prompt, in the order of the file."""
    rows = read_lines(data / "public" / "routellm_mmlu.jsonl.gz")
    return {"mmlu": np.array([str(row.get("domain", "")) for row in rows])}


def by_domain(score: Floats, rows: Rows, domains: NDArray[np.str_]) -> dict[str, dict[str, float]]:
    """APGR inside of each domain that is large enough and where the strong model is the better one, beside length."""
    found = {}
    for name in np.unique(domains):
        own = domains == name
        if own.sum() < MIN_DOMAIN or not rows.strong[own].mean() > rows.weak[own].mean():
            continue
        areas = [apgr(by[own], rows.weak[own], rows.strong[own]) for by in (score, rows.length)]
        found[str(name)] = {"prompts": int(own.sum()), "apgr": areas[0], "length": areas[1]}
    return found
