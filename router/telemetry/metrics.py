"""Every metric, declared once, and the verbs that move them.

Names and buckets of the `gen_ai_*` histograms are OpenTelemetry's semantic conventions for generative AI, in Prometheus
form: `gen_ai_request_model` is what the client asked for (a policy, or a model by name), `gen_ai_response_model` the
target that answered.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.process_collector import ProcessCollector

from router import __version__
from router.backends.local import EngineStats
from router.config import Config
from router.dispatch.trace import Trace
from router.errors import RouterError
from router.ledger.record import UsageRecord
from router.ledger.tally import Tally
from router.policy.decision import Decision
from router.policy.routes import DIRECT
from router.telemetry import labels
from router.telemetry.aside import Aside
from router.telemetry.books import Books
from router.telemetry.budgets import Budgets
from router.telemetry.declared import Declared
from router.telemetry.drift import DriftGauge
from router.telemetry.engines import Engines
from router.telemetry.family import Family
from router.telemetry.tags import Tags

TOKEN_BUCKETS = tuple(4.0**power for power in range(14))
DURATION_BUCKETS = tuple(0.01 * 2**power for power in range(14))
TTFT_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
# Below OpenTelemetry's first bound there are three more: a small model on this machine is faster than that.
PER_TOKEN_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
DECISION_BUCKETS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.1)
SCORE_BUCKETS = tuple(step / 20 for step in range(1, 21))
# OpenMetrics 1.0, "Exemplars": 128 characters for names and values of the labels of one.
MAX_EXEMPLAR_ID = 128 - len("request_id")

GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")


class Metrics:
    """The registry of one application."""

    def __init__(self, config: Config, usual_scores: Sequence[float] = ()) -> None:
        # Off: a second set of series that says when each one began. Nothing here reads it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._names = labels.Names()
        self._providers: dict[str, str] = {}
        for declare in (self._declare_requests, self._declare_decisions, self._declare_money, self._declare_gen_ai):
            declare()
        self._declared = Declared(config)
        self.adopt(config)
        self.aside = Aside(self.registry, self._cost)
        self._tags = Tags(self.registry)
        self._engines = Engines()
        self._books = Books()
        self._budgets = Budgets()
        self._drift = DriftGauge(usual_scores)
        for collector in (self._declared, self._engines, self._books, self._budgets, self._drift):
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)
        Info("shunt_build", "The version that runs.", registry=self.registry).info({"version": __version__})

    def _declare_requests(self) -> None:
        targets = self._names.targets
        self._requests = self._counter(
            "shunt_requests_total",
            "Requests answered or refused; the refused ones have the route other.",
            {"route": labels.ROUTES, "target": targets, "status": labels.STATUSES},
        )
        self._rejected = self._counter(
            "shunt_rejected_total", "Requests refused before they were accepted.", {"reason": labels.REASONS}
        )
        self._attempts = self._counter(
            "shunt_attempts_total", "Requests sent to targets.", {"target": targets, "outcome": labels.OUTCOMES}
        )
        self._fallbacks = self._counter(
            "shunt_fallbacks_total",
            "Times one target took over from another.",
            {"from": targets, "to": targets, "reason": labels.FALLBACK_REASONS},
        )
        self._reloads = self._counter(
            "shunt_policy_reloads_total",
            "Policy files that were loaded again or rejected.",
            {"outcome": labels.RELOADS},
        )
        self._loaded_at = Gauge(
            "shunt_policy_loaded_timestamp_seconds", "When the policy that serves was loaded.", registry=self.registry
        )
        self._escalations = self._counter(
            "shunt_escalations_total",
            "Answers that were given up for a better model's before the client saw any of them.",
            {"signal": labels.SIGNALS},
        )
        self._spills = self._counter(
            "shunt_spills_total",
            "Requests that another target took because a local one was too busy.",
            {"from": targets, "to": targets},
        )
        self._streams = self._counter(
            "shunt_streams_total", "Streams that began, by how they ended.", {"target": targets, "end": labels.ENDS}
        )
        self._inflight = Gauge("shunt_inflight", "Accepted requests under way.", registry=self.registry)
        self._breaker_open = self._gauge(
            "shunt_breaker_open", "1 while a target is left alone because it keeps failing.", {"target": targets}
        )

    def _declare_decisions(self) -> None:
        self._decisions = self._counter(
            "shunt_decisions_total",
            "Decisions by what made them.",
            {"policy": self._names.policies, "rule": self._names.rules, "target": self._names.targets},
        )
        self._abstained = self._counter(
            "shunt_abstained_total",
            "Decisions whose score was too close to the threshold to call.",
            {"policy": self._names.policies, "rule": self._names.rules},
        )
        self._decision_seconds = self._histogram(
            "shunt_decision_seconds", "Time from a validated request to its decision.", DECISION_BUCKETS, {}
        )
        self._score = self._histogram(
            "shunt_score",
            "The classifier's score: 0 the small model is surely good enough, 1 surely not.",
            SCORE_BUCKETS,
            {},
        )
        self._classifier_failures = self._counter(
            "shunt_classifier_failures_total", "Prompts that could not be judged.", {"kind": labels.FAILURES}
        )

    def _declare_money(self) -> None:
        targets = self._names.targets
        self._cost = self._counter(
            "shunt_cost_usd_total", "US dollars spent on tokens.", {"model": targets, "kind": labels.COST_KINDS}
        )
        self._baseline = self._counter(
            "shunt_baseline_cost_usd_total",
            "What the largest target would have cost, for the requests whose own cost is known too.",
            {},
        )
        self._price_unknown = self._counter(
            "shunt_price_unknown_total", "Requests whose cost nobody knows.", {"model": targets}
        )
        self._energy = self._counter(
            "shunt_energy_joules_total",
            "Joules of work at local models, an answer that was given up included, by how they are known.",
            {"model": targets, "kind": labels.ENERGY_KINDS},
        )

    def _declare_gen_ai(self) -> None:
        targets = self._names.targets
        common = {
            "gen_ai_operation_name": labels.ROUTES,
            "gen_ai_provider_name": self._names.providers,
            "gen_ai_request_model": self._names.asked,
            "gen_ai_response_model": targets,
        }
        self._tokens = self._histogram(
            "gen_ai_client_token_usage",
            "Tokens read and written by a request.",
            TOKEN_BUCKETS,
            {**common, "gen_ai_token_type": labels.TOKEN_TYPES},
        )
        self._duration = self._histogram(
            "gen_ai_client_operation_duration_seconds",
            "Duration of a request.",
            DURATION_BUCKETS,
            {**common, "error_type": labels.ERROR_TYPES},
        )
        self._ttft = self._histogram(
            "gen_ai_server_time_to_first_token_seconds", "Time to a stream's first token.", TTFT_BUCKETS, common
        )
        self._per_token = self._histogram(
            "gen_ai_server_time_per_output_token_seconds",
            "Time for each token of a stream after its first.",
            PER_TOKEN_BUCKETS,
            common,
        )

    def _counter(self, name: str, words: str, allowed: Mapping[str, labels.Labels]) -> Family[Counter]:
        return Family(Counter(name, words, allowed, registry=self.registry), allowed.values())

    def _gauge(self, name: str, words: str, allowed: Mapping[str, labels.Labels]) -> Family[Gauge]:
        return Family(Gauge(name, words, allowed, registry=self.registry), allowed.values())

    def _histogram(
        self, name: str, words: str, buckets: tuple[float, ...], allowed: Mapping[str, labels.Labels]
    ) -> Family[Histogram]:
        return Family(Histogram(name, words, allowed, buckets=buckets, registry=self.registry), allowed.values())

    def adopt(self, config: Config) -> None:
        """From now on the names in `config` are known too."""
        self._names.add(config)
        self._declared.config = config
        # An alert on the first of its kind needs the series to have been there before, at nothing.
        for family in (self._rejected, self._escalations, self._reloads, self._cost, self._price_unknown):
            family.fill()
        self._providers |= labels.providers(config.models.values())
        self._loaded_at.set_to_current_time()

    def reloaded(self, outcome: str) -> None:
        """A policy file was loaded again (`ok`), or was not taken (`rejected`)."""
        self._reloads(outcome).inc()

    def request_rejected(self, error: RouterError) -> None:
        """A request was refused before it was accepted."""
        self._rejected(labels.reason_of(error)).inc()
        self._requests(labels.OTHER, labels.OTHER, str(error.status)).inc()

    def decided(self, decision: Decision, seconds: float) -> None:
        """A decision took `seconds`."""
        self._decisions(decision.policy, decision.rule, decision.target).inc()
        self._decision_seconds().observe(seconds)
        if decision.reason == "abstained":
            self._abstained(decision.policy, decision.rule).inc()
        if decision.spilled_from is not None:
            self._spills(decision.spilled_from, decision.target).inc()
        if decision.score is not None:
            self._score().observe(decision.score)
            self._drift.observe(decision.score)

    def classifier_failed(self, kind: str) -> None:
        """The classifier could not judge a prompt; `kind` is the error's type."""
        self._classifier_failures(kind).inc()

    def inflight(self) -> AbstractContextManager[None]:
        """Count a request as under way while the block runs."""
        return self._inflight.track_inprogress()

    def finished(self, record: UsageRecord, trace: Trace) -> None:
        """An accepted request ended, one way or another."""
        self._requests(record.route, record.target, str(record.status)).inc()
        for attempt in trace.attempts:
            self._attempts(attempt.target, attempt.outcome).inc()
        for fallback in trace.fallbacks:
            self._fallbacks(fallback.source, fallback.to, fallback.reason).inc()
        for escalation in trace.escalations:
            self._escalations(escalation.signal).inc()
        if record.stream and record.ttft_s is not None and trace.end is not None:
            self._streams(record.target, trace.end).inc()
        self.aside.answered(record)
        self._tags.answered(record)
        self._count_money(record)
        self._count_gen_ai(record)

    def _count_money(self, record: UsageRecord) -> None:
        if record.energy_j is not None and record.energy_kind is not None:
            is_local = self._providers.get(record.target) == "llama.cpp"
            model = record.target if is_local else record.escalated_from or record.target
            self._energy(model, record.energy_kind).inc(record.energy_j)
        if record.cost_usd is None:
            self._price_unknown(record.target).inc()
            return
        given_up_usd = record.escalation_usd or 0.0
        answer_usd = record.cost_usd - given_up_usd
        self._cost(record.target, "answer" if record.outcome == "ok" else "unfinished").inc(max(0.0, answer_usd))
        if record.escalated_from is not None:
            self._cost(record.escalated_from, "escalation").inc(given_up_usd)
        if record.baseline_usd is not None:
            self._baseline().inc(record.baseline_usd)

    def _count_gen_ai(self, record: UsageRecord) -> None:
        asked = record.target if record.policy == DIRECT else record.policy
        common = (record.route, self._providers.get(record.target, ""), asked, record.target)
        exemplar = exemplar_of(record.request_id)
        self._tokens(*common, "input").observe(record.prompt_tokens)
        self._tokens(*common, "output").observe(record.completion_tokens)
        self._duration(*common, "" if record.outcome == "ok" else record.outcome).observe(record.latency_s, exemplar)
        if not record.stream or record.ttft_s is None or record.cache == "hit":
            return
        self._ttft(*common).observe(record.ttft_s, exemplar)
        if record.outcome == "ok" and record.completion_tokens > 1:
            seconds = (record.latency_s - record.ttft_s) / (record.completion_tokens - 1)
            self._per_token(*common).observe(seconds)

    def observe_engine(self, target: str, stats: EngineStats) -> None:
        """How busy the engine of a local target is now."""
        self._engines.stats[target] = stats

    def observe_breakers(self, open_breakers: Mapping[str, bool]) -> None:
        """Which breakers are not closed now."""
        for target, is_open in open_breakers.items():
            self._breaker_open(target).set(is_open)

    def observe_budgets(self, used: Mapping[str, float]) -> None:
        """How much of each budget is used now, 1 being all of it."""
        self._budgets.used = used

    def observe_ledger(self, tally: Tally) -> None:
        """What has become of the usage records up to now."""
        self._books.tally = tally

    def render(self, accept: str) -> tuple[bytes, str]:
        """The registry and its media type: OpenMetrics where the scraper's `accept` names it, otherwise plain text."""
        # The library's own negotiation fails on a version that is no number, and echoes it.
        if "application/openmetrics-text" in accept:
            body: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]
            return body, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4


def exemplar_of(request_id: str) -> dict[str, str] | None:
    """What leads from a bucket of a histogram to its latest request; None for an id too long to be one."""
    return {"request_id": request_id} if len(request_id) <= MAX_EXEMPLAR_ID else None
