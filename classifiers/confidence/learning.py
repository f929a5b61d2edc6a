"""From the user's own answers to a second stage that is better than the one in use.

    {"prompt": "…", "small": 1, "large": 1, "first": -0.02, "whole": -0.11, "tokens": 84}

`first` and `whole` are mean log-probabilities per token of the small model's answer; `whole` and `tokens` may be left out.
Imported for training only, never to serve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifiers.adapting import Comparison, compare_scores, split
from classifiers.classifier import Classifier
from classifiers.confidence.numbers import numbers
from classifiers.confidence.selection import fitted
from classifiers.confidence.stage import SecondStage, stage_file
from classifiers.held_out import ONE_IN
from classifiers.outcomes import DataError, Outcome, data_digest, outcome_of, read_rows
from classifiers.reading import read


@dataclass(frozen=True, slots=True)
class Answered:
    """A labelled prompt with what the small model's answer was like; see `numbers`."""

    outcome: Outcome
    first: float
    whole: float | None
    tokens: int


@dataclass(frozen=True, slots=True)
class Learned:
    """A new second stage, the file that holds it, and how it compares with the one in use."""

    stage: SecondStage
    content: bytes
    comparison: Comparison


def read_answers(path: Path) -> list[Answered]:
    """Every row of a file of JSON lines; DataError names file, line and reason."""
    found = [_answered(row, f"{path}, line {number}") for number, row in read_rows(path)]
    if not found:
        raise DataError(f"{path}: holds no rows")
    return found


def learn(answers: Sequence[Answered], classifier: Classifier, now: SecondStage) -> Learned:
    """Fit on three parts of the prompts and compare with `now` on the fourth.

    Raises:
        DataError: there are too few rows, or none that needed the large model.
    """
    by_outcome = {id(answer.outcome): answer for answer in answers}
    parts = split([answer.outcome for answer in answers])
    taught, tested = ([by_outcome[id(row)] for row in part] for part in parts)
    rows = np.array([numbers(*_seen(classifier, answer)) for answer in taught])
    good = np.array([1 - answer.outcome.gain for answer in taught])
    readings = [read(answer.outcome.prompt) for answer in taught]
    stage = fitted(rows, good, readings, is_scored=not classifier.is_taught).compiled()
    before, after = ([_need(found, classifier, answer) for answer in tested] for found in (now, stage))
    about = {
        "artifact": classifier.version,
        "rows": len(answers),
        "held_out": f"one in {ONE_IN}",
        "sha256": data_digest([answer.outcome for answer in answers]),
    }
    return Learned(stage, stage_file(stage, about), compare_scores(before, after, parts[1]))


def _seen(classifier: Classifier, answer: Answered) -> tuple[str, float, float, float | None, int]:
    prompt = answer.outcome.prompt
    return prompt, classifier.judge(prompt).score, answer.first, answer.whole, answer.tokens


def _need(stage: SecondStage, classifier: Classifier, answer: Answered) -> float:
    return 1 - stage.probability(*_seen(classifier, answer))


def _answered(row: Mapping[str, object], place: str) -> Answered:
    tokens = row.get("tokens", 0)
    if isinstance(tokens, bool) or not isinstance(tokens, int) or not 0 <= tokens <= 10_000_000:
        raise DataError(f"{place}: tokens must be a whole number")
    first = _log_probability(row, "first", place)
    whole = _log_probability(row, "whole", place) if "whole" in row else None
    return Answered(outcome_of(row, place), first, whole, tokens)


def _log_probability(row: Mapping[str, object], key: str, place: str) -> float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1000 <= value <= 0:
        raise DataError(f"{place}: {key} must be a mean log-probability, at most 0")
    return float(value)
