"""What to do after a failure: ask the same target again, move on, or stop. Pure: no clock, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from router.config import ModelConfig
from router.errors import (
    ContextLengthExceeded,
    Overloaded,
    RouterError,
    StreamInterrupted,
    UpstreamError,
    UpstreamRefused,
    UpstreamRejected,
    UpstreamUnavailable,
)

BACKOFF_S = 0.25
MAX_BACKOFF_S = 2.0
MAX_RETRY_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the same target once more, after `least_s` and a random part of `spread_s`."""

    least_s: float
    spread_s: float


@dataclass(frozen=True, slots=True)
class MoveOn:
    """Take the target at `position` of those that are left."""

    position: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The error is the answer."""


Step: TypeAlias = Again | MoveOn | Stop


def next_step(error: RouterError, tries: int, here: ModelConfig, rest: Sequence[ModelConfig]) -> Step:
    """The step after `error` on the `tries`-th try of `here`, while nothing has reached the client.

    Only what may pass in a moment is asked again (a 5xx, a connection that broke): a timeout has already cost its
    wait, a 429 asks for fewer requests, a refused connection and a refused key will be refused again. What is wrong
    with the request itself is wrong everywhere, but a prompt that is too long may fit a larger window.
    """
    if may_pass_soon(error) and tries <= here.retries:
        return Again(error.retry_after_s or 0.0, min(BACKOFF_S * 2.0 ** (tries - 1), MAX_BACKOFF_S))
    if isinstance(error, ContextLengthExceeded):
        larger = [at for at, target in enumerate(rest) if target.context > here.context]
        return MoveOn(larger[0]) if larger else Stop()
    return MoveOn(0) if rest and may_work_elsewhere(error) else Stop()


def may_pass_soon(error: RouterError) -> bool:
    """True for a failure that the same target may not repeat, unless it asks for a longer wait than a client's."""
    if isinstance(error, UpstreamRefused) or (error.retry_after_s or 0.0) > MAX_RETRY_AFTER_S:
        return False
    return isinstance(error, UpstreamUnavailable | StreamInterrupted)


def may_work_elsewhere(error: RouterError) -> bool:
    """True for a failure that is the target's, not the request's."""
    if isinstance(error, UpstreamRejected):
        return False
    return isinstance(error, UpstreamError | Overloaded | StreamInterrupted)
