"""Labelled prompts of the user's own: what the small and the large model scored on each, read from JSON lines.

    {"prompt": "…", "small": 0.0, "large": 1.0}
    {"messages": [{"role": "user", "content": "…"}], "small": 1, "large": 1, "task": "code", "language": "de"}

`small` and `large` are scores from 0 to 1 (or true and false). `task`, `language`, `small_usd` and `large_usd` (what each
answer cost) may be left out; other keys are ignored.
"""

import gzip
import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from classifiers.conversation import user_text
from classifiers.examples import Example
from classifiers.tasks import TASKS

MAX_LINE_BYTES = 4 * 1024 * 1024


class DataError(ValueError):
    """A data file that cannot be used; the message names file, line and reason."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One prompt, as the classifier reads it, with the score of each model (0..1) and what each answer cost in USD."""

    prompt: str
    small: float
    large: float
    task: str | None = None
    language: str | None = None
    small_usd: float | None = None
    large_usd: float | None = None

    @property
    def advantage(self) -> float:
        """How much better the large model did, in -1..1."""
        return self.large - self.small

    @property
    def gain(self) -> float:
        """How much the large model was needed: 1 where it is right and the small one wrong."""
        return max(self.advantage, 0.0)

    @property
    def example(self) -> Example:
        """The same as training takes it."""
        return Example(
            self.prompt, "own", "own", self.advantage, self.small, self.large, self.task, self.language or "en"
        )


def read_outcomes(path: Path) -> list[Outcome]:
    """Every row of a file of JSON lines (gzipped if its name ends in .gz).

    Raises:
        DataError: the file cannot be read, holds no rows, or has a row that is wrong.
    """
    found = [outcome_of(row, f"{path}, line {number}") for number, row in read_rows(path)]
    if not found:
        raise DataError(f"{path}: holds no rows")
    return found


def read_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The JSON objects of a file with the numbers of their lines; blank lines are passed over.

    Raises:
        DataError: the file cannot be read, or a line is no JSON object.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rb") as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if line.strip():
                    yield number, _row(line, f"{path}, line {number}")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or "cannot be read"
        raise DataError(f"{path}: {reason} (after line {number})" if number else f"{path}: {reason}") from error


def data_digest(outcomes: Iterable[Outcome]) -> str:
    """The sha256 of what was read, so that a lock can say what it was made from."""
    digest = hashlib.sha256()
    for row in outcomes:
        digest.update(json.dumps([row.prompt, row.small, row.large], ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()


def _row(line: bytes, place: str) -> Mapping[str, object]:
    if len(line) > MAX_LINE_BYTES:
        raise DataError(f"{place}: longer than {MAX_LINE_BYTES // 1024 // 1024} MiB")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not valid JSON ({type(error).__name__})") from None
    if not isinstance(row, dict):
        raise DataError(f"{place}: not an object")
    return row


def outcome_of(row: Mapping[str, object], place: str) -> Outcome:
    """One labelled prompt from a row; DataError when the row is wrong."""
    return Outcome(
        prompt=prompt_of(row, place),
        small=score_of(row, "small", place),
        large=score_of(row, "large", place),
        task=_task(row, place),
        language=_text(row, "language", place),
        small_usd=_cost(row, "small_usd", place),
        large_usd=_cost(row, "large_usd", place),
    )


def prompt_of(row: Mapping[str, object], place: str) -> str:
    """What the user says in a row, from `prompt` or `messages`; DataError when it says nothing."""
    if "prompt" in row and "messages" in row:
        raise DataError(f"{place}: has both prompt and messages: keep one")
    if "messages" in row:
        messages = row["messages"]
        text = user_text(messages) if isinstance(messages, list) else ""
        fault = "messages must be a list with words of a user"
    else:
        prompt = row.get("prompt")
        text = prompt if isinstance(prompt, str) else ""
        fault = "needs a text prompt, or messages"
    if not text.strip():
        raise DataError(f"{place}: {fault}")
    return text


def score_of(row: Mapping[str, object], key: str, place: str) -> float:
    """A score from 0 to 1; DataError otherwise."""
    value = row.get(key)
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:  # NaN is not between them either
        raise DataError(f"{place}: {key} must be a score from 0 to 1")
    return float(value)


def _cost(row: Mapping[str, object], key: str, place: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0):
        raise DataError(f"{place}: {key} must be US dollars, 0 or more")
    return float(value)


def _text(row: Mapping[str, object], key: str, place: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{place}: {key} must be text")
    return value


def _task(row: Mapping[str, object], place: str) -> str | None:
    task = _text(row, "task", place)
    if task is not None and task not in TASKS:
        raise DataError(f"{place}: task must be one of {', '.join(TASKS)}")
    return task
