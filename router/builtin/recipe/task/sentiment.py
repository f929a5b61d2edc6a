"""Sentiment of a sentence: positive, negative or neutral (facts, lukewarm words and balanced opinions)."""

import random

from router.builtin.recipe import grammar, wording
from router.builtin.recipe.example import Turn
from router.builtin.recipe.grammar import Split

LABELS = ("positive", "negative", "neutral")
_FRAGMENTS = 0.4


def sentence(label: str, rng: random.Random, split: Split) -> str:
    """Return a sentence, or two, of that sentiment."""
    return wording.untidy(grammar.load("sentiment").expand(label, rng, split), rng)


def plain_turn(rng: random.Random, split: Split) -> Turn:
    """Return a sentence behind the shortest instruction: what the first phase of training learns from."""
    label = rng.choice(LABELS)
    is_fragment = rng.random() < _FRAGMENTS
    text = (
        grammar.load("sentiment").expand(f"fragment_{label}", rng, split)
        if is_fragment
        else sentence(label, rng, split)
    )
    return Turn("sentiment", f"Classify the sentiment: {text}", label)


def turn(rng: random.Random, split: Split) -> Turn:
    """Return a request to classify one sentence."""
    label = rng.choice(LABELS)
    text = sentence(label, rng, split)
    asking = grammar.load("instruction")
    if rng.random() < 0.22:
        return Turn("sentiment", text, label, asking.expand("sentiment_system", rng, split))
    symbol = "sentiment_two" if label != "neutral" and rng.random() < 0.15 else "sentiment"
    prompt = wording.ask(asking.expand(symbol, rng, split), rng)
    return Turn("sentiment", prompt.replace("<text>", text), label)
