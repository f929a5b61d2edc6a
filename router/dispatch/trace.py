"""What happened to one request on its way: the ledger and the metrics read it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from router.chat import Usage
from router.dispatch.doubt import Signal
from router.errors import (
    BadRequest,
    Overloaded,
    RouterError,
    StreamEnd,
    StreamInterrupted,
    UpstreamAuth,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamRejected,
    UpstreamTimeout,
)

AttemptOutcome: TypeAlias = Literal[
    "ok", "refused", "unavailable", "timeout", "rate_limited", "auth", "rejected", "invalid", "queue_full",
    "interrupted", "escalated", "cancelled", "defect",
]  # fmt: skip
End: TypeAlias = Literal["done", "client_gone"] | StreamEnd

_OUTCOMES: tuple[tuple[type[RouterError], AttemptOutcome], ...] = (
    (UpstreamRefused, "refused"),
    (UpstreamTimeout, "timeout"),
    (UpstreamRateLimited, "rate_limited"),
    (UpstreamAuth, "auth"),
    (UpstreamRejected, "rejected"),
    (BadRequest, "rejected"),
    (UpstreamInvalid, "invalid"),
    (Overloaded, "queue_full"),
    (StreamInterrupted, "interrupted"),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request sent to one target. Durations in seconds; `ttft_s` is None when no token came."""

    target: str
    outcome: AttemptOutcome
    latency_s: float
    ttft_s: float | None


@dataclass(frozen=True, slots=True)
class Fallback:
    """One target took over from another.

    `reason` is the outcome that ended the first, or `not_ready` or `shut` when it was not even asked.
    """

    source: str
    to: str
    reason: str


@dataclass(frozen=True, slots=True)
class Escalation:
    """The answer of `source` was not good enough, and `to` took over before the client saw any of it.

    `usage` is what the given up answer cost, None where the target did not tell; `pieces` is what was read of it.
    """

    source: str
    to: str
    signal: Signal
    usage: Usage | None
    pieces: int


@dataclass(slots=True)
class OpenAttempt:
    """An attempt under way; `is_escalated` says that it is given up for a better one."""

    target: str
    started: float
    ttft_s: float | None = None
    is_escalated: bool = False

    @property
    def has_begun(self) -> bool:
        """True once the first piece of the answer is there."""
        return self.ttft_s is not None


@dataclass(slots=True)
class Trace:
    """The mutable story of one request.

    `served_by` is the target whose answer began, `end` how its stream ended, `left` how many targets may still take over.
    """

    attempts: list[Attempt] = field(default_factory=list)
    fallbacks: list[Fallback] = field(default_factory=list)
    served_by: str | None = None
    end: End | None = None
    escalations: list[Escalation] = field(default_factory=list)
    left: int = 0

    def summary(self) -> tuple[str, ...]:
        """`target:outcome` of each attempt, in order."""
        return tuple(f"{attempt.target}:{attempt.outcome}" for attempt in self.attempts)

    def seconds_at(self, target: str) -> float:
        """How long the attempts at `target` have taken together."""
        return sum(attempt.latency_s for attempt in self.attempts if attempt.target == target)

    @contextmanager
    def attempt(self, target: str, clock: Callable[[], float]) -> Iterator[OpenAttempt]:
        """Record what becomes of the block as one attempt at `target`."""
        attempt = OpenAttempt(target, clock())
        outcome: AttemptOutcome = "defect"
        try:
            yield attempt
            outcome, self.end = "ok", "done"
        except RouterError as error:
            outcome = outcome_of(error)
            self.end = error.end if isinstance(error, StreamInterrupted) else None
            raise
        except (asyncio.CancelledError, GeneratorExit):
            outcome, self.end = ("escalated", None) if attempt.is_escalated else ("cancelled", "client_gone")
            raise
        finally:
            self.attempts.append(Attempt(target, outcome, clock() - attempt.started, attempt.ttft_s))


def outcome_of(error: RouterError) -> AttemptOutcome:
    """The word for `error` in metrics and in the ledger."""
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), "unavailable")
