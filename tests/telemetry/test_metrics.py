"""The metrics: what moves when, and that nothing a client sends makes a new series."""

import random
import string
import time
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from classifiers.drift import ENOUGH
from router.backends.local import EngineStats
from router.condition import Always
from router.config import Abstain, Config, ModelConfig, Policy, Rule
from router.dispatch.trace import Attempt, Fallback, Trace
from router.errors import (
    BadRequest,
    HeadersTooLarge,
    InvalidJson,
    ModelNotFound,
    NotFound,
    RouterError,
    Unauthorized,
    UpstreamRejected,
)
from router.ledger.tally import Tally
from router.policy.decision import Decision
from router.telemetry.declared import tier_of
from router.telemetry.labels import reason_of, words_of
from router.telemetry.metrics import Metrics
from router.telemetry.tags import MAX_TAGS
from tests.ledger.examples import RECORD, record


def model(name: str, backend: str, **more: object) -> ModelConfig:
    return ModelConfig(name=name, backend=backend, zone="z", can=frozenset({"chat"}), context=8192, **more)


CONFIG = Config(
    path=None,
    models={
        "small": model("small", "llama.cpp"),
        "large": model("large", "litellm", model="anthropic/claude-sonnet-4-5"),
    },
    tiers=("small", "large"),
    policies={"auto": Policy("auto", (Rule("learned", Always(), threshold=0.5, low="small", high="large"),))},
    default_policy="auto",
)
DECISION = Decision("auto", "learned", "small", ("small", "large"), "rule", score=0.3)
DONE = Trace([Attempt("small", "ok", 0.5, 0.1)], [], "small", "done")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CONFIG)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def series(metrics: Metrics) -> int:
    return sum(len(family.samples) for family in metrics.registry.collect())


COMMON = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "llama.cpp",
    "gen_ai_request_model": "auto",
    "gen_ai_response_model": "small",
}


def test_an_answer_moves_requests_tokens_and_times(metrics: Metrics):
    """One finished stream is one request, its tokens, its attempt, its end, its duration and its first token."""
    metrics.finished(RECORD, DONE)
    assert value(metrics, "shunt_requests_total", route="chat", target="small", status="200") == 1
    assert value(metrics, "shunt_attempts_total", target="small", outcome="ok") == 1
    assert value(metrics, "shunt_streams_total", target="small", end="done") == 1
    assert value(metrics, "gen_ai_client_token_usage_sum", **COMMON, gen_ai_token_type="input") == 120
    assert value(metrics, "gen_ai_client_token_usage_sum", **COMMON, gen_ai_token_type="output") == 40
    assert value(metrics, "gen_ai_client_operation_duration_seconds_sum", **COMMON, error_type="") == 0.5
    assert value(metrics, "gen_ai_server_time_to_first_token_seconds_sum", **COMMON) == 0.1
    per_token = value(metrics, "gen_ai_server_time_per_output_token_seconds_sum", **COMMON)
    assert per_token == pytest.approx(0.4 / 39)


def test_money_is_counted_by_what_it_bought(metrics: Metrics):
    """A delivered answer, one that broke off, and the baseline are separate sums."""
    metrics.finished(record("a", target="large", cost_usd=0.02, baseline_usd=0.02), DONE)
    metrics.finished(record("b", target="large", cost_usd=0.01, baseline_usd=0.01, outcome="interrupted"), DONE)
    assert value(metrics, "shunt_cost_usd_total", model="large", kind="answer") == 0.02
    assert value(metrics, "shunt_cost_usd_total", model="large", kind="unfinished") == 0.01
    assert value(metrics, "shunt_baseline_cost_usd_total") == pytest.approx(0.03)


def test_an_unknown_cost_is_counted_as_unknown(metrics: Metrics):
    """It adds to no sum, its baseline neither: the difference of the two sums stays honest."""
    metrics.finished(record("a", target="large", cost_usd=None, baseline_usd=0.5), DONE)
    assert value(metrics, "shunt_price_unknown_total", model="large") == 1
    assert value(metrics, "shunt_cost_usd_total", model="large", kind="answer") == 0
    assert value(metrics, "shunt_baseline_cost_usd_total") == 0


def test_failures_and_fallbacks_are_counted_one_by_one(metrics: Metrics):
    """Every attempt that was sent is one count, whatever became of it."""
    attempts = [
        Attempt("large", "timeout", 1, None),
        Attempt("large", "timeout", 1, None),
        Attempt("small", "ok", 1, 0),
    ]
    metrics.finished(RECORD, Trace(attempts, [Fallback("large", "small", "timeout")], "small", "done"))
    assert value(metrics, "shunt_attempts_total", target="large", outcome="timeout") == 2
    assert value(metrics, "shunt_fallbacks_total", **{"from": "large", "to": "small", "reason": "timeout"}) == 1


