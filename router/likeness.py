"""How like named example prompts the newest turn of a request is, by the vectors of a local embedding model."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from router.backends.base import Backend
from router.backends.local import LocalBackend
from router.chat import EmbeddingRequest
from router.config import Config, Examples, Policy
from router.errors import RouterError
from router.policy.conditions import examples_of
from router.policy.routes import resolve_model
from router.policy.words import Words

SAMPLE = 480
"""Characters of a turn that are compared: about what a small embedding model's window holds in any script."""
PATIENCE_S = 2.0
"""How long a decision waits for vectors. Without them rules that need them are passed over, and guards bind."""

Vectors: TypeAlias = npt.NDArray[np.float32]

logger = logging.getLogger("shunt.runtime")


class Likeness:
    """Compares turns with the examples of one configuration, whose vectors are made once, when they are first needed."""

    def __init__(self, config: Config, targets: Mapping[str, Backend], *, patience_s: float = PATIENCE_S) -> None:
        self._config = config
        self._targets = targets
        self._patience_s = patience_s
        self._examples: dict[str, Vectors] = {}
        self._making = asyncio.Lock()
        guarded = examples_of(guard.when for guard in config.guards)
        self._needed = {
            name: guarded | examples_of(rule.when for rule in policy.select) for name, policy in config.policies.items()
        }
        self._guarded = guarded

    async def of(self, request_model: str, words: Words | None) -> Mapping[str, float]:
        """The cosine, from 0 to 1, with the nearest prompt of each set of examples that deciding takes.

        What cannot be told in time, or at all, is left out.

        Raises:
            ModelNotFound: nothing is called `request_model`.
        """
        asked = resolve_model(self._config, request_model)
        names = self._needed[asked.name] if isinstance(asked, Policy) else self._guarded
        if not names or words is None:
            return {}
        text = words.text("last")[:SAMPLE].strip()
        if not text:
            return dict.fromkeys(names, 0.0)
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._compared(text, names)
        except (RouterError, TimeoutError) as error:
            logger.warning("no vectors to compare with the examples: %s", type(error).__name__)
            return {}

    async def _compared(self, text: str, names: Collection[str]) -> dict[str, float]:
        vectors: dict[str, Vectors] = {}
        found = {}
        for name in names:
            examples = self._config.examples[name]
            known = await self._known(name, examples)
            if examples.model not in vectors:
                vectors[examples.model] = await self._embedded(examples.model, (text,))
            nearest = float((known @ vectors[examples.model][0]).max())
            found[name] = min(max(nearest, 0.0), 1.0)
        return found

    async def _known(self, name: str, examples: Examples) -> Vectors:
        async with self._making:  # a hundred first requests make them once
            if name not in self._examples:
                self._examples[name] = await self._embedded(examples.model, examples.prompts)
            return self._examples[name]

    async def _embedded(self, model: str, texts: Sequence[str]) -> Vectors:
        """One row of length 1 for each text."""
        backend = self._targets[model]
        if not isinstance(backend, LocalBackend):
            raise TypeError("the policy file's check lets local embedding models alone through")
        answer = await backend.embed(EmbeddingRequest(model, tuple(texts)))
        rows: Vectors = np.stack([np.frombuffer(vector, "<f4") for vector in answer.vectors])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        lengths[lengths == 0] = 1.0  # a text without meaning is like nothing
        unit: Vectors = rows / lengths
        return unit
