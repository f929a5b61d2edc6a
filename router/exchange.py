"""One accepted request: decided once, carried out once, recorded exactly once."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, MutableMapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from typing import ClassVar

from router.chat import ChatRequest, Chunk, EmbeddingRequest, Event, Usage
from router.dispatch.carry import carry_out
from router.dispatch.trace import Trace
from router.errors import ClientGone, InternalError, RouterError, StreamInterrupted
from router.ledger.record import Outcome, UsageRecord
from router.runtime import Runtime, Verdict
from router.telemetry import log

MAX_DECISION_BYTES = 4096
OUTCOMES: Mapping[type[RouterError], Outcome] = {ClientGone: "client_gone", StreamInterrupted: "interrupted"}


class Accounted:
    """What every exchange has, whatever is asked for: its headers, its trace and its one record."""

    route: ClassVar[str]

    def __init__(
        self,
        runtime: Runtime,
        asked: ChatRequest | EmbeddingRequest,
        verdict: Verdict,
        answer_headers: MutableMapping[str, str],
    ) -> None:
        self._asked = asked
        self.verdict = verdict
        self.trace = Trace()
        self.record: UsageRecord | None = None
        self._runtime = runtime
        self._headers = answer_headers
        self._at = time.time()
        self._started = time.perf_counter()
        self._ttft_s: float | None = None
        self._usage: Usage | None = None
        self._pieces = 0
        self._write_headers()

    @property
    def baseline(self) -> str:
        """The target whose price the answer is compared with: the largest one."""
        return self._runtime.config.tiers[-1]

    @property
    def target(self) -> str:
        """The target that answers: the plan's first until another one has taken over."""
        return self.trace.served_by or self.verdict.decision.target

    @property
    def answering(self) -> str:
        """The name that answers, as a client can ask for it again: the target, under its adapter if it has one."""
        decision = self.verdict.decision
        return (
            f"{self.target}:{decision.adapter}" if decision.adapter and self.target == decision.wanted else self.target
        )

    @property
    def usage(self) -> Usage:
        """Tokens as the target told them, otherwise an estimate from what passed through; none if nothing did."""
        if self._usage is not None:
            return self._usage
        return Usage(self._prompt_estimate(), self._pieces) if self._pieces else Usage(0, 0)

    @asynccontextmanager
    async def accounted(self) -> AsyncIterator[None]:
        """Whatever way the block ends, one record is written; an answer sent whole was settled before its last byte."""
        with self._runtime.metrics.inflight():
            try:
                yield
            except RouterError as error:
                self.settle(OUTCOMES.get(type(error), "error"), error.status)
                raise
            except asyncio.CancelledError:
                self.settle("interrupted", StreamInterrupted.status)
                raise
            finally:
                # Only a defect of ours gets here unsettled.
                self.settle("error", InternalError.status)

    def settle(self, outcome: Outcome, status: int = 200) -> UsageRecord:
        """Write the record; only the first call counts. Costs reach the headers if they are still open."""
        if self.record is None:
            self.record = self._make_record(outcome, status)
            self._runtime.ledger.record(self.record)
            self._runtime.metrics.finished(self.record, self.trace)
            log.answered(self.record)
            self._write_headers()
        return self.record

    def _prompt_estimate(self) -> int:
        facts = self.verdict.facts
        return facts.exact_tokens.get(self.target, facts.prompt_tokens)

    def _make_record(self, outcome: Outcome, status: int) -> UsageRecord:
        decision, request, usage = self.verdict.decision, self._asked, self.usage
        prices, baseline = self._runtime.prices, self.baseline
        return UsageRecord(
            request_id=request.request_id,
            at=self._at,
            route=self.route,
            policy=decision.policy,
            rule=decision.rule,
            reason=self._reason(),
            target=self.target,
            model=self._runtime.config.models[self.target].model or self.answering,
            score=decision.score,
            task=decision.task,
            stream=request.stream,
            outcome=outcome,
            status=status,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            usage_estimated=self._usage is None,
            cost_usd=prices.cost(self.target, usage),
            baseline=baseline,
            baseline_usd=prices.cost(baseline, usage),
            latency_s=time.perf_counter() - self._started,
            ttft_s=self._ttft_s,
            attempts=self.trace.summary(),
        )

    def _reason(self) -> str:
        decision = self.verdict.decision
        return decision.reason if self.target == decision.target else f"{decision.target}_failed"

    def _is_degraded(self) -> bool:
        """True when a lower tier answers for want of the one that was due; a guard that bars a tier degrades nothing."""
        tiers, due = self._runtime.config.tiers, self.verdict.decision.due
        return due in tiers and self.target in tiers and tiers.index(self.target) < tiers.index(due)

    def _write_headers(self) -> None:
        decision, headers = self.verdict.decision, self._headers
        headers["x-shunt-model"] = self.answering
        headers["x-shunt-rule"] = decision.rule
        headers["x-shunt-reason"] = self._reason()
        headers.pop("x-shunt-degraded", None)
        if self._is_degraded():
            headers["x-shunt-degraded"] = decision.due or decision.wanted
        if decision.score is not None:
            headers["x-shunt-score"] = f"{decision.score:.4f}"
        record = self.record
        if record is not None and record.cost_usd is not None:
            headers["x-shunt-cost-usd"] = f"{record.cost_usd:.9f}"
            if record.baseline_usd is not None:
                headers["x-shunt-saved-usd"] = f"{record.baseline_usd - record.cost_usd:.9f}"
        if self.verdict.facts.headers.get("x-shunt-debug") == "1":
            headers["x-shunt-decision"] = json.dumps(asdict(decision))[:MAX_DECISION_BYTES]


class Exchange(Accounted):
    """The life of one chat request after its decision; `answer_headers` is filled as soon as something is known."""

    route = "chat"

    def __init__(
        self, runtime: Runtime, request: ChatRequest, verdict: Verdict, answer_headers: MutableMapping[str, str]
    ) -> None:
        super().__init__(runtime, request, verdict, answer_headers)
        self.request = request

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer's events; closing the generator stops the work."""
        stream = carry_out(self.verdict.decision, self.request, self._runtime.fleet, self.trace)
        try:
            async with aclosing(stream):
                async for event in stream:
                    self._observe(event)
                    yield event
        finally:
            self._usage = self._usage or self.request.bill.usage

    def _observe(self, event: Event) -> None:
        if isinstance(event, Usage):
            self._usage = event
        elif isinstance(event, Chunk):
            if self._ttft_s is None:
                self._ttft_s = time.perf_counter() - self._started
                self._write_headers()
            self._pieces += 1
