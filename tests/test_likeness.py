"""How like the examples a turn is: compared once, in time, or not at all."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from router.backends.base import Backend
from router.backends.local import LocalBackend
from router.chat import EmbeddingRequest
from router.engine.wire import Embedded
from router.errors import UpstreamError
from router.likeness import SAMPLE, Likeness
from router.policy.document import parse
from router.policy.loading import Source, compiled
from router.policy.words import Words

FILE = """
version: 1
models:
  large: {backend: openai, base_url: "http://127.0.0.1:9/v1", model: big}
  embedder: {backend: llama.cpp, source: e.gguf, can: [embeddings]}
tiers: [large]
examples:
  refunds: {prompts: [money back, "return"]}
  greetings: {prompts: [hello]}
policies:
  auto:
    select:
      - {id: a, when: {not: {similar_to: {refunds: {gte: 0.5}}}}, target: large}
      - {id: b, target: large}
  plain:
    select: [{id: b, target: large}]
"""
VECTORS = {"money back": (3.0, 0.0), "return": (0.0, 2.0), "hello": (-1.0, 0.0), "back": (3.0, 4.0), "": (0.0, 0.0)}


class Bench:
    """A likeness over an embedding model that knows a few words, and what it was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float = 60.0) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.answer: Callable[[], None] = lambda: None
        self.stuck: asyncio.Event | None = None
        config = compiled(parse(FILE.encode(), "test"), Source(folder / "shunt.yaml", {}))
        backend = LocalBackend(config.models["embedder"], config)
        monkeypatch.setattr(LocalBackend, "embed", self._embed)
        targets: dict[str, Backend] = {"embedder": backend}
        self.likeness = Likeness(config, targets, patience_s=patience_s)

    async def _embed(self, request: EmbeddingRequest) -> Embedded:
        self.asked.append(request.inputs)
        self.answer()
        if self.stuck is not None:
            await self.stuck.wait()
        return Embedded(1, [np.array(VECTORS[text], "<f4").tobytes() for text in request.inputs], 3)

    async def of(self, text: str, model: str = "auto") -> dict[str, float]:
        return dict(await self.likeness.of(model, Words([{"role": "user", "content": text}])))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


async def test_the_nearest_example_counts(bench: Bench):
    """It is the cosine with the nearest prompt of each set that a rule asks about, no less than 0, whatever the lengths."""
    assert {"refunds": pytest.approx(0.8)} == await bench.of("back")
    assert {"refunds": 0.0} == await bench.of("hello")


async def test_examples_are_embedded_once(bench: Bench):
    """Many first requests at once make the examples' vectors a single time; sets that nobody asks about never."""
    await asyncio.gather(*(bench.of("back") for _ in range(5)))
    assert [("money back", "return"), *[("back",)] * 5] == bench.asked


async def test_nothing_is_asked_where_no_rule_compares(bench: Bench):
    """A policy without the condition, and a model asked for by name, cost no embedding; nor does an empty turn."""
    assert ({}, {}, {"refunds": 0.0}) == (
        await bench.of("back", "plain"), await bench.of("back", "large"), await bench.of("  "),
    )  # fmt: skip
    assert bench.asked == []


async def test_a_long_turn_is_compared_by_its_beginning(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    """An embedding model's window is small, and a turn that is longer must not be refused for it."""
    monkeypatch.setitem(VECTORS, "x" * SAMPLE, (1.0, 0.0))
    assert {"refunds": 1.0} == await bench.of("x" * 10_000)


async def test_a_model_that_fails_leaves_it_unknown(bench: Bench):
    """The decision goes on without; the next request tries again."""

    def fail() -> None:
        raise UpstreamError("gone")

    bench.answer = fail
    assert await bench.of("back") == {}
    bench.answer = lambda: None
    assert {"refunds": pytest.approx(0.8)} == await bench.of("back")


async def test_a_model_that_hangs_does_not_hold_the_decision_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After a moment's patience nobody knows, and the request goes on."""
    bench = Bench(tmp_path, monkeypatch, patience_s=0.01)
    bench.stuck = asyncio.Event()
    assert await bench.of("back") == {}
