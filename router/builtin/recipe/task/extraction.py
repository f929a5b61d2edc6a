"""Names, places, dates and amounts of a sentence, as JSON."""

import json
import random
import re
from collections.abc import Callable, Mapping

from router.builtin.recipe import grammar, values, wording
from router.builtin.recipe.example import Turn
from router.builtin.recipe.grammar import Split

FIELDS = ("names", "places", "dates", "amounts")
_FILL: Mapping[str, tuple[str, Callable[[random.Random], str]]] = {
    "name": ("names", values.name),
    "place": ("places", values.place),
    "date": ("dates", values.date),
    "date_adv": ("dates", values.relative_date),
    "date_m": ("dates", values.month),
    "date_y": ("dates", values.year),
    "amount": ("amounts", values.amount),
}
_FRAGMENTS = 0.55
_MARK = re.compile(r"<(\w+)>")


def sentence(rng: random.Random, split: Split) -> tuple[str, dict[str, list[str]]]:
    """Return a sentence and what is in it, in the order of its words."""
    text, found = _filled(grammar.load("extraction").expand("sentence", rng, split), rng)
    if rng.random() < 0.12:
        more, others = _filled(grammar.load("extraction").expand("sentence", rng, split), rng)
        text = f"{text}. {_started(more, others)}"
        found = {field: list(dict.fromkeys(found[field] + others[field])) for field in FIELDS}
    return _finished(text, found, rng)


def plain_turn(rng: random.Random, split: Split) -> Turn:
    """Return a request for one list that is not empty: what the first phase of training learns to copy from."""
    text, found = _listed(rng) if rng.random() < _FRAGMENTS else sentence(rng, split)
    field = rng.choice([field for field in FIELDS if found[field]] or FIELDS)
    return Turn("extraction", f"Extract the {field}: {text}", _json({field: found[field]}))


def turn(rng: random.Random, split: Split) -> Turn:
    """Return a request for all four lists, or for one of them."""
    text, found = sentence(rng, split)
    asking = grammar.load("instruction")
    if rng.random() < 0.18:
        return Turn("extraction", text, _json(found), asking.expand("extraction_system", rng, split))
    if rng.random() < 0.3:
        field = rng.choice(FIELDS)
        prompt = asking.expand("extraction_one", rng, split, {"field": field})
        return Turn("extraction", wording.ask(prompt, rng).replace("<text>", text), _json({field: found[field]}))
    prompt = wording.ask(asking.expand("extraction", rng, split), rng)
    return Turn("extraction", prompt.replace("<text>", text), _json(found))


def _listed(rng: random.Random) -> tuple[str, dict[str, list[str]]]:
    found: dict[str, list[str]] = {field: [] for field in FIELDS}
    values_listed = []
    for _ in range(rng.randint(1, 4)):
        field, make = _FILL[rng.choice(("name", "place", "date", "amount"))]
        value = make(rng)
        found[field] += [] if value in found[field] else [value]
        values_listed.append(value)
    return rng.choice((", ", "; ", " and ", " ")).join(values_listed), found


def _filled(frame: str, rng: random.Random) -> tuple[str, dict[str, list[str]]]:
    found: dict[str, list[str]] = {field: [] for field in FIELDS}

    def fill(match: re.Match[str]) -> str:
        field, make = _FILL[match[1]]
        value = make(rng)
        if value not in found[field]:
            found[field].append(value)
        return value

    return _MARK.sub(fill, frame), found


def _finished(text: str, found: dict[str, list[str]], rng: random.Random) -> tuple[str, dict[str, list[str]]]:
    draw = rng.random()
    if draw < 0.08:
        return text.lower(), {field: [value.lower() for value in some] for field, some in found.items()}
    if text[-1:] not in "?." and draw < 0.8:
        text += rng.choice([".", ".", ".", "!"])
    return _started(text, found), found


def _started(text: str, found: Mapping[str, list[str]]) -> str:
    # A value that starts the sentence keeps its letters: the answer copies it as it stands.
    is_value = any(text.startswith(value) for some in found.values() for value in some)
    return text if is_value else text[:1].upper() + text[1:]


def _json(found: Mapping[str, list[str]]) -> str:
    return json.dumps(found, ensure_ascii=False)
