"""Intent of a customer's message, one of twelve."""

import random

from router.builtin.recipe import grammar, wording
from router.builtin.recipe.example import Turn
from router.builtin.recipe.grammar import Split

LABELS = (
    "refund", "delivery_status", "cancel_order", "change_address", "lost_card", "account_balance",
    "transfer_money", "complaint", "opening_hours", "technical_problem", "talk_to_human", "thanks",
)  # fmt: skip


def sentence(label: str, rng: random.Random, split: Split) -> str:
    """Return a message with that intent, at times with a greeting before and a closing after it."""
    words = grammar.load("intent")
    core = words.expand(label, rng, split)
    ending = rng.choice(["", "", ".", "?", "!"]) if core[-1:].isalnum() else ""
    opening = words.expand("hi", rng, split)
    if opening[-1:] != ",":
        core = core[:1].upper() + core[1:]
    closing = "" if label == "thanks" else words.expand("bye", rng, split)
    if closing and not ending:
        ending = "."
    return wording.untidy(f"{opening} {core}{ending} {closing}".strip(), rng)


def plain_turn(rng: random.Random, split: Split) -> Turn:
    """Return a message behind the shortest instruction: what the first phase of training learns from."""
    label = rng.choice(LABELS)
    return Turn("intent", f"Intent: {sentence(label, rng, split)}", label)


def turn(rng: random.Random, split: Split) -> Turn:
    """Return a request to classify one message."""
    label = rng.choice(LABELS)
    text = sentence(label, rng, split)
    asking = grammar.load("instruction")
    given = {"labels": _listed(label, rng)}
    if rng.random() < 0.22:
        return Turn("intent", text, label, asking.expand("intent_system", rng, split, given))
    prompt = wording.ask(asking.expand("intent", rng, split, given), rng)
    return Turn("intent", prompt.replace("<text>", text), label)


def _listed(label: str, rng: random.Random) -> str:
    others = [other for other in LABELS if other != label]
    count = len(others) if rng.random() < 0.6 else rng.randint(2, 7)
    chosen = [label, *rng.sample(others, count)]
    if rng.random() < 0.7:
        rng.shuffle(chosen)
    else:
        chosen.sort(key=LABELS.index)
    text = rng.choice([", ", ", ", "/", " | "]).join(chosen)
    return text.replace("_", " ") if rng.random() < 0.2 else text
