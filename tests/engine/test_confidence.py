"""The confidence figures against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.engine.confidence import Reader, Tally


@given(st.integers(0, 10_000), st.integers(2, 400), st.floats(0.1, 8))
def test_the_figures_are_those_of_the_softmax(seed, vocab, spread):
    """Log-probability, entropy and margin agree with double-precision arithmetic, and the row is left as it was."""
    row = (np.random.default_rng(seed).standard_normal(vocab) * spread).astype(np.float32)
    before = row.copy()
    reading = Reader(vocab).read(row)
    exact = row.astype(np.float64)
    logs = exact - (exact.max() + math.log(np.exp(exact - exact.max()).sum()))
    first, second = np.sort(logs)[::-1][:2]
    assert int(row.argmax()) == reading.best
    assert float(logs[3 % vocab]) == pytest.approx(float(row[3 % vocab]) - reading.log_sum, abs=1e-4)
    assert float(-(np.exp(logs) * logs).sum()) == pytest.approx(reading.entropy, abs=1e-3)
    assert float(first - second) == pytest.approx(reading.margin, abs=1e-4)
    assert np.array_equal(before, row)


def test_impossible_tokens_do_not_spoil_the_entropy():
    """Logits of minus infinity count as probability zero."""
    reading = Reader(3).read(np.array([0.0, 0.0, -np.inf], np.float32))
    assert math.log(2) == pytest.approx(reading.entropy)


def test_the_tally_is_means_and_a_minimum():
    """Means of log-probability and entropy, minimum of margins, over the tokens added."""
    reader, tally = Reader(2), Tally()
    for row in ([2.0, 0.0], [1.0, 0.0]):
        tally.add(-0.5, reader.read(np.array(row, np.float32)))
    assert (2, -0.5, 1.0) == (tally.tokens, tally.mean_logprob, tally.min_margin)
