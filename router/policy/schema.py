"""The policy file's border: what may be written, as Pydantic models. JSON Schema and error messages come from here."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from router.config import CacheScope, Comparison, SessionMode
from router.policy.clock import moment
from router.policy.schema_conditions import ScoreRange, When
from router.policy.schema_parts import (
    Ability,
    Dollars,
    ErrorCode,
    FromEnvironment,
    HeaderName,
    Id,
    Names,
    Period,
    Requirement,
    SideCall,
    Strict,
    UnitInterval,
)

Weight: TypeAlias = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
SessionKey: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
DEFAULT_KEYS = ("x-session-id", "x-conversation-id", "x-claude-code-session-id", "x-litellm-session-id", "prefix")


class GuardEntry(Strict):
    """A hard constraint on targets, checked for the first choice and for every fallback."""

    id: Id
    """Name of the guard in headers, errors and the ledger."""
    when: When
    """The requests that it binds."""
    allow_zone: Annotated[list[Id] | None, Field(min_length=1)] = None
    """Only targets in these zones may answer."""
    require: Annotated[list[Requirement] | None, Field(min_length=1)] = None
    """What a target must be able to do, as far as the request needs it."""
    on_empty: Literal["reject"] = "reject"
    """When no target is left the request is refused; there is no other choice."""


class ObjectiveEntry(Strict):
    """What a calibration has to hold: exactly one of these."""

    max_large_pct: Annotated[float | None, Field(ge=0, le=100, allow_inf_nan=False)] = None
    """At most this share of prompts, in percent, goes to `above`."""
    min_quality: UnitInterval | None = None
    """At least this share of what `above` alone would score is kept."""
    max_usd_per_1k: Dollars | None = None
    """A thousand prompts cost at most this many US dollars."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("name one objective: max_large_pct, min_quality or max_usd_per_1k")
        return self


class AbstainEntry(Strict):
    """What happens to scores that are too close to the threshold."""

    band: Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)]
    """How close: half the band's width, in calibrated probability."""
    target: Id
    """The model that answers them."""


class OverrideEntry(Strict):
    """What a rule changes in the requests that it sends on."""

    system_prefix: Annotated[str | None, Field(min_length=1, max_length=20_000)] = None
    """Instructions that stand before the client's own."""
    temperature: Annotated[float | None, Field(ge=0, le=2, allow_inf_nan=False)] = None
    """In place of the client's."""
    max_tokens: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    """The longest answer; a client may ask for less, not for more."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    """In place of the client's."""


class CacheEntry(Strict):
    """Lets the answer to a request be given again to the same request, where it would be the same."""

    ttl: Period
    """How long an answer may be given again: a number with s, m, h or d."""
    scope: CacheScope = "key"
    """Who shares answers: `key`, each key by itself; `tag`, keys with the same tags; `global`, everybody."""


class RuleEntry(Strict):
    """One way to choose a target: fixed (`target`), drawn (`split`), or by the score (`score`, `threshold`, `calibration`)."""

    id: Id
    """Name of the rule in headers, metrics and the ledger."""
    when: When | None = None
    """The requests that it is for; without it, all of them."""
    target: Id | None = None
    """The model that answers."""
    split: Annotated[dict[Id, Weight] | None, Field(min_length=2, max_length=16)] = None
    """Targets with their weights; a conversation stays with the one that it drew."""
    overrides: OverrideEntry | None = None
    """What the rule changes in the request."""
    cache: CacheEntry | None = None
    """Give its answers again to the same requests."""
    adapter: Id | None = None
    """The adapter of `target` that it answers under."""
    score: Literal["complexity"] | None = None
    """Let the classifier's score choose between two targets."""
    threshold: UnitInterval | None = None
    """The first score that goes to the upper target; with `calibration`, only while there is no lock."""
    calibration: Literal["auto"] | None = None
    """Take threshold and abstain band from the lock that `shunt calibrate` writes beside this file."""
    objective: ObjectiveEntry | None = None
    """What the calibration has to hold."""
    abstain: AbstainEntry | None = None
    """A band around the threshold that another target answers."""
    below: Id | None = None
    """The target for scores under the threshold; by default the lowest tier."""
    above: Id | None = None
    """The target from the threshold up; by default the highest tier."""


