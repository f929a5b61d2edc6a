"""A loop over the engine's own context, without scheduler, sampling or socket: what one decode step takes."""

from pathlib import Path

import numpy as np

from router.engine import native
from router.engine.confidence import Floats
from router.engine.context import Context, Shape
from router.engine.native import Model
from router.engine.scheduler import Feed
from router.engine.sequence import Sequence

PROMPT = 32


class Loop:
    """`width` sequences of the model at `path`, their prompts read, on `threads` threads."""

    def __init__(self, path: Path, width: int, *, threads: int = 1, room: int = 512) -> None:
        native.start()
        self.model = Model(path)
        self._context = Context(self.model, Shape(room, width, 512, threads))
        prompts = [np.arange(PROMPT, dtype=np.int32) + 7 * row for row in range(width)]
        self._sequences = [Sequence(prompt, room) for prompt in prompts]
        self._feed(PROMPT)

    @property
    def room_left(self) -> int:
        """Steps until the windows are full."""
        return self._sequences[0].limit - self._sequences[0].length

    def step(self) -> Floats:
        """One token for each sequence: a row of logits for each."""
        for row, sequence in enumerate(self._sequences):
            sequence.append((11 * sequence.length + row) % 256)
        return self._feed(1)

    def _feed(self, count: int) -> Floats:
        return self._context.decode(
            [
                Feed(sequence, slot, sequence.length - count, count, wants_logits=True)
                for slot, sequence in enumerate(self._sequences)
            ]
        )
