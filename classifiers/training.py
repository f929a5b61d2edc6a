"""Train the artifact from the data files. Deterministic: the same data and versions give the same artifact."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline

from classifiers.artifact import COMPILED, FORMAT, MANIFEST, PIPELINES, digest, installed_versions, manifest_digest
from classifiers.classifier import Classifier
from classifiers.compiling import compile_pipelines
from classifiers.cues import LEXICON_FILE, read_lexicon
from classifiers.drift import histogram
from classifiers.evaluation import hand_written_scores
from classifiers.examples import HAND_WRITTEN, Example, hand_written, load_examples
from classifiers.gain import DECIMALS
from classifiers.pipelines import difficulty_pipeline, task_pipeline
from classifiers.tables import to_bytes
from classifiers.weighing import shared_weights, weigh

TRUSTED = (
    "classifiers.features.HashedNgrams",
    "classifiers.features.Reader",
    "classifiers.features.Shapes",
    "classifiers.features.Structure",
    "classifiers.gain.GainRegressor",
)
"""Our own types in the skops file; everything else must be of those that skops itself trusts."""

TOLERANCE = 0.005
"""How much of the share right the recommended threshold may give up to send less to the large model."""

STEPS = 6
"""How often `train` reports a step."""

Step = Callable[[str], None]


def fit_difficulty(examples: Sequence[Example]) -> Pipeline:
    """The difficulty pipeline, fitted on the large model's advantage in every example given."""
    pipeline = difficulty_pipeline(read_lexicon(LEXICON_FILE.read_text(encoding="utf-8")))
    advantages = [example.advantage for example in examples]
    groups = [example.source for example in examples]
    return pipeline.fit(
        [example.prompt for example in examples],
        advantages,
        head__sample_weight=weigh(examples),
        head__groups=groups,
        head__shared_weight=shared_weights(examples),
    )


def fit_task(examples: Sequence[Example]) -> Pipeline:
    """The task pipeline, fitted on the examples whose task is known: exam questions are of no task in particular."""
    known = [example for example in examples if example.task is not None]
    pipeline = task_pipeline(read_lexicon(LEXICON_FILE.read_text(encoding="utf-8")))
    pipeline.fit([example.prompt for example in known], [example.task for example in known])
    head = pipeline["head"]
    head.coef_, head.intercept_ = np.round(head.coef_, DECIMALS), np.round(head.intercept_, DECIMALS)
    return pipeline


def train(data: Path, out: Path, step: Step = lambda _: None) -> dict[str, object]:
    """Fit both heads on everything licensed, write the artifact to `out` and return its manifest."""
    step("reading the examples")
    examples = [example for example in load_examples(data) if not example.held_out]
    step("fitting difficulty")
    difficulty = fit_difficulty(examples)
    usual = usual_scores(difficulty, examples)
    threshold = recommended_threshold(difficulty, examples)
    step("fitting tasks")
    task = fit_task(examples)
    step("compiling")
    tables = compile_pipelines(difficulty, task)
    contents = {PIPELINES: _skops(difficulty, task), COMPILED: to_bytes(tables)}
    step("measuring")
    manifest = _manifest(data, examples, contents, Classifier(tables, version="", threshold=threshold))
    manifest |= {"score_histogram": usual}
    manifest["sha256"] = manifest_digest(manifest)
    step("writing")
    out.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (out / name).write_bytes(content)
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def recommended_threshold(difficulty: Pipeline, examples: Sequence[Example]) -> float:
    """The highest score that parts easy from hard nearly as well as the best one does, within `TOLERANCE`.

    Judged by the mean of both shares right on the cross-fitted scores of the hand-written training prompts. The highest,
    because what a small answer saves is certain.
    """
    scores = difficulty["head"].cross_fitted_
    # Only training needs them; in the artifact they would say something about single prompts.
    del difficulty["head"].cross_fitted_
    hand = np.array([example.source == "hand" for example in examples])
    hard = np.array([example.gain > 0.5 for example in examples])
    easy_scores, hard_scores = scores[hand & ~hard], scores[hand & hard]
    grid = np.round(np.arange(0.1, 0.91, 0.01), 2)
    right = np.array([((easy_scores < limit).mean() + (hard_scores >= limit).mean()) / 2 for limit in grid])
    return float(grid[right >= right.max() - TOLERANCE][-1])


def usual_scores(difficulty: Pipeline, examples: Sequence[Example]) -> list[float]:
    """The histogram of the cross-fitted scores of prompts written by hand: what drift is measured against.

    Exam questions are most of the training data and little of anybody's traffic, so that they do not count here.
    """
    scores = difficulty["head"].cross_fitted_
    return histogram(float(score) for score, row in zip(scores, examples, strict=True) if row.source == "hand")


def _skops(difficulty: Pipeline, task: Pipeline) -> bytes:
    stored = skops.io.dumps({"difficulty": difficulty, "task": task}, compression=ZIP_DEFLATED)
    return bytes(stored)


def load_pipelines(path: Path) -> tuple[Pipeline, Pipeline]:
    """The fitted pipelines of an artifact, difficulty and task; skops refuses any type that is not named here."""
    stored = skops.io.load(path, trusted=list(TRUSTED))
    return stored["difficulty"], stored["task"]


def _manifest(
    data: Path, examples: Sequence[Example], contents: Mapping[str, bytes], classifier: Classifier
) -> dict[str, object]:
    tested = [example for example in hand_written() if example.held_out]
    manifest: dict[str, object] = {
        "format": FORMAT,
        "artifact": f"difficulty-{digest(contents[COMPILED])[:12]}",
        "threshold": classifier.threshold,
        "files": {name: digest(content) for name, content in contents.items()},
        "versions": installed_versions(),
        "data": _sources(data, examples),
        "scores": {"hand_written_test": hand_written_scores(classifier, tested)},
    }
    return manifest | {"sha256": manifest_digest(manifest)}


def _sources(data: Path, examples: Sequence[Example]) -> dict[str, object]:
    files = [*sorted((data / "public").glob("routellm_*.jsonl.gz")), data / "train" / "clean.jsonl.gz"]
    return {
        "files": {path.name: digest(path.read_bytes()) for path in (*files, HAND_WRITTEN, LEXICON_FILE)},
        "rows": dict(sorted(Counter(example.source for example in examples).items())),
    }
