"""How a model entry and the header of its file become the settings of a child."""

from dataclasses import asdict

from router.config import ModelConfig
from router.engine.gguf import Gguf
from router.engine.settings import Settings

DEFAULT_CONTEXT = 8192  # where the policy file gives none: a model's own window can need more memory than there is
FALLBACK_CONTEXT = 2048  # where the model does not say either


def window(config: ModelConfig, header: Gguf) -> int:
    """Tokens that one conversation may have: as configured, but never more than the model was trained for."""
    return min(config.context or DEFAULT_CONTEXT, header.context or FALLBACK_CONTEXT)


def settings_of(config: ModelConfig, header: Gguf) -> Settings:
    """The settings of a child that serves `header` as `config` asks, but for the socket, which is made at its start."""
    return Settings(
        socket="",
        model=str(header.path),
        context=window(config, header),
        parallel=config.parallel,
        queue=config.queue,
        threads=config.threads,
        **asdict(config.engine),
    )
