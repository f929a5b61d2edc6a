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
_DEPTHS = (8.0, 16.0, 32.0, np.inf)


class Constraint(Protocol):
    """What a grammar allows next."""

    def allows(self, token: int) -> bool:
        """True when `token` may come next."""

    def mask(self, row: Floats) -> None:
        """Set the logits of all other tokens to minus infinity."""

    def accept(self, token: int) -> None:
        """`token`, which is allowed, came next."""


class Scratch:
    """Buffers of one row, shared by every sampler of a thread."""

    def __init__(self, vocab: int) -> None:
        self.scaled: Floats = np.empty(vocab, np.float32)
        self.weights: Floats = np.empty(vocab, np.float32)


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
        scaled *= np.float32(1 / max(self._sampling.temperature, 1e-6))
        weights = np.exp(scaled, out=scratch.weights)
        ids = self._kept(scaled, weights)
        return self._draw(weights, ids)

    def _draw(self, weights: Floats, ids: Ids | None) -> int:
        kept = weights if ids is None else weights[ids]
        sums = np.cumsum(kept, dtype=np.float64)
        at = int(np.searchsorted(sums, self._random.random() * sums[-1], side="right"))
        # Rounding up to the very sum must not choose a token of weight zero behind the last possible one.
        at = min(at, int(np.searchsorted(sums, sums[-1])))
        return at if ids is None else int(ids[at])

    def _kept(self, scaled: Floats, weights: Floats) -> Ids | None:
        """The tokens that top_k, top_p and min_p leave, likeliest first; None is all of them."""
        sampling = self._sampling
        top_k = sampling.top_k if 0 < sampling.top_k < len(scaled) else 0
        if not top_k and sampling.top_p >= 1:
            return self._over_min_p(scaled) if sampling.min_p > 0 else None
        ids = self._likeliest(scaled, weights, top_k)
        total = float(weights[ids].sum()) if top_k else float(weights.sum())
        if sampling.top_p < 1:
            sums = np.cumsum(weights[ids], dtype=np.float64)
            ids = ids[: int(np.searchsorted(sums, sampling.top_p * total)) + 1]
        if sampling.min_p > 0:
            ids = ids[weights[ids] >= sampling.min_p]
        return ids

    def _over_min_p(self, scaled: Floats) -> Ids:
        # The likeliest token has weight 1, so the share of it is the weight itself.
        return np.flatnonzero(scaled >= np.float32(np.log(self._sampling.min_p)))

    def _likeliest(self, scaled: Floats, weights: Floats, top_k: int) -> Ids:
        """Enough of the likeliest tokens, sorted, to hold top_k and top_p: few of them matter, so look there first."""
        enough = self._sampling.top_p * float(weights.sum()) if self._sampling.top_p < 1 and not top_k else 0.0
        ids: Ids = np.empty(0, np.int64)
        for depth in _DEPTHS:
            ids = np.flatnonzero(scaled > -depth)
            if len(ids) >= top_k and float(weights[ids].sum()) >= enough:
                break
        order = np.argsort(-scaled[ids], kind="stable")
        return ids[order[:top_k]] if top_k else ids[order]
