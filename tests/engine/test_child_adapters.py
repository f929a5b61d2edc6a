"""LoRA adapters, chosen by the request, in one real child."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from router.engine import wire
from tests.engine.driver import GREEDY, ChildDriver, failed, text, used
from tests.fakes.gguf_model import write_tiny_adapter

REQUEST = {"prompt": "the same prompt for all of them", "sampling": GREEDY, "max_tokens": 24, "ignore_eos": True}


@pytest.fixture(scope="module")
def child(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildDriver]:
    """A child with two adapters."""
    folder = tmp_path_factory.mktemp("adapters")
    adapters = {name: str(write_tiny_adapter(folder / f"{name}.gguf", seed=seed)) for seed, name in enumerate("ab")}
    with ChildDriver(tiny, context=512, parallel=6, adapters=adapters) as driver:
        yield driver


def test_the_greeting_names_the_adapters(child):
    """The parent learns which adapters there are."""
    assert ["a", "b"] == child.hello.adapters


def test_adapters_change_the_answer_and_nothing_else(child):
    """Each adapter has its own answer, and the model without one its old one again afterwards."""
    answers = [text(child.ask(**REQUEST, adapter=adapter)) for adapter in (None, "a", "b", None, "a", "b")]
    assert 3 == len(set(answers))
    assert answers[:3] == answers[3:]


def test_adapters_side_by_side_are_as_alone(child):
    """Requests under different adapters at the same time are answered as one after the other."""
    alone = [text(child.ask(**REQUEST, adapter=adapter)) for adapter in (None, "a", "b")]
    crowd = child.ask_all({**REQUEST, "adapter": adapter} for adapter in (None, "a", "b", None, "a", "b"))
    assert alone + alone == [text(events) for events in crowd]


def test_adapters_do_not_share_prefixes(child):
    """What was read under one adapter is read again under another, and reused under the same."""
    prompt = "a prefix that only this test uses, over and over " * 4
    bills = [used(child.ask(prompt=prompt, max_tokens=1, adapter=adapter)) for adapter in ("a", "b", "a")]
    assert [0, 0, bills[0].prompt_tokens - 1] == [bill.cached_tokens for bill in bills]


def test_an_unknown_adapter_is_refused(child):
    """An adapter that is not there names the parameter."""
    assert "adapter" == failed(child.ask(prompt="x", adapter="nowhere")).param


def test_a_bad_adapter_file_refuses_the_model(tiny, tmp_path):
    """A file that is no adapter for the model is named, and the child does not serve."""
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(tiny.read_bytes()[:1000])
    with ChildDriver(tiny, adapters={"broken": str(bad)}) as child:
        assert isinstance(child.hello, wire.Refused)
        assert "broken" in child.hello.message
