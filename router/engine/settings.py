"""What the parent tells an engine child when it starts it: one JSON argument of its command line, no secret in it."""

from typing import Final

import msgspec

EMBEDDING_TOKENS: Final = 512


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the child loads and serves its model.

    `socket` is the path of the parent's Unix socket and `model` that of the GGUF file, already checked. `context` is the
    window of one sequence in tokens, `parallel` how many sequences are decoded together and `queue` how many requests
    may wait. `threads` None leaves one core free. `cells` is the attention memory in tokens, whole windows of
    `context`; None is `default_cells`. `vault_mib` bounds what earlier conversations may take in
    ordinary memory. `template` names a built-in chat template that replaces the file's own. `gpu_layers` below zero is
    all of them. `flash_attention` None is on where it pays or is needed: with a GPU, or a quantized `kv_type` (which is
    f32, f16, q8_0 or q4_0).
    `adapters` maps names to LoRA files, already checked, that a request may ask for.
    """

    socket: str
    model: str
    context: int
    parallel: int
    queue: int
    threads: int | None = None
    cells: int | None = None
    vault_mib: int = 256
    template: str | None = None
    gpu_layers: int = 0
    flash_attention: bool | None = None
    kv_type: str = "f16"
    mmap: bool = True
    mlock: bool = False
    verbose: bool = False
    adapters: dict[str, str] = {}


def default_cells(context: int, parallel: int) -> int:
    """One window for each sequence that may run: a sequence that was admitted can never run out of room."""
    return context * parallel


def embedding_batch(context: int) -> int:
    """Tokens in one batch of texts, at least one text of `context`.

    Every token is compared with all of the batch, also those of other texts: on a CPU 512 tokens are embedded up to 40 %
    faster than 2,048, in less than half of the memory.
    """
    return max(context, EMBEDDING_TOKENS)


def dump(settings: Settings) -> str:
    """The settings as the child's only argument: ``python -m router.engine.child '{"socket": ...}'``."""
    return msgspec.json.encode(settings).decode()


def load(argument: str) -> Settings:
    """The settings from the child's argument. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(argument, type=Settings)
