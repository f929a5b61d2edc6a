"""A finished answer as one Anthropic message."""

import json
from collections.abc import Iterator, Mapping

from router.api.messages.stopping import stopping, usage_object
from router.api.messages.thoughts import joined, pieces_of
from router.chat import Json, Usage
from router.dispatch.merge import Choice
from router.errors import UpstreamInvalid


def message_id(request_id: str) -> str:
    """The `id` of an answer."""
    return f"msg_{request_id.removeprefix('req_')}"


def message_of(choice: Choice, usage: Usage, *, request_id: str, model: str, thinks: bool) -> Json:
    """The message of `choice`; thinking is in it where the client reads that.

    Raises:
        UpstreamInvalid: the target called a tool with something that is not a JSON object.
    """
    return {
        "id": message_id(request_id),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [*_blocks(choice, thinks=thinks)],
        **stopping(choice.finish_reason, choice.stop_sequence, has_calls=bool(choice.tool_calls)),
        "usage": usage_object(usage),
    }


def text_of(delta: Json) -> str:
    """What a delta says; a refusal is said, too."""
    said = (delta.get(name) for name in ("content", "refusal"))
    return "".join(text for text in said if isinstance(text, str))


def _blocks(choice: Choice, *, thinks: bool) -> Iterator[Json]:
    text = text_of(choice.message)
    if thinks:
        yield from joined(pieces_of(choice.message))
    if text:
        yield {"type": "text", "text": text}
    for at, call in sorted(choice.tool_calls.items()):
        function = call.get("function")
        named = function if isinstance(function, Mapping) else {}
        arguments = _object(named.get("arguments"), is_cut=choice.finish_reason == "length")
        yield {"type": "tool_use", "id": call.get("id") or f"toolu_{at}", "name": named.get("name"), "input": arguments}


def _object(arguments: object, *, is_cut: bool) -> Json:
    """What a call says; of one that the limit has cut, whose `stop_reason` tells so, nothing can be used."""
    try:
        value = json.loads(str(arguments or "{}"))
    except (ValueError, RecursionError):
        value = {} if is_cut else None
    if not isinstance(value, dict):
        raise UpstreamInvalid("The model called a tool with something that is not a JSON object.")
    return value
