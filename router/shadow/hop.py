"""One request in the shadow: sent to one model, timed, and recorded in the ledger whatever becomes of it."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from router.chat import ChatRequest, Chunk, Usage
from router.config import Config
from router.dispatch.fleet import Fleet
from router.dispatch.merge import Merged
from router.errors import RouterError, StreamInterrupted, UpstreamTimeout
from router.ledger.ledger import Ledger
from router.ledger.prices import Prices
from router.ledger.record import SHADOW, Outcome, UsageRecord
from router.limits.quotas import Quotas
from router.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Means:
    """What it takes to ask a model and to write down what that cost: one configuration's. `artifact` is the classifier's."""

    config: Config
    fleet: Fleet
    prices: Prices
    ledger: Ledger
    metrics: Metrics
    quotas: Quotas
    artifact: str


@dataclass(slots=True)
class Hop:
    """`why` is `shadow` or `judge`; `prompt_tokens` an estimate, for an answer that is broken off; `of` the client's record."""

    target: str
    request: ChatRequest
    why: str
    prompt_tokens: int
    of: UsageRecord
    answer: Merged = field(default_factory=Merged)
    cost_usd: float | None = None
    _pieces: int = 0

    def worst_usd(self, means: Means) -> float | None:
        """What it can cost at most, None where nobody knows the price."""
        return means.prices.cost(self.target, Usage(self.prompt_tokens, self.request.max_tokens or 0))

    async def ask(self, means: Means) -> Merged:
        """The answer, once.

        Raises:
            RouterError: the model failed.
        """
        at, started = time.time(), time.perf_counter()
        outcome: Outcome = "interrupted"
        status = StreamInterrupted.status
        try:
            await self._listen(means)
            outcome, status = "ok", 200
        except RouterError as error:
            outcome, status = "error", error.status
            raise
        finally:
            record = self._record(means, at, time.perf_counter() - started, outcome)
            means.ledger.record(replace(record, status=status))
            means.metrics.aside.paid(record)
        return self.answer

    async def _listen(self, means: Means) -> None:
        backend = means.fleet.backends[self.target]
        try:
            async with asyncio.timeout(backend.config.clocks.total_s), aclosing(backend.stream(self.request)) as events:
                async for event in events:
                    self._pieces += isinstance(event, Chunk)
                    self.answer.add(event)
        except TimeoutError as error:
            raise UpstreamTimeout(f"The target `{self.target}` did not answer in time.") from error

    def _record(self, means: Means, at: float, latency_s: float, outcome: Outcome) -> UsageRecord:
        told = self.answer.usage or self.request.bill.usage
        usage = told or (Usage(self.prompt_tokens, self._pieces) if self._pieces else Usage(0, 0))
        self.cost_usd = means.prices.cost(self.target, usage)
        return UsageRecord(
            request_id=self.of.request_id,
            at=at,
            route=SHADOW,
            policy=self.of.policy,
            rule=self.of.rule,
            reason=self.why,
            target=self.target,
            model=means.config.models[self.target].model or self.target,
            score=self.of.score,
            task=self.of.task,
            stream=False,
            outcome=outcome,
            status=200,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            usage_estimated=told is None,
            cost_usd=self.cost_usd,
            # Nobody would have asked the large model for it: all of it is spent and nothing saved.
            baseline=None,
            baseline_usd=0.0,
            latency_s=latency_s,
            ttft_s=None,
            attempts=(f"{self.target}:{outcome}",),
        )
