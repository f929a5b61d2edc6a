"""Training: from a seed to a checkpoint, saved often enough that nothing is lost."""

import json
import logging
import time
from collections.abc import Iterator
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
_WARM_UP = 0.02
_SAVE_EVERY = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run depends on; the same plan on the same build of PyTorch gives the same weights."""

    seed: int = 1
    examples: int = 120_000
    batch_tokens: int = 3072
    vocabulary_examples: int = 20_000
    threads: int = 1


def run(plan: Plan, shape: Shape, folder: Path) -> tuple[Decoder, Vocabulary]:
    """Write the vocabulary, train, and leave `model.pt` and `vocabulary.json` in `folder`."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    folder.mkdir(parents=True, exist_ok=True)
    words = vocabulary.learn(_text(plan), shape.vocabulary)
    (folder / "vocabulary.json").write_text(json.dumps(words.pieces, ensure_ascii=False), encoding="utf-8")
    model = Decoder(shape)
    _log.info("plan %s shape %s parameters %d", asdict(plan), asdict(shape), sum(p.numel() for p in model.parameters()))
    _fit(model, words, plan, folder)
    torch.save(model.state_dict(), folder / "model.pt")
    return model, words


def load(shape: Shape, folder: Path) -> tuple[Decoder, Vocabulary]:
    """Return what an earlier run left in `folder`."""
    model = Decoder(shape)
    model.load_state_dict(torch.load(folder / "model.pt", weights_only=True))
    return model, Vocabulary(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")))


def _text(plan: Plan) -> Iterator[str]:
    for number in range(plan.vocabulary_examples):
        for message in mixture.example(f"{plan.seed}:{number}").messages:
            yield message["content"]


def _fit(model: Decoder, words: Vocabulary, plan: Plan, folder: Path) -> None:
    optimizer = Optimizer(model)
    started, seen, smooth = time.monotonic(), 0, 0.0
    for number, (batch, progress) in enumerate(_paced(words, plan)):
        loss = _loss(model, batch)
        loss.backward()
        optimizer.step(_schedule(progress))
        seen += batch.inputs.numel()
        smooth += (loss.item() - smooth) * max(0.02, 1 / (number + 1))
        if number % 50 == 0:
            speed = seen / (time.monotonic() - started)
            _log.info("step %d progress %.3f loss %.4f tokens %d (%.0f/s)", number, progress, smooth, seen, speed)
        if number % _SAVE_EVERY == _SAVE_EVERY - 1:
            torch.save(model.state_dict(), folder / "checkpoint.pt")


def _paced(words: Vocabulary, plan: Plan) -> Iterator[tuple[Batch, float]]:
    done = 0
    for batch in batches(words, plan.seed, plan.batch_tokens, plan.examples):
        yield batch, done / plan.examples
        done += batch.inputs.shape[0]


def _schedule(progress: float) -> float:
    if progress < _WARM_UP:
        return (progress + 1e-3) / (_WARM_UP + 1e-3)
    return min(1.0, max(0.02, (1 - progress) / 0.7))


def _loss(model: Decoder, batch: Batch) -> torch.Tensor:
    states = model(batch.inputs).flatten(0, 1)[batch.positions]
    losses = functional.cross_entropy(model.logits(states), batch.targets, reduction="none")
    return (losses * batch.weights).sum() / batch.weights.sum()


def first(words: Vocabulary, seed: int, count: int) -> list[Batch]:
    """Return a few batches, for a quick look."""
    return list(islice(batches(words, seed, 4096, 4096), count))
