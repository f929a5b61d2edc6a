"""What a classifier is worth on labelled prompts: RouteLLM's figures with intervals, length beside them, and the curve."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from classifiers.bootstrap import ROUNDS, Interval, Rows, interval, intervals
from classifiers.outcomes import Outcome
from classifiers.protocol import area, calibration_error, curve, reaching

SHARES = tuple(step / 10 for step in range(11))
MIN_GROUP = 30
"""Rows below which a group's figures would be noise."""

GROUP_ROUNDS = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Worth:
    """How well a score ranks prompts: the area, and the share of large calls at half and at 80 % of the gap."""

    rows: int
    apgr: Interval
    cpt50: Interval
    cpt80: Interval


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the curve: at this share of large calls, the mean score and the cost of a thousand prompts."""

    share: float
    quality: Interval
    usd_per_1k: Interval | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one score on one file; groups with fewer than `MIN_GROUP` rows are left out of `by_*`."""

    rows: int
    small: float
    large: float
    router: Worth
    length: Worth
    calibration_error: float
    curve: tuple[Step, ...]
    length_curve: tuple[Step, ...]
    by_task: Mapping[str, tuple[Worth, Worth]]
    by_language: Mapping[str, tuple[Worth, Worth]]


@dataclass(frozen=True, slots=True)
class _Bench:
    score: Floats
    length: Floats
    small: Floats
    large: Floats
    cost: tuple[Floats, Floats] | None

    def take(self, rows: NDArray[np.intp]) -> "_Bench":
        cost = None if self.cost is None else (self.cost[0][rows], self.cost[1][rows])
        return _Bench(self.score[rows], self.length[rows], self.small[rows], self.large[rows], cost)


def measure(outcomes: Sequence[Outcome], scores: Sequence[float], tasks: Sequence[str]) -> Report:
    """Measure `scores` on `outcomes`; `tasks` are the labels of rows that bring none of their own."""
    bench = _Bench(
        np.asarray(scores, dtype=np.float64),
        np.array([float(len(row.prompt)) for row in outcomes]),
        np.array([row.small for row in outcomes]),
        np.array([row.large for row in outcomes]),
        _costs(outcomes),
    )
    labels = [row.task or task for row, task in zip(outcomes, tasks, strict=True)]
    return Report(
        rows=len(outcomes),
        small=float(bench.small.mean()),
        large=float(bench.large.mean()),
        router=_worth(bench, bench.score),
        length=_worth(bench, bench.length),
        calibration_error=calibration_error(bench.score, np.maximum(bench.large - bench.small, 0)),
        curve=_curve(bench, bench.score),
        length_curve=_curve(bench, bench.length),
        by_task=_by(labels, bench),
        by_language=_by([row.language or script(row.prompt) for row in outcomes], bench),
    )


_SCRIPTS = (
    ("Latin", 0x0041, 0x024F), ("Greek", 0x0370, 0x03FF), ("Cyrillic", 0x0400, 0x052F), ("Hebrew", 0x0590, 0x05FF),
    ("Arabic", 0x0600, 0x06FF), ("Devanagari", 0x0900, 0x097F), ("Thai", 0x0E00, 0x0E7F), ("kana", 0x3040, 0x30FF),
    ("Han", 0x4E00, 0x9FFF), ("Hangul", 0xAC00, 0xD7AF),
)  # fmt: skip


def script(text: str) -> str:
    """The script of most letters: what stands for a language that a row does not name. Kana makes Han Japanese."""
    counts = dict.fromkeys((name for name, _, _ in _SCRIPTS), 0)
    for character in text[:2000]:
        code = ord(character)
        for name, first, last in _SCRIPTS:
            if first <= code <= last and character.isalpha():
                counts[name] += 1
    if counts["kana"] * 10 > counts["Han"]:
        counts["kana"] += counts.pop("Han")
    best = max(counts, key=lambda name: counts[name])
    return f"({best})" if counts[best] else "(none)"


def _worth(bench: _Bench, score: Floats, rounds: int = ROUNDS) -> Worth:
    def figures(rows: Rows) -> tuple[float, float, float]:
        small, large = bench.small[rows], bench.large[rows]
        if not large.mean() > small.mean():  # without a gap between the models there is nothing to recover
            return (math.nan, math.nan, math.nan)
        found = curve(score[rows], small, large)
        return (area(*found), reaching(*found, 0.5), reaching(*found, 0.8))

    return Worth(len(score), *intervals(figures, len(score), rounds=rounds))


def _curve(bench: _Bench, score: Floats) -> tuple[Step, ...]:
    rank = np.empty(len(score))
    rank[np.argsort(-score, kind="stable")] = np.arange(len(score))
    steps = []
    for share in SHARES:
        chosen = rank < round(share * len(score))
        cost = None if bench.cost is None else np.where(chosen, bench.cost[1], bench.cost[0]) * 1000
        quality = np.where(chosen, bench.large, bench.small)
        steps.append(Step(share, _mean(quality), None if cost is None else _mean(cost)))
    return tuple(steps)


def _mean(values: Floats) -> Interval:
    return interval(lambda rows: float(values[rows].mean()), len(values))


def _by(labels: Sequence[str], bench: _Bench) -> dict[str, tuple[Worth, Worth]]:
    found = {}
    order = sorted(range(len(labels)), key=lambda row: labels[row])
    for label, group in groupby(order, key=lambda row: labels[row]):
        rows = np.array(list(group))
        if len(rows) >= MIN_GROUP:
            part = bench.take(rows)
            found[label] = (_worth(part, part.score, GROUP_ROUNDS), _worth(part, part.length, GROUP_ROUNDS))
    return found


def _costs(outcomes: Sequence[Outcome]) -> tuple[Floats, Floats] | None:
    small = [row.small_usd for row in outcomes if row.small_usd is not None]
    large = [row.large_usd for row in outcomes if row.large_usd is not None]
    return (np.array(small), np.array(large)) if len(small) == len(large) == len(outcomes) else None
