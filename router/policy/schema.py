"""The policy file's border: what may be written, as Pydantic models. JSON Schema and error messages come from here."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Task: TypeAlias = Literal[
    "sentiment", "extraction", "classification", "translation", "summarization", "generation",
    "question_answering", "code", "mathematics", "reasoning", "chat",
]  # fmt: skip
SideCall: TypeAlias = Literal["title", "tags", "follow_ups"]
Ability: TypeAlias = Literal["chat", "json", "tools", "vision", "audio", "embeddings"]
Requirement: TypeAlias = Literal["context", "tools", "modality", "json"]
ErrorCode: TypeAlias = Literal["guard_refused", "context_length_exceeded", "no_target_available", "invalid_value"]

Id: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Askable: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")
]
AliasName: TypeAlias = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}\*?)$")]
HeaderName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Dollars: TypeAlias = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
UnitInterval: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
FromEnvironment: TypeAlias = Annotated[str, Field(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _spelled(value: object) -> object:
    return {"always": True} if value == "always" else value


Words: TypeAlias = Annotated[
    list[str],
    Field(min_length=1),
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


class Strict(BaseModel):
    """Nothing is coerced and nothing unknown is let through."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)


class ScoreRange(Strict):
    """A half-open range of the score: `gte` <= score < `lt`."""

    gte: UnitInterval | None = None
    """Lowest score that is in the range."""
    lt: UnitInterval | None = None
    """First score above the range."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if (self.gte or 0.0) >= (1.1 if self.lt is None else self.lt):
            raise ValueError("no score lies in this range")
        return self


class ConditionTable(Strict):
    """A condition. Several keys in one mapping must all hold."""

    always: Literal[True] | None = None
    """Holds for every request; `when: always` is the short form."""
    header: Annotated[dict[HeaderName, Words] | None, Field(min_length=1)] = None
    """A request header (any case) has exactly this value, or one of these. Several headers must all match."""
    task: Annotated[list[Task] | None, Field(min_length=1)] = None
    """The classifier's label for what the user asks is one of these."""
    score: ScoreRange | None = None
    """The classifier's score lies in a range; higher means that the large model is needed more."""
    side_call: Annotated[list[SideCall] | None, Field(min_length=1)] = None
    """The request is a hidden call of a chat interface: a title, tags, follow-up questions."""
    any_: Annotated[list["When"] | None, Field(min_length=1, alias="any")] = None
    """At least one of these conditions holds."""
    all_: Annotated[list["When"] | None, Field(min_length=1, alias="all")] = None
    """Each of these conditions holds."""
    not_: Annotated["When | None", Field(alias="not")] = None
    """This condition does not hold."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("an empty condition: write always, or leave the key out")
        return self


class _ShortForm:
    """Tells editors what `_spelled` accepts."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"const": "always"}, handler(schema)]}


When: TypeAlias = Annotated[ConditionTable, BeforeValidator(_spelled), _ShortForm()]
ConditionTable.model_rebuild()


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


class RuleEntry(Strict):
    """One way to choose a target: fixed (`target`), or by the score (`score`, `threshold`, `calibration`)."""

    id: Id
    """Name of the rule in headers, metrics and the ledger."""
    when: When | None = None
    """The requests that it is for; without it, all of them."""
    target: Id | None = None
    """The model that answers."""
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
    below: Annotated[float, Field(ge=-100, le=0, allow_inf_nan=False)]
    """A mean log-probability of the tokens below this is not good enough (0 is certain, -1 is quite unsure)."""
    hold_tokens: Annotated[int, Field(ge=1, le=256)] = 24
    """How many tokens are held back until it is known."""
    max: Literal[1] = 1
    """How often a request may move; more than once makes no sense with two models."""
    max_added_ms: Annotated[float, Field(gt=0, le=600_000, allow_inf_nan=False)] = 2000.0
    """How long the check may keep the client waiting."""
    band: ScoreRange | None = None
    """The scores that are uncertain; by default the rule's abstain band, without one whatever `target` answers."""


class PolicyEntry(Strict):
    """How a target is chosen, and what is tried when it is down or too busy."""

    select: Annotated[list[RuleEntry], Field(min_length=1)]
    """Rules in order: the first that matches chooses. The last one must match everything."""
    on_failure: list[Id] = Field(default=[])
    """Targets to try in this order when the chosen one is down or fails before its first byte."""
    spill: SpillEntry | None = None
    """Where requests go while a local model is too busy."""
    verify: VerifyEntry | None = None
    """Whose answers are checked, and who answers instead."""


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
    queue_ms: dict[Id, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default={})
    """How long a request would wait for these local models, in milliseconds; by default not at all."""
    expect: Expectation
    """What must come out."""


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
    strict_fields: bool = False
    """Refuse unknown request fields instead of dropping them by name."""
    keys: list[FromEnvironment] = Field(default=[])
    """Keys that clients must send, each `env:NAME`. Without any, only this machine may connect."""
