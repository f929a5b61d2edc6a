"""Whether a GGUF file may be loaded: what its header must say before native code is given the file."""

from pathlib import Path

from router.engine.architectures import KNOWN, PARTS
from router.engine.gguf import Gguf, GgufError, Shape, read


def inspect(path: Path) -> Gguf:
    """Read the header of `path` and check that it is a whole language model. Raises `GgufError`."""
    header = read(path)
    problem = _problem(header)
    if problem is not None:
        raise GgufError(f"{path}: {problem}")
    return header


def inspect_adapter(path: Path, base: Gguf) -> Gguf:
    """Read the header of `path` and check that it is a LoRA adapter for `base`. Raises `GgufError`."""
    header = read(path)
    if header.kind != "adapter" or header.text("adapter.type") != "lora":
        raise GgufError(f"{path}: it is not a LoRA adapter")
    if header.architecture != base.architecture:
        raise GgufError(f"{path}: it adapts {header.architecture!r}, and the model is {base.architecture!r}")
    shapes = {tensor.name: tensor.shape for tensor in base.tensors}
    for tensor in header.tensors:
        target, _, half = tensor.name.rpartition(".lora_")
        if half not in {"a", "b"} or target not in shapes:
            raise GgufError(f"{path}: tensor {tensor.name!r} adapts nothing in the model")
        if not _fits(tensor.shape, half, shapes[target]):
            raise GgufError(f"{path}: tensor {tensor.name!r} does not fit the model's shape")
    return header


def _fits(shape: Shape, half: str, target: Shape) -> bool:
    """`a` takes the width of the model's matrix, `b` its height; an adapted embedding swaps the two."""
    if len(shape) != 2 or len(target) != 2:
        return False
    side = shape[0] if half == "a" else shape[1]
    return side in target


def _problem(header: Gguf) -> str | None:
    if header.kind != "model":
        return f"it holds a {header.kind}, not a model"
    if header.architecture in PARTS:
        return f"architecture {header.architecture!r} is part of another model and cannot answer by itself"
    if header.architecture not in KNOWN:
        return f"architecture {header.architecture!r} is unknown to this version of llama.cpp"
    if header.number("split.count", 1) > 1:
        return "it is one part of a split model; merge the parts first (llama-gguf-split --merge)"
    if not header.tensors:
        return "it holds no weights"
    return _shape_problem(header)


def _shape_problem(header: Gguf) -> str | None:
    for key in ("block_count", "embedding_length"):
        if header.number(f"{header.architecture}.{key}") <= 0:
            return f"its metadata lack {header.architecture}.{key}"
    if not header.tokenizer or header.tokenizer == "no_vocab":
        return "it has no tokenizer"
    if header.vocabulary == 0:
        return "its vocabulary is empty"
    return _embedding_problem(header)


def _embedding_problem(header: Gguf) -> str | None:
    embedding = next((tensor for tensor in header.tensors if tensor.name == "token_embd.weight"), None)
    if embedding is None:
        return "tensor 'token_embd.weight' is missing"
    width = header.number(f"{header.architecture}.embedding_length")
    # Some models pad the matrix beyond their vocabulary; a smaller one would be read past its end.
    if embedding.shape[0] != width or len(embedding.shape) != 2 or embedding.shape[1] < header.vocabulary:
        return f"tensor 'token_embd.weight' does not fit {header.vocabulary} tokens of width {width}"
    return None