class WaitAbove(Strict):
    """A wait in milliseconds."""

    gt: Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]
    """The longest wait that is still put up with."""


class SpillCondition(Strict):
    """When a target is too busy."""

    queue_ms: WaitAbove
    """How long a request that came now would wait for its turn, as the engine estimates."""


class SpillEntry(Strict):
    """Relieves a busy local model, as long as the other one is expected to begin sooner."""

    from_: Annotated[Id, Field(alias="from")]
    """The local model that may be too busy."""
    to: Id
    """The model that answers instead."""
    when: SpillCondition
    """What counts as too busy."""


class VerifyEntry(Strict):
    """Lets a local model begin, and moves what it is not confident of to another model before the client sees any of it."""

    target: Id
    """The local model whose answers are checked."""
    escalate_to: Id
    """The model that answers instead."""
    signal: Literal["confidence"] = "confidence"
    """What is checked: the local model's own confidence in its tokens."""
    below: Annotated[float | None, Field(ge=-100, le=0, allow_inf_nan=False)] = None
    """A mean log-probability of the tokens below this is not good enough (0 is certain, -1 is quite unsure)."""
    calibration: Literal["auto"] | None = None
    """Take the line from the lock that `shunt calibrate --second-stage` writes; `below` then holds while there is none."""
    objective: ObjectiveEntry | None = None
    """What the calibration has to hold."""
    hold_tokens: Annotated[int, Field(ge=1, le=256)] = 24
    """How many tokens are held back until it is known."""
    max: Literal[1] = 1
    """How often a request may move; more than once makes no sense with two models."""
    max_added_ms: Annotated[float, Field(gt=0, le=600_000, allow_inf_nan=False)] = 2000.0
    """How long the check may keep the client waiting."""
    band: ScoreRange | None = None
    """The scores that are uncertain; by default the rule's abstain band, without one whatever `target` answers."""


class SessionEntry(Strict):
    """How the turns of one conversation stay together."""

    mode: SessionMode
    """`rise_only`: up a tier and never down. `pin`: with the first turn's target. `free`: as the rules say."""
    key: Annotated[list[SessionKey], Field(min_length=1)] = Field(default=list(DEFAULT_KEYS))
    """What tells conversations apart: the first that a request has; `prefix` is a hash of its beginning."""
    ttl: Period = "30m"
    """How long a silent conversation is remembered: a number with s, m, h or d."""
    max_switch_spend_pct: Annotated[float | None, Field(ge=0, le=10_000, allow_inf_nan=False)] = None
    """In `free`, what a move down may cost more than staying where the prompt is cached, in percent of its price there."""


class ShadowEntry(Strict):
    """Sends a sample of answered requests to another model as well, and keeps how the two answers compare."""

    target: Names
    """The model that answers once more, when the client has its answer; of several the first that has not answered yet."""
    sample: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    """The part of answered requests that is sampled."""
    max_usd_per_day: Dollars
    """What this may cost in a day of UTC, the judge included; 0 is enough where all of it is local."""
    compare: Comparison = "exact"
    """`exact`: the same text, JSON or tool calls. `similarity`: of the embeddings. `judge`: a model scores both."""
    judge: Id | None = None
    """The model that scores the two answers, without being told whose they are."""
    embedder: Id | None = None
    """The local embedding model; by default the only one there is."""
    keep: Literal["labels", "prompts"] = "labels"
    """What is stored: scores alone, or what the user said as well."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """For how many days."""


class PolicyEntry(Strict):
    """How a target is chosen, and what is tried when it is down or too busy."""

    select: Annotated[list[RuleEntry], Field(min_length=1)]
    """Rules in order: the first that matches chooses. The last one must match everything."""
    on_failure: list[Id] = Field(default=[])
    """Targets to try in this order when the chosen one is down or fails before its first byte."""
    session: SessionEntry | None = None
    """How the turns of one conversation stay together; without it each turn is decided by itself."""
    spill: SpillEntry | None = None
    """Where requests go while a local model is too busy."""
    verify: VerifyEntry | None = None
    """Whose answers are checked, and who answers instead."""
    shadow: ShadowEntry | None = None
    """What is answered once more, to learn from."""


class Expectation(Strict):
    """What a test expects; what is not written is not checked."""

    target: Id | None = None
    """The model that is tried first."""
    rule: Id | None = None
    """The rule that chose."""
    zone: Id | None = None
    """The zone of every target in the plan."""
    reason: str | None = None
    """The reason that the answer's header gives."""
    error: ErrorCode | None = None
    """The request is refused, with this code."""


