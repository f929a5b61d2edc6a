"""Reads the header of a GGUF file without llama.cpp, so that a bad file is refused before native code sees it.

The format: github.com/ggml-org/ggml/blob/master/docs/gguf.md. Nothing in a file can make the reader allocate more than
`MAX_KEPT_BYTES` or loop more often than the bounds below allow, and only the header is read, never the weights.
"""

import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from router.engine.gguf_fields import Fields, GgufError, Value, read_fields
from router.engine.quantization import FILE_TYPES, TENSOR_TYPES, TensorType

MAX_TENSORS = 65_536
MAX_NAME_BYTES = 63  # ggml's own limit
MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 65_536

Shape: TypeAlias = tuple[int, ...]

__all__ = ["Gguf", "GgufError", "Tensor", "read"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the file; `size` in bytes."""

    name: str
    shape: Shape
    type: TensorType
    size: int


@dataclass(frozen=True, slots=True)
class Gguf:
    """What the header says. `metadata` holds scalars, texts and short lists; `lengths` the length of every list."""

    path: Path
    size: int
    architecture: str
    metadata: Mapping[str, Value]
    lengths: Mapping[str, int]
    tensors: tuple[Tensor, ...]

    @property
    def name(self) -> str:
        """The model's own name, or the file's."""
        return self.text("general.name") or self.path.stem

    @property
    def kind(self) -> str:
        """`model`, or what else the file declares to be: `adapter`, `mmproj`, `imatrix`."""
        return self.text("general.type") or "model"

    @property
    def context(self) -> int:
        """Tokens the model was trained to see at once; 0 when the file does not say."""
        return self.number(f"{self.architecture}.context_length")

    @property
    def tokenizer(self) -> str:
        """Kind of tokenizer, such as gpt2, llama or bert."""
        return self.text("tokenizer.ggml.model")

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self.lengths.get("tokenizer.ggml.tokens", 0)

    @property
    def has_template(self) -> bool:
        """True when the file brings a chat template."""
        return bool(self.text("tokenizer.chat_template"))

    @property
    def is_encoder(self) -> bool:
        """True for a model that looks both ways, and so keeps no attention memory."""
        return self.metadata.get(f"{self.architecture}.attention.causal") is False

    @property
    def is_embedding(self) -> bool:
        """True for a model that was made to embed: it names a pooling, or looks both ways."""
        return self.is_encoder or self.number(f"{self.architecture}.pooling_type") > 0

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(_elements(tensor.shape) for tensor in self.tensors)

    @property
    def weight_bytes(self) -> int:
        """Size of all tensors."""
        return sum(tensor.size for tensor in self.tensors)

    @property
    def quantization(self) -> str:
        """The file's declared mixture, or the tensor type that most weights have."""
        declared = FILE_TYPES.get(self.number("general.file_type", -1))
        if declared is not None:
            return declared
        weights: Counter[str] = Counter()
        for tensor in self.tensors:
            weights[tensor.type.name] += _elements(tensor.shape)
        return weights.most_common(1)[0][0] if weights else "none"

    def text(self, key: str) -> str:
        """A text of the metadata, or an empty one."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int = 0) -> int:
        """A whole number of the metadata, or `default`."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else default


def read(path: Path) -> Gguf:
    """Read and check the header of `path`. Raises `GgufError`, which names the file."""
    try:
        status = path.stat()
        # Opening a pipe would wait for its other end.
        if not stat.S_ISREG(status.st_mode):
            raise GgufError(f"{path}: it is not a regular file")
        with path.open("rb", buffering=1 << 20) as file:
            return _read(path, Fields(file, status.st_size))
    except OSError as error:
        raise GgufError(f"{path}: {error.strerror or 'cannot be read'}") from error


def _read(path: Path, fields: Fields) -> Gguf:
    try:
        tensor_count, field_count = _preamble(fields)
        metadata, lengths = read_fields(fields, field_count)
        architecture = _architecture(metadata)
        tensors = _tensors(fields, tensor_count, _alignment(metadata))
    except GgufError as error:
        raise GgufError(f"{path}: {error}") from error
    return Gguf(path, fields.size, architecture, metadata, lengths, tensors)


def _architecture(metadata: Mapping[str, Value]) -> str:
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise GgufError("it does not name an architecture")
    return architecture


def _preamble(fields: Fields) -> tuple[int, int]:
    if fields.size == 0:
        raise GgufError("it is empty")
    if fields.take(4) != b"GGUF":
        raise GgufError("it is not a GGUF file")
    version = fields.u32()
    if version in {0x02000000, 0x03000000}:
        raise GgufError("it is a big-endian GGUF file, which this machine cannot load")
    if version not in {2, 3}:
        raise GgufError(f"GGUF version {version} is not supported (2 and 3 are)")
    tensors, pairs = fields.u64(), fields.u64()
    if tensors > MAX_TENSORS:
        raise GgufError(f"it claims {tensors} tensors")
    return tensors, pairs


def _alignment(metadata: Mapping[str, Value]) -> int:
    alignment = metadata.get("general.alignment", 32)
    if isinstance(alignment, bool) or not isinstance(alignment, int):
        raise GgufError("its alignment is not a number")
    if not 0 < alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise GgufError(f"its alignment of {alignment} is not a power of two up to {MAX_ALIGNMENT}")
    return alignment


def _tensors(fields: Fields, count: int, alignment: int) -> tuple[Tensor, ...]:
    """The tensor table; as llama.cpp demands, the data lie without gaps in the order of the table."""
    tensors: dict[str, Tensor] = {}
    used = 0
    for _ in range(count):
        tensor, offset = _tensor(fields)
        if tensor.name in tensors:
            raise GgufError(f"tensor {tensor.name!r} appears twice")
        if offset != _padded(used, alignment):
            raise GgufError(f"tensor {tensor.name!r} is at offset {offset}, not where the one before it ends")
        tensors[tensor.name] = tensor
        used = offset + tensor.size
    needed = _padded(fields.position, alignment) + used
    if needed > fields.size:
        raise GgufError(f"it is truncated: {fields.size} bytes, and its header describes {needed}")
    return tuple(tensors.values())


def _tensor(fields: Fields) -> tuple[Tensor, int]:
    name = fields.text(MAX_NAME_BYTES, "a tensor name")
    dimensions = fields.u32()
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise GgufError(f"tensor {name!r} has {dimensions} dimensions")
    shape = tuple(fields.u64() for _ in range(dimensions))
    number = fields.u32()
    kind = TENSOR_TYPES.get(number)
    if kind is None:
        raise GgufError(f"tensor {name!r} has type {number}, which is unknown or was removed from llama.cpp")
    if not all(0 < side < 2**40 for side in shape) or _elements(shape) >= 2**62:
        raise GgufError(f"tensor {name!r} has an impossible shape")
    if shape[0] % kind.block:
        raise GgufError(f"tensor {name!r}: rows of {shape[0]} do not fit blocks of {kind.block} ({kind.name})")
    return Tensor(name, shape, kind, _elements(shape) // kind.block * kind.size), fields.u64()


def _elements(shape: Shape) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
