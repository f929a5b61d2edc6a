"""One choice of one request, as the scheduler sees it: tokens to read, and where its attention memory is."""

from enum import Enum
from typing import Final

import numpy as np

from router.engine.prefix import Slot, Tokens


class Phase(Enum):
    """Where a sequence is."""

    WAITING = "waiting"
    LIVE = "live"
    OVER = "over"


class Sequence:
    """Tokens known, prompt first; the answer is appended as it is chosen.

    `limit` is the most tokens it may ever hold. What is known and not yet read is pending: a whole prompt at first, one
    token while the answer is written, everything again after a preemption.
    """

    __slots__ = (
        "_tokens",
        "caller",
        "group",
        "index",
        "length",
        "limit",
        "phase",
        "prompt",
        "reused",
        "slot",
        "started",
    )

    def __init__(self, prompt: Tokens, limit: int, *, caller: str = "", index: int = 0, group: str = "") -> None:
        self._tokens: Final = np.empty(limit, np.int32)
        self._tokens[: len(prompt)] = prompt
        self.prompt: Final = len(prompt)
        self.length = len(prompt)
        self.limit: Final = limit
        self.caller: Final = caller
        self.index: Final = index
        self.group: Final = group
        self.phase = Phase.WAITING
        self.slot: Slot | None = None
        self.started = False
        self.reused = 0

    @property
    def tokens(self) -> Tokens:
        """All tokens known."""
        return self._tokens[: self.length]

    @property
    def room(self) -> Tokens:
        """The whole buffer, of which `length` tokens are known; a slot reads along in it."""
        return self._tokens

    @property
    def read(self) -> int:
        """Tokens in the attention memory."""
        return self.slot.length if self.slot else 0

    @property
    def pending(self) -> int:
        """Tokens known and not yet read."""
        return self.length - self.read

    @property
    def written(self) -> int:
        """Tokens of the answer so far."""
        return self.length - self.prompt

    @property
    def is_writing(self) -> bool:
        """True when the next read yields an answer token without further prompt."""
        return self.started and self.pending == 1

    def append(self, token: int) -> None:
        """The next token of the answer was chosen."""
        self._tokens[self.length] = token
        self.length += 1
        self.started = True