class TestEntry(Strict):
    """A test that lives beside the rules; `shunt policy test` runs it with every model ready."""

    prompt: Annotated[str, Field(max_length=100_000)]
    """What the user says."""
    headers: dict[HeaderName, str] = Field(default={})
    """Request headers."""
    model: str | None = None
    """The model asked for: a policy, a model or an alias; by default the default policy."""
    needs: list[Ability] = Field(default=[])
    """What the request needs a target to be able to do, beside chat."""
    prompt_tokens: Annotated[int | None, Field(ge=0)] = None
    """Length of the whole prompt; by default estimated from `prompt`."""
    side_call: SideCall | None = None
    """The hidden call that the request is."""
    down: list[Id] = Field(default=[])
    """Models that are down."""
    caller: list[Id] = Field(default=[])
    """Tags of the caller's key."""
    turns: Annotated[int | None, Field(ge=1)] = None
    """Number of user turns; by default one."""
    modality: list[Literal["image", "audio", "file"]] = Field(default=[])
    """What the request carries or asks for, beside text."""
    at: Annotated[str | None, Field(max_length=40)] = None
    """When the request comes, like 2026-03-02T10:00:00+01:00; by default nobody knows."""
    budget_used_pct: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    """How much of the caller's budget is used, in percent; by default there is no budget."""
    past: Id | None = None
    """The model that the conversation is at; by default it is a new one."""
    queue_ms: dict[Id, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default={})
    """How long a request would wait for these local models, in milliseconds; by default not at all."""
    similar_to: dict[Id, UnitInterval] = Field(default={})
    """How like these `examples` the prompt is; by default nobody knows, since a test asks no model."""
    expect: Expectation
    """What must come out."""

    @field_validator("at")
    @classmethod
    def _is_a_moment(cls, written: str | None) -> str | None:
        if written is not None and moment(written) is None:
            raise ValueError("at must be a moment with its offset, like 2026-03-02T10:00:00+01:00")
        return written


Origin: TypeAlias = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9.+-]*://[^/\s]+)$", max_length=253)]


class ServerEntry(Strict):
    """Where the router listens, and the bounds of its edge."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """Port to listen on; 0 lets the system choose."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 4 * 1024 * 1024
    """Largest request body; a larger one gets 413."""
    max_header_bytes: Annotated[int, Field(ge=1024, le=1 << 20)] = 32 * 1024
    """Largest sum of request headers; more gets 431."""
    max_inflight: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Requests at one time; more get 429."""
    drain_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 20.0
    """How long running answers may take to end after a stop signal."""
    keepalive_s: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = 10.0
    """A stream that is silent for this long gets a comment; one that has not begun is opened for it when no other target is left."""
    open_after_s: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = 30.0
    """A stream that has not begun is opened after this long, though another target could still answer."""
    cors_origins: list[Origin] = Field(default=[], max_length=64)
    """Origins of web pages that may call from a browser, like `https://app.example`, or `*`; without any no page may."""
    strict_fields: bool = False
    """Refuse unknown request fields instead of dropping them by name."""
    keys: list[FromEnvironment] = Field(default=[])
    """Keys that clients must send, each `env:NAME`. Without any, only this machine may connect."""
