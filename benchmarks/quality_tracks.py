"""RouteLLM's protocol on the public sets: out of domain, in domain, length alone and the oracle, with bootstraps."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.quality_sets import Domains, Rows, by_domain, public_domains
from classifiers.evaluation import FOLDS, TESTED, TOO_SMALL_TO_SPLIT, Table, tabulate
from classifiers.examples import load_examples
from classifiers.protocol import apgr, calibration_error, cpt
from classifiers.weighing import weigh

BOOTSTRAPS = 200
FAMILIES = ("shape alone", "words and cues alone", "shape, then words and cues (ships)")
BARS = {("mmlu", "out_of_domain"): 0.60, ("mmlu", "in_domain"): 0.67}
BARS |= {("gsm8k", "out_of_domain"): 0.60, ("gsm8k", "in_domain"): 0.62}

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def measure(data: Path) -> dict[str, object]:
    """For each public set and each router: APGR, CPT50 and CPT80, the bootstrap's deviation, the bar where there is one."""
    table = tabulate(load_examples(data), weigh)
    domains = public_domains(data)
    return {name: _of_set(table, name, domains) for name in TESTED}


def study(data: Path) -> dict[str, dict[str, float]]:
    """APGR of each family of features: what each half of the estimator reaches alone, out of domain and in domain."""
    table = tabulate(load_examples(data), weigh)
    found: dict[str, dict[str, float]] = {}
    for family, narrowed in zip(FAMILIES, _narrowed(table), strict=True):
        found[family] = {}
        for name in ("mmlu", "gsm8k"):
            test, known = _masks(narrowed, name)
            rows = Rows.of([example for example, own in zip(table.examples, test, strict=True) if own])
            found[family][f"{name}, out of domain"] = _apgr(_outside(narrowed, name, test, known), rows)
            found[family][f"{name}, in domain"] = _apgr(_inside(narrowed, test, known), rows)
    return found


def _of_set(table: Table, name: str, domains: Domains) -> dict[str, object]:
    test, known = _masks(table, name)
    rows = Rows.of([example for example, own in zip(table.examples, test, strict=True) if own])
    scores = {"out_of_domain": _outside(table, name, test, known), "length": rows.length, "oracle": rows.gain}
    if name not in TOO_SMALL_TO_SPLIT:
        scores["in_domain"] = _inside(table, test, known)
    found: dict[str, object] = {router: _scores(score, rows) for router, score in scores.items()}
    for router in ("out_of_domain", "in_domain"):
        if (name, router) in BARS:
            found[router] = {**_scores(scores[router], rows), "bar": BARS[name, router]}
    if "in_domain" in scores:
        found["calibration_error_in_domain"] = calibration_error(scores["in_domain"], rows.gain)
    if name in domains:
        found["by_domain"] = by_domain(scores["out_of_domain"], rows, domains[name])
    return {"prompts": len(rows.gain), **found}


def _masks(table: Table, name: str) -> tuple[Mask, Mask]:
    """The rows of the public set, and everything else that may be learned from in domain."""
    public = np.array([example.source == f"public/{name}" for example in table.examples])
    held = np.array([example.held_out for example in table.examples])
    return public, ~public & ~held


def _outside(table: Table, name: str, test: Mask, known: Mask) -> Floats:
    family = np.array([example.family for example in table.examples])
    return table.predict(known & (family != name), test)


def _inside(table: Table, test: Mask, known: Mask) -> Floats:
    places = np.flatnonzero(test)
    fold = np.random.RandomState(0).permutation(len(places)) % FOLDS
    predicted = np.zeros(len(places))
    for part in range(FOLDS):
        train, tested = known.copy(), np.zeros(len(test), dtype=bool)
        train[places[fold != part]] = True
        tested[places[fold == part]] = True
        predicted[fold == part] = table.predict(train, tested)
    return predicted


def _scores(score: Floats, rows: Rows) -> dict[str, float]:
    rng = np.random.RandomState(0)
    drawn = [rng.randint(len(score), size=len(score)) for _ in range(BOOTSTRAPS)]
    areas = [apgr(score[picked], rows.weak[picked], rows.strong[picked]) for picked in drawn]
    return {
        "apgr": _apgr(score, rows),
        "deviation": float(np.std(areas)),
        "cpt50": cpt(score, rows.weak, rows.strong, 0.5),
        "cpt80": cpt(score, rows.weak, rows.strong, 0.8),
    }


def _apgr(score: Floats, rows: Rows) -> float:
    return apgr(score, rows.weak, rows.strong)


def _narrowed(table: Table) -> Sequence[Table]:
    from classifiers.shape import FORMS, SHAPE  # noqa: PLC0415 - the layout of the last columns, for the study only

    shape = len(FORMS) * (3 * len(SHAPE) + 1)
    width = table.features.shape[1]
    keep: Mapping[int, Floats] = {0: np.ones(width), 1: np.ones(width)}
    keep[0][: width - shape] = 0
    keep[1][width - shape : width - len(FORMS)] = 0
    tables = [Table(table.examples, _masked(table.features, keep[half]), table.weights) for half in (0, 1)]
    return (*tables, table)


def _masked(features: sp.csr_matrix, keep: Floats) -> sp.csr_matrix:
    masked = (features @ sp.diags_array(keep)).tocsr()
    masked.eliminate_zeros()
    return sp.csr_matrix(masked)
