"""Training examples: per-prompt outcomes of public models, and the prompts written by hand.

An example says how much the large model was needed: its gain, 1 where large was right and small was wrong. The gain
teaches routing better than "small was wrong", which also counts the prompts on which nothing helps.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HAND_WRITTEN = Path(__file__).parent / "data" / "prompts.jsonl"

SMALL = ("llama-3.1-8b-instruct", "gemma-2-9b-it")
LARGE = ("llama-3.1-nemotron-51b-instruct", "llama-3.3-nemotron-super-49b-v1")
# The second licensed source knows other models; the pair that the public test uses.
SMALL_BENCH, LARGE_BENCH = ("mistralai/mixtral-8x7b-chat",), ("gpt-4-1106-preview",)


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt. `weak` and `strong` are the scores themselves; `task` only where it is known.

    `advantage` in -1..1 says how much better the large model did, below zero where it did worse.
    """

    prompt: str
    source: str
    family: str
    advantage: float
    weak: float
    strong: float
    task: str | None = None
    language: str = "en"
    held_out: bool = False

    @property
    def gain(self) -> float:
        """How much the large model was needed, in 0..1."""
        return max(self.advantage, 0.0)


def read_lines(path: Path) -> Iterator[dict[str, object]]:
    """The JSON objects of a (gzipped) file of JSON lines; ValueError names the file and the line of a bad one."""
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode().rstrip("\n").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        if not isinstance(row, dict) or not isinstance(row.get("prompt"), str):
            raise ValueError(f"{path}, line {number}: not an object with a text `prompt`")  # noqa: TRY004 (bad data)
        yield row


def hand_written(path: Path = HAND_WRITTEN) -> list[Example]:
    """The prompts written by hand, easy and hard."""
    return [_hand_written(row) for row in read_lines(path)]


def _hand_written(row: Mapping[str, object]) -> Example:
    hard = float(bool(row["hard"]))
    return Example(
        prompt=str(row["prompt"]),
        source="hand",
        family="hand",
        advantage=hard,
        weak=1.0 - hard,
        strong=1.0,
        task=str(row["task"]),
        language=str(row["language"]),
        held_out=row["split"] == "test",
    )


def public(folder: Path) -> list[Example]:
    """RouteLLM's decontaminated MMLU, GSM8K and MT-Bench: Mixtral-8x7B against GPT-4."""
    found = []
    for family, scale in (("mmlu", 1.0), ("gsm8k", 1.0), ("mt_bench", 10.0)):
        for row in read_lines(folder / "public" / f"routellm_{family}.jsonl.gz"):
            weak, strong = _number(row["weak"]) / scale, _number(row["strong"]) / scale
            # Ten points of MT-Bench span little: three of them are a clear win.
            advantage = min(max((strong - weak) * (1.0 if scale == 1.0 else 10 / 3), -1.0), 1.0)
            found.append(Example(str(row["prompt"]), f"public/{family}", family, advantage, weak, strong))
    return found


def licensed(folder: Path) -> list[Example]:
    """LLMRouter's and Frontier-CS's per-prompt scores; the small pair is averaged, and so is the large one."""
    found = []
    for row in read_lines(folder / "train" / "clean.jsonl.gz"):
        score = row["score"]
        if not isinstance(score, Mapping):
            raise TypeError(f"{row.get('id')}: `score` is not an object")
        ours = str(row["source"]) == "llmrouter"
        weak = _mean(score, SMALL if ours else SMALL_BENCH)
        strong = _mean(score, LARGE if ours else LARGE_BENCH)
        family = "gsm8k" if row["task"] == "grade-school-math" else str(row["task"])
        found.append(
            Example(
                prompt=str(row["prompt"]),
                source=f"train/{family}",
                family=family,
                advantage=strong - weak,
                weak=weak,
                strong=strong,
            )
        )
    return found


def load_examples(folder: Path) -> list[Example]:
    """Everything licensed that a shipped classifier may learn from; nothing of `measure/` is ever opened here."""
    return [*public(folder), *licensed(folder), *hand_written()]


def _mean(score: Mapping[str, object], models: Iterable[str]) -> float:
    values = [_number(score[model]) for model in models]
    return sum(values) / len(values)


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"not a number: {value!r}")
    return float(value)
