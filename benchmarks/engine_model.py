"""Seeded GGUF files with random Q4_0 weights in the shape of real models: they show speed and nothing else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CONTROLS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
FORMAT = 1  # raise it when the same seed gives another file
HEAD_WIDTH = 64
BLOCK, BLOCK_BYTES = 32, 18


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a llama-architecture model; heads are 64 wide."""

    name: str
    layers: int
    width: int
    kv_heads: int
    feed: int
    vocabulary: int


SIZES = (
    Size("135M", 30, 576, 3, 1536, 49_152),
    Size("0.5B", 24, 896, 2, 4864, 151_936),
)


def model_file(size: Size, folder: Path | None = None) -> Path:
    """The model of `size`, made when it is not in `folder` (default: the user's cache) yet."""
    place = folder or user_cache_path("shunt") / "benchmarks"
    path = place / f"random-{size.name}-{FORMAT}.gguf"
    if not path.exists():
        place.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        _write(size, partial)
        partial.replace(path)
    return path


def _write(size: Size, path: Path) -> None:
    import gguf  # noqa: PLC0415 - a development dependency that the other benchmarks do not need

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"random-{size.name}")
    writer.add_context_length(8192)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.feed)
    writer.add_head_count(size.width // HEAD_WIDTH)
    writer.add_head_count_kv(size.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    _add_vocabulary(writer, gguf, size.vocabulary)
    _add_tensors(writer, gguf, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: Any, gguf: Any, count: int) -> None:
    fill = count - 256 - len(CONTROLS)
    words = [_byte_letter(byte) for byte in range(256)] + [f"w{number}" for number in range(fill)] + list(CONTROLS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.NORMAL] * (256 + fill) + [gguf.TokenType.CONTROL] * len(CONTROLS))
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(count - 1)
    writer.add_eos_token_id(count - 2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)


def _byte_letter(byte: int) -> str:
    """GPT-2's printable letter for a byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in printable else chr(256 + [b for b in range(256) if b not in printable].index(byte))


def _add_tensors(writer: Any, gguf: Any, size: Size) -> None:
    random = np.random.default_rng(0)
    kv = size.kv_heads * HEAD_WIDTH

    def weights(name: str, rows: int, columns: int) -> None:
        blocks = random.integers(0, 256, (rows, columns // BLOCK, BLOCK_BYTES), dtype=np.uint8)
        scale = np.array([columns**-0.5 / 4.6], np.float16)  # a uniform nibble has a spread of 4.6
        blocks[:, :, :2] = scale.view(np.uint8)
        flat = blocks.reshape(rows, -1)
        writer.add_tensor(f"{name}.weight", flat, raw_dtype=gguf.GGMLQuantizationType.Q4_0)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(size.width, np.float32))

    weights("token_embd", size.vocabulary, size.width)
    norm("output_norm")
    for block in (f"blk.{number}" for number in range(size.layers)):
        norm(f"{block}.attn_norm")
        norm(f"{block}.ffn_norm")
        weights(f"{block}.attn_q", size.width, size.width)
        weights(f"{block}.attn_k", kv, size.width)
        weights(f"{block}.attn_v", kv, size.width)
        weights(f"{block}.attn_output", size.width, size.width)
        weights(f"{block}.ffn_gate", size.feed, size.width)
        weights(f"{block}.ffn_up", size.feed, size.width)
        weights(f"{block}.ffn_down", size.width, size.feed)
