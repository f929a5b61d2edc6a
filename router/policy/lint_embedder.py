"""Which model makes the vectors, and what can be wrong where a file names one, or leaves it out."""

from collections.abc import Iterator, Mapping

from router.config import ModelConfig
from router.policy.problem import shown


def embedders(models: Mapping[str, ModelConfig]) -> list[str]:
    """The local models that embed: text that is compared never leaves the machine for it."""
    return [name for name, model in models.items() if "embeddings" in model.can and model.backend == "llama.cpp"]


def embedder_faults(written: str | None, models: Mapping[str, ModelConfig], where: str) -> Iterator[tuple[str, str]]:
    """The key that each fault is at, and what to do; `where` is the key that asks for vectors."""
    able = embedders(models)
    if written is None and len(able) != 1:
        reason = "several models can" if able else "no local model can"
        yield where, f"similarity needs a local embedding model, and {reason}: write embedder:"
    if written in models and written not in able:
        yield "embedder", f"{shown(written)} is no local embedding model (can: [embeddings])"
