"""What lives as long as the process: the classifier, the targets, the ledger and the metrics of one configuration."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from classifiers import Classifier, Judgement
from classifiers.conversation import user_text
from router import policy
from router.backends.base import Backend
from router.backends.local import LocalBackend
from router.backends.power import Power
from router.backends.registry import build
from router.cache.cache import Cache, store_of
from router.captures import Captures
from router.carrying import Carrying
from router.chat import ChatRequest
from router.config import Config
from router.conversation import conversation_of
from router.dispatch.fleet import Fleet
from router.engine.budget import Budget
from router.errors import RouterError
from router.joining import desk_of, records_of
from router.keys.ring import Ring
from router.ledger.ledger import Ledger
from router.ledger.prices import Prices
from router.likeness import Likeness
from router.limits.quotas import Quotas
from router.limits.ticket import Ticket
from router.policy.artifact import load_classifier, manifest_of, usual_scores
from router.policy.calibrated import ArtifactId
from router.policy.decision import Decision, Facts, Load
from router.policy.entitlement import seen_by
from router.policy.facts import facts_of, needs_count
from router.responses import Responses
from router.sessions import Sessions
from router.shadow.hop import Means
from router.shadow.shadows import Shadows
from router.telemetry import log
from router.telemetry.metrics import Metrics
from router.telemetry.replicas import Replicas

SETTLE_POLL_S = 0.02

logger = logging.getLogger("shunt.runtime")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with what it was made from; `text` is what the classifier read, `judgement` what it said."""

    decision: Decision
    facts: Facts
    text: str
    judgement: Judgement | None = None
    ticket: Ticket | None = None


