"""What a model needs in memory and what there is: told before it is loaded, from its header alone."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from router.engine.gguf import Gguf
from router.engine.quantization import TENSOR_TYPES
from router.engine.settings import Settings, default_cells, embedding_batch

PROCESS_BYTES = 80 << 20  # Python, numpy and llama.cpp without a model; measured
TOKEN_BYTES = 350  # an entry of the vocabulary: texts, ranks and both ways of looking them up
BATCH_TOKENS = 512

_KV_TYPES = {kind.name.lower(): kind for kind in TENSOR_TYPES.values()}
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes by purpose: weights, attention memory, what is kept of earlier conversations, buffers, the process."""

    weights: int
    attention: int
    kept: int
    buffers: int
    process: int = PROCESS_BYTES

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.attention + self.kept + self.buffers + self.process


def need(header: Gguf, how: Settings) -> Need:
    """An estimate for serving `header` with these settings; tends to be high rather than low."""
    if header.is_embedding:
        return _embedding_need(header, embedding_batch(how.context))
    cells = how.cells or default_cells(how.context, how.parallel)
    return Need(
        weights=header.weight_bytes + sum(Path(path).stat().st_size for path in how.adapters.values()),
        attention=attention_bytes(header, cells, how.kv_type),
        kept=how.vault_mib << 20,
        buffers=_buffer_bytes(header, 2 * how.parallel, BATCH_TOKENS),
    )


def _embedding_need(header: Gguf, batch: int) -> Need:
    """Texts leave nothing behind; llama.cpp keeps room for the logits of a batch's every token all the same."""
    return Need(
        weights=header.weight_bytes,
        attention=0 if header.is_encoder else attention_bytes(header, batch),
        kept=0,
        buffers=_buffer_bytes(header, batch, batch),
    )


def attention_bytes(header: Gguf, cells: int, kv_type: str = "f16") -> int:
    """Keys and values of `cells` tokens: per layer, KV heads x (key + value length) numbers for each token.

    Layers that keep a window or a state of fixed size need less; they are counted like the others.
    """
    kind, family = _KV_TYPES[kv_type], header.architecture
    heads = _per_layer(header, f"{family}.attention.head_count", 0)
    kv_heads = _per_layer(header, f"{family}.attention.head_count_kv", None) or heads
    width, most = header.number(f"{family}.embedding_length"), max(heads, default=0)
    length = width // most if most else 0
    key = header.number(f"{family}.attention.key_length", length)
    value = header.number(f"{family}.attention.value_length", length)
    return sum(kv_heads) * (key + value) * cells * kind.size // kind.block


def available_bytes() -> int | None:
    """Memory that this process may still take: the machine's or, if that is less, its container's; None if unknown."""
    found = [size for size in (_machine_bytes(), _container_bytes()) if size is not None]
    return min(found, default=None)


def _per_layer(header: Gguf, key: str, default: int | None) -> tuple[int, ...]:
    """A count for each layer: some architectures give one number, some a list."""
    layers = header.number(f"{header.architecture}.block_count")
    value = header.metadata.get(key, default)
    if isinstance(value, tuple):
        return tuple(int(one) for one in value)
    return (int(value),) * layers if isinstance(value, int) else ()


def _buffer_bytes(header: Gguf, rows: int, batch: int) -> int:
    """The vocabulary; logits of `rows` rows, in the graph and copied out, and one batch's activations, as 32-bit floats."""
    family = header.architecture
    width = header.number(f"{family}.embedding_length")
    feed = max(_per_layer(header, f"{family}.feed_forward_length", 4 * width), default=4 * width)
    floats = rows * header.vocabulary + batch * (8 * width + 3 * feed)
    return TOKEN_BYTES * header.vocabulary + 4 * floats


def _machine_bytes() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return None


def _container_bytes() -> int | None:
    """What the control group leaves; the page cache it is charged for can be given back."""
    for limit, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        with suppress(OSError, ValueError):
            most = int((_CGROUP / limit).read_text(encoding="ascii"))
            taken = int((_CGROUP / used).read_text(encoding="ascii"))
            return max(0, most - taken + _reclaimable((_CGROUP / limit).with_name("memory.stat"), cache))
    return None


def _reclaimable(statistics: Path, name: str) -> int:
    for line in statistics.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name} "):
            return int(line.split()[1])
    return 0
