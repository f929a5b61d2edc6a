"""`python -m router.builtin.recipe.measure`: how often a GGUF file answers exactly right, by task, with intervals."""

import argparse
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from llama_cpp import Llama

from router.builtin import MODEL_PATH
from router.builtin.recipe import mixture

_SEED = 1000
_HELD_COUNT = {
    "sentiment": 400,
    "intent": 400,
    "extraction": 200,
    "sum": 200,
    "yes_no": 200,
    "smalltalk": 60,
    "outside": 100,
}


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask: messages up to the last user turn, and the only answer that counts."""

    task: str
    messages: tuple[dict[str, str], ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Score:
    """Right answers of a task, with the Wilson interval of the share (95 %)."""

    task: str
    right: int
    total: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval: E. B. Wilson, JASA 22 (1927), 209-212."""
        return wilson(self.right, self.total)


def wilson(right: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the bounds of the share `right / total`."""
    share, spread = right / total, z * z / total
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)


def held_out(seed: int = _SEED) -> Iterator[Question]:
    """Yield single questions from templates, instructions and number pairs that training never saw."""
    missing = dict(_HELD_COUNT)
    number = 0
    while any(missing.values()):
        example = mixture.example(f"{seed}:{number}", "held")
        turn = example.turns[0]
        number += 1
        if missing[turn.task] > 0:
            missing[turn.task] -= 1
            yield Question(turn.task, tuple(example.messages[: 2 if example.system else 1]), turn.answer)


def handwritten(path: Path) -> Iterator[Question]:
    """Yield the questions of a JSON Lines file with `task`, `prompt` and `answer`."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Question(row["task"], ({"role": "user", "content": row["prompt"]},), row["answer"])


def answer(model: Llama, messages: Iterable[dict[str, str]], max_tokens: int = 160) -> tuple[str, str]:
    """Return the greedy answer and why it ended ("stop" where the model ended it itself)."""
    choice = model.create_chat_completion(list(messages), temperature=0.0, max_tokens=max_tokens)["choices"][0]
    return str(choice["message"]["content"]), str(choice["finish_reason"])


def score(model: Llama, questions: Iterable[Question]) -> list[Score]:
    """Return right and total by task; only the exact answer, ended by the model itself, is right."""
    right: dict[str, int] = {}
    total: dict[str, int] = {}
    for question in questions:
        is_right = answer(model, question.messages) == (question.answer, "stop")
        right[question.task] = right.get(question.task, 0) + is_right
        total[question.task] = total.get(question.task, 0) + 1
    return [Score(task, right[task], total[task]) for task in total]


def table(scores: Iterable[Score]) -> str:
    """Return the scores as a Markdown table."""
    rows = ["| task | right | share | 95 % interval |", "|---|--:|--:|--:|"]
    for one in sorted(scores, key=lambda score: score.task):
        low, high = one.interval
        share = one.right / one.total
        rows.append(f"| {one.task} | {one.right}/{one.total} | {share:.1%} | {low:.1%} to {high:.1%} |")
    return "\n".join(rows)


def main() -> None:
    """Read the command line, measure and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m router.builtin.recipe.measure", description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL_PATH)
    parser.add_argument("--handwritten", type=Path, help="JSON Lines file of sentences; left out, only templates count")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    model = Llama(
        str(options.model), n_ctx=1024, n_threads=options.threads, n_threads_batch=options.threads, verbose=False
    )
    print(f"held-out templates\n\n{table(score(model, held_out()))}")  # noqa: T201 - a command's output
    if options.handwritten:
        print(f"\nwritten by hand\n\n{table(score(model, handwritten(options.handwritten)))}")  # noqa: T201


if __name__ == "__main__":
    main()
