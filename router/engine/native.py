"""The model file and its vocabulary, behind llama.cpp's C interface.

Nothing here knows requests. `Model` may be read from any thread; a `Context` (context.py) belongs to one.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp as llama
import numpy as np
import numpy.typing as npt

_ERROR_LEVEL = 4
_last_errors: list[str] = []


class ModelError(Exception):
    """llama.cpp refused the model, an adapter or the context; the message is for a person."""


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _keep_errors(level: int, text: bytes, _user: ctypes.c_void_p) -> None:
    if level == _ERROR_LEVEL:
        _last_errors.append(text.decode("utf-8", "replace").strip())
        del _last_errors[:-4]


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _print_all(_level: int, text: bytes, _user: ctypes.c_void_p) -> None:
    print(text.decode("utf-8", "replace"), end="", flush=True)  # noqa: T201 - what --verbose asks for


def start(*, verbose: bool = False) -> None:
    """Initialise the library once in a process; it is silent unless `verbose`."""
    llama.llama_log_set(_print_all if verbose else _keep_errors, ctypes.c_void_p(0))
    llama.llama_backend_init()


def last_error() -> str:
    """What llama.cpp said last, for a message to a person."""
    return "; ".join(_last_errors) or "llama.cpp gave no reason"


def rounded(weights: int) -> str:
    """A number of weights as people say it: 260K, 1.2M, 135M, 7.2B."""
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if weights >= size:
            return f"{weights / size:.{1 if weights < 10 * size else 0}f}{unit}"
    return str(weights)


@dataclass(frozen=True, slots=True)
class Loading:
    """How a model file is brought into memory. `gpu_layers` below zero is all of them."""

    gpu_layers: int = 0
    mmap: bool = True
    mlock: bool = False


class Model:
    """The weights and the vocabulary of one GGUF file."""

    def __init__(self, path: Path, loading: Loading = Loading()) -> None:
        params = llama.llama_model_default_params()
        params.n_gpu_layers = loading.gpu_layers
        params.load_mode = (llama.LLAMA_LOAD_MODE_MMAP if loading.mmap else 0) | (
            llama.LLAMA_LOAD_MODE_MLOCK if loading.mlock else 0
        )
        self.handle = llama.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            raise ModelError(f"{path.name} cannot be loaded: {last_error()}")
        self._vocab = llama.llama_model_get_vocab(self.handle)
        self.vocab_size: int = llama.llama_vocab_n_tokens(self._vocab)
        self.adapters: dict[str, Any] = {}
        self._pieces: dict[int, bytes] = {}
        self._refuse_raising_vocabulary(path)
        self.end_tokens = self._matching(llama.llama_vocab_is_eog)
        self._ends = frozenset(self.end_tokens.tolist())
        self.control_texts = frozenset(
            text for token in self._matching(llama.llama_vocab_is_control).tolist() if (text := self.text(token))
        )

    def _refuse_raising_vocabulary(self, path: Path) -> None:
        """A SentencePiece vocabulary without byte tokens throws in C++ at the first unknown character."""
        if llama.llama_vocab_type(self._vocab) != llama.LLAMA_VOCAB_TYPE_SPM:
            return
        texts = {self.text(token) for token in range(min(self.vocab_size, 1024))}
        if "<0x00>" not in texts or "<0xFF>" not in texts:
            raise ModelError(f"{path.name} has a SentencePiece vocabulary without byte tokens")

    def _matching(self, claim: Any) -> npt.NDArray[np.int32]:
        return np.array([token for token in range(self.vocab_size) if claim(self._vocab, token)], dtype=np.int32)

    @property
    def vocabulary(self) -> Any:
        """The C handle, for the grammar sampler."""
        return self._vocab

    @property
    def description(self) -> str:
        """llama.cpp's short name of the model, such as `llama 1B Q4_0`; sizes that it has no name for are counted."""
        buffer = ctypes.create_string_buffer(256)
        llama.llama_model_desc(self.handle, buffer, len(buffer))
        weights = rounded(int(llama.llama_model_n_params(self.handle)))
        return buffer.value.decode("utf-8", "replace").replace("?B", weights)

    @property
    def trained_context(self) -> int:
        """The window the model was trained with, in tokens."""
        return int(llama.llama_model_n_ctx_train(self.handle))

    @property
    def width(self) -> int:
        """Size of an embedding vector."""
        return int(llama.llama_model_n_embd_out(self.handle))

    @property
    def can_share_prefixes(self) -> bool:
        """False for models with a recurrent state, which cannot be cut at a position."""
        return not (llama.llama_model_is_recurrent(self.handle) or llama.llama_model_is_hybrid(self.handle))

    @property
    def is_embedding(self) -> bool:
        """True for a model that was made to embed: it names a pooling, or looks both ways."""
        family = self.metadata("general.architecture") or ""
        pooling = int(self.metadata(f"{family}.pooling_type") or 0)
        return pooling > 0 or self.metadata(f"{family}.attention.causal") == "false"

    @property
    def template(self) -> str | None:
        """The file's own chat template."""
        text = llama.llama_model_chat_template(self.handle, None)
        return text.decode("utf-8", "replace") if text else None

    def metadata(self, key: str) -> str | None:
        """A metadata value as text; long ones are cut at 1,023 bytes."""
        buffer = ctypes.create_string_buffer(1024)
        size = llama.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else None

    def special(self, name: str) -> str:
        """Text of the special token `bos` or `eos`, "" where the vocabulary has none."""
        token = llama.llama_vocab_bos(self._vocab) if name == "bos" else llama.llama_vocab_eos(self._vocab)
        return self.text(token) if 0 <= token < self.vocab_size else ""

    def text(self, token: int) -> str:
        """The vocabulary's own entry for the token, special tokens included."""
        entry = llama.llama_vocab_get_text(self._vocab, token)
        return entry.decode("utf-8", "replace") if entry else ""

    def is_end(self, token: int) -> bool:
        """True for a token that ends an answer."""
        return token in self._ends

    def piece(self, token: int) -> bytes:
        """The bytes the token adds to a text: nothing for control tokens."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token)
        return piece

    def _read_piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(64)
        size = llama.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = llama.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
        return buffer.raw[:size]

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`. `parse_special` reads `<|im_end|>` and its like as control tokens."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 16
        tokens = (llama.llama_token * room)()
        count = llama.llama_tokenize(self._vocab, data, len(data), tokens, room, add_special, parse_special)
        if count < 0:
            tokens = (llama.llama_token * -count)()
            count = llama.llama_tokenize(self._vocab, data, len(data), tokens, -count, add_special, parse_special)
        return list(tokens[:count])

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`, control tokens as the vocabulary writes them."""
        return b"".join(self.piece(one) or self.text(one).encode() for one in tokens).decode("utf-8", "replace")

    def load_adapter(self, name: str, path: Path) -> None:
        """Load a LoRA adapter for this model, to be used as `name`. Raises `ModelError`."""
        handle = llama.llama_adapter_lora_init(self.handle, str(path).encode())
        if not handle:
            raise ModelError(f"adapter {name} cannot be loaded: {last_error()}")
        self.adapters[name] = handle

    def close(self) -> None:
        """Free the weights; the model must not be used again."""
        llama.llama_model_free(self.handle)
