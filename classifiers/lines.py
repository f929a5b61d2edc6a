"""Score JSON lines: what `shunt score` does."""

import json
from collections.abc import Iterable, Iterator

from classifiers.classifier import Classifier


def score_lines(lines: Iterable[str], classifier: Classifier) -> Iterator[str]:
    """One `{"score": x, "task": …}` line for each `{"prompt": …}` line, in order.

    ValueError names the number of the first line that is not an object with a text `prompt`.
    """
    for number, line in enumerate(lines, 1):
        judgement = classifier.judge(_prompt(line, number))
        yield json.dumps({"score": round(judgement.score, 6), "task": judgement.task})


def _prompt(line: str, number: int) -> str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {number}: not valid JSON") from error
    if not isinstance(row, dict) or not isinstance(row.get("prompt"), str):
        raise ValueError(f'line {number}: not an object with a text "prompt"')  # noqa: TRY004 (bad data)
    return str(row["prompt"])
