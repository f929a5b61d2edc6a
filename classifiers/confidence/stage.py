"""The second stage as it serves: a pure function from prompt and confidence to a probability, stored as one JSON file.

log-odds = bias + sum over numbers x, each limited to the range that was learned from, of
           weight * x + sum over knots k of bend * max(x - k, 0), + sum over pairs of product * x * y
           + what the prompt's n-grams come to
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from classifiers.artifact import digest
from classifiers.calibration import logistic
from classifiers.confidence.numbers import NAMES, numbers
from classifiers.confidence.words import log_odds_of

FORMAT = 2
WIDTH = len(NAMES)
PAIRS = tuple((left, right) for left in range(WIDTH) for right in range(left + 1, WIDTH))


class StageError(Exception):
    """The file is missing, altered or of another format; the message names it and the cause."""


@dataclass(frozen=True, slots=True)
class SecondStage:
    """Coefficients over `numbers`; `knots` and `bends` have a row for each number, `products` an entry for each pair.

    `words` holds the weights of n-grams in steps of `grain` (see `words`); it is empty where they say nothing.
    """

    name: str
    weights: tuple[float, ...]
    bias: float
    limits: tuple[tuple[float, float], ...]
    knots: tuple[tuple[float, ...], ...] = ((),) * WIDTH
    bends: tuple[tuple[float, ...], ...] = ((),) * WIDTH
    products: tuple[float, ...] = (0.0,) * len(PAIRS)
    words: str = field(default="", repr=False)
    grain: float = 0.0

    def probability(
        self, prompt: str, score: float, first: float, whole: float | None = None, tokens: int = 0
    ) -> float:
        """P(the small model's answer is good enough).

        `prompt` is the text that was judged and `score` what came of it (0..1, higher needs the large model more); `first`
        and `whole` are mean log-probabilities per token of the answer's first tokens and of all of it, None while it is
        not complete.
        """
        seen = [
            min(max(number, low), high)
            for number, (low, high) in zip(numbers(prompt, score, first, whole, tokens), self.limits, strict=True)
        ]
        total = self.bias
        for number, weight, knots, bends in zip(seen, self.weights, self.knots, self.bends, strict=True):
            total += weight * number
            total += sum(bend * (number - knot) for knot, bend in zip(knots, bends, strict=True) if number > knot)
        total += sum(factor * seen[i] * seen[j] for (i, j), factor in zip(PAIRS, self.products, strict=True))
        return logistic(total + log_odds_of(prompt, self.words, self.grain))


_ODDS, _LENGTH = (-15.0, 15.0), (0.0, 20.0)

PRIOR = SecondStage(
    "prior", weights=(-0.5, 0.0, 0.25, 0.25, 0.0), bias=0.0, limits=(_ODDS, _LENGTH, _ODDS, _ODDS, _LENGTH)
)
"""What ships: an assumption, fitted to nothing. The prompt's log-odds and the answer's each count half, and the answer's
half is shared by its beginning and its whole; lengths and words say nothing. `shunt train --second-stage` replaces it by
what your own answers teach."""


def stage_file(stage: SecondStage, about: dict[str, object]) -> bytes:
    """The stage as a file: its coefficients, what it was learned from, and a checksum over both."""
    content: dict[str, object] = {"format": FORMAT, "about": about, **asdict(stage)}
    return (json.dumps(content | {"sha256": _sum(content)}, indent=1) + "\n").encode()


def named(stage: SecondStage) -> SecondStage:
    """The stage with a name that its coefficients give."""
    bare = asdict(replace(stage, name=""))
    return replace(stage, name=f"confidence-{_sum(bare)[:12]}")


def load_stage(path: Path) -> SecondStage:
    """The stage of a file.

    Raises:
        StageError: it is missing, altered, or of another format.
    """
    try:
        content = json.loads(path.read_bytes())
        claimed = content.pop("sha256")
        if claimed != _sum(content) or content.pop("format") != FORMAT:
            raise StageError(f"{path}: altered, or of another format; move it away and train anew")
        content.pop("about")
        stage = SecondStage(**{key: _tuples(value) for key, value in content.items()})
        stage.probability("a", 0.5, -1.0)  # tables of the wrong shape show here, and not on a request
        return stage  # noqa: TRY300 (nothing else can raise here)
    except OSError as error:
        raise StageError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StageError(f"{path}: not readable as a second stage ({type(error).__name__})") from error


def _sum(content: dict[str, object]) -> str:
    return digest(json.dumps(content, sort_keys=True).encode())


def _tuples(value: object) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
