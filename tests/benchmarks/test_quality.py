"""The benchmark of routing quality: its perturbations change nothing that matters, and its areas compare like with like."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.quality_noise import measure, reordered, typos
from benchmarks.quality_sets import MIN_DOMAIN, Rows, by_domain
from classifiers import load


def test_reordering_keeps_the_letters():
    """Options change places; the letters and the question stay."""
    assert reordered("Which?\nA. one\nB. two\nC. two") == "Which?\nA. two\nB. two\nC. one"


def test_typos_swap_letters_and_repeat():
    """A typo swaps letters inside of one long word, the same way each time; short words are left alone."""
    changed = typos("explain the matter")
    assert changed == typos("explain the matter")
    assert changed != "explain the matter"
    assert sorted(changed) == sorted("explain the matter")
    assert typos("a bc def") == "a bc def"


def test_decisions_survive_what_changes_nothing():
    """Under each perturbation at least 95 % of the decisions on held-out prompts stay as they are."""
    exams = [f"Which number is even?\nA. {n}\nB. {n + 1}\nC. {n + 2}\nD. none of these\nAnswer:" for n in range(40)]
    shares = measure(load(), exams)
    assert {} == {name: share for name, share in shares.items() if share < 0.95}


def test_domains_that_say_nothing_are_left_out():
    """Small domains, and those where the strong model is no better, have no area."""
    weak = np.tile([0.0, 1.0], MIN_DOMAIN)
    rows = Rows(weak, np.ones_like(weak), 1 - weak, np.ones_like(weak))
    names = np.array(["large"] * (len(weak) - 10) + ["small"] * 10)
    found = by_domain(1 - weak, rows, names)
    assert list(found) == ["large"]
    assert found["large"]["apgr"] > found["large"]["length"]


def test_missing_data_is_said(tmp_path: Path):
    """Without the public sets the benchmark stops with the folder it looked for."""
    with pytest.raises(RuntimeError, match="public is missing"):
        quality.run(argparse.Namespace(data=str(tmp_path), sections=["latency"]))
