"""The measures by which a router is judged."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from classifiers.protocol import apgr, calibration_error, cpt, ranking

RNG = np.random.RandomState(0)


def test_a_random_router_recovers_half() -> None:
    """A score that knows nothing has an APGR of one half."""
    weak = (RNG.uniform(size=20_000) < 0.6).astype(float)
    strong = (RNG.uniform(size=20_000) < 0.8).astype(float)
    assert apgr(RNG.uniform(size=20_000), weak, strong) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("name", "expected", "cpt50"), [("mmlu", 0.583, 0.367), ("gsm8k", 0.598, 0.370), ("mt_bench", 0.556, 0.344)]
)
def test_the_length_baseline_is_the_published_one(shared: Path, name: str, expected: float, cpt50: float) -> None:
    """Prompt length alone gives the APGR and CPT50 recorded for it on RouteLLM's data."""
    with gzip.open(shared / "data" / "public" / f"routellm_{name}.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    length = [len(row["prompt"]) for row in rows]
    weak, strong = [row["weak"] for row in rows], [row["strong"] for row in rows]
    assert apgr(length, weak, strong) == pytest.approx(expected, abs=0.002)
    assert cpt(length, weak, strong, 0.5) == pytest.approx(cpt50, abs=0.006)


def test_ranking_is_the_area_under_the_curve() -> None:
    """Perfect order is 1, reversed order 0, all equal one half."""
    assert (1.0, 0.0, 0.5) == (ranking([1, 2, 3], [0, 0, 1]), ranking([3, 2, 1], [0, 0, 1]), ranking([1, 1], [0, 1]))


def test_calibration_error_of_certainty() -> None:
    """Being sure and wrong half of the time is an error of one half."""
    assert calibration_error(np.ones(100), [0, 1] * 50, bins=1) == pytest.approx(0.5)
