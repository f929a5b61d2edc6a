"""RouteLLM's protocol for judging a router (arXiv 2406.18665): APGR and CPT over the edges of ten equal bins."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10


def curve(score: ArrayLike, weak: ArrayLike, strong: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of calls to the strong model and PGR at each threshold, ascending in the share.

    Thresholds are the edges of ten bins of equal size; a prompt goes to the strong model if its score is at least the
    edge, or above it for the last one. PGR = (quality - weak) / (strong - weak).
    """
    scores, low, high = (np.asarray(values, dtype=np.float64) for values in (score, weak, strong))
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)))
    chosen = [scores >= edge for edge in edges[:-1]] + [scores > edges[-1]]
    share = np.array([mask.mean() for mask in chosen])
    quality = np.array([np.where(mask, high, low).mean() for mask in chosen])
    recovered = (quality - low.mean()) / (high.mean() - low.mean())
    order = np.argsort(share, kind="stable")
    return share[order], recovered[order]


def apgr(score: ArrayLike, weak: ArrayLike, strong: ArrayLike) -> float:
    """Area under the performance gap recovered, over the share of strong calls: 0.5 is a random router."""
    return area(*curve(score, weak, strong))


def area(share: NDArray[np.float64], recovered: NDArray[np.float64]) -> float:
    """The area under a curve that was computed already."""
    return float(np.trapezoid(recovered, share))


def cpt(score: ArrayLike, weak: ArrayLike, strong: ArrayLike, target: float) -> float:
    """Share of strong calls at which PGR first reaches `target`, linearly between thresholds; 1.0 at the latest."""
    return reaching(*curve(score, weak, strong), target)


def reaching(share: NDArray[np.float64], recovered: NDArray[np.float64], target: float) -> float:
    """The same on a curve that was computed already."""
    reached = np.flatnonzero(recovered >= target)
    if not len(reached):
        return 1.0
    first = int(reached[0])
    if first == 0:
        return float(share[0])
    rise = recovered[first] - recovered[first - 1]
    part = (target - recovered[first - 1]) / rise if rise else 1.0
    return float(share[first - 1] + part * (share[first] - share[first - 1]))


def calibration_error(probability: ArrayLike, outcome: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over bins of equal size."""
    predicted, happened = (np.asarray(values, dtype=np.float64) for values in (probability, outcome))
    parts = np.array_split(np.argsort(predicted, kind="stable"), bins)
    gaps = [len(part) * abs(predicted[part].mean() - happened[part].mean()) for part in parts if len(part)]
    return float(sum(gaps) / max(len(predicted), 1))


def ranking(score: ArrayLike, outcome: ArrayLike) -> float:
    """Area under the ROC curve: P(a positive scores above a negative), ties half."""
    scores, happened = np.asarray(score, dtype=np.float64), np.asarray(outcome, dtype=bool)
    ordered = np.sort(scores[~happened])
    positives = scores[happened]
    below = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    return float(below.mean() / 2 / len(ordered)) if len(ordered) and len(positives) else float("nan")
