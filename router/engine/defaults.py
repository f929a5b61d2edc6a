"""How a local model draws its tokens where a request does not say: as the policy file has it, else as the GGUF does.

Who trained a model writes into the file what it should be sampled with, and llama.cpp's own server heeds it. What neither
says is OpenAI's default, which changes nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from router.config import ModelConfig
from router.engine.gguf import Gguf

# By the request's name: llama.cpp's key, and what it may be. A file that says anything else says nothing.
_OF_FILE: Final[Mapping[str, tuple[str, float, float]]] = {
    "temperature": ("general.sampling.temp", 0.0, 2.0),
    "top_p": ("general.sampling.top_p", 1e-6, 1.0),
    "top_k": ("general.sampling.top_k", 0, 1_000_000),
    "min_p": ("general.sampling.min_p", 0.0, 1.0),
    "repeat_penalty": ("general.sampling.penalty_repeat", 0.01, 2.0),
}
_WHOLE: Final = frozenset({"top_k"})


def defaults_of(config: ModelConfig, header: Gguf) -> dict[str, float]:
    """Request parameters by name, for requests that leave them out."""
    return {**dict(_of_file(header)), **config.sampling}


def told(config: ModelConfig, header: Gguf) -> str:
    """The same for a person, with where each stands."""
    found = defaults_of(config, header)
    return ", ".join(f"{name} {value:g} ({_place(name, config)})" for name, value in found.items())


def _place(name: str, config: ModelConfig) -> str:
    return "policy file" if name in config.sampling else "GGUF"


def _of_file(header: Gguf) -> Iterator[tuple[str, float]]:
    for name, (key, low, high) in _OF_FILE.items():
        value = header.metadata.get(key)
        kinds = int if name in _WHOLE else int | float
        if isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high:
            # Single precision: 0.7 would be 0.699999988079071.
            yield name, value if name in _WHOLE else round(value, 6)
