"""`shunt engine`: one local model as an OpenAI-compatible server, without a policy file."""

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import platformdirs

from router.condition import Always
from router.config import Config, ModelConfig, Policy, Rule, Secret, ServerConfig
from router.engine.location import SourceError, parse
from router.errors import ConfigError

NAME = "local"  # not the file's: a name of ours is fit for headers and labels
KEY = "SHUNT_API_KEY"

_ADAPTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def model_of(source: str) -> ModelConfig:
    """The entry of a GGUF file or `hf:` source. What the file cannot do, the engine says itself.

    Raises:
        ConfigError: there is no such file, or the source is malformed.
    """
    can = frozenset({"chat", "json", "tools", "embeddings"})
    return ModelConfig(NAME, "llama.cpp", "local", can, context=0, source=_located(source))


def adapters_of(written: Iterable[str]) -> dict[str, str]:
    """The adapters that `NAME=FILE` options give, FILE a GGUF file or `hf:` source.

    Raises:
        ConfigError: one is written otherwise, a name comes twice, or there is no such file.
    """
    found: dict[str, str] = {}
    for option in written:
        name, _, source = option.partition("=")
        if not _ADAPTER.fullmatch(name) or not source:
            raise ConfigError(f"--adapter {option}: not NAME=FILE with a name of letters, digits, '.', '_' or '-'")
        if name in found:
            raise ConfigError(f"--adapter {name} is given twice")
        found[name] = _located(source)
    return found


def config_of(model: ModelConfig, *, host: str, port: int) -> Config:
    """A configuration that sends everything to `model`, whatever name a client asks for."""
    key = os.environ.get(KEY)
    server = replace(ServerConfig(), host=host, port=port, keys=(Secret(KEY, key),) if key else ())
    return Config(
        path=None,
        models={model.name: model},
        tiers=(model.name,),
        policies={"auto": Policy("auto", (Rule("default", Always(), target=model.name),))},
        default_policy="auto",
        aliases={"*": model.name},
        server=server,
        state_dir=platformdirs.user_state_path("shunt") / "engine",
        cache_dir=platformdirs.user_cache_path("shunt"),
        origin="none: one model, whatever name a client asks for",
    )


def _located(source: str) -> str:
    """`source` with an absolute path."""
    try:
        parse(source)
    except SourceError as error:
        raise ConfigError(str(error)) from error
    if source.startswith("hf:"):
        return source
    path = Path(source).expanduser().absolute()
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    return str(path)
