"""Reliability: what fails, where, and what is done about it."""

from deploy.grafana.panel import Board, Row, panel

_RATE = "[$__rate_interval]"

BOARD = Board(
    "reliability",
    "Shunt: reliability",
    "What fails, at which target, and is the objective kept?",
    (
        Row(
            "Objective",
            (
                panel(
                    "Failing share", "How many requests in a hundred get no answer, by window? One is allowed.",
                    ("shunt:failures:ratio_rate5m", "5 minutes"), ("shunt:failures:ratio_rate1h", "1 hour"),
                    ("shunt:failures:ratio_rate6h", "6 hours"), unit="percentunit",
                ),
                panel(
                    "Statuses", "What do clients get?",
                    (f"sum by (status) (rate(shunt_requests_total{{%I}}{_RATE}))", "{{status}}"),
                    unit="reqps", kind="stack",
                ),
                panel(
                    "Ends of streams", "Do streams end as they should?",
                    (f"sum by (target, end) (rate(shunt_streams_total{{%I}}{_RATE}))", "{{target}} {{end}}"),
                    unit="reqps",
                ),
            ),
        ),
        Row(
            "Targets",
            (
                panel(
                    "Attempts", "Which target fails, and how?",
                    (f"sum by (target, outcome) (rate(shunt_attempts_total{{%I}}{_RATE}))", "{{target}} {{outcome}}"),
                    unit="reqps",
                ),
                panel(
                    "Fallbacks", "Who takes over from whom, and why?",
                    (f"sum by (from, to, reason) (rate(shunt_fallbacks_total{{%I}}{_RATE})) or vector(0)",
                     "{{from}} to {{to}}: {{reason}}"), unit="reqps",
                ),
                panel(
                    "Open breakers", "Which target is left alone because it keeps failing?",
                    ("max by (target) (shunt_breaker_open{%I})", "{{target}}"),
                ),
            ),
        ),
        Row(
            "The router itself",
            (
                panel(
                    "Refused requests", "Why are requests refused before they are accepted?",
                    (f"sum by (reason) (rate(shunt_rejected_total{{%I}}{_RATE}))", "{{reason}}"), unit="reqps",
                ),
                panel(
                    "Ledger behind", "For how long have usage records been waiting for the store? A second is usual.",
                    ("max by (instance) (shunt_ledger_behind_seconds{%I})", "{{instance}}"), unit="s",
                ),
                panel(
                    "Policy reloads", "Was a changed policy file taken?",
                    ("sum by (outcome) (increase(shunt_policy_reloads_total{%I}[$__range]))", "{{outcome}}"),
                ),
                panel(
                    "Processor", "How many cores does the router itself take, engines not counted?",
                    (f"sum by (instance) (rate(process_cpu_seconds_total{{%I}}{_RATE}))", "{{instance}}"),
                ),
                panel(
                    "Memory", "How much memory does the router itself take?",
                    ("sum by (instance) (process_resident_memory_bytes{%I})", "{{instance}}"), unit="bytes",
                ),
                panel(
                    "Engine restarts", "Has a local engine ended?",
                    ("sum by (target) (increase(shunt_local_restarts_total{%I}[$__range]))", "{{target}}"),
                ),
            ),
        ),
    ),
)  # fmt: skip
