"""How the tasks are mixed into conversations: shares, system prompts, several turns."""

import random

from router.builtin.recipe import grammar
from router.builtin.recipe.example import Example, Turn
from router.builtin.recipe.grammar import Split
from router.builtin.recipe.task import arithmetic, copying, extraction, intent, question, sentiment, smalltalk

_SHARES = (
    (sentiment.turn, 30),
    (intent.turn, 27),
    (extraction.turn, 20),
    (arithmetic.turn, 10),
    (question.turn, 16),
    (smalltalk.turn, 6),
    (smalltalk.outside, 7),
)
_PLAIN_SHARES = (
    (sentiment.plain_turn, 40),
    (intent.plain_turn, 24),
    (extraction.plain_turn, 13),
    (arithmetic.plain_turn, 24),
    (question.plain_turn, 30),
    (copying.turn, 14),
)
_MAKERS = tuple(make for make, share in _SHARES for _ in range(share))
_PLAIN_MAKERS = tuple(make for make, share in _PLAIN_SHARES for _ in range(share))
_MULTI_TURN = 0.14
_PLAIN_SYSTEM = 0.2


def example(seed: str, split: Split = "train", plain_share: float = 0.0) -> Example:
    """Return the conversation that belongs to this seed: same seed, same text, on every machine.

    `plain_share` of them are one turn behind a short instruction, from which the tasks are learned many times faster.
    """
    rng = random.Random(seed)  # noqa: S311 - reproducible text, not a secret
    if plain_share and rng.random() < plain_share:
        return Example("", (rng.choice(_PLAIN_MAKERS)(rng, split),))
    first = rng.choice(_MAKERS)(rng, split)
    if first.system:
        return Example(_with_persona(first.system, rng), (first, *_same_task(first, rng, split)))
    count = rng.randint(1, 3) if rng.random() < _MULTI_TURN else 0
    turns = (first, *(_unprompted(rng, split) for _ in range(count)))
    return Example(_persona(rng) if rng.random() < _PLAIN_SYSTEM else "", turns)


def _unprompted(rng: random.Random, split: Split) -> Turn:
    turn = rng.choice(_MAKERS)(rng, split)
    while turn.system:
        turn = rng.choice(_MAKERS)(rng, split)
    return turn


def _same_task(first: Turn, rng: random.Random, split: Split) -> tuple[Turn, ...]:
    if rng.random() > _MULTI_TURN:
        return ()
    make = {"sentiment": sentiment.turn, "intent": intent.turn, "extraction": extraction.turn}[first.task]
    second = make(rng, split)
    while not second.system:
        second = make(rng, split)
    return (second,)


def _persona(rng: random.Random) -> str:
    return rng.choice(grammar.load("instruction").words("persona"))


def _with_persona(system: str, rng: random.Random) -> str:
    return f"{_persona(rng)} {system}" if rng.random() < 0.2 else system
