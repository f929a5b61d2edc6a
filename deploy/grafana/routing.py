"""Routing: what is decided, by which rule, and how sure it is."""

from deploy.grafana.panel import Board, Row, panel

_RATE = "[$__rate_interval]"
_SCORE = f"sum by (le) (rate(shunt_score_bucket{{%I}}{_RATE}))"
_DECISION = f"sum by (le) (rate(shunt_decision_seconds_bucket{{%I}}{_RATE}))"

BOARD = Board(
    "routing",
    "Shunt: routing",
    "What is decided, by which rule, and how sure is the classifier?",
    (
        Row(
            "Scores",
            (
                panel(
                    "Scores", "How hard are the prompts, from 0 to 1?",
                    (f"sum by (le) (increase(shunt_score_bucket{{%I}}{_RATE}))", "{{le}}"), kind="heat",
                ),
                panel(
                    "Scores and thresholds", "Where do the prompts lie beside the edges that rules hold them against?",
                    (f"histogram_quantile(0.5, {_SCORE})", "median score"),
                    (f"histogram_quantile(0.9, {_SCORE})", "score, 9 of 10 below"),
                    ("max by (policy, rule, edge) (shunt_rule_threshold{%I})", "{{policy}} {{rule}} {{edge}}"),
                ),
                panel(
                    "Drift", "Are prompts still what the classifier was calibrated on? Above 0.1 look, above 0.25 act.",
                    ("max by (instance) (shunt_classifier_drift{%I})", "{{instance}}"),
                ),
            ),
        ),
        Row(
            "Decisions",
            (
                panel(
                    "Top rules", "Which rules decide most?",
                    (f"topk(10, sum by (policy, rule) (rate(shunt_decisions_total{{%I}}{_RATE})))",
                     "{{policy}} {{rule}}"), unit="reqps", kind="stack",
                ),
                panel(
                    "Chosen targets", "Who is chosen to answer?",
                    (f"sum by (target) (rate(shunt_decisions_total{{%I}}{_RATE}))", "{{target}}"),
                    unit="reqps", kind="stack",
                ),
                panel(
                    "Large share", "What share goes to the large tier, over time?",
                    ("shunt:large_share:ratio_rate5m", "large"), unit="percentunit",
                ),
            ),
        ),
        Row(
            "Doubt",
            (
                panel(
                    "Abstentions", "How often is the score too close to call?",
                    (f"sum by (policy, rule) (rate(shunt_abstained_total{{%I}}{_RATE})) or vector(0)",
                     "{{policy}} {{rule}}"), unit="reqps",
                ),
                panel(
                    "Escalations", "Why are answers of the small model given up?",
                    (f"sum by (signal) (rate(shunt_escalations_total{{%I}}{_RATE}))", "{{signal}}"), unit="reqps",
                ),
                panel(
                    "Cost of a decision", "How long does deciding take?",
                    (f"histogram_quantile(0.5, {_DECISION})", "p50"), (f"histogram_quantile(0.99, {_DECISION})", "p99"),
                    unit="s",
                ),
                panel(
                    "Prompts that could not be judged", "Does the classifier fail?",
                    (f"sum(rate(shunt_classifier_failures_total{{%I}}{_RATE})) or vector(0)", "failures"), unit="reqps",
                ),
                panel(
                    "Spills", "How often is the local model too busy, and who takes over?",
                    (f"sum by (from, to) (rate(shunt_spills_total{{%I}}{_RATE})) or vector(0)", "{{from}} to {{to}}"),
                    unit="reqps",
                ),
            ),
        ),
    ),
)  # fmt: skip
