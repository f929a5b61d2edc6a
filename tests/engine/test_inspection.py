"""Which whole GGUF files are models that this machine may load."""

import struct
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from router.engine.architectures import KNOWN, PARTS
from router.engine.gguf import GgufError
from router.engine.inspection import inspect, inspect_adapter


def test_a_model_passes(tiny: Path) -> None:
    """A whole language model is accepted."""
    assert inspect(tiny).name == "tiny-0"


@pytest.mark.parametrize("file", ["tinytalk-3M-Q4_0.gguf", "stories260K-f32.gguf", "all-MiniLM-L6-v2-q8_0.gguf"])
def test_real_models_pass(shared: Path, file: str) -> None:
    """Published models of three architectures are accepted."""
    assert inspect(shared / "models" / file).vocabulary > 0


def _model(
    path: Path, architecture: str = "llama", *, change: Callable[[gguf.GGUFWriter], None] | None = None, **without: bool
) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    if not without.get("shape"):
        writer.add_block_count(1)
        writer.add_embedding_length(8)
    if not without.get("tokenizer"):
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(["a", "b", "c", "d"])
    if change is not None:
        change(writer)
    if not without.get("embedding"):
        writer.add_tensor("token_embd.weight", np.zeros((without.get("rows", 4), 8), np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"architecture": "frobnicator"}, "'frobnicator' is unknown"),
        ({"architecture": "clip"}, "'clip' is part of another model"),
        ({"change": lambda w: w.add_type("adapter")}, "holds a adapter, not a model"),
        ({"change": lambda w: w.add_uint16("split.count", 3)}, "one part of a split model"),
        ({"shape": True}, "lack llama.block_count"),
        ({"tokenizer": True}, "no tokenizer"),
        ({"embedding": True}, "'token_embd.weight' is missing"),
        ({"rows": 3}, "does not fit 4 tokens"),
    ],
)
def test_what_is_no_model_is_refused_by_name(tmp_path: Path, how: dict, words: str) -> None:
    """A readable file that is not a whole, known language model is refused in words that say why."""
    path = _model(tmp_path / "odd.gguf", **how)
    with pytest.raises(GgufError, match=rf"odd\.gguf: .*{words}"):
        inspect(path)


def test_every_architecture_that_the_gguf_package_names_is_known() -> None:
    """The list has not fallen behind the pinned llama.cpp."""
    assert set(gguf.MODEL_ARCH_NAMES.values()) <= KNOWN | PARTS


def test_list_is_that_of_the_library() -> None:
    """Each name of the list stands in the library that loads the models."""
    import llama_cpp

    library = next((Path(llama_cpp.__file__).parent / "lib").glob("libllama.*")).read_bytes()
    missing = {name for name in KNOWN | PARTS if name.encode() + b"\0" not in library}
    assert missing == set()


def _adapter(
    path: Path, architecture: str = "llama", shape: tuple[int, int] = (2, 8), name: str = "token_embd.weight"
) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 1.0)
    writer.add_tensor(f"{name}.lora_a", np.zeros(shape, np.float32))
    writer.add_tensor(f"{name}.lora_b", np.zeros((4, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_adapter_for_the_model_passes(tmp_path: Path) -> None:
    """A LoRA adapter of the same architecture and shapes is accepted."""
    base = inspect(_model(tmp_path / "base.gguf"))
    assert inspect_adapter(_adapter(tmp_path / "lora.gguf"), base).kind == "adapter"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"architecture": "qwen2"}, "adapts 'qwen2'"),
        ({"shape": (2, 16)}, "does not fit"),
        ({"name": "blk.9.attn_q.weight"}, "adapts nothing"),
    ],
)
def test_adapter_for_another_model_is_refused(tmp_path: Path, how: dict, words: str) -> None:
    """An adapter that cannot belong to the model is refused before native code sees it."""
    base = inspect(_model(tmp_path / "base.gguf"))
    with pytest.raises(GgufError, match=rf"lora\.gguf: .*{words}"):
        inspect_adapter(_adapter(tmp_path / "lora.gguf", **how), base)


def test_model_is_no_adapter(tiny: Path) -> None:
    """A model given as an adapter is refused."""
    with pytest.raises(GgufError, match="not a LoRA adapter"):
        inspect_adapter(tiny, inspect(tiny))


def test_flipped_length_is_refused(tiny: Path, tmp_path: Path) -> None:
    """A length of 2**63 in the middle of a real header is refused."""
    data = bytearray(tiny.read_bytes())
    at = data.index(b"general.name") + len(b"general.name") + 4
    data[at : at + 8] = struct.pack("<Q", 2**63)
    path = tmp_path / "flipped.gguf"
    path.write_bytes(data)
    with pytest.raises(GgufError, match=r"flipped\.gguf"):
        inspect(path)
