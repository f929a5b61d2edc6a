"""Choosing the next token from a row of logits.

In this order: what is added or taken away (`logit_bias`, penalties, the end tokens under `ignore_eos`), temperature,
top_k, top_p over what top_k left, min_p, and one draw from a generator of the choice's own, so that a seed gives the
same text whatever else runs. A grammar is asked about the drawn token first and about the vocabulary only when it says
no: refusing and drawing again is the same distribution and a thousand times cheaper.
"""

import secrets
from typing import Protocol

import numpy as np
import numpy.typing as npt

from router.engine.wire import Sampling

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

_REFUSALS_BEFORE_MASK = 6
_GREAT = np.float32(1e-3)
_BLOCK = 512


class Constraint(Protocol):
    """What a grammar allows next."""

    def allows(self, token: int) -> bool:
        """True when `token` may come next."""

    def mask(self, row: Floats) -> None:
        """Set the logits of all other tokens to minus infinity."""

    def accept(self, token: int) -> None:
        """`token`, which is allowed, came next."""


class Scratch:
    """Buffers of one row, shared by every sampler of a thread. The weights lie in blocks, the last filled with zeros."""

    def __init__(self, vocab: int) -> None:
        self.scaled: Floats = np.empty(vocab, np.float32)
        padded = np.zeros(-(-vocab // _BLOCK) * _BLOCK, np.float32)
        self.weights: Floats = padded[:vocab]
        self.blocks: Floats = padded.reshape(-1, _BLOCK)


class Penalties:
    """Token counts of the answer (and, for the repeat penalty, of the prompt), and what they cost."""

    def __init__(self, sampling: Sampling, prompt: npt.NDArray[np.int32]) -> None:
        self._presence = sampling.presence_penalty
        self._frequency = sampling.frequency_penalty
        self._repeat = sampling.repeat_penalty
        self._counts: dict[int, int] = {}
        self._seen: set[int] = set(prompt.tolist()) if self._repeat != 1 else set()

    @property
    def is_on(self) -> bool:
        """True when any penalty changes anything."""
        return bool(self._presence or self._frequency) or self._repeat != 1

    def add(self, token: int) -> None:
        """The token was chosen."""
        self._counts[token] = self._counts.get(token, 0) + 1
        if self._repeat != 1:
            self._seen.add(token)

    def apply(self, row: Floats) -> None:
        """Change the logits in place. Repeat as in CTRL (arXiv 1909.05858), the others as OpenAI defines them."""
        if self._repeat != 1 and self._seen:
            seen = np.fromiter(self._seen, np.int64, len(self._seen))
            logits = row[seen]
            row[seen] = np.where(logits > 0, logits / self._repeat, logits * self._repeat)
        if self._counts and (self._presence or self._frequency):
            ids = np.fromiter(self._counts.keys(), np.int64, len(self._counts))
            counts = np.fromiter(self._counts.values(), np.float32, len(self._counts))
            row[ids] -= self._presence + self._frequency * counts


class Sampler:
    """Chooses the tokens of one choice. `banned` are never chosen (the end tokens under `ignore_eos`).

    `changes` is True when a row is not the model's own any more after `choose`.
    """

    def __init__(
        self,
        sampling: Sampling,
        choice: int,
        prompt: npt.NDArray[np.int32],
        banned: npt.NDArray[np.int32] | None = None,
    ) -> None:
        self._sampling = sampling
        self._penalties = Penalties(sampling, prompt)
        self._banned = banned
        self._bias_ids: Ids = np.fromiter(sampling.logit_bias.keys(), np.int64, len(sampling.logit_bias))
        self._bias: Floats = np.fromiter(sampling.logit_bias.values(), np.float32, len(sampling.logit_bias))
        seed = sampling.seed if sampling.seed is not None else secrets.randbits(63)
        self._random = np.random.Generator(np.random.PCG64([abs(seed), int(seed < 0), choice]))
        self.changes = self._penalties.is_on or banned is not None or bool(sampling.logit_bias)

    def choose(self, row: Floats, best: int, scratch: Scratch, constraint: Constraint | None = None) -> int:
        """The next token, or -1 when a grammar allows none. `best` is the row's argmax; the row may be changed."""
        if self.changes:
            self._change(row)
            best = int(row.argmax())
        token = self._pick(row, best, scratch)
        if constraint is not None:
            token = self._allowed(row, token, scratch, constraint)
        if self._penalties.is_on and token >= 0:
            self._penalties.add(token)
        return token

    def _change(self, row: Floats) -> None:
        if self._bias_ids.size:
            row[self._bias_ids] += self._bias
        if self._penalties.is_on:
            self._penalties.apply(row)
        if self._banned is not None:
            row[self._banned] = -np.inf

    def _allowed(self, row: Floats, token: int, scratch: Scratch, constraint: Constraint) -> int:
        for _ in range(_REFUSALS_BEFORE_MASK):
            if constraint.allows(token):
                constraint.accept(token)
                return token
            row[token] = -np.inf
            best = int(row.argmax())
            if row[best] == -np.inf:
                return -1
            token = self._pick(row, best, scratch)
        constraint.mask(row)
        best = int(row.argmax())
        if row[best] == -np.inf:
            return -1
        token = self._pick(row, best, scratch)
        constraint.accept(token)
        return token

    def _pick(self, row: Floats, best: int, scratch: Scratch) -> int:
        if self._sampling.temperature <= 0:
            return best
        scaled = np.subtract(row, row[best], out=scratch.scaled)
        scaled *= np.float32(1 / max(self._sampling.temperature, 1e-4))
        weights = np.exp(scaled, out=scratch.weights)
        ids = self._kept(weights)
        point = self._random.random()
        return draw_any(scratch.blocks, point) if ids is None else int(ids[draw(weights[ids], point)])

    def _kept(self, weights: Floats) -> Ids | None:
        """The tokens that top_k, top_p and min_p leave; None is all of them. The likeliest has weight 1."""
        sampling = self._sampling
        cut = sampling.min_p
        if 0 < sampling.top_k < len(weights):
            cut = max(cut, float(np.partition(weights, -sampling.top_k)[-sampling.top_k]))
        if sampling.top_p < 1:
            pool = weights[weights >= np.float32(cut)] if cut > 0 else weights
            cut = max(cut, nucleus_cut(pool, sampling.top_p))
        return np.flatnonzero(weights >= np.float32(cut)) if cut > 0 else None


def draw(weights: Floats, point: float) -> int:
    """The index that `point`, from 0 to 1, falls on when the weights are laid end to end."""
    sums = np.cumsum(weights, dtype=np.float64)
    at = int(np.searchsorted(sums, point * sums[-1], side="right"))
    # Rounding up to the very sum must not choose a weight of zero behind the last possible one.
    return min(at, int(np.searchsorted(sums, sums[-1])))


def draw_any(blocks: Floats, point: float) -> int:
    """As `draw`, over all blocks: only the sums of the blocks and the weights of one are added up."""
    sums = np.cumsum(blocks.sum(axis=1), dtype=np.float64)
    target = point * float(sums[-1])
    block = min(int(np.searchsorted(sums, target, side="right")), int(np.searchsorted(sums, sums[-1])))
    before = float(sums[block - 1]) if block else 0.0
    return block * _BLOCK + draw(blocks[block], min(1.0, (target - before) / float(sums[block] - before)))


def nucleus_cut(weights: Floats, share: float) -> float:
    """The least weight in the smallest set of the greatest weights that holds `share` of their sum."""
    wanted = share * float(weights.sum(dtype=np.float64))
    # Few tokens hold nearly everything, as a rule: sort those alone when they are enough.
    great = weights[weights >= _GREAT]
    if float(great.sum(dtype=np.float64)) < wanted:
        great = weights
    ordered = np.sort(great)[::-1]
    at = int(np.searchsorted(np.cumsum(ordered, dtype=np.float64), wanted))
    return float(ordered[min(at, len(ordered) - 1)])
