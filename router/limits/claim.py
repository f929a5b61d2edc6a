"""What one replica says to the others through a Redis, and what it is answered: values only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import msgspec

Obstacle: TypeAlias = Literal["granted", "place", "bucket", "account"]


class BucketTake(msgspec.Struct, frozen=True, array_like=True):
    """So much of a bucket by name, with its rate and what it holds at most."""

    name: str
    per_minute: float
    most: float
    amount: float


class Claim(msgspec.Struct, frozen=True):
    """What one request takes until it is over. `bounds` are what accounts may come to; `held` is money, as text."""

    id: str
    places: list[tuple[str, int]] = []
    buckets: list[BucketTake] = []
    bounds: list[tuple[str, str]] = []
    accounts: list[str] = []
    held: str = "0"
    force: bool = False

    def again(self) -> "Claim":
        """The claim of a request that was let in already: it takes its place and money, whatever there is."""
        return msgspec.structs.replace(self, buckets=[], bounds=[], force=True)


class Spending(msgspec.Struct, frozen=True, array_like=True):
    """What an account has spent by this process, and before it as its ledger says (None: not known yet), as text."""

    name: str
    carried: str | None
    own: str
    ends_at: float


class Call(msgspec.Struct, frozen=True):
    """One call, done whole or not at all."""

    by: str
    ledger: str
    lease_ms: int
    release: Sequence[str] = ()
    spent: Sequence[Spending] = ()
    adjust: Sequence[BucketTake] = ()
    renew: Sequence[str] = ()
    claims: Sequence[Claim] = ()


class Granted(NamedTuple):
    """The answer to a claim: what stands against it, its place in the claim (from 0), and how long to wait."""

    obstacle: Obstacle
    place: int
    wait_s: float


class Sum(NamedTuple):
    """An account over all replicas, and what of the held is this process's."""

    spent: int
    held: int
    own_held: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call. `unknown` are claims to renew that are not known there."""

    granted: tuple[Granted, ...] = ()
    unknown: tuple[str, ...] = ()
    accounts: dict[str, Sum] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)