def test_a_decision_is_counted_and_timed(metrics: Metrics):
    """The rule that decided, how long it took, and the score."""
    metrics.decided(DECISION, 0.002)
    assert value(metrics, "shunt_decisions_total", policy="auto", rule="learned", target="small") == 1
    assert value(metrics, "shunt_decision_seconds_sum") == 0.002
    assert value(metrics, "shunt_score_sum") == 0.3


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidJson("x"), "json"),
        (BadRequest("x", param="temperature"), "schema"),
        (ModelNotFound("x"), "model"),
        (Unauthorized("x"), "auth"),
        (HeadersTooLarge("x"), "header"),
        (NotFound("x"), "path"),
        (UpstreamRejected("x", code="whatever-the-target-says"), "other"),
    ],
)
def test_a_refusal_has_a_reason(metrics: Metrics, error: RouterError, reason: str):
    """A refused request moves its reason and the requests of no route."""
    metrics.request_rejected(error)
    assert value(metrics, "shunt_rejected_total", reason=reason) == 1
    assert value(metrics, "shunt_requests_total", route="other", target="other", status=str(error.status)) == 1


def test_every_error_of_ours_has_a_word():
    """No refusal of the router itself is counted as `other`, so that a new error class cannot be forgotten."""

    def classes(error: type[RouterError]):
        yield error
        for child in error.__subclasses__():
            yield from classes(child)

    after_acceptance = ("Upstream", "StreamInterrupted", "ClientGone")
    before = [error for error in classes(RouterError) if not error.__name__.startswith(after_acceptance)]
    assert [error.__name__ for error in before if reason_of(error("x")) == "other"] == []


def test_inflight_returns_to_zero(metrics: Metrics):
    """However the request ends."""

    def fail() -> None:
        with metrics.inflight():
            assert value(metrics, "shunt_inflight") == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert value(metrics, "shunt_inflight") == 0


def test_random_names_make_no_series(metrics: Metrics):
    """5,000 requests with random routes, models, rules and errors leave the number of series as it was."""
    pick = random.Random(3)

    def word() -> str:
        return "".join(pick.choices(string.printable, k=pick.randint(1, 20)))

    def noise(status: int) -> None:
        names = {name: word() for name in ("route", "policy", "rule", "target", "model", "outcome")}
        trace = Trace([Attempt(word(), word(), 0.1, None)], [Fallback(word(), word(), word())], word(), word())
        metrics.finished(record("x", **names, status=status, cost_usd=pick.choice([None, 0.1])), trace)
        metrics.decided(Decision(word(), word(), word(), (word(),), word()), 0.001)
        metrics.request_rejected(UpstreamRejected("x", status=status, code=word()))
        metrics.classifier_failed(word())

    for status in range(100, 1000):
        noise(status)
    before = series(metrics)
    for _ in range(5000):
        noise(pick.randint(0, 10**6))
    assert series(metrics) == before
    text = metrics.render("")[0].decode()
    assert 'reason="other"' in text


def test_engines_are_shown_as_last_observed(metrics: Metrics):
    """Queue, slots and restarts of each local model."""
    metrics.observe_engine(
        "small", EngineStats(queued=3, live=2, wait_ms=1500.0, restarts_total=1, prompt_tokens_total=9)
    )
    assert value(metrics, "shunt_queue_depth", target="small") == 3
    assert value(metrics, "shunt_engine_live", target="small") == 2
    assert value(metrics, "shunt_engine_wait_seconds", target="small") == 1.5
    assert value(metrics, "shunt_engine_prompt_tokens_total", target="small") == 9
    assert value(metrics, "shunt_local_restarts_total", target="small") == 1


def test_lost_records_are_visible(metrics: Metrics):
    """An operator sees records that could not be written."""
    metrics.observe_ledger(Tally(written=5, dropped=2))
    assert value(metrics, "shunt_usage_records_total", outcome="written") == 5
    assert value(metrics, "shunt_usage_records_total", outcome="dropped") == 2
    assert 0 <= value(metrics, "shunt_ledger_behind_seconds") < 60
    metrics.observe_ledger(Tally(current_at=time.monotonic() - 900))
    assert 900 <= value(metrics, "shunt_ledger_behind_seconds") < 960


