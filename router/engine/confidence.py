"""How sure the model was: running figures over the tokens of one answer, from the logits that are there anyway."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """One row of logits: the likeliest token, log of the softmax's sum, entropy, and the first's lead on the second.

    All natural logarithms: log p(token) = logit - `log_sum`; `margin` = log p(first) - log p(second), at most 80.
    """

    best: int
    log_sum: float
    entropy: float
    margin: float


_LEAST: Final = np.float32(-80)
"""exp(-80) is nothing beside 1; lower ones would be slow denormal numbers, and minus infinity times 0 is not a number."""


class Reader:
    """Reads rows of logits with two scratch buffers: a handful of passes over the row, no allocation."""

    def __init__(self, vocab: int) -> None:
        self._shifted: Floats = np.empty(vocab, np.float32)
        self._weights: Floats = np.empty(vocab, np.float32)

    def read(self, row: Floats) -> Reading:
        """The figures of one row, before any sampling changes it; the row is left as it was."""
        best = int(row.argmax())
        top = row[best]
        shifted = np.subtract(row, top, out=self._shifted)
        np.maximum(shifted, _LEAST, out=shifted)
        weights = np.exp(shifted, out=self._weights)
        total = float(weights.sum())
        # H = log(sum of e^x) - mean of x under the softmax.
        entropy = math.log(total) - float(np.dot(weights, shifted)) / total
        shifted[best] = _LEAST
        return Reading(best, float(top) + math.log(total), entropy, -float(shifted.max()))


@dataclass(slots=True)
class Tally:
    """Means and the minimum over the tokens so far."""

    tokens: int = 0
    _logprob: float = 0.0
    _entropy: float = 0.0
    min_margin: float = field(default=math.inf)

    def add(self, logprob: float, reading: Reading) -> None:
        """One more token was chosen."""
        self.tokens += 1
        self._logprob += logprob
        self._entropy += reading.entropy
        self.min_margin = min(self.min_margin, reading.margin)

    @property
    def mean_logprob(self) -> float:
        """Of the chosen tokens, before sampling changed anything."""
        return self._logprob / max(1, self.tokens)

    @property
    def mean_entropy(self) -> float:
        """Of the distributions they were chosen from."""
        return self._entropy / max(1, self.tokens)
