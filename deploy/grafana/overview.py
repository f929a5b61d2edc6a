"""Overview: is it up, where do requests go, and what does it save?"""

from deploy.grafana.panel import Board, Row, panel

_TIERED = "* on (job, instance, target) group_left (tier) shunt_target_info"
_RATE = "[$__rate_interval]"
_DURATION = f"rate(gen_ai_client_operation_duration_seconds_bucket{{%I}}{_RATE})"
_SPENT = "(sum(increase(shunt_cost_usd_total{%I}[$__range])) or vector(0))"
_BASELINE = "(sum(increase(shunt_baseline_cost_usd_total{%I}[$__range])) or vector(0))"

BOARD = Board(
    "overview",
    "Shunt: overview",
    "Is it up, where do requests go, what does it save, and is the quality kept?",
    (
        Row(
            "Now",
            (
                panel(
                    "Requests", "How busy is it?", (f"sum(rate(shunt_requests_total{{%I}}{_RATE}))", ""),
                    unit="reqps", kind="stat",
                ),
                panel(
                    "Large share", "How much goes to the large model?", ("shunt:large_share:ratio_rate5m", ""),
                    unit="percentunit", kind="stat",
                ),
                panel(
                    "Saved", "What would the large model alone have cost more, in the time shown?",
                    (f"{_BASELINE} - {_SPENT}", ""), unit="currencyUSD", kind="stat",
                ),
                panel("Spent", "What did it cost, in the time shown?", (_SPENT, ""), unit="currencyUSD", kind="stat"),
                panel(
                    "Failing", "What share of requests gets no answer?", ("shunt:failures:ratio_rate5m", ""),
                    unit="percentunit", kind="stat",
                ),
                panel(
                    "Under way", "How many requests are being answered?", ("sum(shunt_inflight{%I})", ""), kind="stat"
                ),
            ),
        ),
        Row(
            "Traffic and time",
            (
                panel(
                    "Answers by tier", "Which tier answers, and how much of the traffic?",
                    (f'sum by (tier) (rate(shunt_requests_total{{%I, target!="other"}}{_RATE}) {_TIERED})', "{{tier}}"),
                    unit="reqps", kind="stack",
                ),
                panel(
                    "Duration", "How long does an answer take, half of the time and in the worst twentieth?",
                    (f"histogram_quantile(0.5, sum by (le, gen_ai_response_model) ({_DURATION}))",
                     "{{gen_ai_response_model}} p50"),
                    (f"histogram_quantile(0.95, sum by (le, gen_ai_response_model) ({_DURATION}))",
                     "{{gen_ai_response_model}} p95"),
                    unit="s",
                ),
                panel(
                    "Saved per hour", "Is money being saved right now, net of escalations?",
                    ("shunt:savings_usd:increase1h", "saved"), ("shunt:cost_usd:increase1h", "spent"),
                    unit="currencyUSD",
                ),
            ),
        ),
        Row(
            "Guard rails of quality",
            (
                panel(
                    "Escalations", "How often is a small model's answer given up for a better one?",
                    ("shunt:escalations:ratio_rate5m", "of decisions"), unit="percentunit",
                ),
                panel(
                    "Drift of scores", "Are prompts still what the classifier was calibrated on? Above 0.25: no.",
                    ("max(shunt_classifier_drift{%I})", "population stability index"),
                ),
                panel(
                    "Not as planned", "How often does another target answer than the one that was chosen?",
                    (f"sum(rate(shunt_fallbacks_total{{%I}}{_RATE})) or vector(0)", "fallback"),
                    (f"sum(rate(shunt_spills_total{{%I}}{_RATE})) or vector(0)", "spill"),
                    unit="reqps",
                ),
            ),
        ),
    ),
)  # fmt: skip
