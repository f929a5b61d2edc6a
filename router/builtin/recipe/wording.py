"""The untidiness of real messages: case, typos, missing apostrophes and marks."""

import random

_KEYBOARD = "qwertyuiopasdfghjklzxcvbnm"


def typo(text: str, rng: random.Random) -> str:
    """Swap, drop, double or replace one letter."""
    if len(text) < 8:
        return text
    spot = rng.randrange(1, len(text) - 2)
    if not (text[spot].isalpha() and text[spot + 1].isalpha()):
        return text
    kind = rng.randrange(4)
    if kind == 0:
        return text[:spot] + text[spot + 1] + text[spot] + text[spot + 2 :]
    if kind == 1:
        return text[:spot] + text[spot + 1 :]
    if kind == 2:
        return text[:spot] + text[spot] + text[spot:]
    return text[:spot] + rng.choice(_KEYBOARD) + text[spot + 1 :]


def untidy(text: str, rng: random.Random) -> str:
    """Return the sentence as somebody in a hurry might type it; most stay as they are."""
    if rng.random() < 0.12:
        for _ in range(rng.randint(1, 2)):
            text = typo(text, rng)
    if rng.random() < 0.15:
        text = text.rstrip(".!")
    if rng.random() < 0.06:
        text = text.replace("'", "")
    elif rng.random() < 0.05:
        text = text.replace("'", "\u2019")
    return recase(punctuate(text, rng), rng)


def punctuate(text: str, rng: random.Random) -> str:
    """Now and then shout with marks, trail off or close with a smile-free full stop."""
    draw = rng.random()
    if draw < 0.04:
        return text.rstrip(".!") + rng.choice(["!!", "!!!", "...", " !", "!1", "??", " ..."])
    if draw < 0.10 and text[-1:].isalpha():
        return text + rng.choice([".", "!", "."])
    return text


def recase(text: str, rng: random.Random) -> str:
    """Mostly a capital at the start, often all small letters, seldom all capitals."""
    draw = rng.random()
    if draw < 0.17:
        return text.lower()
    if draw < 0.23:
        return text.upper()
    if draw < 0.85:
        return text[:1].upper() + text[1:]
    return text


def ask(text: str, rng: random.Random) -> str:
    """Vary the case of an instruction's first letter and, rarely, add a word of politeness."""
    draw = rng.random()
    if draw < 0.12:
        return text[:1].lower() + text[1:]
    if draw < 0.15:
        return "Please " + text[:1].lower() + text[1:]
    return text
