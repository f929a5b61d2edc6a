"""What may be written under `when:`, as Pydantic models."""

from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from router.condition import PiiKind, Scope
from router.policy.client import Client
from router.policy.clock import MINUTES, minutes_of
from router.policy.language import Language
from router.policy.matching import PatternError, pattern
from router.policy.schema_parts import AliasName, HeaderName, Id, SideCall, Strict, Task, UnitInterval, Words

Number: TypeAlias = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
ClockTime: TypeAlias = Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
State: TypeAlias = Literal["ready", "unloaded", "loading", "shut", "down", "missing"]
PatternText: TypeAlias = Annotated[str, Field(min_length=1, max_length=1000)]
Keyword: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]


def _spelled(value: object) -> object:
    return {"always": True} if value == "always" else value


def _searched(value: object) -> object:
    """A list, or one word alone, is looked for everywhere."""
    if isinstance(value, str):
        return {"any": [value]}
    return {"any": value} if isinstance(value, list) else value


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


class NumberRange(Strict):
    """Bounds of a number; those that are written must all hold."""

    gt: Number | None = None
    """More than this."""
    gte: Number | None = None
    """This or more."""
    lt: Number | None = None
    """Less than this."""
    lte: Number | None = None
    """This or less."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        low = max((bound for bound in (self.gt, self.gte) if bound is not None), default=None)
        high = min((bound for bound in (self.lt, self.lte) if bound is not None), default=None)
        if low is None and high is None:
            raise ValueError("a range without bounds: write gt, gte, lt or lte")
        if low is not None and high is not None:
            has_ends = self.gt != low and self.lt != high
            if low > high or (low == high and not has_ends):
                raise ValueError("no number lies in this range")
        return self


class PatternSearch(Strict):
    """Patterns and where to look for them."""

    any_: Annotated[list[PatternText], Field(min_length=1, max_length=100, alias="any")]
    """Patterns in RE2's syntax; one of them must match somewhere. `(?i)` at the start ignores case."""
    scope: Annotated[Scope, Field(alias="in")] = "all"
    """`last` (the newest user turn), `user` (every user turn), or `all` that would be sent."""

    @field_validator("any_")
    @classmethod
    def _are_patterns(cls, patterns: list[str]) -> list[str]:
        for written in patterns:
            try:
                pattern(written)
            except PatternError as error:
                raise ValueError(f"not a pattern of RE2: {error}") from None
        return patterns


class KeywordSearch(Strict):
    """Words and where to look for them."""

    any_: Annotated[list[Keyword], Field(min_length=1, max_length=1000, alias="any")]
    """Words or phrases; one of them must stand there as a whole, in whatever case."""
    scope: Annotated[Scope, Field(alias="in")] = "all"
    """`last` (the newest user turn), `user` (every user turn), or `all` that would be sent."""


class TimeWindow(Strict):
    """Hours of the day on some days of the week, in a time zone."""

    from_: Annotated[ClockTime, Field(alias="from")] = "00:00"
    """First minute of the window, `HH:MM`."""
    to: ClockTime = "24:00"
    """First minute after it; one that is earlier than `from` lies on the next day."""
    days: Annotated[list[Day], Field(min_length=1)] = Field(default=["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
    """Days on which the window begins."""
    tz: str
    """Name of the time zone, like Europe/Zurich."""

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        if minutes_of(self.from_) % MINUTES == minutes_of(self.to):
            raise ValueError("the window is empty: from and to are the same")
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("tz is not a time zone like Europe/Zurich or UTC") from None
        return self


class ConditionTable(Strict):
    """A condition. Several keys in one mapping must all hold."""

    always: Literal[True] | None = None
    """Holds for every request; `when: always` is the short form."""
    header: Annotated[dict[HeaderName, Words] | None, Field(min_length=1)] = None
    """A request header (any case) has exactly this value, or one of these. Several headers must all match."""
    caller: Annotated[list[Id] | None, Field(min_length=1)] = None
    """The caller's key carries one of these tags."""
    model: Annotated[list[AliasName] | None, Field(min_length=1)] = None
    """The client asked for one of these names; one that ends in * stands for every name with that beginning."""
    task: Annotated[list[Task] | None, Field(min_length=1)] = None
    """The classifier's label for what the user asks is one of these."""
    language: Annotated[list[Language] | None, Field(min_length=1)] = None
    """The newest user turn is written in one of these languages; `unknown` when it is too short to tell."""
    score: ScoreRange | None = None
    """The classifier's score lies in a range; higher means that the large model is needed more."""
    confidence: ScoreRange | None = None
    """How sure the classifier is of its task label lies in a range from 0 to 1."""
    prompt_tokens: NumberRange | None = None
    """The length of the whole prompt, an upper estimate in tokens, lies in a range."""
    turns: NumberRange | None = None
    """The number of user turns lies in a range."""
    has_tools: bool | None = None
    """Whether the request brings tools."""
    wants_json: bool | None = None
    """Whether the request asks for JSON."""
    modality: Annotated[list[Literal["image", "audio", "file"]] | None, Field(min_length=1)] = None
    """The request carries, or asks for, one of these."""
    side_call: Annotated[list[SideCall] | None, Field(min_length=1)] = None
    """The request is a hidden call of a chat interface: a title, tags, follow-up questions."""
    client: Annotated[list[Client] | None, Field(min_length=1)] = None
    """The program that sent the request, by its headers, is one of these."""
    keyword: Annotated[KeywordSearch | None, BeforeValidator(_searched)] = None
    """One of these words or phrases stands in the text as a whole, in whatever case."""
    regex: Annotated[PatternSearch | None, BeforeValidator(_searched)] = None
    """One of these patterns (RE2's syntax) matches somewhere in the text."""
    pii: Annotated[list[PiiKind] | None, Field(min_length=1)] = None
    """Personal data of one of these kinds stands somewhere in what would be sent."""
    time: TimeWindow | None = None
    """The request comes within these hours."""
    budget_used_pct: NumberRange | None = None
    """How much of the caller's budget is used, in percent, lies in a range. Without a budget it never holds."""
    queue_ms: Annotated[dict[Id, NumberRange] | None, Field(min_length=1)] = None
    """The wait for a local model, estimated in milliseconds, lies in a range; by model."""
    health: Annotated[dict[Id, Annotated[list[State], Field(min_length=1)]] | None, Field(min_length=1)] = None
    """A model is in one of these states; by model."""
    similar_to: Annotated[dict[Id, ScoreRange] | None, Field(min_length=1)] = None
    """The newest user turn is like the named `examples`: the cosine with the nearest one lies in a range from 0 to 1."""
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
