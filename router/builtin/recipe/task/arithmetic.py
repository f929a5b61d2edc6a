"""Sums of two numbers of one or two digits."""

import random
import zlib

from router.builtin.recipe import grammar, wording
from router.builtin.recipe.example import Turn
from router.builtin.recipe.grammar import Split

_WORDS = grammar.load("lexicon").words("count_word")


def plain_turn(rng: random.Random, split: Split) -> Turn:
    """Return a sum written as short as can be: what the first phase of training learns from."""
    first, second = _pair(rng, split)
    return Turn("sum", f"{first} + {second}", str(first + second))


def turn(rng: random.Random, split: Split) -> Turn:
    """Return a sum; one pair of numbers in ten belongs to the held-out split alone."""
    first, second = _pair(rng, split)
    in_words = max(first, second) <= 20 and rng.random() < 0.15
    left, right = (_WORDS[first], _WORDS[second]) if in_words else (str(first), str(second))
    prompt = grammar.load("instruction").expand("sum", rng, split, {"a": left, "b": right})
    return Turn("sum", wording.ask(prompt, rng), str(first + second))


def _pair(rng: random.Random, split: Split) -> tuple[int, int]:
    limit = 9 if rng.random() < 0.25 else 99
    first, second = rng.randint(0, limit), rng.randint(0, limit)
    if _is_held(first, second) != (split == "held"):
        return _pair(rng, split)
    return first, second


def _is_held(first: int, second: int) -> bool:
    low, high = sorted((first, second))
    return zlib.crc32(f"{low}+{high}".encode()) % 10 == 0
