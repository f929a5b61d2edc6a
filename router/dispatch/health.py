"""How each target has been doing lately: its breaker, its retry budget, how long it takes to begin."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from router.config import ModelConfig
from router.dispatch.breaker import Breaker, Pass
from router.dispatch.retry_budget import RetryBudget
from router.errors import (
    BadRequest,
    RouterError,
    StreamInterrupted,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)

WEIGHT = 0.2  # of the newest answer in the average: about the last ten count


@dataclass(slots=True)
class TargetHealth:
    """What is remembered of one target. `first_s` is the average time to a stream's first token, None before any."""

    config: ModelConfig
    breaker: Breaker = field(init=False)
    budget: RetryBudget = field(init=False)
    first_s: float | None = None

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.config.breaker)
        self.budget = RetryBudget(self.config.retry_budget)


class Health:
    """The memory of all targets. `clock` tells seconds and never goes back."""

    def __init__(self, models: Iterable[ModelConfig], clock: Callable[[], float] = time.perf_counter) -> None:
        self._targets = {model.name: TargetHealth(model) for model in models}
        self.clock = clock

    def renewed(self, models: Iterable[ModelConfig], kept: Collection[str]) -> "Health":
        """The memory for other targets; of those that are `kept` nothing is forgotten, and both go on learning."""
        health = Health(models, self.clock)
        health._targets |= {name: self._targets[name] for name in kept}
        return health

    def admits(self, target: str) -> bool:
        """True when `target` should be asked even though others could be."""
        return self._targets[target].breaker.admits(self.clock())

    def is_open(self, target: str) -> bool:
        """True while the breaker of `target` is not closed."""
        return self._targets[target].breaker.state(self.clock()) != "closed"

    def wait_s(self, target: str) -> float:
        """How long `target` is to be left alone, in seconds."""
        return self._targets[target].breaker.wait_s(self.clock())

    def may_retry(self, target: str) -> bool:
        """Take one retry of `target` out of its budget; False when that is used up."""
        return self._targets[target].budget.spend(self.clock())

    def open_breakers(self) -> dict[str, bool]:
        """For each target whether its breaker is not closed."""
        return {name: self.is_open(name) for name in self._targets}

    def first_ms(self) -> dict[str, float]:
        """The average time to the first token of a stream in milliseconds, for the targets that have streamed."""
        return {name: known.first_s * 1000 for name, known in self._targets.items() if known.first_s is not None}

    def first_token(self, target: str, seconds: float) -> None:
        """A stream of `target` took `seconds` to begin."""
        known = self._targets[target]
        known.first_s = seconds if known.first_s is None else known.first_s + WEIGHT * (seconds - known.first_s)

    @contextmanager
    def attempt(self, target: str, *, is_first: bool = True) -> Iterator["Watch"]:
        """Learn from what becomes of the block, one attempt at `target`."""
        known, now = self._targets[target], self.clock()
        if is_first:
            known.budget.requested(now)
        watch = Watch(known.breaker, known.breaker.enter(now))
        try:
            yield watch
        except RouterError as error:
            self._learn(known, watch, error)
            raise
        else:
            known.breaker.succeeded(watch.given, self.clock())
        finally:
            # Only what has told nothing of the target, a client that left for one, still holds its probe here.
            known.breaker.abandoned(watch.given)

    def _learn(self, known: TargetHealth, watch: "Watch", error: RouterError) -> None:
        now = self.clock()
        if error.retry_after_s and isinstance(error, UpstreamRateLimited | UpstreamUnavailable):
            known.breaker.rest(error.retry_after_s, now)
        if is_blamed(error):
            known.breaker.failed(watch.given, now)
        elif isinstance(error, UpstreamRejected | BadRequest):
            known.breaker.succeeded(watch.given, now)


@dataclass(slots=True)
class Watch:
    """One attempt under way."""

    breaker: Breaker
    given: Pass

    def begun(self) -> None:
        """The answer has begun."""
        self.given = self.breaker.revived(self.given)


def is_blamed(error: RouterError) -> bool:
    """True for a failure that says the target is ill: not for one that limits its rate or refuses the request."""
    if isinstance(error, UpstreamRateLimited | UpstreamRejected):
        return False
    return isinstance(error, UpstreamError | StreamInterrupted)
