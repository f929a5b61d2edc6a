"""The second stage on public answers: prompt and the small model's own confidence, Llama-3.1-8B to GPT-4o.

5-fold cross-validation inside of each data set (its own training split joins every fold's training part), RouteLLM's
protocol, and what a thousand questions cost with the small model's run paid for each. The rows have no licence: they are
measured here, and nothing that is fitted to them is kept.
"""

import argparse
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cascade_models import METHODS, Floats, Method, Rows, rows_of
from classifiers.bootstrap import intervals
from classifiers.protocol import apgr, calibration_error, cpt

SMALL, LARGE = "llama3.1-8b", "gpt-4o"
SETS = ("mmlu", "medmcqa", "triviaqa", "truthfulqa")
BARS = {"mmlu": 0.70, "medmcqa": 0.66, "triviaqa": 0.81}
FOLDS = 5
ROUNDS = 500
SHARES = tuple(step / 20 for step in range(21))
FILE = "../shared/data/measure/cascade_confidence.jsonl.gz"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where the rows are, and how often the folds are drawn anew."""
    parser.add_argument("--data", default=FILE, metavar="FILE", help=f"default: {FILE}")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="draws of the folds; default: 3")


def run(options: argparse.Namespace) -> dict[str, object]:
    """Measure every method on every data set."""
    try:
        found = [json.loads(line) for line in gzip.decompress(Path(options.data).read_bytes()).splitlines()]
    except (OSError, ValueError) as error:
        raise RuntimeError(f"{options.data}: {error}") from error
    return {name: _measure(name, [row for row in found if _family(row) == name], options.repeats) for name in SETS}


def _family(row: Mapping[str, Any]) -> str:
    return str(row["dataset"]).partition("_")[0]


def _measure(name: str, found: list[dict[str, Any]], repeats: int) -> dict[str, object]:
    right = [[row["correct"][model] for model in (SMALL, LARGE)] for row in found]
    answers = [(row["raw_conf"][SMALL], row["tokens"][SMALL]["out"]) for row in found]
    rows = rows_of([row["prompt"] for row in found], [row["dataset"] for row in found], right, answers)
    test = np.flatnonzero(rows.sets == f"{name}_test")
    cost = tuple(np.array([row["cost"][model] for row in found])[test] for model in (SMALL, LARGE))
    methods = {key: list(_scores(method, rows, test, repeats)) for key, method in METHODS.items()}
    return {
        "rows": len(test),
        "small": float(rows.small[test].mean()),
        "large": float(rows.large[test].mean()),
        "bar": BARS.get(name),
        "oracle": apgr(rows.gain[test], rows.small[test], rows.large[test]),
        "methods": {key: _figures(scores, rows, test) for key, scores in methods.items()},
        "second_stage_calibration_error": _calibration(methods["second_stage"][0], rows.gain[test]),
        "cost": _costs(methods, rows, test, cost),
    }


def _scores(method: Method, rows: Rows, test: NDArray[np.intp], repeats: int) -> Iterator[Floats]:
    """The test rows' scores, each by a fit that did not see it, once for each draw of the folds."""
    everywhere = np.arange(len(rows.sets))
    for repeat in range(repeats):
        fold = np.random.RandomState(repeat).permutation(len(test)) % FOLDS
        scores = np.zeros(len(test))
        for part in range(FOLDS):
            held = test[fold == part]
            scores[fold == part] = method(rows, np.setdiff1d(everywhere, held), held)
        yield scores


def _figures(scores: list[Floats], rows: Rows, test: NDArray[np.intp]) -> dict[str, object]:
    small, large = rows.small[test], rows.large[test]
    found = [apgr(score, small, large) for score in scores]
    bounds = intervals(lambda at: (apgr(scores[0][at], small[at], large[at]),), len(test), rounds=ROUNDS)[0]
    deviation = (bounds.high - bounds.low) / (2 * 1.96)
    return {
        "apgr": float(np.mean(found)),
        "by_draw": found,
        "bootstrap_sd": deviation,
        "cpt50": float(np.mean([cpt(score, small, large, 0.5) for score in scores])),
        "cpt80": float(np.mean([cpt(score, small, large, 0.8) for score in scores])),
    }


def _calibration(log_odds: Floats, gain: Floats) -> float:
    return calibration_error(1 / (1 + np.exp(-log_odds)), gain)


def _costs(
    methods: Mapping[str, list[Floats]], rows: Rows, test: NDArray[np.intp], cost: tuple[Floats, ...]
) -> dict[str, object]:
    """USD for a thousand questions and the mean score at each share; only a cascade pays for both models."""
    small, large = rows.small[test], rows.large[test]
    found: dict[str, object] = {"small_alone": 1000 * cost[0].mean(), "large_alone": 1000 * cost[1].mean()}
    for key in ("text", "confidence", "second_stage"):
        rank = np.empty(len(test))
        rank[np.argsort(-methods[key][0], kind="stable")] = np.arange(len(test))
        points = []
        for share in SHARES:
            goes = rank < round(share * len(test))
            own = cost[0] if key != "text" else np.where(goes, 0.0, cost[0])
            usd = 1000 * float((own + np.where(goes, cost[1], 0.0)).mean())
            points.append({"share": share, "usd_per_1k": usd, "score": float(np.where(goes, large, small).mean())})
        found[key] = points
    return found


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """A table of APGR, and what keeping 80 % of the gap costs."""
    names = list(METHODS)
    yield f"{'APGR':12}" + "".join(f"{name:>16}" for name in names) + f"{'bar':>8}"
    for key, found in result.items():
        cells = [found["methods"][name] for name in names]
        values = "".join(f"{cell['apgr']:>9.3f} ±{cell['bootstrap_sd']:.3f}" for cell in cells)
        yield f"{key:12}{values}{found['bar'] or '-':>8}"
    for key, found in result.items():
        cost = found["cost"]
        parts = [f"{name} {_cost_at(found, name, 0.8)}" for name in ("text", "confidence", "second_stage")]
        yield f"{key}: 80 % of the gap for {', '.join(parts)} USD per 1,000; large alone {cost['large_alone']:.3f}"


def _cost_at(found: Mapping[str, Any], name: str, part: float) -> str:
    goal = found["small"] + part * (found["large"] - found["small"])
    reached = [point["usd_per_1k"] for point in found["cost"][name] if point["score"] >= goal]
    return f"{min(reached):.3f}" if reached else "-"


def plot(record: Mapping[str, Any], path: Path) -> None:
    """Score over cost for each data set."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (only for a picture)

    result = record["result"]
    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, (name, found) in zip(figure.subplots(2, 2).flat, result.items(), strict=True):
        for key in ("text", "confidence", "second_stage"):
            points = found["cost"][key]
            axes.plot([point["usd_per_1k"] for point in points], [point["score"] for point in points], label=key)
        ends = found["cost"]["small_alone"], found["cost"]["large_alone"]
        axes.plot(ends, (found["small"], found["large"]), ":", color="gray", label="random")
        axes.set_title(name)
        axes.set_xlabel("USD for 1,000 questions, the small model's run included")
        axes.set_ylabel("share right")
    figure.axes[0].legend()
    figure.savefig(path, dpi=110)
