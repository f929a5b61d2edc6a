"""Yes or no: kinds of things, plain facts, comparing numbers, and whether a customer is happy."""

import random

from router.builtin.recipe import grammar, wording
from router.builtin.recipe.example import Turn
from router.builtin.recipe.grammar import Split
from router.builtin.recipe.task import sentiment

_KINDS = (
    "animal", "fruit", "vegetable", "vehicle", "tool", "colour", "day", "month", "furniture", "instrument",
    "profession", "drink", "city", "country",
)  # fmt: skip
_SPOKEN = {
    "day": "a day of the week",
    "furniture": "a piece of furniture",
    "instrument": "a musical instrument",
    "month": "a month",
}


def plain_turn(rng: random.Random, split: Split) -> Turn:
    """Return a question written as short as can be: what the first phase of training learns from."""
    make = rng.choice((_plain_member, _statement, _plain_comparison, _plain_comparison, _plain_parity))
    prompt, is_true = make(rng, split)
    return Turn("yes_no", prompt, "yes" if is_true else "no")


def turn(rng: random.Random, split: Split) -> Turn:
    """Return a question whose answer is "yes" or "no"."""
    make = rng.choice((_member, _statement, _comparison, _parity, _feeling))
    prompt, is_true = make(rng, split)
    return Turn("yes_no", wording.ask(grammar.tidy(prompt), rng), "yes" if is_true else "no")


def _member(rng: random.Random, split: Split) -> tuple[str, bool]:
    facts = grammar.load("facts")
    kind, is_true = rng.choice(_KINDS), rng.random() < 0.5
    other = kind if is_true else rng.choice([k for k in _KINDS if k != kind])
    item = rng.choice(facts.words(other))
    frame = facts.expand("member", rng, split)
    article = "" if other in {"colour", "day", "month", "city", "country", "drink"} else "a "
    frame = frame.replace("a <item>", article + item).replace("an <item>", article + item)
    spoken = _SPOKEN.get(kind, f"a {kind}")
    return frame.replace("an <kind>", spoken).replace("a <kind>", spoken).replace("<kind>", spoken[2:]), is_true


def _plain_member(rng: random.Random, _split: Split) -> tuple[str, bool]:
    kind, is_true = rng.choice(_KINDS), rng.random() < 0.5
    other = kind if is_true else rng.choice([k for k in _KINDS if k != kind])
    return f"is {rng.choice(grammar.load('facts').words(other))} a {kind}", is_true


def _statement(rng: random.Random, split: Split) -> tuple[str, bool]:
    facts = grammar.load("facts")
    is_true = rng.random() < 0.5
    fact = rng.choice(facts.words("true_fact" if is_true else "false_fact"))
    frame = facts.expand("statement", rng, split)
    return frame.replace("<fact>", fact).replace("<Fact>", fact[:1].upper() + fact[1:]), is_true


def _comparison(rng: random.Random, split: Split) -> tuple[str, bool]:
    limit = rng.choice([10, 100])
    first, second = rng.sample(range(limit), 2)
    symbol = rng.choice(["bigger", "smaller"])
    frame = grammar.load("facts").expand(symbol, rng, split, {"a": str(first), "b": str(second)})
    return frame, (first > second) == (symbol == "bigger")


def _plain_comparison(rng: random.Random, _split: Split) -> tuple[str, bool]:
    first, second = rng.sample(range(rng.choice([10, 100])), 2)
    bigger = rng.random() < 0.5
    return f"is {first} {'greater' if bigger else 'smaller'} than {second}", (first > second) == bigger


def _plain_parity(rng: random.Random, _split: Split) -> tuple[str, bool]:
    number, symbol = rng.randrange(100), rng.choice(["even", "odd"])
    return f"is {number} {symbol}", (number % 2 == 0) == (symbol == "even")


def _parity(rng: random.Random, split: Split) -> tuple[str, bool]:
    number, symbol = rng.randrange(100), rng.choice(["even", "odd"])
    frame = grammar.load("facts").expand(symbol, rng, split, {"a": str(number)})
    return frame, (number % 2 == 0) == (symbol == "even")


def _feeling(rng: random.Random, split: Split) -> tuple[str, bool]:
    asked = rng.choice(["positive", "negative"])
    label = rng.choice(["positive", "negative"])
    frame = grammar.load("facts").expand(f"is_{asked}", rng, split)
    return frame.replace("<text>", sentiment.sentence(label, rng, split)), label == asked
