"""Routing quality: RouteLLM's protocol on public sets, hand-written prompts by language, perturbations, and latency."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import quality_noise, quality_tracks
from classifiers import load
from classifiers.artifact import PIPELINES, SHIPPED
from classifiers.evaluation import hand_written_scores
from classifiers.examples import hand_written, public

ROUNDS = 300
EXAMS = 500


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--data", default="../shared/data", help="folder with public/ and train/")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to measure")


def run(options: argparse.Namespace) -> dict[str, object]:
    """The sections asked for.

    Raises:
        RuntimeError: the data are not there.
    """
    data = Path(options.data)
    if not (data / "public").is_dir():
        raise RuntimeError(f"{data}/public is missing: the public sets are not in this repository")
    return {"artifact": load().version, **{name: SECTIONS[name](data) for name in options.sections}}


def _hand_written(_: Path) -> dict[str, object]:
    return hand_written_scores(load(), [example for example in hand_written() if example.held_out])


def _noise(data: Path) -> dict[str, float]:
    exams = [example.prompt for example in public(data) if example.family == "mmlu"]
    return quality_noise.measure(load(), exams[:: max(len(exams) // EXAMS, 1)])


def _latency(_: Path) -> dict[str, float]:
    """Microseconds of CPU at the median for a prompt of 100 words, compiled and by the pipelines that it came from."""
    from classifiers.training import load_pipelines  # noqa: PLC0415 - scikit-learn only where it is needed

    classifier, text = load(), " ".join(["please", "explain", "why", "totals", "differ"] * 20)
    difficulty, task = load_pipelines(SHIPPED / PIPELINES)
    return {
        "compiled_us": _median(lambda: classifier.judge(text)),
        "scikit_learn_us": _median(lambda: (difficulty.predict([text]), task.predict_proba([text]))),
        "tfidf_predict_proba_us": _plain(text),
    }


def _plain(text: str) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415

    examples = hand_written()
    plain = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression())
    plain.fit([example.prompt for example in examples], [example.gain for example in examples])
    return _median(lambda: plain.predict_proba([text]))


def _median(call: Callable[[], object]) -> float:
    spent = []
    for _ in range(ROUNDS):
        start = time.thread_time_ns()
        call()
        spent.append(time.thread_time_ns() - start)
    return sorted(spent)[ROUNDS // 2] / 1e3


SECTIONS: dict[str, Callable[[Path], object]] = {
    "tracks": quality_tracks.measure,
    "study": quality_tracks.study,
    "hand_written": _hand_written,
    "unchanged": _noise,
    "latency": _latency,
}
"""Each section is a function of the data folder; a further one is one more line here."""


def lines(result: dict[str, Any]) -> list[str]:
    """The result for a terminal."""
    found = []
    for name, routers in result.get("tracks", {}).items():
        for router in ("out_of_domain", "in_domain", "length", "oracle"):
            if router in routers:
                one = routers[router]
                words = f"{name:9} {router:14} APGR {one['apgr']:.3f} +- {one['deviation']:.3f}"
                found.append(f"{words}  CPT50 {one['cpt50']:.3f}  CPT80 {one['cpt80']:.3f}")
    found += [f"unchanged under {name}: {share:.3f}" for name, share in result.get("unchanged", {}).items()]
    found += [f"{name}: {value}" for name, value in result.get("hand_written", {}).items()]
    return found + [f"{name}: {value:.0f}" for name, value in result.get("latency", {}).items()]


def plot(record: dict[str, Any], path: Path) -> None:
    """Draw APGR of each set and router as one PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only a picture needs

    tracks = record["result"].get("tracks", {})
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for number, router in enumerate(("length", "out_of_domain", "in_domain")):
        sets = [(place, found[router]) for place, found in enumerate(tracks.values()) if router in found]
        places = [place + (number - 1) * 0.27 for place, _ in sets]
        heights, deviations = [one["apgr"] for _, one in sets], [one["deviation"] for _, one in sets]
        axes.bar(places, heights, 0.25, yerr=deviations, label=router.replace("_", " "))
    axes.axhline(0.5, color="grey", linewidth=1)
    axes.set_xticks(range(len(tracks)), [f"{name} ({found['prompts']})" for name, found in tracks.items()])
    axes.set_ylim(0.4, 0.75)
    axes.set_ylabel("APGR (0.5: a random router)")
    axes.legend()
    figure.savefig(path, dpi=110)
