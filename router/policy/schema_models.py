"""The `models` section and the whole file, as Pydantic models."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from router.config import KvType, LoadTime
from router.policy.schema import GuardEntry, PolicyEntry, ServerEntry, TestEntry
from router.policy.schema_budgets import BudgetEntry, CaptureEntry, LedgerEntry, ReplicasEntry
from router.policy.schema_parts import (
    Ability,
    AliasName,
    Askable,
    Dollars,
    FromEnvironment,
    Id,
    Period,
    Seconds,
    Strict,
    UnitInterval,
)

Template: TypeAlias = Literal["alpaca", "chatml", "gemma", "llama-2", "llama-3", "mistral", "phi-3", "zephyr"]


class ClockEntry(Strict):
    """How long to wait for a target, in seconds."""

    connect_s: Seconds = 5.0
    """For the connection."""
    first_token_s: Seconds = 60.0
    """For the first token."""
    idle_s: Seconds = 60.0
    """Between two pieces of a stream."""
    total_s: Seconds = 600.0
    """For the whole answer."""


class BreakerEntry(Strict):
    """When a target that fails is left alone; the last one that is left is always asked."""

    failures: Annotated[int, Field(ge=1, le=100)] = 5
    """Failures within the window that open it, if they are also the share below."""
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """Part of the recent requests that must have failed."""
    window_s: Seconds = 30.0
    """How long a failure counts."""
    open_s: Seconds = 5.0
    """How long the target is left alone before one request tries it; doubled each time that one fails."""
    max_open_s: Seconds = 60.0
    """The longest that the doubling comes to, and the longest Retry-After that is heeded."""


class RetryBudgetEntry(Strict):
    """How many second attempts a target may get, so that retries do not bury one that is ailing."""

    share: UnitInterval = 0.2
    """Retries as a part of the target's recent requests."""
    least: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Retries within the window that are allowed however few requests there are."""
    window_s: Seconds = 10.0
    """What counts as recent."""


class PriceEntry(Strict):
    """USD per million tokens; a kind that is not written is unknown, not free."""

    input_usd_per_million: Dollars | None = None
    """Prompt tokens."""
    output_usd_per_million: Dollars | None = None
    """Answer tokens."""
    cached_usd_per_million: Dollars | None = None
    """Prompt tokens that the target had in its cache."""
    cache_write_usd_per_million: Dollars | None = None
    """Prompt tokens that the target put into its cache."""
    reasoning_usd_per_million: Dollars | None = None
    """Answer tokens that are reasoning."""
    audio_input_usd_per_million: Dollars | None = None
    """Prompt tokens that are sound."""
    audio_output_usd_per_million: Dollars | None = None
    """Answer tokens that are sound."""
    image_usd_per_million: Dollars | None = None
    """Prompt tokens that are images."""


class RunningEntry(Strict):
    """What it costs to run a local model, shared by the conversations that run at one time."""

    usd_per_hour: Dollars | None = None
    """Price of the machine for an hour."""
    usd_per_kwh: Dollars | None = None
    """Price of electricity; needs `watts`."""
    watts: Annotated[float | None, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = None
    """What the machine draws more while the model works, as you measured it."""

    @model_validator(mode="after")
    def _can_be_reckoned(self) -> Self:
        if self.usd_per_kwh is not None and self.watts is None:
            raise ValueError("usd_per_kwh needs watts, what the machine draws while the model works")
        return self


class SamplingEntry(Strict):
    """How a local model draws tokens where a request does not say; what is not written is as the GGUF says, else off."""

    temperature: Annotated[float | None, Field(ge=0, le=2, allow_inf_nan=False)] = None
    """0 is the likeliest token each time; without any, 1."""
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    """Only the likeliest tokens that have this share together."""
    top_k: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    """Only so many of the likeliest; 0 is all."""
    min_p: Annotated[float | None, Field(ge=0, le=1)] = None
    """Only tokens with this part of the likeliest one's probability."""
    repeat_penalty: Annotated[float | None, Field(gt=0.01, le=2)] = None
    """How much rarer what was said already becomes; 1 is off."""
    presence_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    """Taken from the logit of what was said already."""
    frequency_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    """The same for each time it was said."""


