"""Which backend serves a model entry."""

from router.backends.base import Backend
from router.backends.direct import DirectBackend
from router.backends.litellm import LitellmBackend
from router.backends.local import LocalBackend
from router.backends.missing import MissingBackend
from router.backends.power import Power
from router.config import Config, ModelConfig
from router.engine.budget import Budget


def build(model: ModelConfig, config: Config, budget: Budget | None = None, power: Power | None = None) -> Backend:
    """The backend of one entry, not started; local ones share the memory `budget` and what `power` counts."""
    match model.backend:
        case "openai":
            return DirectBackend(model)
        case "litellm":
            return LitellmBackend(model)
        case "llama.cpp":
            return LocalBackend(model, config, budget=budget).counted_by(power)
        case "none":
            return MissingBackend(model)
