"""From the `models` section to `ModelConfig`, with what the environment adds."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from router.config import BreakerSettings, Clocks, EngineOptions, ModelConfig, Price, RetrySettings, Running
from router.policy.environment import BUILTIN_MODEL, NO_SMALL_MODEL, Environment, large_model
from router.policy.problem import Place, Problems, shown
from router.policy.schema_models import AutoEntry, CommonEntry, LiteLLMEntry, LocalEntry, ModelEntry, OpenAIEntry

REMOTE_CONTEXT = 128_000  # the smallest window among the current models of the large providers
LOCAL_CAN = frozenset({"chat", "json"})
REMOTE_CAN = frozenset({"chat", "json", "tools", "vision"})
QUANTIZED = frozenset({"q8_0", "q4_0"})  # llama.cpp reads a quantized attention memory with flash attention only

_HF = re.compile(r"hf:[\w.-]+/[\w.-]+/[\w. -]+(?:/[\w. -]+)*\.gguf(?:@[\w./-]+)?")
_PER_MILLION = 1e-6


class Targets:
    """Makes the targets of one file; `folder` is where its relative paths start."""

    def __init__(
        self, entries: Mapping[str, ModelEntry], environment: Environment, folder: Path, problems: Problems
    ) -> None:
        self._entries = entries
        self._environment = environment
        self._folder = folder
        self._problems = problems
        self._has_large = any(_is_large(entry, environment) for entry in entries.values())

    def all(self) -> dict[str, ModelConfig]:
        """Every target by name."""
        return {name: self.make(name, entry) for name, entry in self._entries.items()}

    def make(self, name: str, entry: ModelEntry) -> ModelConfig:
        """The target that one entry of `models` describes; what is wrong with it is noted."""
        base = _base(name, entry)
        match entry:
            case LocalEntry():
                return self._local(base, entry)
            case OpenAIEntry() | LiteLLMEntry():
                return self._remote(base, entry)
            case AutoEntry():
                return large_model(self._environment, base)

    def _local(self, base: ModelConfig, entry: LocalEntry) -> ModelConfig:
        source = self._source(base.name, entry.source)
        return replace(
            base,
            backend="llama.cpp" if source else "none",
            source=source,
            sha256=entry.sha256,
            parallel=entry.parallel,
            queue=entry.queue,
            threads=entry.threads,
            engine=self._engine(base.name, entry),
            adapters=self._adapters(base.name, entry),
            sampling=entry.sampling.model_dump(exclude_none=True),
            running=Running(**entry.running.model_dump()),
            load=entry.load,
            idle_unload_s=entry.idle_unload_s,
            missing=None if source else NO_SMALL_MODEL,
        )

    def _engine(self, name: str, entry: LocalEntry) -> EngineOptions:
        if entry.flash_attention is False and entry.kv_type in QUANTIZED:
            problem = f"kv_type {entry.kv_type} needs flash attention; leave flash_attention out or use f16"
            self._problems.note(("models", name, "kv_type"), problem)
        return EngineOptions(**{option.name: getattr(entry, option.name) for option in fields(EngineOptions)})

    def _adapters(self, name: str, entry: LocalEntry) -> dict[str, str]:
        found = {one: self._file(name, written, ("adapters", one)) for one, written in entry.adapters.items()}
        return {one: source for one, source in found.items() if source}

    def _remote(self, base: ModelConfig, entry: OpenAIEntry | LiteLLMEntry) -> ModelConfig:
        environment, place = self._environment, ("models", base.name)
        return replace(
            base,
            backend=entry.backend,
            base_url=None if entry.base_url is None else environment.url(entry.base_url, (*place, "base_url")),
            model=environment.text(entry.model, (*place, "model")),
            api_key=environment.secret(entry.api_key, (*place, "api_key")),
        )

    def _source(self, name: str, written: str) -> str | None:
        """A source as the engine takes it: an absolute path or `hf:…`; None when `auto` finds nothing."""
        if written == "auto":
            chosen = self._environment.get("SHUNT_SMALL")
            if chosen:
                return self._located(name, chosen, Path.cwd())
            # A specialist for a handful of tasks is better than no answer, and worse than a large model's.
            return str(BUILTIN_MODEL) if BUILTIN_MODEL.is_file() and not self._has_large else None
        if written == "builtin":
            if not BUILTIN_MODEL.is_file():
                self._problems.note(("models", name, "source"), "this version of Shunt carries no built-in model")
            return str(BUILTIN_MODEL)
        return self._file(name, written, ("source",))

    def _file(self, name: str, written: str, place: Place) -> str | None:
        """A path, `hf:…` or `env:NAME` as the engine takes it."""
        value = self._environment.text(written, ("models", name, *place))
        return value and self._located(name, value, Path.cwd() if value != written else self._folder)

    def _located(self, name: str, source: str, folder: Path) -> str:
        if not source.startswith("hf:"):
            return str(folder / Path(source).expanduser())
        if not _HF.fullmatch(source) or ".." in re.split("[:/@]", source):
            self._problems.note(("models", name), f"source {shown(source)} is not hf:org/repo/file.gguf@revision")
        return source


def _is_large(entry: ModelEntry, environment: Environment) -> bool:
    return environment.has_large if isinstance(entry, AutoEntry) else not isinstance(entry, LocalEntry)


def _base(name: str, entry: CommonEntry) -> ModelConfig:
    """What the entry says itself, with the defaults of its side: local or remote."""
    is_local = isinstance(entry, LocalEntry)
    return ModelConfig(
        name=name,
        backend="none",
        zone=entry.zone or ("local" if is_local else "cloud"),
        can=frozenset(entry.can) if entry.can else (LOCAL_CAN if is_local else REMOTE_CAN),
        context=entry.context or (0 if is_local else REMOTE_CONTEXT),
        clocks=Clocks(**entry.clocks.model_dump()),
        retries=entry.retries,
        retry_budget=RetrySettings(**entry.retry_budget.model_dump()),
        breaker=BreakerSettings(**entry.breaker.model_dump()),
        price=_price(entry),
        forward_fields=tuple(entry.forward_fields),
    )


def _price(entry: CommonEntry) -> Price | None:
    if entry.price is None:
        return None
    return Price(**{kind.name: _per_token(getattr(entry.price, f"{kind.name}_per_million")) for kind in fields(Price)})


def _per_token(usd_per_million: float | None) -> float | None:
    return None if usd_per_million is None else usd_per_million * _PER_MILLION
