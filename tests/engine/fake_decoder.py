"""An attention memory that really remembers, and a language model that is a hash: any mix-up shows as a wrong token."""

import zlib

import numpy as np

from router.engine.context import DecodeError
from router.engine.prefix import Saved
from router.engine.scheduler import Feed

VOCAB = 97
END = 96


def next_token(tokens: list[int]) -> int:
    """What the fake model says after `tokens`: it depends on every one of them, and is never the end."""
    return zlib.crc32(np.array(tokens, np.int32).tobytes()) % END


def continuation(prompt: list[int], count: int) -> list[int]:
    """The greedy answer to a prompt, computed alone and without any cache."""
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(next_token(tokens))
    return tokens[len(prompt) :]


class FakeDecoder:
    """Keeps the tokens of each slot; `fail` makes the next decodes fail as often as it says."""

    def __init__(self) -> None:
        self.slots: dict[int, list[int]] = {}
        self.batches: list[list[Feed]] = []
        self.fail = 0
        self.rebuilt = 0

    def trim(self, slot: int, keep: int) -> None:
        del self.slots.setdefault(slot, [])[keep:]

    def copy(self, source: int, target: int) -> None:
        self.slots[target] = list(self.slots.get(source, []))

    def swap(self, left: int, right: int) -> None:
        self.slots[left], self.slots[right] = self.slots.get(right, []), self.slots.get(left, [])

    def save(self, slot: int) -> Saved:
        return np.array(self.slots.get(slot, []), np.int32).view(np.uint8).copy()

    def restore(self, slot: int, saved: Saved) -> None:
        self.slots[slot] = saved.view(np.int32).tolist()

    def rebuild(self) -> None:
        self.slots.clear()
        self.rebuilt += 1

    def decode(self, feeds: list[Feed]) -> np.ndarray:
        if self.fail:
            self.fail -= 1
            raise DecodeError("as the test asked")
        self.batches.append(list(feeds))
        rows = []
        for feed in feeds:
            held = self.slots.setdefault(feed.slot, [])
            # The real one refuses a position that does not follow, or answers from another conversation.
            assert feed.start == len(held)
            held += feed.tokens.tolist()
            if feed.wants_logits:
                row = np.zeros(VOCAB, np.float32)
                row[next_token(held)] = 9.0
                rows.append(row)
        return np.array(rows, np.float32).reshape(len(rows), VOCAB)


class FakeVocabulary:
    """One printable letter for each token."""

    vocab_size = VOCAB
    end_tokens = np.array([END], np.int32)

    def is_end(self, token: int) -> bool:
        return token == END

    def piece(self, token: int) -> bytes:
        return bytes([33 + token % 90])
