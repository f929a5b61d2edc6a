"""Repeating words: no skill to offer, but what extraction is learned from in the first phase of training."""

import random
import string

from router.builtin.recipe import values
from router.builtin.recipe.example import Turn
from router.builtin.recipe.grammar import Split


def turn(rng: random.Random, _: Split) -> Turn:
    """Return a request to repeat one to four values."""
    text = ", ".join(rng.choice(_MAKERS)(rng) for _ in range(rng.randint(1, 4)))
    return Turn("copying", f"Repeat: {text}", text)


def _letters(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(2, 6)))


_MAKERS = (values.name, values.place, values.date, values.amount, values.invented, _letters)
