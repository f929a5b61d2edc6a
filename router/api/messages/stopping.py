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


def stop_reason(finish_reason: str | None, *, has_calls: bool) -> str:
    """A forced call ends in `stop` at OpenAI, and in `tool_use` here: agents run tools on that word alone."""
    reason = STOP_REASONS.get(finish_reason, "end_turn")
    return "tool_use" if has_calls and reason == "end_turn" else reason


def usage_object(usage: Usage) -> Json:
    """Anthropic counts what came out of a cache apart from the rest of the prompt."""
    return {
        "input_tokens": max(0, usage.prompt_tokens - usage.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
