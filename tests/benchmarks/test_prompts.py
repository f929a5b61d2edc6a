"""The prompts of the benchmarks are many, different and the same everywhere."""

import json

from benchmarks.prompts import DIFFERENT, bodies, prompts


def test_prompts_are_all_different():
    """No two are the same, so that a cache of answers or scores cannot flatter a figure."""
    assert DIFFERENT == len(set(prompts()))


def test_prompts_have_the_lengths_that_are_promised():
    """About 20 to 200 words, 100 on average."""
    lengths = [len(prompt.split()) for prompt in prompts()]
    assert 15 <= min(lengths)
    assert max(lengths) <= 200
    assert 95 <= sum(lengths) / len(lengths) <= 110


def test_prompts_are_the_same_on_every_run():
    """The order and the words do not change from one process to the next."""
    assert list(prompts()) == list(prompts())


def test_bodies_are_one_chat_request_a_line():
    """Each line is a complete JSON request for the model asked for; only streams ask for usage."""
    whole = [json.loads(line) for line in bodies("auto", stream=False).splitlines()]
    streamed = [json.loads(line) for line in bodies("auto", stream=True).splitlines()]
    assert {("auto", False)} == {(body["model"], "stream" in body) for body in whole}
    assert [{"include_usage": True}] * DIFFERENT == [body["stream_options"] for body in streamed]
