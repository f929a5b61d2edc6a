"""Labelled traffic of an imaginary shop: what decides is a word that no public benchmark knows."""

import json
import random
from pathlib import Path

from classifiers.outcomes import Outcome

THINGS = ("the order", "my invoice", "this parcel", "the last delivery", "a gift card", "the blue jacket", "your shop")
VERBS = ("asks about", "writes about", "wants to know about", "has a question on", "tells us about")


def traffic(rows: int = 400, *, seed: int = 0, noise: float = 0.1) -> list[Outcome]:
    """Prompts in which `chargeback` takes the large model, with some labels turned around."""
    generator = random.Random(seed)
    found = []
    for number in range(rows):
        is_hard = generator.random() < 0.4
        word = "chargeback" if is_hard else generator.choice(("refund", "address", "colour", "voucher"))
        prompt = f"Customer {number} {generator.choice(VERBS)} {generator.choice(THINGS)}: {word}."
        right = generator.random() >= noise
        found.append(Outcome(prompt, float(is_hard != right), 1.0, language="en"))
    return found


def write(path: Path, rows: list[Outcome], **more: object) -> Path:
    """The rows as a file of JSON lines; `more` is added to each."""
    lines = [json.dumps({"prompt": row.prompt, "small": row.small, "large": row.large, **more}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
