"""How a model entry and the header of its file become the settings of a child."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from router.config import ModelConfig
from router.engine.gguf import Gguf
from router.engine.settings import Settings

DEFAULT_CONTEXT = 8192  # where the policy file gives none: a model's own window can need more memory than there is
FALLBACK_CONTEXT = 2048  # where the model does not say either


def window(config: ModelConfig, header: Gguf) -> int:
    """Tokens that one conversation may have: as configured, but never more than the model was trained for."""
    return min(config.context or DEFAULT_CONTEXT, header.context or FALLBACK_CONTEXT)


def settings_of(config: ModelConfig, header: Gguf, adapters: Mapping[str, Path] | None = None) -> Settings:
    """The settings of a child that serves `header` as `config` asks, but for the socket, which is made at its start.

    `adapters` are the files of the adapters, already checked.
    """
    return Settings(
        socket="",
        model=str(header.path),
        context=window(config, header),
        parallel=config.parallel,
        queue=config.queue,
        threads=config.threads,
        adapters={name: str(path) for name, path in (adapters or {}).items()},
        **asdict(config.engine),
    )
