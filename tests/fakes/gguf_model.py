"""A tiny language model with random weights, made at test time: real GGUF, real kernels, no download."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CONTROLS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
MERGES = (("t", "h"), ("th", "e"), ("a", "n"), ("i", "n"))


@dataclass(frozen=True)
class _Size:
    layers: int
    width: int
    heads: int = 4
    kv_heads: int = 2

    @property
    def feed(self) -> int:
        return 2 * self.width

    @property
    def kv_width(self) -> int:
        return self.width // self.heads * self.kv_heads


def write_tiny_gguf(
    path: Path,
    *,
    seed: int = 0,
    template: bool = True,
    context: int = 512,
    layers: int = 2,
    width: int = 64,
    extra: Callable[[gguf.GGUFWriter], object] | None = None,
) -> Path:
    """Write a llama-architecture model over bytes (and four merges), about 0.6 MB; the same seed gives the same file.

    `extra` may add metadata.
    """
    size = _Size(layers, width)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"tiny-{seed}")
    _add_shape(writer, size, context)
    if extra is not None:
        extra(writer)
    vocab = _add_vocabulary(writer, template=template)
    random = np.random.default_rng(seed)
    for name, tensor in _tensors(size, vocab, random).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_shape(writer: gguf.GGUFWriter, size: _Size, context: int) -> None:
    writer.add_context_length(context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.feed)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(size.width // size.heads)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _add_vocabulary(writer: gguf.GGUFWriter, *, template: bool) -> int:
    tokens = [_byte_letter(byte) for byte in range(256)] + ["".join(pair) for pair in MERGES] + list(CONTROLS)
    normal = len(tokens) - len(CONTROLS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * normal + [gguf.TokenType.CONTROL] * len(CONTROLS))
    writer.add_token_merges([" ".join(pair) for pair in MERGES])
    writer.add_bos_token_id(normal + 2)
    writer.add_eos_token_id(normal + 1)
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template(CHATML)
    return len(tokens)


def _byte_letter(byte: int) -> str:
    """GPT-2's printable letter for a byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in printable else chr(256 + [b for b in range(256) if b not in printable].index(byte))


def _tensors(size: _Size, vocab: int, random: np.random.Generator) -> dict[str, npt.NDArray[np.float32]]:
    def weights(*shape: int, scale: float | None = None) -> npt.NDArray[np.float32]:
        spread = shape[-1] ** -0.5 if scale is None else scale
        return (random.standard_normal(shape) * spread).astype(np.float32)

    tensors = {
        "token_embd.weight": weights(vocab, size.width, scale=1.0),
        "output_norm.weight": np.ones(size.width, np.float32),
        "output.weight": weights(vocab, size.width, scale=0.4),
    }
    for block in range(size.layers):
        tensors |= {
            f"blk.{block}.attn_norm.weight": np.ones(size.width, np.float32),
            f"blk.{block}.attn_q.weight": weights(size.width, size.width, scale=0.4),
            f"blk.{block}.attn_k.weight": weights(size.kv_width, size.width, scale=0.4),
            f"blk.{block}.attn_v.weight": weights(size.kv_width, size.width),
            f"blk.{block}.attn_output.weight": weights(size.width, size.width),
            f"blk.{block}.ffn_norm.weight": np.ones(size.width, np.float32),
            f"blk.{block}.ffn_gate.weight": weights(size.feed, size.width),
            f"blk.{block}.ffn_up.weight": weights(size.feed, size.width),
            f"blk.{block}.ffn_down.weight": weights(size.width, size.feed),
        }
    return tensors


def write_tiny_adapter(path: Path, *, seed: int = 1, layers: int = 2, width: int = 64, rank: int = 4) -> Path:
    """Write a LoRA adapter with random weights for `write_tiny_gguf`'s model of the same layers and width."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    random = np.random.default_rng(seed)
    for block in range(layers):
        for part, shape in (("a", (rank, width)), ("b", (width, rank))):
            weights = random.standard_normal(shape).astype(np.float32) * 0.4
            writer.add_tensor(f"blk.{block}.attn_output.weight.lora_{part}", weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