class Runtime:
    """Everything a request needs, built once from a `Config`; after a `before` it keeps what did not change.

    That is every target whose entry is the same, with what is remembered of it, the ledger and the metrics.

    Raises:
        ConfigError: the classifier's artifact is missing or altered, or the price map cannot be read.
    """

    def __init__(self, config: Config, before: "Runtime | None" = None) -> None:
        self.config = config
        self.manifest = manifest_of(config)
        is_same = before is not None and before.manifest == self.manifest
        self.classifier: Classifier = before.classifier if before is not None and is_same else load_classifier(config)
        self.budget: Budget = before.budget if before else Budget(config.memory_budget_bytes)
        self.power: Power | None = before.power if before else Power.of_machine()
        kept = before.unchanged(config) if before else {}
        self.targets: Mapping[str, Backend] = {
            name: kept.get(name) or build(model, config, self.budget, self.power)
            for name, model in config.models.items()
        }
        self.fleet: Fleet = before.fleet.renewed(self.targets, kept) if before else Fleet.fresh(self.targets)
        self.likeness = Likeness(config, self.targets)
        self.prices = Prices.load(config)
        self.ledger: Ledger = before.ledger if before else Ledger(config)
        self.metrics: Metrics = before.metrics if before else Metrics(config, usual_scores(config))
        self.quotas: Quotas = before.quotas if before else Quotas(config.limits, replicas=config.replicas.count)
        self._desk = None if before else desk_of(config)
        self.carrying: Carrying = before.carrying if before else Carrying(config, self.quotas)
        self.sessions: Sessions = before.sessions if before else Sessions()
        self.turns: Sessions = before.turns if before else Sessions()
        self.cache: Cache = before.cache if before else Cache(store_of(config.cache))
        self.responses: Responses = (
            before.responses if before else Responses(store_of(config.cache), config.cache.responses_s)
        )
        self.shadows: Shadows = before.shadows if before else Shadows(config.state_dir)
        self.captures: Captures = before.captures if before else Captures(self.ledger, self.metrics)
        if before is None:
            self.metrics.registry.register(Replicas(self.quotas.shared))
        self._artifact = ArtifactId.of(config.artifact).sha256
        self.is_draining = False

    def beside(self, other: "Runtime") -> list[Backend]:
        """The targets that this one has and `other` has not."""
        shared = set(map(id, other.targets.values()))
        return [target for target in self.targets.values() if id(target) not in shared]

    def unchanged(self, config: Config) -> dict[str, Backend]:
        """The targets that `config` describes in the same words."""
        # The entry as it was written: a local target's own has the window that its file turned out to have.
        same = {name for name, model in config.models.items() if self.config.models.get(name) == model}
        return {name: target for name, target in self.targets.items() if name in same}

    async def start(self) -> None:
        """Start the ledger and every target; a target that is not ready yet does not hold the others up."""
        self.ledger.start()
        await self.carrying.start(wait=self._has_budgets())
        if self._desk is not None:
            await self.quotas.join(self._desk, records_of(self.config))
        await asyncio.gather(*(target.start() for target in self.targets.values()))

    async def close(self) -> None:
        """Stop the targets and what goes on beside the answers, then write down what is left."""
        await self.carrying.close()
        await self.quotas.close()
        await self.shadows.close()
        await self.captures.close()
        await self.cache.close()
        await self.responses.close()
        await asyncio.gather(*(target.close() for target in self.targets.values()))
        self.ledger.close()

    def _has_budgets(self) -> bool:
        limits = (*self.config.limits, *Ring.of(self.config).limits())
        return any(limit.is_of_money for limit in limits)

    async def settled(self) -> None:
        """Return once no target is loading any more."""
        while "loading" in self.states().values():  # noqa: ASYNC110 - a target has a state, not an event
            await asyncio.sleep(SETTLE_POLL_S)

    @property
    def means(self) -> Means:
        """What it takes to ask a model in the shadow."""
        return Means(self.config, self.fleet, self.prices, self.ledger, self.metrics, self.quotas, self._artifact)

    def states(self) -> dict[str, str]:
        """Status of each target by name."""
        return {name: target.state().status for name, target in self.targets.items()}

    async def decide(self, request: ChatRequest, headers: Mapping[str, str], ticket: Ticket | None = None) -> Verdict:
        """Decide where `request` goes, without executing it; `ticket` says who asks, None is anybody.

        Raises:
            NotForThisKey: the caller may not ask for it.
            RouterError: no target may or can take it; the error says why.
        """
        started = time.perf_counter()
        facts = (await self._facts(request, headers)).under(self._load(), time.time())
        similarity = await self.likeness.of(request.model, facts.words)
        facts = replace(facts, prices=self.prices.by_target, similarity=similarity)
        if ticket is not None:
            facts = seen_by(self.config, ticket, facts)
        conversation = conversation_of(self.config, request, facts, self.sessions, lambda turn: self._judge(turn)[1])
        text, judgement = self._judge(request)
        if conversation is not None:
            facts = replace(facts, past=conversation.target)
        decision = policy.decide(self.config, request.model, facts, judgement, self.fleet.states())
        self.metrics.decided(decision, time.perf_counter() - started)
        if conversation is not None:
            conversation.moved(decision, self.sessions)
        return Verdict(decision, facts, text, judgement)

    def _load(self) -> Load:
        queues = {
            name: target.stats().wait_ms for name, target in self.targets.items() if isinstance(target, LocalBackend)
        }
        return Load(queues, self.fleet.health.first_ms())

    def _judge(self, request: ChatRequest) -> tuple[str, Judgement | None]:
        if not policy.needs_score(self.config, request.model):
            return "", None
        text = user_text(request.messages)
        try:
            return text, self.classifier.judge(text)
        except (ValueError, ArithmeticError, LookupError, TypeError) as error:
            # The policy then takes its safe target: a router that cannot judge must still answer.
            logger.warning("classifier failed: %s", type(error).__name__)
            self.metrics.classifier_failed(type(error).__name__)
            return text, None

    async def _facts(self, request: ChatRequest, headers: Mapping[str, str]) -> Facts:
        facts = facts_of(request, headers)
        local = [target for target in self.targets.values() if target.config.backend == "llama.cpp"]
        if not local:
            return facts
        unsure = [target for target in local if target.state().is_ready and needs_count(request, target.config)]
        counts = await asyncio.gather(*(target.count_tokens(request) for target in unsure))
        exact = {t.config.name: count for t, count in zip(unsure, counts, strict=True) if count is not None}
        return facts.measured(exact, {target.config.name: target.config.context for target in local})

    def refused(self, error: RouterError, request_id: str) -> None:
        """Count and log a request that was refused before it was accepted."""
        self.metrics.request_rejected(error)
        log.refused(error, request_id)

    def observe(self) -> None:
        """Bring the gauges up to date; called when somebody looks at them."""
        for name, target in self.targets.items():
            if isinstance(target, LocalBackend):
                self.metrics.observe_engine(name, target.stats())
        self.metrics.observe_breakers(self.fleet.health.open_breakers())
        self.metrics.aside.observe(self.cache.stats)
        self.metrics.observe_ledger(self.ledger.tally)
        self.metrics.observe_budgets(self.quotas.used_ratio())
