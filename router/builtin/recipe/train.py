"""Training: short instructions first, then the whole mixture; interrupted, it goes on from its checkpoint."""

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
_REPORT_EVERY = 25
_KEEP_EVERY = 200
_PLAIN_LATER = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run depends on; the same plan writes the same text in the same order on every machine.

    First only short instructions, then the whole mixture; the rate is steady, then falls in a line to nothing.
    """

    seed: int = 1
    batch_tokens: int = 2048
    vocabulary_examples: int = 20_000
    warm_up_steps: int = 40
    plain_steps: int = 1500
    steady_steps: int = 4600
    falling_steps: int = 3200
    threads: int = 1

    @property
    def steps(self) -> int:
        """Length of the run."""
        return self.steady_steps + self.falling_steps

    def rate(self, step: int) -> float:
        """Share of the full learning rate at this step."""
        falling = (self.steps - step) / self.falling_steps
        return min((step + 1) / self.warm_up_steps, 1.0, falling)


def run(plan: Plan, shape: Shape, folder: Path) -> tuple[Decoder, Vocabulary]:
    """Train, leaving the vocabulary, checkpoints and the weights in `folder`; go on where an earlier run stopped."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    folder.mkdir(parents=True, exist_ok=True)
    _log.info("plan %s shape %s", asdict(plan), asdict(shape))
    words = vocabulary.learn(_text(plan), shape.vocabulary)
    (folder / "vocabulary.json").write_text(json.dumps(words.pieces, ensure_ascii=False), encoding="utf-8")
    model = Decoder(shape)
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
    start = _resumed(model, optimizer, folder)
    started, tokens, smooth = time.monotonic(), 0, 0.0
    for step, batch in islice(enumerate(_steps(words, plan)), start, plan.steps):
        loss = _loss(model, batch)
        loss.backward()
        optimizer.step(plan.rate(step))
        tokens += batch.inputs.numel()
        smooth += (loss.item() - smooth) * max(0.02, 1 / (step - start + 1))
        if step % _REPORT_EVERY == _REPORT_EVERY - 1:
            _keep(model, optimizer, step + 1, folder)
            speed = tokens / (time.monotonic() - started)
            _log.info("step %d loss %.4f tokens %d (%.0f/s)", step + 1, smooth, tokens, speed)


def _steps(words: Vocabulary, plan: Plan) -> Iterator[Batch]:
    yield from islice(batches(words, plan.seed, plan.batch_tokens, 1.0), plan.plain_steps)
    yield from batches(words, plan.seed + 1, plan.batch_tokens, _PLAIN_LATER)


def _keep(model: Decoder, optimizer: Optimizer, step: int, folder: Path) -> None:
    state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state()}
    torch.save(state, folder / "checkpoint.part")
    (folder / "checkpoint.part").replace(folder / f"checkpoint-{step // _KEEP_EVERY * _KEEP_EVERY}.pt")


def _resumed(model: Decoder, optimizer: Optimizer, folder: Path) -> int:
    found = sorted(folder.glob("checkpoint-*.pt"), key=lambda path: int(path.stem.partition("-")[2]))
    if not found:
        return 0
    state = torch.load(found[-1], weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.resume(state["optimizer"])
    return int(state["step"])


def _loss(model: Decoder, batch: Batch) -> torch.Tensor:
    states = model(batch.inputs, batch.positions)
    losses = functional.cross_entropy(model.logits(states), batch.targets, reduction="none")
    return (losses * batch.weights).sum() / batch.weights.sum()