class CommonEntry(Strict):
    """What every model may say."""

    context: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """Context window in tokens. 0: as the GGUF says (llama.cpp), or 128000 (remote)."""
    zone: Id | None = None
    """Where the data goes; guards allow zones. By default `local` for llama.cpp and `cloud` for the others."""
    can: Annotated[list[Ability] | None, Field(min_length=1)] = None
    """Abilities. By default [chat, json] for llama.cpp and [chat, json, tools, vision] for the others."""
    clocks: ClockEntry = ClockEntry()
    """How long to wait for it."""
    retries: Annotated[int, Field(ge=0, le=5)] = 1
    """Attempts on the same target after the first, before its first byte."""
    retry_budget: RetryBudgetEntry = RetryBudgetEntry()
    """How many of all its requests may be such second attempts."""
    breaker: BreakerEntry = BreakerEntry()
    """When it is left alone because it keeps failing."""
    price: PriceEntry | None = None
    """Overrides the price map."""
    forward_fields: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]] = Field(default=[])
    """Request fields outside OpenAI's list that this target may receive."""


class LocalEntry(CommonEntry):
    """A GGUF file that this machine runs."""

    backend: Literal["llama.cpp"]
    source: Annotated[str, Field(min_length=1)] = "auto"
    """A path, `hf:org/repo/file.gguf@revision`, `builtin`, `env:NAME`, or `auto`: SHUNT_SMALL, or without any large model the built-in."""
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    """Checksum of the file; another file is refused."""
    parallel: Annotated[int, Field(ge=1, le=256)] = 8
    """Conversations that share the context at one time."""
    queue: Annotated[int, Field(ge=0, le=100_000)] = 64
    """Requests that may wait, shared fairly between callers; more get 429 or the next target."""
    threads: Annotated[int | None, Field(ge=1, le=1024)] = None
    """Engine threads; by default all cores but one."""
    template: Template | None = None
    """A built-in chat template in place of the file's own."""
    gpu_layers: Annotated[int, Field(ge=-1, le=1024)] = 0
    """Layers to keep on a GPU; -1 is all of them."""
    flash_attention: bool | None = None
    """Whether to use flash attention; by default the engine chooses."""
    kv_type: KvType = "f16"
    """How the attention memory stores its numbers; q8_0 takes about half the memory of f16 and q4_0 a quarter."""
    mmap: bool = True
    """Map the file into memory, where other processes can share it, rather than read it."""
    mlock: bool = False
    """Keep the weights from being swapped out."""
    adapters: dict[Id, Annotated[str, Field(min_length=1)]] = Field(default={})
    """LoRA adapters by name: GGUF files, written like `source`. Clients ask for `model:adapter`."""
    sampling: SamplingEntry = SamplingEntry()
    """How to draw tokens where a request does not say."""
    load: LoadTime = "start"
    """When to bring the model into memory: `start`, or `first_use`. Its files are checked at the start either way."""
    idle_unload_s: Seconds | None = None
    """Unload the model when nobody has used it for so long; the next request loads it again. By default never."""
    running: RunningEntry = RunningEntry()
    """What it costs to run; by default nothing is counted."""
    vault_mib: Annotated[int, Field(ge=0, le=1_048_576)] = 256
    """Memory in MiB for conversations that have left the context and may come back."""


class OpenAIEntry(CommonEntry):
    """A server that speaks OpenAI's API: OpenAI itself, vLLM, llama-server, Ollama."""

    backend: Literal["openai"]
    base_url: Annotated[str, Field(min_length=1)]
    """Address up to and including /v1, or `env:NAME`."""
    model: Annotated[str, Field(min_length=1)]
    """The model's name there, or `env:NAME`."""
    api_key: FromEnvironment | None = None
    """`env:NAME`, never the key itself."""


