"""Share of decisions that stay the same when a prompt is changed in ways that change nothing about it."""

import random
import re
from collections.abc import Callable, Sequence

from classifiers import Classifier
from classifiers.examples import hand_written

MIN_WORD = 5
ONE_IN = 12
"""A typo in one word of so many, at least one in each prompt."""

_OPTIONS = re.compile(r"^[A-D]\. .*$", re.MULTILINE)


def measure(classifier: Classifier, exams: Sequence[str]) -> dict[str, float]:
    """By perturbation, on held-out hand-written prompts; the options are those of exam questions."""
    prompts = [example.prompt for example in hand_written() if example.held_out]
    english = [example.prompt for example in hand_written() if example.held_out and example.language == "en"]
    found = {name: _same(classifier, prompts, change) for name, change in EVERYWHERE.items()}
    found |= {name: _same(classifier, english, change) for name, change in IN_ENGLISH.items()}
    return found | {"options reordered": _same(classifier, exams, reordered)}


def typos(prompt: str) -> str:
    """Two neighbouring letters swapped in one long word of twelve, at least in one."""
    rng = random.Random(prompt)
    words = prompt.split(" ")
    long = [place for place, word in enumerate(words) if len(word) >= MIN_WORD and word.isalpha()]
    for place in rng.sample(long, min(len(long), max(1, len(words) // ONE_IN))):
        at = rng.randrange(1, len(words[place]) - 2)
        word = words[place]
        words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def reordered(prompt: str) -> str:
    """The same options in another order, under the old letters."""
    lines = _OPTIONS.findall(prompt)
    texts = [line[3:] for line in lines][::-1]
    for line, text in zip(lines, texts, strict=True):
        prompt = prompt.replace(line, f"{line[:3]}\0{text}", 1)
    return prompt.replace("\0", "")


def _same(classifier: Classifier, prompts: Sequence[str], change: Callable[[str], str]) -> float:
    limit = classifier.threshold
    same = [
        (classifier.judge(prompt).score >= limit) == (classifier.judge(change(prompt)).score >= limit)
        for prompt in prompts
    ]
    return sum(same) / len(same)


EVERYWHERE: dict[str, Callable[[str], str]] = {
    "typos": typos,
    "upper case": str.upper,
    "lower case": str.lower,
    "white space": lambda prompt: f"  {prompt.replace(' ', '  ')}\n\n",
}
IN_ENGLISH: dict[str, Callable[[str], str]] = {
    "polite prefix": lambda prompt: f"Could you please {prompt[:1].lower()}{prompt[1:]}",
    "paraphrase template": lambda prompt: f"I would like you to do the following: {prompt}",
    "trailing thanks": lambda prompt: f"{prompt} Thanks!",
}
