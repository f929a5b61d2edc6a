"""Families of estimators: each scores the rows it is asked for, from the rows it may learn from and no others."""

import dataclasses

import numpy as np
import pytest

from benchmarks.quality_families import BLEND, SHIPS, families
from classifiers.evaluation import Table, tabulate
from classifiers.examples import Example

ROWS = 140


@pytest.fixture(scope="module")
def table() -> Table:
    """A family whose long prompts need the large model, and a public set of the same kind."""
    return tabulate([_example(number) for number in range(ROWS)], lambda examples: [1.0] * len(examples))


def _example(number: int) -> Example:
    gain = float(number % 2)
    prompt = f"Compute item {number}." + " Justify every single step of the derivation." * int(3 * gain)
    family = "mmlu" if number >= ROWS // 2 else "train"
    return Example(prompt, f"public/{family}", family, gain, 1 - gain, 1.0)


@pytest.mark.parametrize("name", [SHIPS, "boosted trees on the shape", BLEND])
def test_a_family_ranks_what_it_did_not_see(table: Table, name: str):
    """Out of domain and in domain, the prompts that need the large model rank above the others."""
    public = np.array([example.family == "mmlu" for example in table.examples])
    held = public & (np.arange(ROWS) % 5 == 0)
    predict = families(table)[name]
    for train, test in ((~public, public), (~held, held)):
        score = predict(train, test)
        gain = np.array([example.gain for example in table.examples])[test]
        assert test.sum() == len(score)
        assert score[gain == 1].min() > score[gain == 0].max()


def test_labels_of_the_tested_rows_change_nothing(table: Table):
    """Whatever the labels of the rows to be tested are, their scores stay the same."""
    public = np.array([example.family == "mmlu" for example in table.examples])
    turned = [
        dataclasses.replace(example, advantage=1 - example.gain) if own else example
        for example, own in zip(table.examples, public, strict=True)
    ]
    other = Table(turned, table.features, table.weights)
    for name in (SHIPS, "TF-IDF of words and characters, ridge"):
        first, second = (families(each)[name](~public, public) for each in (table, other))
        np.testing.assert_allclose(first, second)
