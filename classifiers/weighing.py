"""How much each example counts when difficulty is learned."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifiers.examples import Example

HAND_WEIGHT = 10.0
"""How much a prompt written by hand counts beside one outcome of a public benchmark, on average."""

NOISY_WEIGHT = 0.3
"""How much an outcome of the second licensed source counts: its labels are noisy."""

BINS = 6
HEAVIEST = 5.0
DENSE = {"zh": 2.5, "ja": 2.5, "ko": 2.0}
"""How many characters of an alphabet one character of these languages stands for, about."""


def weigh(examples: Sequence[Example]) -> list[float]:
    """One weight for each example. In every range of lengths, easy and hard prompts written by hand weigh the same.

    People write easy prompts short and hard ones long; without this the score would learn to measure length.
    """
    hand = np.array([example.source == "hand" for example in examples])
    weights = np.where([example.source.startswith("train/") for example in examples], NOISY_WEIGHT, 1.0)
    weights[hand] = HAND_WEIGHT * _balance([example for example in examples if example.source == "hand"])
    return [float(weight) for weight in weights]


def shared_weights(examples: Sequence[Example]) -> list[float]:
    """How much each example counts for what holds for all forms of prompts: outcomes of real models only."""
    return [float(example.source != "hand") for example in examples]


def _balance(examples: Sequence[Example]) -> NDArray[np.float64]:
    length = np.array([len(example.prompt) * DENSE.get(example.language, 1.0) for example in examples])
    hard = np.array([example.gain > 0.5 for example in examples])
    bins = np.digitize(length, np.quantile(length, np.linspace(0, 1, BINS + 1)[1:-1])) if len(length) else length
    weights = np.ones(len(examples))
    for number in range(BINS):
        for kind in (hard, ~hard):
            chosen = (bins == number) & kind
            if chosen.any():
                weights[chosen] = min(len(examples) / BINS / 2 / chosen.sum(), HEAVIEST)
    return weights
