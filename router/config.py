"""The configuration as the rest of the program sees it: frozen, complete, made once by `policy.load`.

Only data lives here; of ours it imports conditions, limits and captures alone. Durations are seconds, sizes bytes, prices USD per token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from router.capture import CaptureSettings
from router.condition import Condition
from router.limit import Limit

BackendKind: TypeAlias = Literal["llama.cpp", "openai", "litellm", "none"]
SessionMode: TypeAlias = Literal["rise_only", "pin", "free"]
KvType: TypeAlias = Literal["f32", "f16", "q8_0", "q4_0"]
LoadTime: TypeAlias = Literal["start", "first_use"]
CacheScope: TypeAlias = Literal["key", "tag", "global"]
Comparison: TypeAlias = Literal["exact", "similarity", "judge"]


@dataclass(frozen=True, slots=True)
class Secret:
    """A value read from the environment; its repr names the variable, never the value."""

    env: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long to wait for a target: to connect, for the first token, between two pieces, and in all."""

    connect_s: float = 5.0
    first_token_s: float = 60.0
    idle_s: float = 60.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a target that fails is left alone, and for how long; what each means stands in the policy file's schema."""

    failures: int = 5
    share: float = 0.5
    window_s: float = 30.0
    open_s: float = 5.0
    max_open_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """How many second attempts a target may get: a share of its recent requests, and always a few."""

    share: float = 0.2
    least: int = 10
    window_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Price:
    """USD per token by kind; None is unknown and never counted as zero.

    A kind without a price of its own costs what the prompt's or the answer's other tokens cost.
    """

    input_usd: float | None = None
    output_usd: float | None = None
    cached_usd: float | None = None
    cache_write_usd: float | None = None
    reasoning_usd: float | None = None
    audio_input_usd: float | None = None
    audio_output_usd: float | None = None
    image_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """What it costs to run a local model: the machine's price, electricity's, and what it draws for it; None is not counted."""

    usd_per_hour: float | None = None
    usd_per_kwh: float | None = None
    watts: float | None = None


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the local engine runs a model; what each means stands in the policy file's schema."""

    template: str | None = None
    gpu_layers: int = 0
    flash_attention: bool | None = None
    kv_type: KvType = "f16"
    mmap: bool = True
    mlock: bool = False
    vault_mib: int = 256


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One entry of `models`: a target. `backend` "none" is one that nothing in the environment configures.

    `adapters` maps names to LoRA files, as absolute paths or `hf:` sources. `sampling` holds request parameters for
    requests that leave them out. `idle_unload_s` None is never.
    """

    name: str
    backend: BackendKind
    zone: str
    can: frozenset[str]
    context: int
    clocks: Clocks = Clocks()
    retries: int = 1
    retry_budget: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    price: Price | None = None
    running: Running = Running()
    source: str | None = None
    sha256: str | None = None
    parallel: int = 8
    queue: int = 64
    threads: int | None = None
    engine: EngineOptions = EngineOptions()
    adapters: Mapping[str, str] = field(default_factory=dict)
    sampling: Mapping[str, float] = field(default_factory=dict)
    load: LoadTime = "start"
    idle_unload_s: float | None = None
    base_url: str | None = None
    model: str | None = None
    api_key: Secret | None = None
    forward_fields: tuple[str, ...] = ()
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """A hard constraint: while `when` holds, a target must be in `allow_zone` (if given) and meet `require`."""

    id: str
    when: Condition
    allow_zone: frozenset[str] | None = None
    require: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Abstain:
    """Scores in [start, stop) are too close to call: `target` answers."""

    start: float
    stop: float
    target: str


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a rule changes in the request: instructions before the client's, and sampling; `max_tokens` only caps."""

    system_prefix: str | None = field(default=None, repr=False)
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """How a conversation stays where it is; `keys` are headers and `prefix`, `ttl_s` how long one is remembered."""

    mode: SessionMode
    keys: tuple[str, ...]
    ttl_s: float
    max_switch_spend_pct: float | None = None


@dataclass(frozen=True, slots=True)
class CacheTerms:
    """A rule's answers may be given again for `ttl_s`; `scope` says to whom, beside the caller itself."""

    ttl_s: float
    scope: CacheScope = "key"


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Where answers are kept: in this process, in at most `max_bytes`, or in the Redis that `redis` is the address of.

    Those of `/v1/responses` are kept for `responses_s` seconds, None not at all.
    """

    max_bytes: int = 64 << 20
    redis: Secret | None = None
    responses_s: float | None = 3600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One `select` rule. `target` is fixed, or drawn from `split`, or the score chooses: below `threshold` `low`, else `high`.

    `adapter` is the LoRA adapter that `target` answers under. `is_locked` says that threshold and `abstain` come from
    the lock beside the policy file.
    """

    id: str
    when: Condition
    target: str | None = None
    threshold: float | None = None
    low: str | None = None
    high: str | None = None
    adapter: str | None = None
    abstain: Abstain | None = None
    is_locked: bool = False
    split: tuple[tuple[str, float], ...] = ()
    overrides: Overrides | None = None
    cache: CacheTerms | None = None