def busy(metrics: Metrics) -> Metrics:
    metrics.decided(DECISION, 0.001)
    metrics.finished(RECORD, DONE)
    metrics.request_rejected(NotFound("x"))
    metrics.observe_engine("small", EngineStats())
    return metrics


def test_plain_text_can_be_scraped(metrics: Metrics):
    """By default the answer is Prometheus' text format, and it parses."""
    body, media_type = busy(metrics).render("")
    assert media_type.startswith("text/plain; version=0.0.4")
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert {"shunt_requests", "gen_ai_client_token_usage", "shunt_build_info", "process_resident_memory_bytes"} <= names


def test_openmetrics_is_answered_when_asked_for(metrics: Metrics):
    """A scraper that asks for OpenMetrics gets it, and it parses."""
    body, media_type = busy(metrics).render("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert len(list(openmetrics_families(body.decode()))) > 20


def exemplars(body: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, sample.exemplar.labels, sample.exemplar.value)
        for family in openmetrics_families(body)
        for sample in family.samples
        if sample.exemplar is not None
    ]


def test_a_bucket_names_its_latest_request(metrics: Metrics):
    """In OpenMetrics the histograms of duration and first token lead to a request id; plain text has none."""
    for name in ("req_first", "req_second"):
        metrics.finished(record(name), DONE)
    expected = [
        ("gen_ai_client_operation_duration_seconds_bucket", {"request_id": "req_second"}, 0.5),
        ("gen_ai_server_time_to_first_token_seconds_bucket", {"request_id": "req_second"}, 0.1),
    ]
    assert expected == exemplars(metrics.render("application/openmetrics-text")[0].decode())
    assert "req_second" not in metrics.render("")[0].decode()


