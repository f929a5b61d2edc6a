"""Labels that `shadow` in the policy file has made: both answers to one request, scored.

A label holds no words unless the policy says so. For a threshold the score that the request had is enough; to train, the words
have to come from the labels (`keep: prompts`) or from a file by request id.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from classifiers.outcomes import DataError, Outcome, prompt_of, read_rows
from router.policy.calibrated import ArtifactId
from router.quality.calibrate import Desk
from router.quality.history import History
from router.shadow.label import Label, Labels

Scored: TypeAlias = tuple[Outcome, float]

NO_LABELS = "there are no labels: write shadow: in a policy, and let requests come"
ONE_SIDED = (
    "every label is of a request that the same model answered, so that nothing is known of the others: "
    "name both in shadow, as target: [large, small]"
)


def read_shadow(state_dir: Path, prompts: Path | None, targets: tuple[str, str]) -> History:
    """The labels of the small and the large model that have words, in the label itself or in the file `prompts`.

    Raises:
        DataError: the file cannot be read, or no label is left.
    """
    words = {} if prompts is None else _words(prompts)
    rows, unknown, silent = [], 0, 0
    for label in Labels(state_dir).all():
        text = label.prompt or words.get(label.request_id)
        outcome = _outcome(label, targets, text or "")
        if outcome is None:
            silent += 1
        elif text is None:
            unknown += 1
        else:
            rows.append(outcome)
    if not rows:
        hint = f"{unknown} labels have no words: give --prompts FILE with request_id and prompt, or write keep: prompts"
        raise DataError(hint if unknown else NO_LABELS)
    return History(tuple(rows), unknown, silent)


def read_scored(desk: Desk) -> list[Scored]:
    """The labels of one rule with the scores that its requests had, by the artifact in use.

    Raises:
        DataError: there are none, or they are all of requests that the same model answered.
    """
    artifact = ArtifactId.of(desk.config.artifact).sha256
    of_rule = [
        label
        for label in Labels(desk.config.state_dir).all()
        if (label.policy, label.rule, label.artifact) == (desk.policy, desk.rule.id, artifact)
    ]
    found = list(_scored(of_rule, desk.targets))
    if not found:
        raise DataError(NO_LABELS)
    if len({label.served for label in of_rule}) < len(desk.targets):
        raise DataError(ONE_SIDED)
    return found


def _scored(labels: Iterable[Label], targets: tuple[str, str]) -> Iterable[Scored]:
    for label in labels:
        outcome = _outcome(label, targets, label.request_id)
        if outcome is not None and label.score is not None:
            yield outcome, label.score


def _outcome(label: Label, targets: tuple[str, str], text: str) -> Outcome | None:
    """The label as a row, None where it is of other models."""
    scores = {label.served: label.served_score, label.shadow: label.shadow_score}
    costs = {label.served: label.served_usd, label.shadow: label.shadow_usd}
    small, large = (scores.get(name) for name in targets)
    if small is None or large is None:
        return None
    low_usd, high_usd = (costs[name] for name in targets)
    return Outcome(text, small, large, label.task, small_usd=low_usd, large_usd=high_usd)


def _words(prompts: Path) -> Mapping[str, str]:
    found = {}
    for number, row in read_rows(prompts):
        place = f"{prompts}, line {number}"
        if not isinstance(row.get("request_id"), str):
            raise DataError(f"{place}: needs a text request_id")
        found[str(row["request_id"])] = prompt_of(row, place)
    return found
