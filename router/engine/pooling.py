"""A llama.cpp context that embeds: many texts in one batch, one pooled vector for each."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import llama_cpp as llama
import numpy as np
import numpy.typing as npt

from router.engine.native import Model, ModelError, last_error

Vectors = npt.NDArray[np.float32]

_POOLINGS: Final = frozenset(
    {llama.LLAMA_POOLING_TYPE_MEAN, llama.LLAMA_POOLING_TYPE_CLS, llama.LLAMA_POOLING_TYPE_LAST}
)


class EmbedError(Exception):
    """llama.cpp could not compute the batch."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of an embedding context: tokens in one text, texts and tokens in one batch, compute threads."""

    window: int
    texts: int
    batch: int
    threads: int


class PoolingContext:
    """Embeds batches of tokenised texts; used by one thread only."""

    def __init__(self, model: Model, shape: Shape) -> None:
        self.shape: Final = shape
        self._width = model.width
        self._handle = llama.llama_init_from_model(model.handle, _parameters(shape))
        if not self._handle:
            raise ModelError(f"no context of {shape.batch} tokens: {last_error()}")
        if llama.llama_pooling_type(self._handle) not in _POOLINGS:
            raise ModelError("the model names no pooling that makes one vector of a text")
        self._memory = llama.llama_get_memory(self._handle)
        self._batch = llama.llama_batch_init(shape.batch, 0, 1)

    def embed(self, texts: Sequence[list[int]]) -> Vectors:
        """One vector of length 1 for each text; at most `shape.texts` of them and `shape.batch` tokens.

        Raises `EmbedError`.
        """
        if self._memory:
            llama.llama_memory_clear(self._memory, False)
        self._fill(texts)
        status = llama.llama_decode(self._handle, self._batch)
        if status != 0:
            raise EmbedError(f"llama_decode returned {status}: {last_error()}")
        return normalised(np.stack([self._pooled(number) for number in range(len(texts))]))

    def _fill(self, texts: Sequence[list[int]]) -> None:
        at = 0
        for number, tokens in enumerate(texts):
            for position, token in enumerate(tokens):
                self._batch.token[at] = token
                self._batch.pos[at] = position
                self._batch.n_seq_id[at] = 1
                self._batch.seq_id[at][0] = number
                self._batch.logits[at] = 1
                at += 1
        self._batch.n_tokens = at

    def _pooled(self, number: int) -> Vectors:
        pointer = llama.llama_get_embeddings_seq(self._handle, number)
        if not pointer:
            raise EmbedError("llama.cpp gave no vector")
        return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (self._width,)).copy()

    def close(self) -> None:
        """Free the context; it must not be used again."""
        llama.llama_batch_free(self._batch)
        llama.llama_free(self._handle)


def normalised(vectors: Vectors) -> Vectors:
    """The vectors scaled to length 1 (a zero vector stays zero)."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def _parameters(shape: Shape) -> Any:
    params = llama.llama_context_default_params()
    # A model that looks both ways needs its whole text in one physical batch.
    params.n_ctx = params.n_batch = params.n_ubatch = shape.batch
    params.n_seq_max = shape.texts
    params.n_threads = params.n_threads_batch = shape.threads
    params.embeddings = True
    params.kv_unified = True
    params.no_perf = True
    return params
