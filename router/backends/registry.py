"""Which backend serves a model entry."""

from router.backends.base import Backend
from router.backends.direct import DirectBackend
from router.backends.missing import MissingBackend
from router.config import Config, ModelConfig


def build(model: ModelConfig, config: Config) -> Backend:
    """The backend of one entry, not started. What an entry does not use is not imported."""
    match model.backend:
        case "openai":
            return DirectBackend(model)
        case "litellm":
            from router.backends.litellm import LitellmBackend  # noqa: PLC0415 - only some files name such a model

            return LitellmBackend(model)
        case "llama.cpp":
            from router.backends.local import LocalBackend  # noqa: PLC0415 - only a local model needs the engine's client

            return LocalBackend(model, config)
        case "none":
            return MissingBackend(model)
