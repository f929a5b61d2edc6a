"""Teach an artifact the user's own traffic: its weights are where learning starts, and what a few rows can move is bounded.

Imported for training only, never to serve.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import skops.io
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from classifiers.artifact import COMPILED, FORMAT, PIPELINES, digest, installed_versions, load, manifest_digest
from classifiers.bootstrap import Interval, intervals
from classifiers.classifier import Classifier
from classifiers.compiling import compile_pipelines
from classifiers.drift import histogram
from classifiers.gain import GainRegressor
from classifiers.held_out import is_held_out
from classifiers.outcomes import DataError, Outcome, data_digest
from classifiers.protocol import apgr
from classifiers.tables import to_bytes
from classifiers.training import TOLERANCE, load_pipelines

MIN_ROWS = 200
STRENGTHS = (0.001, 0.01, 0.1)
"""How far the weights may move from those of the artifact that is taught (inverse of the penalty)."""

OFFSET = 10.0
"""Makes the old score's own weight almost free of the penalty."""

STEPS = 5 + len(STRENGTHS)
Step = Callable[[str], None]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The new artifact against the old one on held-out prompts; differences are new minus old, with intervals."""

    held_out: int
    apgr: tuple[Interval, Interval]
    log_loss: tuple[Interval, Interval]
    apgr_difference: Interval
    log_loss_difference: Interval

    @property
    def fault(self) -> str | None:
        """Why the new one must not take the place of the old one, or None."""
        if self.apgr_difference.high < 0:
            return "it ranks the held-out prompts worse"
        if self.log_loss_difference.low > 0:
            return "its probabilities fit the held-out prompts worse"
        if self.apgr_difference.value <= 0 and self.log_loss_difference.value >= 0:
            return "it is no better on the held-out prompts"
        return None


@dataclass(frozen=True, slots=True)
class Adapted:
    """A new artifact that is not yet in its place."""

    contents: Mapping[str, bytes]
    manifest: Mapping[str, object]
    comparison: Comparison


def adapt(base: Path, outcomes: Sequence[Outcome], step: Step = lambda _: None) -> Adapted:
    """Teach the artifact in `base` and compare the two on prompts that neither the new one nor its settings saw.

    Raises:
        DataError: there are too few rows, or no row shows the large model to be needed.
        ArtifactError: `base` cannot be loaded.
    """
    taught, tested = split(outcomes)
    old = load(base)
    step("reading the artifact")
    difficulty, task = load_pipelines(base / PIPELINES)
    step("reading the prompts")
    fitted, cross_fitted = _teach(difficulty, taught, step)
    step("compiling")
    tables = compile_pipelines(fitted, task)
    contents = {
        PIPELINES: bytes(skops.io.dumps({"difficulty": fitted, "task": task}, compression=8)),
        COMPILED: to_bytes(tables),
    }
    threshold = _threshold(cross_fitted, taught, old.threshold)
    name = f"difficulty-{digest(contents[COMPILED])[:12]}"
    new = Classifier(tables, version=name, threshold=threshold, is_taught=True)
    step("comparing")
    comparison = compare(old, new, tested)
    manifest = _manifest(new, old, contents, outcomes) | {"score_histogram": histogram(cross_fitted.tolist())}
    return Adapted(contents, manifest | {"sha256": manifest_digest(manifest)}, comparison)


def split(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """Rows to learn from and rows to judge by.

    Raises:
        DataError: as `adapt`.
    """
    if len(outcomes) < MIN_ROWS:
        raise DataError(f"{len(outcomes)} rows are too few to learn from: at least {MIN_ROWS} are needed")
    parts: tuple[list[Outcome], list[Outcome]] = ([], [])
    for row in outcomes:
        parts[is_held_out(row.prompt)].append(row)
    for part in parts:
        if not sum(row.large for row in part) > sum(row.small for row in part):
            raise DataError("the large model is not better than the small one on these rows: there is nothing to learn")
    return parts


def compare(old: Classifier, new: Classifier, tested: Sequence[Outcome]) -> Comparison:
    """Judge the same held-out prompts by both, with paired bootstrap intervals."""
    before, after = ([classifier.judge(row.prompt).score for row in tested] for classifier in (old, new))
    return compare_scores(before, after, tested)


def compare_scores(old: Sequence[float], new: Sequence[float], tested: Sequence[Outcome]) -> Comparison:
    """The same for two probabilities that the large model is needed."""
    scores = [np.array(old), np.array(new)]
    small, large = np.array([row.small for row in tested]), np.array([row.large for row in tested])
    gain = np.array([row.gain for row in tested])
    losses = [_losses(score, gain) for score in scores]

    def areas(rows: NDArray[np.intp]) -> tuple[float, float, float]:
        if not large[rows].mean() > small[rows].mean():
            return (math.nan, math.nan, math.nan)
        before, after = (apgr(score[rows], small[rows], large[rows]) for score in scores)
        return (before, after, after - before)

    def means(rows: NDArray[np.intp]) -> tuple[float, float, float]:
        before, after = (float(loss[rows].mean()) for loss in losses)
        return (before, after, after - before)

    before, after, difference = intervals(areas, len(tested))
    loss_before, loss_after, loss_difference = intervals(means, len(tested))
    return Comparison(
        len(tested), (before, after), (loss_before, loss_after), apgr_difference=difference,
        log_loss_difference=loss_difference,
    )  # fmt: skip


def _teach(difficulty: Pipeline, taught: Sequence[Outcome], step: Step) -> tuple[Pipeline, Floats]:
    features = sp.csr_matrix(difficulty[:-1].transform([row.prompt for row in taught]))
    base = difficulty["head"]
    gain = np.array([row.gain for row in taught])
    advantage = np.array([row.advantage for row in taught])
    # The penalty keeps the weights of what no row has where they are; leaving them out is the same and much quicker.
    used = np.flatnonzero(features.getnnz(axis=0))
    stacked = sp.hstack([features[:, used], sp.csr_matrix(base.log_odds(features)[:, None] * OFFSET)]).tocsr()
    heads = []
    for strength in STRENGTHS:
        step(f"fitting, strength {strength:g}")
        heads.append(GainRegressor(C=strength, folds=5).fit(stacked, advantage))
    best = min(heads, key=lambda head: float(_losses(head.cross_fitted_, gain).mean()))
    kept = OFFSET * best.coef_[-1]
    head = copy.deepcopy(base)
    head.coef_ = kept * base.coef_
    head.coef_[used] += best.coef_[:-1]
    head.intercept_ = float(best.intercept_ + kept * base.intercept_)
    fitted = copy.copy(difficulty)
    fitted.steps = [*difficulty.steps[:-1], ("head", head)]
    return fitted, np.asarray(best.cross_fitted_)


def _losses(score: Floats, gain: Floats) -> Floats:
    kept = np.clip(score, 1e-6, 1 - 1e-6)
    return np.asarray(-(gain * np.log(kept) + (1 - gain) * np.log(1 - kept)))


def _threshold(scores: Floats, rows: Sequence[Outcome], otherwise: float) -> float:
    needed = np.array([row.gain > 0.5 for row in rows])
    if needed.all() or not needed.any():
        return otherwise
    grid = np.round(np.arange(0.02, 0.99, 0.01), 2)
    right = np.array([((scores[~needed] < at).mean() + (scores[needed] >= at).mean()) / 2 for at in grid])
    return float(grid[right >= right.max() - TOLERANCE][-1])


def _manifest(
    new: Classifier, old: Classifier, contents: Mapping[str, bytes], outcomes: Sequence[Outcome]
) -> dict[str, object]:
    return {
        "format": FORMAT,
        "artifact": new.version,
        "threshold": new.threshold,
        "files": {name: digest(content) for name, content in contents.items()},
        "versions": installed_versions(),
        "data": {"taught": old.version, "rows": len(outcomes), "sha256": data_digest(outcomes)},
    }
