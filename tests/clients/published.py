"""The streams that OpenAI and Anthropic publish as examples: the order of their events, and the fields of each.

Written down from the reference of the Chat Completions, Completions, Responses and Messages APIs. Of a row of equal
events one stands here. `Fields` are those that the example has; an inner mapping is an object, a list of one mapping a
list of objects.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from anthropic.types import RawMessageStreamEvent
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent


def fields(*names: str, **inner: Any) -> dict[str, Any]:
    """Plain fields by name, and those that are objects."""
    return dict.fromkeys(names) | inner


@dataclass(frozen=True)
class Published:
    """One published stream: its events by name with their fields, in order, and the provider's own type of an event."""

    path: str
    body: Mapping[str, Any]
    kind: Any
    events: Sequence[tuple[str, Mapping[str, Any]]]
    spares: AbstractSet[str] = frozenset()
    """Published fields that the provider calls optional or out of date, and that are not sent."""
    others: AbstractSet[str] = frozenset({".x_shunt"})
    """Fields that the provider's types do not know: what an answer has cost, and what only the example has."""


TURNS = [{"role": "user", "content": "Hello"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Bern", "Rome"]}},
    "required": ["city"],
}
FUNCTION = {"name": "get_weather", "description": "The weather.", "parameters": PARAMETERS}
SHORT = {"temperature": 0, "stream": True}

CHUNK = ("id", "object", "created", "model", "system_fingerprint")
CHUNKED = fields(*CHUNK, choices=[fields("index", "logprobs", "finish_reason", delta={})])
CHAT = {"messages": TURNS, "max_tokens": 200, **SHORT}
PRINT = {".system_fingerprint"}
STORE = {".response.store", ".x_shunt"}
TOOLS = {"tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "required", "parallel_tool_calls": False}

RESPONSE = fields(
    "id", "object", "created_at", "status", "error", "incomplete_details", "instructions", "max_output_tokens", "model",
    "output", "parallel_tool_calls", "previous_response_id", "reasoning", "store", "temperature", "text", "tool_choice",
    "tools", "top_p", "truncation", "usage", "user", "metadata",
)  # fmt: skip
USED = fields(
    "input_tokens", "output_tokens", "total_tokens",
    input_tokens_details=fields("cached_tokens"), output_tokens_details=fields("reasoning_tokens"),
)  # fmt: skip
ITEM = fields("id", "type", "status", "role", "content")
CALLED = fields("id", "type", "status", "arguments", "call_id", "name")
PLACE = ("type", "sequence_number", "item_id", "output_index", "content_index")
RESPOND = {"input": TURNS, "max_output_tokens": 200, "store": False, **SHORT}


def opened(name: str) -> tuple[str, dict[str, Any]]:
    """An event that holds the whole response before its end."""
    return name, fields("type", "sequence_number", response=RESPONSE)


def item(name: str, of: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """An event that holds an item."""
    return name, fields("type", "sequence_number", "output_index", item=of)


ENDED = ("response.completed", fields("type", "sequence_number", response={**RESPONSE, "usage": USED}))
MESSAGE = fields("id", "type", "role", "content", "model", "stop_reason", "stop_sequence",
                 usage=fields("input_tokens", "output_tokens"))  # fmt: skip
STOPPED = (
    ("content_block_stop", fields("type", "index")),
    ("message_delta", fields("type", delta=fields("stop_reason", "stop_sequence"), usage=fields("output_tokens"))),
    ("message_stop", fields("type")),
)
SPEAK = {"messages": TURNS, "max_tokens": 200, **SHORT}

STREAMS = {
    "chat, a text": Published("chat/completions", CHAT, ChatCompletionChunk, [
        ("role", {**CHUNKED, "choices": [fields("index", "logprobs", "finish_reason", delta=fields("role", "content"))]}),
        ("content", {**CHUNKED, "choices": [fields("index", "logprobs", "finish_reason", delta=fields("content"))]}),
        ("finish", CHUNKED),
    ], PRINT),
    "chat, a call": Published("chat/completions", CHAT | TOOLS, ChatCompletionChunk, [
        ("role", CHUNKED),
        ("tool_calls", {**CHUNKED, "choices": [fields("index", "logprobs", "finish_reason", delta=fields(
            tool_calls=[fields("index", function=fields("arguments"))]))]}),
        ("finish", CHUNKED),
    ], PRINT),
    "completions": Published("completions", {"prompt": "Once", "max_tokens": 8, **SHORT}, Completion, [
        ("text", fields(*CHUNK, choices=[fields("text", "index", "logprobs", "finish_reason")])),
        ("finish", fields(*CHUNK, choices=[fields("text", "index", "logprobs", "finish_reason")])),
    ], PRINT),
    "responses, a text": Published("responses", RESPOND, ResponseStreamEvent, [
        opened("response.created"), opened("response.in_progress"), item("response.output_item.added", ITEM),
        ("response.content_part.added", fields(*PLACE, part=fields("type", "text", "annotations"))),
        ("response.output_text.delta", fields(*PLACE, "delta")),
        ("response.output_text.done", fields(*PLACE, "text")),
        ("response.content_part.done", fields(*PLACE, part=fields("type", "text", "annotations"))),
        item("response.output_item.done", {**ITEM, "content": [fields("type", "text", "annotations")]}),
        ENDED,
    ], others=STORE),
    "responses, a call": Published(
        "responses",
        RESPOND | {"tools": [{"type": "function", **FUNCTION}], "tool_choice": "required", "parallel_tool_calls": False},
        ResponseStreamEvent, [
        opened("response.created"), opened("response.in_progress"), item("response.output_item.added", CALLED),
        ("response.function_call_arguments.delta", fields("type", "sequence_number", "item_id", "output_index", "delta")),
        ("response.function_call_arguments.done",
         fields("type", "sequence_number", "item_id", "output_index", "arguments")),
        item("response.output_item.done", CALLED), ENDED,
    ], others=STORE),
    "messages, a text": Published("messages", SPEAK, RawMessageStreamEvent, [
        ("message_start", fields("type", message=MESSAGE)),
        ("content_block_start", fields("type", "index", content_block=fields("type", "text"))),
        ("ping", fields("type")),
        ("content_block_delta", fields("type", "index", delta=fields("type", "text"))),
        *STOPPED,
    ]),
    "messages, a call": Published(
        "messages",
        SPEAK | {
            "tools": [{"name": "get_weather", "input_schema": PARAMETERS}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        },
        RawMessageStreamEvent, [
        ("message_start", fields("type", message=MESSAGE)),
        ("content_block_start", fields("type", "index", content_block=fields("type", "id", "name", "input"))),
        ("ping", fields("type")),
        ("content_block_delta", fields("type", "index", delta=fields("type", "partial_json"))),
        *STOPPED,
    ]),
}  # fmt: skip
