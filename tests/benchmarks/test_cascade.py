"""The benchmark of the second stage: no row is judged by a fit that saw it, and every run is paid for."""

import argparse
import gzip
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cascade, cascade_models, results

WORDS = ("alpha", "beta", "gamma", "delta", "prime", "cell", "verb", "river")


def answers(path: Path, size: int = 90) -> Path:
    """A file in the form of the public one, in which low confidence means a wrong answer."""
    generator = random.Random(0)
    lines = []
    for name in cascade.SETS:
        for split in ("test", "train"):
            for number in range(size):
                wrong = generator.random() < 0.4
                words = " ".join(generator.choice(WORDS) for _ in range(12))
                lines.append(
                    {
                        "dataset": f"{name}_{split}",
                        "prompt": f"Say A or B.\n\nQuestion: {words} {number}?\n\nAnswer: ",
                        "correct": {"llama3.1-8b": int(not wrong), "gpt-4o": 1},
                        "raw_conf": {"llama3.1-8b": -2.0 * generator.random() if wrong else -0.5 * generator.random()},
                        "tokens": {"llama3.1-8b": {"out": 2}},
                        "cost": {"llama3.1-8b": 0.0001, "gpt-4o": 0.002},
                    }
                )
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer rounds of the bootstrap show the same of the machinery."""
    monkeypatch.setattr(cascade, "ROUNDS", 20)


def test_confidence_that_tells_is_found(tmp_path: Path, quick: None):
    """Confidence ranks well, length does not, and a cascade pays for the small model's run on every question."""
    parser = argparse.ArgumentParser()
    cascade.add_options(parser)
    options = parser.parse_args(["--data", str(answers(tmp_path / "answers.jsonl.gz")), "--repeats", "1"])
    result = cascade.run(options)
    json.dumps(results.rounded({"options": vars(options), "result": result}), allow_nan=False)
    found = result["mmlu"]
    assert found["methods"]["confidence"]["apgr"] > 0.6
    assert abs(found["methods"]["length"]["apgr"] - 0.5) < 0.15
    assert found["methods"]["second_stage"]["apgr"] > 0.6
    cost = found["cost"]
    assert math.isclose(cost["second_stage"][-1]["usd_per_1k"], cost["small_alone"] + cost["large_alone"])
    assert math.isclose(cost["text"][-1]["usd_per_1k"], cost["large_alone"])
    assert any("80 % of the gap" in line for line in cascade.lines(result))
    cascade.plot({"result": result}, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_no_row_is_judged_by_a_fit_that_saw_it():
    """With labels that only a fit that saw them could know, every method is at chance."""
    generator = np.random.default_rng(0)
    size = 200
    prompts = [f"Question: {generator.choice(WORDS)} {number}?\n\nAnswer: " for number in range(size)]
    right = np.column_stack([generator.random(size) < 0.5, np.ones(size)])
    answers = [(-generator.random(), 1) for _ in range(size)]
    rows = cascade_models.rows_of(prompts, ["mmlu_test"] * size, right, answers)
    for name in ("text", "logistic", "second_stage"):
        scores = next(iter(cascade._scores(cascade_models.METHODS[name], rows, np.arange(size), 1)))
        assert abs(np.corrcoef(scores, rows.gain)[0, 1]) < 0.25, name


def test_a_missing_file_is_one_line(tmp_path: Path):
    """Without the rows there is a message, not a trace."""
    with pytest.raises(RuntimeError, match="No such file"):
        cascade.run(argparse.Namespace(data=tmp_path / "none.gz", repeats=1))