class LiteLLMEntry(CommonEntry):
    """Any provider that litellm knows."""

    backend: Literal["litellm"]
    model: Annotated[str, Field(min_length=1)]
    """litellm's name, `provider/model`, or `env:NAME`."""
    api_key: FromEnvironment | None = None
    """`env:NAME`, never the key itself."""
    base_url: Annotated[str | None, Field(min_length=1)] = None
    """Another address for the provider, or `env:NAME`."""


class AutoEntry(CommonEntry):
    """A large model taken from the environment: SHUNT_LARGE_URL, OPENAI_API_KEY or ANTHROPIC_API_KEY."""

    backend: Literal["auto"]


ModelEntry: TypeAlias = Annotated[LocalEntry | OpenAIEntry | LiteLLMEntry | AutoEntry, Field(discriminator="backend")]


class ExamplesEntry(Strict):
    """Prompts under one name, to which others may be similar."""

    prompts: Annotated[list[Annotated[str, Field(min_length=1, max_length=480)]], Field(min_length=1, max_length=100)]
    """What such a prompt says, in as many ways as people say it."""
    embedder: Id | None = None
    """The local embedding model whose vectors are compared; by default the only one there is."""


class CacheStoreEntry(Strict):
    """Where the answers of rules with `cache` are kept."""

    max_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 64
    """Memory in MiB for answers; those that nobody asked for longest go first."""
    redis: FromEnvironment | None = None
    """`env:NAME` of a Redis address, for answers that several replicas share; in place of memory."""
    responses: Period | Literal["off"] = "1h"
    """How long a response of `/v1/responses` can be continued from or looked at, unless its client says `store: false`."""


class PolicyFile(Strict):
    """One shunt.yaml."""

    version: Literal[1]
    """Version of this format."""
    models: Annotated[dict[Id, ModelEntry], Field(min_length=1)]
    """The targets by name."""
    tiers: Annotated[list[Id], Field(min_length=1)]
    """Names of models in ascending capability."""
    aliases: dict[AliasName, Askable] = Field(default={})
    """Other names that clients may ask for; one that ends in * stands for every name with that beginning."""
    guards: list[GuardEntry] = Field(default=[])
    """Hard constraints, in order."""
    policies: Annotated[dict[Id, PolicyEntry], Field(min_length=1)]
    """Ways to choose. `auto`, otherwise the first one, is the default."""
    examples: dict[Id, ExamplesEntry] = Field(default={})
    """Named prompts for conditions with `similar_to`."""
    budgets: list[BudgetEntry] = Field(default=[])
    """What callers may use."""
    tests: list[TestEntry] = Field(default=[])
    """Examples that `shunt policy test` runs."""
    server: ServerEntry = ServerEntry()
    """The HTTP edge."""
    ledger: LedgerEntry = LedgerEntry()
    """The records of requests."""
    cache: CacheStoreEntry = CacheStoreEntry()
    """Where answers are kept that may be given again."""
    capture: CaptureEntry | None = None
    """Whose words are kept, and for how long; by default nobody's."""
    replicas: ReplicasEntry = ReplicasEntry()
    """Several servers that enforce the same limits together."""
    memory_budget_mib: Annotated[int | None, Field(ge=1, le=1 << 30)] = None
    """Memory in MiB that all local models may take together; idle ones make room. By default no bound."""
    artifact: Annotated[str | None, Field(min_length=1)] = None
    """Folder of the classifier's artifact; by default SHUNT_ARTIFACT, otherwise the one that ships."""
    state_dir: Annotated[str | None, Field(min_length=1)] = None
    """Folder for the journal and the database; by default the user's state folder."""
    cache_dir: Annotated[str | None, Field(min_length=1)] = None
    """Folder for downloaded models; by default the user's cache folder."""
