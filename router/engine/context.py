"""A llama.cpp context: the batch, the decode call, the attention memory and the logits, without copies."""

import ctypes
from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Any

import llama_cpp as llama
import numpy as np
import numpy.typing as npt

from router.engine.native import Model, ModelError, last_error
from router.engine.prefix import Saved
from router.engine.scheduler import Feed

Floats = npt.NDArray[np.float32]


class DecodeError(Exception):
    """llama_decode failed; the attention memory is in doubt and the context has to be rebuilt."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a context: slots and tokens in each, tokens in one batch, compute threads."""

    window: int
    slots: int
    batch: int
    threads: int
    flash_attention: bool = False
    kv_type: str = "f16"


_KV_TYPES = {"f32": 0, "f16": 1, "q8_0": 8, "q4_0": 2}


def _parameters(shape: Shape) -> Any:
    params = llama.llama_context_default_params()
    params.n_ctx = shape.window * shape.slots
    params.n_seq_max = shape.slots
    params.n_batch = params.n_ubatch = shape.batch
    params.n_outputs_max = shape.slots
    params.n_threads = params.n_threads_batch = shape.threads
    # A window for each slot. In one buffer for all, every row would walk past everyone's cells: 30 % slower at 16 streams.
    params.kv_unified = False
    params.flash_attn_type = int(shape.flash_attention)
    params.type_k = params.type_v = _KV_TYPES[shape.kv_type]
    params.no_perf = True
    return params


class Context:
    """One llama.cpp context and its preallocated batch; used by one thread only."""

    def __init__(self, model: Model, shape: Shape) -> None:
        self._model = model
        self.shape = shape
        self._allocate(shape.batch)
        self._fetched: list[Saved] = [np.empty(0, np.uint8), np.empty(0, np.uint8)]
        self._address = 0
        self._rows: Floats = np.empty((0, model.vocab_size), np.float32)
        self._open()

    def _open(self) -> None:
        self._handle = llama.llama_init_from_model(self._model.handle, _parameters(self.shape))
        if not self._handle:
            raise ModelError(f"no context of {self.shape.slots} windows of {self.shape.window} tokens: {last_error()}")
        self._memory = llama.llama_get_memory(self._handle)
        self._adapter = ""

    def _allocate(self, size: int) -> None:
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._slots = np.zeros(size, np.int32)
        self._wanted = np.zeros(size, np.int8)
        self._ones = np.ones(size, np.int32)
        self._counting = np.arange(self.shape.window + 1, dtype=np.int32)
        each = self._slots.ctypes.data + np.arange(size, dtype=np.uint64) * np.uint64(4)
        self._slot_pointers = np.ascontiguousarray(each)
        self._batch = llama.llama_batch()
        self._batch.token = _pointer(self._tokens, ctypes.c_int32)
        self._batch.pos = _pointer(self._positions, ctypes.c_int32)
        self._batch.n_seq_id = _pointer(self._ones, ctypes.c_int32)
        self._batch.seq_id = _pointer(self._slot_pointers, ctypes.POINTER(ctypes.c_int32))
        self._batch.logits = _pointer(self._wanted, ctypes.c_int8)

    def decode(self, feeds: Many[Feed]) -> Floats:
        """Run one batch. Row i of the answer is the logits of the i-th feed that wants them, until the next call.

        Raises `DecodeError`.
        """
        filled = wanted = 0
        self._wanted[: self._batch.n_tokens] = 0
        for feed in feeds:
            end = filled + feed.count
            self._tokens[filled:end] = feed.tokens
            self._positions[filled:end] = self._counting[feed.start : feed.start + feed.count]
            self._slots[filled:end] = feed.slot
            if feed.wants_logits:
                self._wanted[end - 1] = 1
                wanted += 1
            filled = end
        self._batch.n_tokens = filled
        self._use(feeds[0].sequence.group)
        self._run()
        return self._logits(wanted)

    def _use(self, adapter: str) -> None:
        """Decode under the adapter of that name, "" is none; the plan puts only like sequences in a batch."""
        if adapter == self._adapter:
            return
        handles = [self._model.adapters[adapter]] if adapter else []
        pointers = (llama.llama_adapter_lora_p_ctypes * len(handles))(*handles)
        scales = (ctypes.c_float * len(handles))(*(1.0 for _ in handles))
        if llama.llama_set_adapters_lora(self._handle, pointers, len(handles), scales) != 0:
            raise DecodeError(f"the adapter could not be set: {last_error()}")
        self._adapter = adapter

    def _run(self) -> None:
        status = llama.llama_decode(self._handle, self._batch)
        if status != 0:
            raise DecodeError(f"llama_decode returned {status}: {last_error()}")

    def _logits(self, rows: int) -> Floats:
        if not rows:
            return self._rows[:0]
        pointer = llama.llama_get_logits(self._handle)
        address = ctypes.cast(pointer, ctypes.c_void_p).value or 0
        # The view is made again only when llama.cpp moved or outgrew its buffer.
        if address != self._address or rows > len(self._rows):
            self._address = address
            self._rows = np.ctypeslib.as_array(pointer, shape=(rows, self._model.vocab_size))
        return self._rows[:rows]

    def trim(self, slot: int, keep: int) -> None:
        """Forget everything of the slot but its first `keep` positions."""
        llama.llama_memory_seq_rm(self._memory, slot, keep, -1)

    def copy(self, source: int, target: int) -> None:
        """Replace the content of `target` by that of `source`."""
        self.restore(target, self._fetch(source, 0))

    def swap(self, left: int, right: int) -> None:
        """Exchange two contents; an empty one too."""
        first, second = self._fetch(left, 0), self._fetch(right, 1)
        self.restore(right, first)
        self.restore(left, second)

    def save(self, slot: int) -> Saved:
        """The content, in ordinary memory."""
        return self._fetch(slot, 0).copy()

    def restore(self, slot: int, saved: Saved) -> None:
        """Replace the slot's content by a saved one. Raises `DecodeError`."""
        self.trim(slot, 0)
        size = len(saved)
        if size and llama.llama_state_seq_set_data(self._handle, _pointer(saved, ctypes.c_uint8), size, slot) != size:
            raise DecodeError("a saved window could not be restored")

    def _fetch(self, slot: int, buffer: int) -> Saved:
        """The content in one of two buffers that are used again; fresh memory would cost more than the copy."""
        if llama.llama_memory_seq_pos_max(self._memory, slot) < 0:
            return self._fetched[buffer][:0]
        size = llama.llama_state_seq_get_size(self._handle, slot)
        if size > len(self._fetched[buffer]):
            self._fetched[buffer] = np.empty(size * 5 // 4, np.uint8)
        data = self._fetched[buffer]
        written = llama.llama_state_seq_get_data(self._handle, _pointer(data, ctypes.c_uint8), len(data), slot)
        return data[:written]

    def rebuild(self) -> None:
        """Begin again in a new context, with an empty attention memory."""
        self.close()
        self._address = 0
        self._open()

    def close(self) -> None:
        """Free the context; it must not be used again."""
        llama.llama_free(self._handle)


def _pointer(array: npt.NDArray[Any], kind: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
