"""litellm's map of model prices, read as data: litellm itself is never imported for it."""

import hashlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from router.config import ModelConfig, Price
from router.errors import ConfigError
from router.ledger.tariff import Variant

FILE_NAME = "model_prices_and_context_window_backup.json"

# Addresses that sell under the map's own provider names; a model bought there is looked up with that name first.
PROVIDERS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.together.xyz": "together_ai",
    "api.fireworks.ai": "fireworks_ai",
    "api.x.ai": "xai",
    "api.cohere.com": "cohere",
    "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras",
}


PER_TOKEN = {
    "input_cost_per_token": "input_usd",
    "output_cost_per_token": "output_usd",
    "cache_read_input_token_cost": "cached_usd",
    "cache_creation_input_token_cost": "cache_write_usd",
    "output_cost_per_reasoning_token": "reasoning_usd",
    "input_cost_per_audio_token": "audio_input_usd",
    "output_cost_per_audio_token": "audio_output_usd",
    "input_cost_per_image_token": "image_usd",
}
_VARIANT = re.compile(r"([a-z_]+?)(?:_above_(\d+)k_tokens)?(?:_(flex|priority|batches))?")


class Entry(msgspec.Struct, frozen=True):
    """What Shunt needs of one model: USD per token by kind, the window in tokens, and who sells it."""

    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None
    cache_read_input_token_cost: float | None = None
    cache_creation_input_token_cost: float | None = None
    output_cost_per_reasoning_token: float | None = None
    input_cost_per_audio_token: float | None = None
    output_cost_per_audio_token: float | None = None
    input_cost_per_image_token: float | None = None
    max_input_tokens: int | None = None
    litellm_provider: str = ""

    def price(self) -> Price:
        """The kinds that a request is charged for."""
        return Price(
            input_usd=self.input_cost_per_token,
            output_usd=self.output_cost_per_token,
            cached_usd=self.cache_read_input_token_cost,
            cache_write_usd=self.cache_creation_input_token_cost,
            reasoning_usd=self.output_cost_per_reasoning_token,
            audio_input_usd=self.input_cost_per_audio_token,
            audio_output_usd=self.output_cost_per_audio_token,
            image_usd=self.input_cost_per_image_token,
        )


@dataclass(frozen=True, slots=True)
class PriceMap:
    """The entries of the models that were asked for, by target; `version` names the map they came from."""

    version: str
    entries: Mapping[str, Entry]
    variants: Mapping[str, tuple[Variant, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, models: Iterable[ModelConfig], path: Path | None = None) -> "PriceMap":
        """Look up each of `models`; one that the map does not have is left out. Only these stay in memory.

        Raises:
            ConfigError: the map cannot be read.
        """
        path = path or find()
        try:
            text = path.read_bytes()
            raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(f"{path}: the price map cannot be read: {error}") from error
        looked_up = {model.name: _lookup(raw, model) for model in models}
        found = {name: one for name, one in looked_up.items() if one is not None}
        entries = {name: entry for name, (entry, _) in found.items()}
        return cls(_version(text), entries, {name: tuple(_variants(listed)) for name, (_, listed) in found.items()})


def find() -> Path:
    """Where the installed litellm keeps its map; finding a package's place does not import it.

    Raises:
        ConfigError: litellm is not installed.
    """
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        raise ConfigError("litellm is not installed, and with it the price map is missing")
    return Path(spec.origin).with_name(FILE_NAME)


def _version(text: bytes) -> str:
    return f"litellm {importlib.metadata.version('litellm')} sha256:{hashlib.sha256(text).hexdigest()[:12]}"


def _variants(listed: msgspec.Raw) -> Iterator[Variant]:
    """Prices of long prompts and of other tiers, as the names of an entry's fields tell them."""
    found: dict[tuple[int, str | None], dict[str, float]] = {}
    for name, usd in msgspec.json.decode(listed, type=dict[str, Any]).items():
        match = _VARIANT.fullmatch(name)
        kind = PER_TOKEN.get(match[1]) if match else None
        if match and kind and (match[2] or match[3]) and isinstance(usd, int | float):
            found.setdefault((int(match[2] or 0) * 1000, match[3]), {})[kind] = float(usd)
    return (Variant(above, tier, Price(**kinds)) for (above, tier), kinds in found.items())


def _lookup(raw: Mapping[str, msgspec.Raw], model: ModelConfig) -> tuple[Entry, msgspec.Raw] | None:
    for key, provider in _candidates(model):
        if key not in raw:
            continue
        try:
            entry = msgspec.json.decode(raw[key], type=Entry)
        except msgspec.ValidationError:
            continue  # an entry of another shape has no price that could be read from it
        if entry.litellm_provider.startswith(provider):
            return entry, raw[key]
    return None


def _candidates(model: ModelConfig) -> Iterator[tuple[str, str]]:
    """Keys to try, with the provider that the entry must then have: a bare name means other things elsewhere."""
    name = model.model or ""
    if model.backend == "openai":
        provider = PROVIDERS.get(urlsplit(model.base_url or "").hostname or "", "")
        if provider:
            yield f"{provider}/{name}", provider
        yield name, provider
    elif model.backend == "litellm":
        provider, _, bare = name.partition("/")
        yield name, ""
        if bare:
            yield bare, provider
