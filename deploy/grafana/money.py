"""Money: what was spent, on what, and what it would have been without the router."""

from deploy.grafana.panel import Board, Row, panel

_RATE = "[$__rate_interval]"
_RANGE = "[$__range]"
_SPENT = f"(sum(increase(shunt_cost_usd_total{{%I}}{_RANGE})) or vector(0))"
_BASELINE = f"(sum(increase(shunt_baseline_cost_usd_total{{%I}}{_RANGE})) or vector(0))"
_ANSWERS = f'sum(increase(shunt_requests_total{{%I, target!="other"}}{_RANGE}))'

BOARD = Board(
    "money",
    "Shunt: money",
    "What was spent, on what, and what would the large model alone have cost?",
    (
        Row(
            "In the time shown",
            (
                panel("Spent", "What did it cost?", (_SPENT, ""), unit="currencyUSD", kind="stat"),
                panel(
                    "Baseline", "What would the large model alone have cost?", (_BASELINE, ""),
                    unit="currencyUSD", kind="stat",
                ),
                panel(
                    "Saved", "The difference, signed, net of what was given up.", (f"{_BASELINE} - {_SPENT}", ""),
                    unit="currencyUSD", kind="stat",
                ),
                panel(
                    "Saved, of the baseline", "Which share of the bill is gone?",
                    (f"1 - {_SPENT} / ({_BASELINE} > 0)", ""), unit="percentunit", kind="stat",
                ),
                panel(
                    "Per 1,000 requests", "What does the average request cost, times 1,000?",
                    (f"1000 * {_SPENT} / ({_ANSWERS} > 0)", ""), unit="currencyUSD", kind="stat",
                ),
                panel(
                    "Price unknown", "How many requests does the sum leave out, because nobody knows their price?",
                    (f"sum(increase(shunt_price_unknown_total{{%I}}{_RANGE}))", ""), kind="stat",
                ),
            ),
        ),
        Row(
            "Over time",
            (
                panel(
                    "Spent per hour, by model", "Which model costs?",
                    (f"3600 * sum by (model) (rate(shunt_cost_usd_total{{%I}}{_RATE}))", "{{model}}"),
                    unit="currencyUSD", kind="stack",
                ),
                panel(
                    "Spent per hour, by purpose", "What is paid for answers, and what for work that nobody got?",
                    (f"3600 * sum by (kind) (rate(shunt_cost_usd_total{{%I}}{_RATE}))", "{{kind}}"),
                    unit="currencyUSD", kind="stack",
                ),
                panel(
                    "Spent and baseline per hour", "Is it cheaper than the large model alone, and by how much?",
                    (f"3600 * sum(rate(shunt_cost_usd_total{{%I}}{_RATE}))", "spent"),
                    (f"3600 * sum(rate(shunt_baseline_cost_usd_total{{%I}}{_RATE}))", "large model alone"),
                    unit="currencyUSD",
                ),
                panel(
                    "Tokens", "Which model reads and writes how much?",
                    ((f"sum by (gen_ai_response_model, gen_ai_token_type) "
                     f"(rate(gen_ai_client_token_usage_sum{{%I}}{_RATE}))"),
                     "{{gen_ai_response_model}} {{gen_ai_token_type}}"), kind="stack",
                ),
                panel(
                    "Prices nobody knows", "For which model is a price missing?",
                    ("sum by (model) (rate(shunt_price_unknown_total{%I}[$__rate_interval]))", "{{model}}"),
                    unit="reqps",
                ),
                panel(
                    "Against the usual", "Is this hour dearer than the same hours of last week?",
                    ("shunt:cost_usd:increase1h", "this hour"),
                    ("avg_over_time(shunt:cost_usd:increase1h[7d])", "a week's average"), unit="currencyUSD",
                ),
            ),
        ),
        Row(
            "Budgets, tags and energy",
            (
                panel(
                    "Budgets", "How much of each budget is spent, of the tighter of its day and month?",
                    ("max by (budget) (shunt_budget_used_ratio{%I})", "{{budget}}"), unit="percentunit",
                ),
                panel(
                    "Budgets at the end of the day", "Will they last, if the day goes on like the last hour? Above 100 %: no.",
                    ("budget:shunt_budget_used:day_end_ratio", "{{budget}}"), unit="percentunit",
                ),
                panel(
                    "Spent per hour, by key tag", "Whose requests cost? A key with two tags counts for both.",
                    (f"3600 * sum by (tag) (rate(shunt_tag_cost_usd_total{{%I}}{_RATE}))", "{{tag}}"),
                    unit="currencyUSD",
                ),
                panel(
                    "Per 1,000 requests, by key tag", "Whose requests are dear ones?",
                    ((f"1000 * sum by (tag) (rate(shunt_tag_cost_usd_total{{%I}}{_RATE})) / "
                     f"(sum by (tag) (rate(shunt_tag_requests_total{{%I}}{_RATE})) > 0)"), "{{tag}}"),
                    unit="currencyUSD",
                ),
                panel(
                    "Power", "What does the work of models on this machine draw, as measured or estimated?",
                    (f"sum by (model, kind) (rate(shunt_energy_joules_total{{%I}}{_RATE}))", "{{model}} {{kind}}"),
                    unit="watt",
                ),
            ),
        ),
    ),
)  # fmt: skip
