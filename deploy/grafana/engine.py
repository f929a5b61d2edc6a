"""Engine: how busy the local models are, and what their memory holds."""

from deploy.grafana.panel import Board, Row, panel

_RATE = "[$__rate_interval]"
_TARGET = '"target", "$1", "gen_ai_response_model", "(.*)"'
_LOCAL = '* on (job, instance, target) group_left (zone) shunt_target_info{backend="llama.cpp"}'
_FIRST = f"rate(gen_ai_server_time_to_first_token_seconds_bucket{{%I}}{_RATE})"
_NEXT = f"rate(gen_ai_server_time_per_output_token_seconds_bucket{{%I}}{_RATE})"
_TTFT = f"label_replace({_FIRST}, {_TARGET}) {_LOCAL}"
_GAP = f"label_replace({_NEXT}, {_TARGET}) {_LOCAL}"

BOARD = Board(
    "engine",
    "Shunt: engine",
    "How busy are the models on this machine, and how fast do they answer?",
    (
        Row(
            "Load",
            (
                panel(
                    "Slots in use",
                    "How many answers are written at once?",
                    ("sum by (target) (shunt_engine_live{%I})", "{{target}}"),
                ),
                panel(
                    "Queue",
                    "How many requests wait for their turn?",
                    ("sum by (target) (shunt_queue_depth{%I})", "{{target}}"),
                ),
                panel(
                    "Wait",
                    "How long would a request that came now wait?",
                    ("max by (target) (shunt_engine_wait_seconds{%I})", "{{target}}"),
                    unit="s",
                ),
            ),
        ),
        Row(
            "Speed",
            (
                panel(
                    "Tokens per second",
                    "How fast are answers written, and prompts read?",
                    (
                        f"sum by (target) (rate(shunt_engine_completion_tokens_total{{%I}}{_RATE}))",
                        "{{target}} written",
                    ),
                    (
                        (
                            f"sum by (target) (rate(shunt_engine_prompt_tokens_total{{%I}}{_RATE}) - "
                            f"rate(shunt_engine_cached_tokens_total{{%I}}{_RATE}))"
                        ),
                        "{{target}} read",
                    ),
                ),
                panel(
                    "Time to the first token",
                    "How long until a local stream begins?",
                    (f"histogram_quantile(0.5, sum by (le, target) ({_TTFT}))", "{{target}} p50"),
                    (f"histogram_quantile(0.95, sum by (le, target) ({_TTFT}))", "{{target}} p95"),
                    unit="s",
                ),
                panel(
                    "Time per token",
                    "How long between two tokens of a local stream?",
                    (f"histogram_quantile(0.5, sum by (le, target) ({_GAP}))", "{{target}} p50"),
                    (f"histogram_quantile(0.95, sum by (le, target) ({_GAP}))", "{{target}} p95"),
                    unit="s",
                ),
            ),
        ),
        Row(
            "Memory",
            (
                panel(
                    "Key-value cache",
                    "How full is the attention memory?",
                    (
                        "sum by (target) (shunt_engine_kv_used{%I}) / sum by (target) (shunt_engine_kv_size{%I})",
                        "{{target}}",
                    ),
                    unit="percentunit",
                ),
                panel(
                    "Prefix hits",
                    "What share of prompt tokens was read before and is not read again?",
                    (
                        (
                            f"sum by (target) (rate(shunt_engine_cached_tokens_total{{%I}}{_RATE})) / "
                            f"(sum by (target) (rate(shunt_engine_prompt_tokens_total{{%I}}{_RATE})) > 0)"
                        ),
                        "{{target}}",
                    ),
                    unit="percentunit",
                ),
                panel(
                    "Memory of models",
                    "What do the models in memory take of the budget?",
                    ("sum by (target) (shunt_engine_memory_bytes{%I})", "{{target}}"),
                    unit="bytes",
                ),
            ),
        ),
        Row(
            "Life",
            (
                panel(
                    "State",
                    "Which models are loaded, loading, unloaded or failed?",
                    ("max by (target, state) (shunt_engine_state{%I}) == 1", "{{target}} {{state}}"),
                ),
                panel(
                    "Restarts",
                    "Has an engine ended and been started again?",
                    ("sum by (target) (increase(shunt_local_restarts_total{%I}[$__range]))", "{{target}}"),
                ),
                panel(
                    "Loads",
                    "How often is a model brought into memory?",
                    ("sum by (target) (increase(shunt_engine_loads_total{%I}[$__range]))", "{{target}}"),
                ),
            ),
        ),
    ),
)