@dataclass(frozen=True, slots=True)
class Spill:
    """While a request would wait longer than `queue_ms` for `source`, and longer than `to` takes to begin, `to` answers."""

    source: str
    to: str
    queue_ms: float


class Likelihood(Protocol):
    """How probable it is that the small model's answer is good enough, given the prompt and its own confidence."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    def probability(
        self, prompt: str, score: float, first: float, whole: float | None = None, tokens: int = 0
    ) -> float:
        """From prompt and score, and mean log-probabilities of the answer's first tokens and of all `tokens` of it."""


@dataclass(frozen=True, slots=True)
class Line:
    """An answer is good enough from a probability of `at_least` on; `is_locked` says that the lock says so."""

    likelihood: Likelihood
    at_least: float
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Verify:
    """In the uncertain band `target` starts, and an answer it is not confident of moves to `escalate_to`.

    `floor` is the lowest mean log-probability that is good enough; None leaves that to `line`. `band` is the range
    [start, stop) of the score, None the abstain band of the rule, or without one whatever `target` answers.
    """

    target: str
    escalate_to: str
    floor: float | None
    hold_tokens: int = 24
    max_added_ms: float = 2000.0
    band: tuple[float, float] | None = None
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class Shadow:
    """A `sample` (0..1) of answered requests is answered once more, for at most `max_usd_per_day`, and compared.

    The second answer is that of the first of `targets` that did not give the client's.
    `judge` is the model that compares, `embedder` the one whose vectors are compared. With `keeps_prompts` a label holds
    the user's words.
    """

    targets: tuple[str, ...]
    sample: float
    max_usd_per_day: float
    compare: Comparison = "exact"
    judge: str | None = None
    embedder: str | None = None
    keeps_prompts: bool = False
    keep_days: int = 90


@dataclass(frozen=True, slots=True)
class Policy:
    """Where to start (`select`, first match wins), what relieves a busy target, whose answers are checked, what to try next."""

    name: str
    select: tuple[Rule, ...]
    on_failure: tuple[str, ...] = ()
    spill: Spill | None = None
    verify: Verify | None = None
    session: Session | None = None
    shadow: Shadow | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """Named prompts that conditions compare with, by the vectors of the local embedding model `model`."""

    model: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A test that lives beside the rules; `expect` holds target, rule, zone, reason or error where the author cares.

    `policy` is what the client asks for (a policy, a model or an alias). `prompt_tokens` None is estimated.
    `caller` holds the tags of the caller's key, `at` is in Unix seconds.
    """

    prompt: str
    headers: Mapping[str, str]
    policy: str | None
    down: frozenset[str]
    expect: Mapping[str, str]
    line: int
    needs: frozenset[str] = frozenset()
    prompt_tokens: int | None = None
    side_call: str | None = None
    queue_ms: Mapping[str, float] = field(default_factory=dict)
    caller: frozenset[str] = frozenset()
    turns: int | None = None
    modality: frozenset[str] = frozenset()
    at: float | None = None
    budget_used_pct: float | None = None
    past: str | None = None
    similar_to: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Bounds of the HTTP edge and where it listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    max_body_bytes: int = 4 * 1024 * 1024
    max_header_bytes: int = 32 * 1024
    max_inflight: int = 512
    drain_s: float = 20.0
    keepalive_s: float = 10.0
    open_after_s: float = 30.0
    cors_origins: tuple[str, ...] = ()
    strict_fields: bool = False
    keys: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where the ledger's records are kept, None the file in the state folder, and for how long, None for ever."""

    url: Secret | None = None
    keep_days: int | None = None


IN_FILE = LedgerSettings()


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many servers share the limits, and the Redis they do it in; without one each enforces its share of them."""

    count: int = 1
    redis: Secret | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything of one `shunt.yaml`. `tiers` ascends in capability; `aliases` maps a name or a `prefix*`.

    `origin` says in words where it comes from when `path` is None. `memory_budget_bytes` bounds what the local models
    may take together; None is no bound. `artifact` is the classifier's folder, None the one that ships;
    `usual_scores` is the histogram of the scores that the default policy was calibrated on, empty without a lock.
    `warnings` are sentences, each with its line, on what is allowed and seldom meant.
    """

    path: Path | None
    models: Mapping[str, ModelConfig]
    tiers: tuple[str, ...]
    policies: Mapping[str, Policy]
    default_policy: str
    guards: tuple[Guard, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, Examples] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    tests: tuple[PolicyTest, ...] = ()
    server: ServerConfig = ServerConfig()
    ledger: LedgerSettings = IN_FILE
    cache: CacheSettings = CacheSettings()
    replicas: Replicas = Replicas()
    capture: CaptureSettings | None = None
    state_dir: Path = Path()
    cache_dir: Path = Path()
    memory_budget_bytes: int | None = None
    artifact: Path | None = None
    usual_scores: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    origin: str = "the built-in default (`shunt init` writes it to shunt.yaml)"
