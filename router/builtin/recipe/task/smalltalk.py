"""Greetings, questions about the model, and one polite sentence for everything it cannot do."""

import random

from router.builtin.recipe import grammar, wording
from router.builtin.recipe.example import Turn
from router.builtin.recipe.grammar import Split
from router.builtin.recipe.task import extraction, intent, sentiment

SCOPE = (
    "I am a small built-in model: I can tell the sentiment or intent of a sentence, find names, places, dates and amounts, "
    "answer simple yes/no questions and add small numbers. Please ask a larger model for this."
)
ABOUT = (
    "I am the small built-in model of Shunt. I can tell the sentiment or intent of a sentence, find names, places, dates "
    "and amounts, answer simple yes/no questions and add small numbers."
)
REPLIES = {
    "hello": "Hello! How can I help you?",
    "how_are_you": "I am fine, thank you. How can I help you?",
    "thank_you": "You are welcome!",
    "goodbye": "Goodbye!",
    "about": ABOUT,
}


def turn(rng: random.Random, split: Split) -> Turn:
    """Return a greeting, a thank-you, a goodbye or a question about the model."""
    symbol = rng.choice(["hello", "hello", "how_are_you", "thank_you", "goodbye", "about", "about"])
    prompt = wording.recase(grammar.load("chat").expand(symbol, rng, split), rng)
    return Turn("smalltalk", prompt, REPLIES[symbol])


def outside(rng: random.Random, split: Split) -> Turn:
    """Return a request beyond the model: anything else, or a sentence without an instruction."""
    if rng.random() < 0.15:
        return Turn("outside", _bare(rng, split), SCOPE)
    prompt = grammar.load("chat").expand("outside", rng, split, {"a3": str(rng.randint(0, 5000))})
    while _is_small_sum(prompt):
        prompt = grammar.load("chat").expand("outside", rng, split, {"a3": str(rng.randint(100, 5000))})
    return Turn("outside", wording.untidy(prompt, rng), SCOPE)


def _bare(rng: random.Random, split: Split) -> str:
    draw = rng.random()
    if draw < 0.4:
        return sentiment.sentence(rng.choice(sentiment.LABELS), rng, split)
    if draw < 0.7:
        return extraction.sentence(rng, split)[0]
    return intent.sentence(rng.choice([label for label in intent.LABELS if label != "thanks"]), rng, split)


def _is_small_sum(prompt: str) -> bool:
    numbers = [int(word) for word in prompt.split() if word.isdigit()]
    return "+" in prompt and len(numbers) == 2 and max(numbers) < 100
