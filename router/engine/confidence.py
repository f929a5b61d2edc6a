"""How sure the model was: running figures over the tokens of one answer, from the logits that are there anyway."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """One row of logits: the likeliest token, log of the softmax's sum, entropy, and the first's lead on the second.

    All natural logarithms: log p(token) = logit - `log_sum`; `margin` = log p(first) - log p(second).
    """

    best: int
    log_sum: float
    entropy: float
    margin: float


class Reader:
    """Reads rows of logits into one scratch buffer; six passes over the row, no allocation."""

    def __init__(self, vocab: int) -> None:
        self._scratch: Floats = np.empty(vocab, np.float32)

    def read(self, row: Floats) -> Reading:
        """The figures of one row, before any sampling changes it; the row is left as it was."""
        best = int(row.argmax())
        top = float(row[best])
        weights = np.subtract(row, row[best], out=self._scratch)
        shifted_mean = self._softmax_mean(weights)
        row[best] = -np.inf
        second = float(row.max())
        row[best] = top
        total, mean = shifted_mean
        return Reading(best, top + math.log(total), math.log(total) - mean, top - second)

    def _softmax_mean(self, shifted: Floats) -> tuple[float, float]:
        """Sum of exp(x), and the mean of x under the softmax. H = log(sum) - mean."""
        weights = np.exp(shifted)
        total = float(weights.sum())
        product = float(np.dot(weights, shifted))
        if math.isnan(product):  # exp(-inf) * -inf, where the model itself rules tokens out
            product = float(np.nansum(weights * shifted))
        return total, product / total


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
