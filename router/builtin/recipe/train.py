"""Training in two phases: a steady rate first, then a fresh optimizer whose rate falls to nothing."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch.nn import functional

from router.builtin.recipe import mixture, vocabulary
from router.builtin.recipe.batch import Batch, batches
from router.builtin.recipe.model import Decoder, Shape
from router.builtin.recipe.optimizer import Optimizer
from router.builtin.recipe.vocabulary import Vocabulary

_log = logging.getLogger(__name__)
_REPORT_EVERY = 50
_WARM_UP = 2520
_HEAD_START = 120
_FRESH_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run depends on; the same plan writes the same text in the same order on every machine."""

    seed: int = 1
    batch_tokens: int = 3072
    vocabulary_examples: int = 20_000
    steady_steps: int = 500
    falling_steps: int = 600
    threads: int = 1


def run(plan: Plan, shape: Shape, folder: Path) -> tuple[Decoder, Vocabulary]:
    """Do both phases; `folder` keeps the vocabulary and the weights, and a finished steady phase is not repeated."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    folder.mkdir(parents=True, exist_ok=True)
    _log.info("plan %s shape %s", asdict(plan), asdict(shape))
    if not (folder / "steady.pt").exists():
        _steady(plan, shape, folder)
    model, words = load(shape, folder, "steady.pt")
    _falling(model, words, plan, folder)
    torch.save(model.state_dict(), folder / "model.pt")
    return model, words


def load(shape: Shape, folder: Path, name: str = "model.pt") -> tuple[Decoder, Vocabulary]:
    """Return what an earlier run left in `folder`."""
    model = Decoder(shape)
    model.load_state_dict(torch.load(folder / name, weights_only=True))
    return model, Vocabulary(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")))


def _text(plan: Plan) -> Iterator[str]:
    for number in range(plan.vocabulary_examples):
        for message in mixture.example(f"{plan.seed}:{number}").messages:
            yield message["content"]


def _steady(plan: Plan, shape: Shape, folder: Path) -> None:
    words = vocabulary.learn(_text(plan), shape.vocabulary)
    (folder / "vocabulary.json").write_text(json.dumps(words.pieces, ensure_ascii=False), encoding="utf-8")
    model = Decoder(shape)
    steps = islice(batches(words, plan.seed, plan.batch_tokens), plan.steady_steps)
    _fit(model, steps, lambda _, seen: min(1.0, (seen + _HEAD_START) / _WARM_UP), folder)
    torch.save(model.state_dict(), folder / "steady.pt")


def _falling(model: Decoder, words: Vocabulary, plan: Plan, folder: Path) -> None:
    def rate(step: int, _: int) -> float:
        return min((step + 1) / _FRESH_WARM_UP, max(0.02, 1 - step / plan.falling_steps))

    # Another seed: text that the steady phase has not seen.
    steps = islice(batches(words, plan.seed + 1, plan.batch_tokens), plan.falling_steps)
    _fit(model, steps, rate, folder)


def _fit(model: Decoder, steps: Iterator[Batch], rate: Callable[[int, int], float], folder: Path) -> None:
    optimizer = Optimizer(model)
    started, tokens, examples, smooth = time.monotonic(), 0, 0, 0.0
    for step, batch in enumerate(steps):
        loss = _loss(model, batch)
        loss.backward()
        optimizer.step(rate(step, examples))
        tokens, examples = tokens + batch.inputs.numel(), examples + batch.inputs.shape[0]
        smooth += (loss.item() - smooth) * max(0.02, 1 / (step + 1))
        if step % _REPORT_EVERY == 0:
            torch.save(model.state_dict(), folder / "checkpoint.pt")
            speed = tokens / (time.monotonic() - started)
            _log.info("step %d examples %d loss %.4f tokens %d (%.0f/s)", step, examples, smooth, tokens, speed)


def _loss(model: Decoder, batch: Batch) -> torch.Tensor:
    states = model(batch.inputs, batch.positions)
    losses = functional.cross_entropy(model.logits(states), batch.targets, reduction="none")
    return (losses * batch.weights).sum() / batch.weights.sum()
