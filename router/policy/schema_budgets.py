"""The `budgets`, `replicas`, `ledger` and `capture` sections of the policy file: what callers may use together, and where it is written down."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from router.limit import OnExceed
from router.policy.schema_parts import Dollars, FromEnvironment, Id, Names, Strict, UnitInterval

BOUNDS = frozenset(
    {"requests_per_minute", "tokens_per_minute", "concurrent", "max_tokens", "usd_per_day", "usd_per_month"}
)
PerMinute = Annotated[float, Field(gt=0, le=1_000_000_000, allow_inf_nan=False)]


class LedgerEntry(Strict):
    """Where the ledger's records are kept, and for how long."""

    url: FromEnvironment | None = None
    """`env:NAME` of a PostgreSQL address, postgresql://user@host/database; by default a file in the state folder."""
    keep_days: Annotated[int | None, Field(ge=1, le=36_500)] = None
    """Days after which a record is deleted; by default never."""


class CaptureEntry(Strict):
    """Keeps what was said in a sample of answered requests, without personal data; by default nothing is kept."""

    sample: UnitInterval
    """The part of answered requests whose words are kept; at 0 no more are added."""
    policies: Names | None = None
    """The policies whose requests are meant; by default all."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days after which they are deleted."""
    max_mib: Annotated[int, Field(ge=1, le=1_048_576)] = 256
    """How much may be kept in all, in MiB; the oldest go first."""


class ReplicasEntry(Strict):
    """Several servers that enforce the same limits together."""

    count: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many there are; while they cannot be counted together each one enforces this part of every limit."""
    redis: FromEnvironment | None = None
    """`env:NAME` of a Redis or Valkey address, redis://host:6379/0, in which they count together."""


class BudgetMatch(Strict):
    """Whose requests count: those of one key, or those of every key with a tag."""

    key: Id | None = None
    """Name of the key."""
    key_tag: Id | None = None
    """A tag of the key."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("name one of key and key_tag")
        return self


class BudgetEntry(Strict):
    """Bounds for a group of callers. The worst case is reserved before a request is sent on, and settled after it."""

    id: Id
    """Name of the budget in errors, headers and metrics."""
    match: BudgetMatch | None = None
    """Whose requests count; without it, everybody's."""
    requests_per_minute: PerMinute | None = None
    """Requests in a minute; a minute's worth may come at once."""
    tokens_per_minute: PerMinute | None = None
    """Tokens in a minute, of prompts and answers."""
    concurrent: Annotated[int | None, Field(ge=1, le=100_000)] = None
    """Requests at one time."""
    max_tokens: Annotated[int | None, Field(ge=1, le=4_194_304)] = None
    """Tokens of one answer; a longer one is cut there."""
    usd_per_day: Dollars | None = None
    """US dollars in a day of UTC."""
    usd_per_month: Dollars | None = None
    """US dollars in a calendar month of UTC."""
    on_exceed: OnExceed = "reject"
    """What becomes of a request that the money does not reach for: refused, sent where it does reach, or kept on this machine."""

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if not self.model_fields_set & BOUNDS:
            raise ValueError("the budget bounds nothing: give it usd_per_day, requests_per_minute or another bound")
        return self
