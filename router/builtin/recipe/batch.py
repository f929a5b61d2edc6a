"""Conversations as token batches: one length in each batch, only the answers weighed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from router.builtin.recipe import mixture
from router.builtin.recipe.example import Example
from router.builtin.recipe.vocabulary import ASSISTANT, END, SYSTEM, USER, Vocabulary, chunks, trimmed

POOL = 2048
_BREAK_SHARE = 0.15
_BREAK_CHUNK = 0.12
_THIN_SHARE = 0.4
_THIN_WORD = 0.12
_THINNED = frozenset({"sentiment", "intent"})
_LENGTH_POWER = -0.7


@dataclass(frozen=True, slots=True)
class Sample:
    """Token ids, and how much each of them counts as a target."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs, the flat positions whose next token is a target, the targets and their weights."""

    inputs: Tensor
    positions: Tensor
    targets: Tensor
    weights: Tensor


def sample(example: Example, vocabulary: Vocabulary, rng: random.Random) -> Sample:
    """Encode a conversation as the chat template writes it; a long answer's tokens weigh less each."""
    is_broken, is_thin = rng.random() < _BREAK_SHARE, rng.random() < _THIN_SHARE
    ids: list[int] = []
    weights: list[float] = []
    if example.system:
        ids += [SYSTEM, *_asked(example.system, vocabulary, rng, is_broken=is_broken), END]
    for turn in example.turns:
        prompt = _thinned(turn.prompt, rng) if is_thin and turn.task in _THINNED else turn.prompt
        ids += [USER, *_asked(prompt, vocabulary, rng, is_broken=is_broken), END, ASSISTANT]
        weights += [0.0] * (len(ids) - len(weights))
        answer = [*vocabulary.encode(turn.answer), END]
        ids += answer
        weights += [len(answer) ** _LENGTH_POWER] * len(answer)
    return Sample(tuple(ids), tuple(weights))


def _thinned(text: str, rng: random.Random) -> str:
    # Words left out at random keep the model from learning a label by the frame that the words stand in.
    return " ".join(word for word in text.split(" ") if rng.random() > _THIN_WORD)


def _asked(text: str, vocabulary: Vocabulary, rng: random.Random, *, is_broken: bool) -> list[int]:
    text = trimmed(text)
    if not is_broken:
        return vocabulary.encode(text)
    # Words cut at random teach the model that a rare or misspelt word is the sum of its parts.
    pieces = (part for chunk in chunks(text.replace(" ", "\u2581")) for part in _cut(chunk, rng))
    return [token for piece in pieces for token in vocabulary.encode(piece)]


def _cut(chunk: str, rng: random.Random) -> tuple[str, ...]:
    if len(chunk) < 4 or rng.random() > _BREAK_CHUNK:
        return (chunk,)
    spot = rng.randrange(2, len(chunk) - 1)
    return chunk[:spot], chunk[spot:]


def batches(vocabulary: Vocabulary, seed: int, tokens: int, plain_share: float) -> Iterator[Batch]:
    """Yield batches of about `tokens` tokens without end, similar lengths together."""
    rng = random.Random(seed)  # noqa: S311 - reproducible order, not a secret
    for start in count(0, POOL):
        numbers = range(start, start + POOL)
        examples = (mixture.example(f"{seed}:{number}", "train", plain_share) for number in numbers)
        pool = [sample(one, vocabulary, rng) for one in examples]
        pool.sort(key=lambda one: len(one.ids))
        groups = list(_grouped(pool, tokens))
        rng.shuffle(groups)
        yield from map(packed, groups)


def _grouped(pool: Sequence[Sample], tokens: int) -> Iterator[list[Sample]]:
    group: list[Sample] = []
    for one in pool:
        if group and (len(group) + 1) * len(one.ids) > tokens:
            yield group
            group = []
        group.append(one)
    yield group


def packed(group: Sequence[Sample]) -> Batch:
    """Return the padded batch of a group; padding follows the text, so that causal attention never sees it."""
    length = max(len(one.ids) for one in group)
    inputs = torch.full((len(group), length), END)
    weights = torch.zeros(len(group), length)
    for row, one in enumerate(group):
        inputs[row, : len(one.ids)] = torch.tensor(one.ids)
        weights[row, : len(one.ids)] = torch.tensor(one.weights)
    flat = weights[:, 1:].reshape(-1)
    positions = flat.nonzero()[:, 0]
    return Batch(inputs[:, :-1], positions, inputs[:, 1:].reshape(-1)[positions], flat[positions])
