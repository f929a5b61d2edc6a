"""Why an answer ended and what it took, in Anthropic's words."""

from collections.abc import Mapping

from router.chat import Json, Usage

STOP_REASONS: Mapping[str | None, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def stopping(finish_reason: str | None, stop_sequence: str | None, *, has_calls: bool) -> dict[str, object]:
    """`stop_reason` and `stop_sequence`.

    A forced call ends in `stop` at OpenAI, and in `tool_use` here: agents run tools on that word alone.
    """
    reason = STOP_REASONS.get(finish_reason, "end_turn")
    if reason == "end_turn" and (has_calls or stop_sequence is not None):
        reason = "tool_use" if has_calls else "stop_sequence"
    return {"stop_reason": reason, "stop_sequence": stop_sequence if reason == "stop_sequence" else None}


def usage_object(usage: Usage) -> Json:
    """Anthropic counts what came out of a cache apart from the rest of the prompt."""
    return {
        "input_tokens": max(0, usage.prompt_tokens - usage.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
