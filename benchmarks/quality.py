"""Routing quality: RouteLLM's protocol on public sets, hand-written prompts by language, perturbations, and latency."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import quality_noise, quality_tracks
from benchmarks.classifier import compare
from classifiers import load
from classifiers.evaluation import hand_written_scores
from classifiers.examples import hand_written, public

LATENCY_ROUNDS = 5
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
    return dict(compare(load(), LATENCY_ROUNDS)["median_us"])


SECTIONS: dict[str, Callable[[Path], object]] = {
    "tracks": quality_tracks.measure,
    "hand_written": _hand_written,
    "unchanged": _noise,
    "latency": _latency,
}
"""Each section is a function of the data folder; a further one is one more line here."""


def lines(result: dict[str, Any]) -> list[str]:
    """The result for a terminal."""
    found = []
    tracks = result.get("tracks", {"sets": {}, "study": {}})
    for name, routers in tracks["sets"].items():
        for router in ("out_of_domain", "in_domain", "in_domain_blend", "length", "oracle"):
            if router in routers:
                one = routers[router]
                words = f"{name:9} {router:14} APGR {one['apgr']:.3f} +- {one['deviation']:.3f}"
                found.append(f"{words}  CPT50 {one['cpt50']:.3f}  CPT80 {one['cpt80']:.3f}")
    found += [f"{family}: {areas}" for family, areas in tracks["study"].items()]
    found += [f"unchanged under {name}: {share:.3f}" for name, share in result.get("unchanged", {}).items()]
    found += [f"{name}: {value}" for name, value in result.get("hand_written", {}).items()]
    return found + [f"{name}: {value:.0f}" for name, value in result.get("latency", {}).items()]


def plot(record: dict[str, Any], path: Path) -> None:
    """Draw APGR of each set and router as one PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only a picture needs

    tracks = record["result"].get("tracks", {"sets": {}})["sets"]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for number, router in enumerate(("length", "out_of_domain", "in_domain", "in_domain_blend")):
        sets = [(place, found[router]) for place, found in enumerate(tracks.values()) if router in found]
        places = [place + (number - 1.5) * 0.2 for place, _ in sets]
        heights, deviations = [one["apgr"] for _, one in sets], [one["deviation"] for _, one in sets]
        axes.bar(places, heights, 0.18, yerr=deviations, label=router.replace("_", " "))
    axes.axhline(0.5, color="grey", linewidth=1)
    axes.set_xticks(range(len(tracks)), [f"{name} ({found['prompts']})" for name, found in tracks.items()])
    axes.set_ylim(0.4, 0.75)
    axes.set_ylabel("APGR (0.5: a random router)")
    axes.legend()
    figure.savefig(path, dpi=110)
