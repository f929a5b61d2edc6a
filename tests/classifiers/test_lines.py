"""Scoring JSON lines."""

import json

import pytest

from classifiers import load, score_lines

CLASSIFIER = load()


def test_one_line_each_in_order() -> None:
    """Every prompt gets one line with its score and task, in the order of the input."""
    prompts = ["hi", "Prove that pi is irrational.", "hi"]
    found = [
        json.loads(line) for line in score_lines((json.dumps({"prompt": prompt}) for prompt in prompts), CLASSIFIER)
    ]
    assert [{"score": round(j.score, 6), "task": j.task} for j in map(CLASSIFIER.judge, prompts)] == found


@pytest.mark.parametrize("bad", ["", "nonsense", "[]", "{}", '{"prompt": 3}', '{"prompt": null}', "[" * 100_000])
def test_a_bad_line_is_named(bad: str) -> None:
    """A line that holds no prompt stops with its number, after the lines before it."""
    lines = score_lines(['{"prompt": "hi"}', bad], CLASSIFIER)
    next(lines)
    with pytest.raises(ValueError, match=r"^line 2: "):
        next(lines)
