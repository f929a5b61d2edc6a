"""An embedding model in a real child."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from router.engine import wire
from tests.engine.driver import ChildDriver


@pytest.fixture(scope="module")
def child(shared: Path) -> Iterator[ChildDriver]:
    """A child for all-MiniLM-L6-v2, shared by the tests of this file."""
    with ChildDriver(shared / "models" / "all-MiniLM-L6-v2-q8_0.gguf", context=512) as driver:
        yield driver


def embed(child: ChildDriver, *inputs: str | list[int], **more: object) -> np.ndarray:
    """One row for each input."""
    child.send(wire.Embed(child.new_id(), list(inputs), **more))
    event = child.event()
    assert isinstance(event, wire.Embedded), event
    return np.array([np.frombuffer(vector, "<f4") for vector in event.vectors])


def test_the_greeting_tells_the_dimensions(child):
    """An embedding model says so, and how long its vectors are."""
    assert (True, 384) == (child.hello.is_embedding, child.hello.dimensions)


def test_likeness_is_in_the_angle(child):
    """Sentences of one meaning are near, of another far, and every vector has length 1."""
    vectors = embed(child, "A cat sits on the mat.", "A kitten rests on a rug.", "Stock prices fell sharply.")
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.5
    assert vectors[0] @ vectors[2] < 0.3


def test_a_batch_is_as_good_as_one_by_one(child):
    """A text has the same vector in a batch of a hundred of all lengths as alone, up to 8-bit rounding."""
    texts = [f"sentence {number} " + "and more " * (number % 40) for number in range(100)]
    together = embed(child, *texts)
    alone = np.concatenate([embed(child, texts[number]) for number in (0, 39, 99)])
    assert (together[[0, 39, 99]] * alone).sum(axis=1).min() > 0.9995


def test_text_and_tokens_are_the_same(child):
    """A text and its token ids have the same vector."""
    child.send(wire.Tokenize(child.new_id(), "hello world"))
    tokens = child.event().tokens
    assert embed(child, "hello world") == pytest.approx(embed(child, tokens))


def test_fewer_dimensions_are_cut_and_normalised(child):
    """`dimensions` keeps the first ones and scales to length 1 again."""
    whole, cut = embed(child, "hello")[0], embed(child, "hello", dimensions=64)[0]
    assert whole[:64] / np.linalg.norm(whole[:64]) == pytest.approx(cut, abs=1e-6)


@pytest.mark.parametrize(
    ("inputs", "dimensions", "code", "param"),
    [
        (["x " * 600], None, "context_length_exceeded", "input"),
        ([""], None, "invalid_value", "input"),
        ([], None, "invalid_value", "input"),
        ([[-1]], None, "invalid_value", "input"),
        ([[30522]], None, "invalid_value", "input"),
        (["a"], 0, "invalid_value", "dimensions"),
        (["a"], 385, "invalid_value", "dimensions"),
    ],
)
def test_bad_input_names_its_parameter(child, inputs, dimensions, code, param):
    """What native code could choke on is refused before it, by the parameter's name."""
    child.send(wire.Embed(child.new_id(), inputs, dimensions))
    event = child.event()
    assert (code, param) == (event.code, event.param)


def test_it_does_not_write(child):
    """A completion from an embedding model is refused."""
    child.send(wire.Submit(child.new_id(), prompt="x"))
    assert "model" == child.event().param


def test_requests_share_batches_and_all_are_answered(child):
    """A crowd of requests, one of them cancelled, all end."""
    ids = [child.new_id() for _ in range(12)]
    child.send(*(wire.Embed(id_, [f"text {id_} {n}" for n in range(20)]) for id_ in ids), wire.Cancel(ids[-1]))
    ended = {child.event().id for _ in ids}
    assert set(ids) == ended