@pytest.mark.parametrize(("length", "count"), [(1, 2), (118, 2), (119, 0), (128, 0)])
def test_an_id_too_long_for_an_exemplar_is_left_out(metrics: Metrics, length: int, count: int):
    """The longest id that a client may send is counted as any other; OpenMetrics bounds what a bucket may name."""
    metrics.finished(record("x" * length), DONE)
    assert count == len(exemplars(metrics.render("application/openmetrics-text")[0].decode()))
    assert value(metrics, "gen_ai_client_operation_duration_seconds_count", **COMMON, error_type="") == 1


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=x", "*/*", "\x00;,=", "text/plain;version=y"]
)
def test_an_odd_accept_header_is_answered(metrics: Metrics, accept: str):
    """What a client writes into `accept` cannot break the scrape, and is not echoed."""
    _, media_type = metrics.render(accept)
    assert "=x" not in media_type
    assert "=y" not in media_type


def test_two_applications_share_nothing():
    """Each application has a registry of its own."""
    first, second = Metrics(CONFIG), Metrics(CONFIG)
    first.finished(RECORD, DONE)
    assert value(second, "shunt_requests_total", route="chat", target="small", status="200") is None


def test_a_literal_yields_its_words():
    """Unions of literals, which is how rooms publish their vocabulary, are read whole."""
    from router.dispatch.trace import End

    assert words_of(End) >= {"done", "client_gone", "truncated", "idle_timeout"}


def test_breakers_are_shown(metrics: Metrics):
    """1 while a breaker is not closed, 0 otherwise."""
    metrics.observe_breakers({"small": False, "large": True})
    found = [value(metrics, "shunt_breaker_open", target=name) for name in ("small", "large")]
    assert found == [0.0, 1.0]


def test_drift_is_shown_once_it_can_be_told():
    """Without usual scores there is no gauge; with them there is one after enough decisions, and other scores raise it."""
    usual = (0.0,) * 6 + (1.0,) + (0.0,) * 13  # where 0.3 falls
    without, same, other = Metrics(CONFIG), Metrics(CONFIG, usual), Metrics(CONFIG, usual)
    same.decided(DECISION, 0.001)
    assert value(same, "shunt_classifier_drift") is None
    for _ in range(ENOUGH):
        without.decided(DECISION, 0.001)
        same.decided(DECISION, 0.001)
        other.decided(replace(DECISION, score=0.9), 0.001)
    assert value(without, "shunt_classifier_drift") is None
    assert value(same, "shunt_classifier_drift") < 0.1
    assert value(other, "shunt_classifier_drift") > 0.25


def test_each_target_says_its_tier_its_zone_and_its_backend(metrics: Metrics):
    """The smallest and the largest tier can be told apart without knowing the names; a reload changes them."""
    common = {"zone": "z", "tier": "large"}
    assert value(metrics, "shunt_target_info", target="large", backend="litellm", **common) == 1
    assert value(metrics, "shunt_target_info", target="small", zone="z", tier="small", backend="llama.cpp") == 1
    metrics.adopt(replace(CONFIG, tiers=("large",)))
    assert value(metrics, "shunt_target_info", target="small", zone="z", tier="none", backend="llama.cpp") == 1


def test_a_rule_says_its_threshold_and_its_band(metrics: Metrics):
    """Scores can be drawn beside the edges they are held against."""
    assert value(metrics, "shunt_rule_threshold", policy="auto", rule="learned", edge="threshold") == 0.5
    unsure = replace(CONFIG.policies["auto"].select[0], abstain=Abstain(0.4, 0.6, "large"))
    metrics.adopt(replace(CONFIG, policies={"auto": Policy("auto", (unsure,))}))
    edges = [
        value(metrics, "shunt_rule_threshold", policy="auto", rule="learned", edge=f"abstain_{edge}")
        for edge in ("start", "stop")
    ]
    assert [0.4, 0.6] == edges


def test_a_score_too_close_to_call_is_counted(metrics: Metrics):
    """Decisions that abstained are a series of their own."""
    metrics.decided(replace(DECISION, reason="abstained"), 0.001)
    metrics.decided(DECISION, 0.001)
    assert value(metrics, "shunt_abstained_total", policy="auto", rule="learned") == 1


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("shunt_price_unknown_total", {"model": "large"}),
        ("shunt_cost_usd_total", {"model": "small", "kind": "escalation"}),
        ("shunt_rejected_total", {"reason": "guard"}),
        ("shunt_escalations_total", {"signal": "confidence"}),
        ("shunt_policy_reloads_total", {"outcome": "rejected"}),
    ],
)
def test_what_alerts_wait_for_begins_at_nothing(metrics: Metrics, name: str, labels: dict[str, str]):
    """The first of its kind is an increase: its series was there before."""
    assert value(metrics, name, **labels) == 0


@pytest.mark.parametrize(("name", "tier"), [("a", "small"), ("b", "middle"), ("c", "large"), ("d", "none")])
def test_a_tier_is_where_a_target_stands(name: str, tier: str):
    """First is small, last is large, between them is middle."""
    assert tier == tier_of(name, ("a", "b", "c"))


def test_money_and_requests_are_counted_by_tag(metrics: Metrics):
    """A key with two tags counts for each, a request without a key for none, and an unknown cost adds nothing."""
    metrics.finished(record("a", tags=("team-a", "batch"), cost_usd=0.5), DONE)
    metrics.finished(record("b", tags=("team-a",), cost_usd=None), DONE)
    metrics.finished(record("c", cost_usd=0.25), DONE)
    requests = [value(metrics, "shunt_tag_requests_total", tag=tag) for tag in ("team-a", "batch", "untagged")]
    costs = [value(metrics, "shunt_tag_cost_usd_total", tag=tag) for tag in ("team-a", "batch", "untagged")]
    assert ([2, 1, 1], [0.5, 0.5, 0.25]) == (requests, costs)


def test_tags_are_bounded(metrics: Metrics):
    """However many keys have a tag of their own, those beyond the bound are counted together."""
    for number in range(MAX_TAGS + 30):
        metrics.finished(record("a", tags=(f"t{number}",), cost_usd=0.5), DONE)
    assert value(metrics, "shunt_tag_requests_total", tag="other") == 30
    assert value(metrics, "shunt_tag_cost_usd_total", tag="other") == 15.0
    assert value(metrics, "shunt_tag_requests_total", tag=f"t{MAX_TAGS}") is None


def test_energy_is_summed_by_model(metrics: Metrics):
    """Measured and estimated joules apart; those of an answer that was given up are of the model that gave it."""
    metrics.finished(record("a", energy_j=3.0, energy_kind="estimated"), DONE)
    metrics.finished(record("b", energy_j=4.0, energy_kind="estimated", cost_usd=None), DONE)
    metrics.finished(record("c", energy_j=5.0, energy_kind="measured"), DONE)
    metrics.finished(record("d"), DONE)
    given_up = {"target": "large", "escalated_from": "small", "escalation_usd": 0.0}
    metrics.finished(record("e", energy_j=6.0, energy_kind="estimated", **given_up), DONE)
    found = [
        value(metrics, "shunt_energy_joules_total", model="small", kind=kind) for kind in ("estimated", "measured")
    ]
    assert [13.0, 5.0] == found
