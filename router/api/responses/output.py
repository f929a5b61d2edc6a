"""A finished answer as the items of a response, and the response around them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from router.api.responses.parse import Asked
from router.api.responses.tools import shown
from router.chat import Json, Usage
from router.dispatch.merge import Choice
from router.errors import RouterError

Status: TypeAlias = Literal["in_progress", "completed", "incomplete", "failed"]
CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known of a response before anything is said: its id, when it began (Unix seconds), and what was asked."""

    id: str
    created_at: int
    asked: Asked
    stored: bool
    namespaces: Mapping[str, str] = field(default_factory=dict)

    def item_id(self, prefix: str, at: int) -> str:
        """The id of the output's item number `at`."""
        return f"{prefix}_{self.id.removeprefix('resp_')}{at:02x}"

    def response(self, model: str, status: Status, output: list[Json], usage: Usage | None, reason: str | None) -> Json:
        """The whole object; `reason` is why the answer is incomplete."""
        body, given = self.asked.body, self.asked.given
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "max_tool_calls": None,
            "model": model,
            "output": output,
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": body.previous_response_id,
            "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
            "safety_identifier": body.safety_identifier,
            "service_tier": "default",
            "store": self.stored,
            "temperature": 1.0 if body.temperature is None else body.temperature,
            "text": {"format": {"type": "text"}, **_mapping(given.get("text"))},
            "tool_choice": given.get("tool_choice") or "auto",
            "tools": shown(given.get("tools")),
            "top_logprobs": body.top_logprobs or 0,
            "top_p": 1.0 if body.top_p is None else body.top_p,
            "truncation": "disabled",
            "usage": None if usage is None else usage_object(usage),
            "user": body.user,
            "metadata": body.metadata or {},
        }

    def failed(self, model: str, output: list[Json], error: RouterError) -> Json:
        """The object of an answer that broke off."""
        whole = self.response(model, "failed", output, None, None)
        return {**whole, "error": {"code": "server_error", "message": error.message}}

    def call(self, at: int, call: Json, arguments: str, status: str) -> Json:
        """The item of a tool call."""
        function = _mapping(call.get("function"))
        name = str(function.get("name") or "")
        item = {
            "id": self.item_id("fc", at),
            "type": "function_call",
            "status": status,
            "arguments": arguments,
            "call_id": call.get("id") or self.item_id("call", at),
            "name": name,
        }
        return {**item, "namespace": self.namespaces[name]} if name in self.namespaces else item

    def message(self, at: int, content: list[Json], status: str) -> Json:
        """The item of what the model says."""
        return {
            "id": self.item_id("msg", at),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def reasoning(self, at: int, text: str | None, status: str) -> Json:
        """The item of what the model thinks, as servers of open weights show it."""
        content = [] if text is None else [{"type": "reasoning_text", "text": text}]
        return {"id": self.item_id("rs", at), "type": "reasoning", "status": status, "summary": [], "content": content}


def output_text(text: str, logprobs: list[object] | None = None) -> Json:
    """The part that holds what is said."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs or []}


def thought_of(delta: Json) -> str:
    """What a delta thinks, by whichever name its server has for that."""
    return next((text for text in map(delta.get, ("reasoning_content", "reasoning")) if isinstance(text, str)), "")


def usage_object(usage: Usage) -> Json:
    """Usage in the words of this API."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def items_of(frame: Frame, choice: Choice) -> Iterator[Json]:
    """The items of a whole answer: what it thought, what it says, and its calls."""
    at = 0
    thought = thought_of(choice.message)
    if thought:
        yield frame.reasoning(at, thought, "completed")
        at += 1
    content = [*_content(choice)]
    if content or not choice.tool_calls:
        status = "incomplete" if choice.finish_reason in CUT else "completed"
        yield frame.message(at, content or [output_text("")], status)
        at += 1
    for _, call in sorted(choice.tool_calls.items()):
        arguments = str(_mapping(call.get("function")).get("arguments") or "{}")
        yield frame.call(at, call, arguments, "completed")
        at += 1


def _content(choice: Choice) -> Iterator[Json]:
    text, refusal = choice.message.get("content"), choice.message.get("refusal")
    logprobs = (choice.logprobs or {}).get("content")
    if isinstance(text, str) and text:
        yield output_text(text, logprobs if isinstance(logprobs, list) else None)
    if isinstance(refusal, str) and refusal:
        yield {"type": "refusal", "refusal": refusal}


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}
