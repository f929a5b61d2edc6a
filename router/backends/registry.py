"""Which backend serves a model entry."""

from router.backends.base import Backend
from router.backends.direct import DirectBackend
from router.backends.litellm import LitellmBackend
from router.backends.local import LocalBackend
from router.backends.missing import MissingBackend
from router.config import Config, ModelConfig


def build(model: ModelConfig, config: Config) -> Backend:
    """The backend of one entry, not started."""
    match model.backend:
        case "openai":
            return DirectBackend(model)
        case "litellm":
            return LitellmBackend(model)
        case "llama.cpp":
            return LocalBackend(model, config)
        case "none":
            return MissingBackend(model)
