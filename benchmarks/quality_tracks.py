"""RouteLLM's protocol on the public sets: out of domain, in domain, length alone and the oracle, with bootstraps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality_families import BLEND, SHIPS, Floats, Mask, Predict, families
from benchmarks.quality_sets import Domains, Rows, by_domain, public_domains
from classifiers.calibrating import calibrate
from classifiers.evaluation import FOLDS, TESTED, TOO_SMALL_TO_SPLIT, Table, tabulate
from classifiers.examples import load_examples
from classifiers.protocol import apgr, cpt
from classifiers.weighing import weigh

BOOTSTRAPS = 200
BARS = {("mmlu", "out_of_domain"): 0.60, ("mmlu", "in_domain"): 0.67}
BARS |= {("gsm8k", "out_of_domain"): 0.60, ("gsm8k", "in_domain"): 0.62}


@dataclass(frozen=True, slots=True)
class _Split:
    """One public set: its rows, what may be learned from out of domain, and what else in domain."""

    name: str
    test: Mask
    outside: Mask
    others: Mask

    @property
    def folds(self) -> int:
        """How many folds the set is cut into; none when it is too small."""
        return 0 if self.name in TOO_SMALL_TO_SPLIT else FOLDS


def measure(data: Path) -> dict[str, object]:
    """For each public set and router APGR, CPT50 and CPT80 with deviation and bar; and the study of families.

    The study holds the APGR of each family of estimators, out of domain and in domain.
    """
    table = tabulate(load_examples(data), weigh)
    known = families(table)
    domains = public_domains(data)
    study: dict[str, dict[str, float]] = {family: {} for family in known}
    sets: dict[str, object] = {}
    for name in TESTED:
        split = _split(table, name)
        rows = Rows.of([example for example, own in zip(table.examples, split.test, strict=True) if own])
        scores = _of_families(known, split, rows, study)
        sets[name] = {"prompts": len(rows.gain), **_routers(name, scores, rows, domains)}
    return {"sets": sets, "study": study}


def _split(table: Table, name: str) -> _Split:
    test = np.array([example.source == f"public/{name}" for example in table.examples])
    known = ~test & ~np.array([example.held_out for example in table.examples])
    return _Split(name, test, known & np.array([example.family != name for example in table.examples]), known)


def _of_families(
    known: Mapping[str, Predict], split: _Split, rows: Rows, study: dict[str, dict[str, float]]
) -> dict[str, Floats]:
    """The scores of each router; the APGR of every family goes into `study`."""
    scores = {"length": rows.length, "oracle": rows.gain}
    for family, predict in known.items():
        if not split.folds and family != SHIPS:
            continue
        found = {"out_of_domain": predict(split.outside, split.test)}
        if split.folds:
            found["in_domain"] = _inside(predict, split)
        for track, score in found.items():
            study[family][f"{split.name}, {track.replace('_', ' ')}"] = _apgr(score, rows)
        if family == SHIPS:
            scores |= found
        if family == BLEND:
            scores["in_domain_blend"] = found["in_domain"]
    return scores


def _routers(name: str, scores: dict[str, Floats], rows: Rows, domains: Domains) -> dict[str, object]:
    found: dict[str, object] = {}
    for router, score in scores.items():
        bar = BARS.get((name, router.removesuffix("_blend")))
        found[router] = _scores(score, rows) | ({} if bar is None else {"bar": bar})
    if "in_domain" in scores:
        chosen = calibrate(scores["in_domain"].tolist(), rows.gain.clip(0).tolist())
        found["calibration_in_domain"] = {
            "method": chosen.calibration.method,
            "error": chosen.error,
            "error_before": chosen.error_before,
        }
    if name in domains:
        found["by_domain"] = by_domain(scores["out_of_domain"], rows, domains[name])
    return found


def _inside(predict: Predict, split: _Split) -> Floats:
    places = np.flatnonzero(split.test)
    fold = np.random.RandomState(0).permutation(len(places)) % split.folds
    predicted = np.zeros(len(places))
    for part in range(split.folds):
        train, tested = split.others.copy(), np.zeros(len(split.test), dtype=bool)
        train[places[fold != part]] = True
        tested[places[fold == part]] = True
        predicted[fold == part] = predict(train, tested)
    return predicted


def _scores(score: Floats, rows: Rows) -> dict[str, float]:
    rng = np.random.RandomState(0)
    drawn: list[NDArray[np.intp]] = [rng.randint(len(score), size=len(score)) for _ in range(BOOTSTRAPS)]
    areas = [apgr(score[picked], rows.weak[picked], rows.strong[picked]) for picked in drawn]
    return {
        "apgr": _apgr(score, rows),
        "deviation": float(np.std(areas)),
        "cpt50": cpt(score, rows.weak, rows.strong, 0.5),
        "cpt80": cpt(score, rows.weak, rows.strong, 0.8),
    }


def _apgr(score: Floats, rows: Rows) -> float:
    return apgr(score, rows.weak, rows.strong)
