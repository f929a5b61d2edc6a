"""One accepted request: decided once, carried out once, recorded exactly once."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, MutableMapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, replace
from typing import ClassVar

from router.cache.kept import Kept, kept_of
from router.cache.terms import terms_of
from router.chat import ChatRequest, Chunk, EmbeddingRequest, Event, Usage
from router.dispatch.carry import carry_out
from router.dispatch.merge import Merged
from router.dispatch.trace import Escalation, Trace
from router.errors import ClientGone, InternalError, RouterError, StreamInterrupted
from router.ledger.counterfactual import has_discount, instead
from router.ledger.record import CacheResult, EnergyKind, Outcome, UsageRecord
from router.policy.baseline import largest_allowed
from router.policy.evidence import Evidence
from router.policy.overriding import extra_tokens, overridden
from router.policy.session import key_of
from router.runtime import Runtime, Verdict
from router.shadow.copy import Copy
from router.telemetry import log

MAX_DECISION_BYTES = 4096
TURN_S = 3600.0
"""How long it is remembered that a conversation has left the model that it is compared with: caches last no longer."""

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
        self._dropped = [answer_headers["x-shunt-ignored"]] if "x-shunt-ignored" in answer_headers else []
        self._at = time.time()
        self._started = time.perf_counter()
        self._ttft_s: float | None = None
        self._usage: Usage | None = None
        self._pieces = 0
        self._cache: CacheResult | None = None
        self._write_headers()

    @property
    def baseline(self) -> str:
        """The target whose price the answer is compared with: the largest tier that the request might have had."""
        verdict = self.verdict
        return largest_allowed(self._runtime.config, verdict.decision, verdict.facts, self.target)

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
        return Usage(self._prompt_estimate(self.target), self._pieces) if self._pieces else Usage(0, 0)

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
            if self.verdict.ticket is not None:
                self.verdict.ticket.settle(self.record.cost_usd, self.record.all_tokens)
            self._runtime.ledger.record(self.record)
            self._runtime.metrics.finished(self.record, self.trace)
            log.answered(self.record)
            self._write_headers()
        return self.record

    def _prompt_estimate(self, target: str) -> int:
        facts = self.verdict.facts
        return facts.exact_tokens.get(target, facts.prompt_tokens)

    def _make_record(self, outcome: Outcome, status: int) -> UsageRecord:
        decision, request, usage = self.verdict.decision, self._asked, self.usage
        prices, baseline, is_hit = self._runtime.prices, self.baseline, self._cache == "hit"
        caller, seconds = self.verdict.facts.caller, self.trace.seconds_at(self.target)
        joules, energy_kind = self._energy()
        escalation, (given_up, given_up_usd) = self._escalation, self._given_up()
        would = self._instead(baseline, usage)
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
            cost_usd=0.0 if is_hit else _sum(prices.cost(self.target, usage, seconds), given_up_usd),
            baseline=baseline,
            baseline_usd=prices.cost(baseline, would, seconds if baseline == self.target else 0.0),
            baseline_cached_tokens=would.cached_tokens,
            latency_s=time.perf_counter() - self._started,
            ttft_s=self._ttft_s,
            attempts=self.trace.summary(),
            escalated_from=escalation.source if escalation else None,
            escalation_signal=escalation.signal if escalation else None,
            escalation_prompt_tokens=given_up.prompt_tokens,
            escalation_completion_tokens=given_up.completion_tokens,
            escalation_usd=given_up_usd if escalation else None,
            key=caller.key,
            tags=tuple(sorted(caller.tags)),
            price_map=prices.version,
            cache_write_tokens=usage.cache_write_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            audio_tokens=usage.audio_tokens,
            audio_completion_tokens=usage.audio_completion_tokens,
            image_tokens=usage.image_tokens,
            energy_j=joules,
            energy_kind=energy_kind,
            cache=self._cache,
            cache_saved_usd=prices.cost(self.target, usage) if is_hit else None,
        )

    @property
    def _escalation(self) -> Escalation | None:
        return self.trace.escalations[-1] if self.trace.escalations else None

    def _given_up(self) -> tuple[Usage, float | None]:
        """What an answer that was given up had cost: tokens, as told or counted, and USD, None where unknown."""
        escalation = self._escalation
        if escalation is None:
            return Usage(0, 0), 0.0
        usage = escalation.usage or Usage(self._prompt_estimate(escalation.source), escalation.pieces)
        return usage, self._runtime.prices.cost(escalation.source, usage, self.trace.seconds_at(escalation.source))

    def _instead(self, baseline: str, usage: Usage) -> Usage:  # noqa: ARG002 - for whom it makes a difference
        """What the request would have used at `baseline`, where it used `usage`."""
        return usage

    def _energy(self) -> tuple[float | None, EnergyKind | None]:
        """Joules of all the work at local models, that of an answer that was given up too, and how they are known."""
        if isinstance(self._asked, ChatRequest) and self._asked.bill.joules is not None:
            return self._asked.bill.joules, "measured"
        targets = {attempt.target for attempt in self.trace.attempts}
        each = [self._runtime.prices.joules(name, self.trace.seconds_at(name)) for name in sorted(targets)]
        known = [joules for joules in each if joules is not None]
        return (sum(known), "estimated") if known else (None, None)

    def _reason(self) -> str:
        decision, escalation = self.verdict.decision, self._escalation
        if self._cache == "hit":
            return "cache"
        if escalation is not None and self.target == escalation.to:
            return f"escalated:{escalation.signal}"
        return decision.reason if self.target == decision.target else f"{decision.target}_failed"

    def _due(self) -> str:
        """The target that would answer if all were well."""
        decision = self.verdict.decision
        return self._escalation.to if self._escalation else decision.due or decision.wanted

    def _is_degraded(self, due: str) -> bool:
        """True when a lower tier answers for want of the one that was due; a guard that bars a tier degrades nothing."""
        tiers = self._runtime.config.tiers
        return due in tiers and self.target in tiers and tiers.index(self.target) < tiers.index(due)

    def _write_headers(self) -> None:
        decision, headers = self.verdict.decision, self._headers
        headers["x-shunt-model"] = self.answering
        headers["x-shunt-rule"] = decision.rule
        headers["x-shunt-reason"] = self._reason()
        if self._cache is not None:
            headers["x-shunt-cache"] = self._cache
        self._write_ignored()
        headers.pop("x-shunt-degraded", None)
        due = self._due()
        if self._is_degraded(due):
            headers["x-shunt-degraded"] = due
        if decision.score is not None:
            headers["x-shunt-score"] = f"{decision.score:.4f}"
        record = self.record
        if record is not None and record.cost_usd is not None:
            headers["x-shunt-cost-usd"] = f"{record.cost_usd:.9f}"
            if record.baseline_usd is not None:
                headers["x-shunt-saved-usd"] = f"{record.baseline_usd - record.cost_usd:.9f}"
        if self.verdict.facts.headers.get("x-shunt-debug") == "1":
            headers["x-shunt-decision"] = json.dumps(asdict(decision.shown))[:MAX_DECISION_BYTES]

    def _write_ignored(self) -> None:
        """What the edge has dropped, and what the target that answers leaves out."""
        ignored = [*self._dropped, *sorted(self._unheeded())]
        if ignored:
            self._headers["x-shunt-ignored"] = ", ".join(ignored)
        else:
            self._headers.pop("x-shunt-ignored", None)

    def _unheeded(self) -> frozenset[str]:
        return frozenset()


def _sum(cost: float | None, more: float | None) -> float | None:
    return None if cost is None or more is None else cost + more


class Exchange(Accounted):
    """The life of one chat request after its decision; `answer_headers` is filled as soon as something is known."""

    route = "chat"

    def __init__(
        self, runtime: Runtime, request: ChatRequest, verdict: Verdict, answer_headers: MutableMapping[str, str]
    ) -> None:
        super().__init__(runtime, request, verdict, answer_headers)
        decision, facts = verdict.decision, verdict.facts
        self.request = overridden(request, decision.overrides)
        # Without a ticket nobody has said whose request it is, and so not either who may have its answer.
        self._terms = None if verdict.ticket is None else terms_of(runtime.config, decision, self.request, facts)
        self._shadow = runtime.shadows.drawn(runtime.config.policies.get(decision.policy), facts)
        self._capture = runtime.captures.drawn(runtime.config.capture, decision.policy, facts, request)
        is_read = self._terms is not None or self._shadow is not None or self._capture is not None
        self._answer = Merged() if is_read else None

    @asynccontextmanager
    async def accounted(self) -> AsyncIterator[None]:
        """As everywhere; once the client has a whole answer it may be kept, and the request be answered in the shadow."""
        async with super().accounted():
            yield
        self._keep_words()
        self._cast_shadow()

    @property
    def may_move(self) -> bool:
        """True while another target could take over: the plan goes on, or the answer may be given up for a better one."""
        is_checked = self.verdict.decision.verification is not None and not self.trace.escalations
        return self.trace.left > 0 or is_checked

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer's events, from the cache or from a target; closing the generator stops the work."""
        kept = None if self._terms is None else await self._runtime.cache.find(self._terms, self.verdict.decision.hops)
        if kept is not None:
            self._take(kept)
            for event in kept.events():
                self._observe(event)
                yield event
            return
        if self._terms is not None:
            self._cache = "miss"
            self._write_headers()
        stream = carry_out(self.verdict.decision, self.request, self._runtime.fleet, self.trace)
        try:
            async with aclosing(stream):
                async for event in stream:
                    self._observe(event)
                    yield event
        finally:
            self._usage = self._usage or self.request.bill.usage
        self._keep()

    def _instead(self, baseline: str, usage: Usage) -> Usage:
        """As `ledger.counterfactual` says. A conversation that has always been at `baseline` is what it would have been."""
        request, turns = self.request, self._runtime.turns
        if not has_discount(self._runtime.prices.of(baseline, usage.prompt_tokens)):
            return usage
        key = f"{request.caller}/{key_of(None, self.verdict.facts)}"
        if self.target != baseline:
            turns.put(key, self.target, TURN_S)
            return instead(replace(usage, tier=None), request.messages)
        was_elsewhere = turns.get(key) is not None
        turns.drop(key)
        return instead(usage, request.messages) if was_elsewhere else usage

    def _unheeded(self) -> frozenset[str]:
        asked, target = self._asked, self._runtime.targets[self.target]
        return target.unheeded(asked) if isinstance(asked, ChatRequest) else frozenset()

    def _take(self, kept: Kept) -> None:
        """The cache answers in the place of the target that it has the answer of."""
        self._cache = "hit"
        self.trace.served_by, self.trace.end = kept.target, "done"
        self._write_headers()

    def _keep(self) -> None:
        """Leave a complete answer in the cache, unless it is a stand-in's: that is good for as long as the outage."""
        is_due = self.target == self.verdict.decision.target or bool(self.trace.escalations)
        if self._terms is None or self._answer is None or not is_due:
            return
        kept = kept_of(self._answer, self.target)
        if kept is not None:
            self._runtime.cache.keep(self._terms, kept)

    def _keep_words(self) -> None:
        if self._capture is not None and self._answer is not None and self.record is not None:
            self._runtime.captures.keep(self._capture, self.request, self._answer, self.record)

    def _cast_shadow(self) -> None:
        if self._shadow is None or self._answer is None or self.record is None or self._cache == "hit":
            return
        evidence = Evidence(self.verdict.facts, self.verdict.judgement, self._runtime.fleet.states())
        evidence = evidence.longer_by(extra_tokens(self.verdict.decision.overrides))
        copy = Copy(self._shadow, self.request, evidence, self._answer, self.record)
        self._runtime.shadows.offer(copy, self._runtime.means)

    def _observe(self, event: Event) -> None:
        if self._answer is not None:
            self._answer.add(event)
        if isinstance(event, Usage):
            self._usage = event
        elif isinstance(event, Chunk):
            if self._ttft_s is None:
                self._ttft_s = time.perf_counter() - self._started
                self._write_headers()
            self._pieces += 1
