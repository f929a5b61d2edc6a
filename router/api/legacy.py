"""Functions as they were called before tools: translated at the edge, and answered in the shape that was asked in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from router.chat import Chunk, Event, Json
from router.errors import BadRequest

FIELDS = ("functions", "function_call")


def is_legacy(body: Json) -> bool:
    """True for a request that offers `functions`."""
    return bool(body.get("functions"))


def modern_params(params: Json) -> dict[str, object]:
    """`params` with `functions` as `tools` and `function_call` as `tool_choice`.

    Raises:
        BadRequest: both generations at one time, or a function that is not there.
    """
    functions, choice = params.get("functions"), params.get("function_call")
    modern = {name: value for name, value in params.items() if name not in FIELDS}
    if not functions:
        if isinstance(choice, Mapping):
            raise BadRequest("Invalid value for `function_call`: it needs `functions`.", param="function_call")
        return modern
    if "tools" in modern or "tool_choice" in modern:
        raise BadRequest("Send either `functions` or `tools`, not both.", param="functions")
    offered = functions if _is_list(functions) else []
    modern["tools"] = [{"type": "function", "function": one} for one in offered]
    if choice is not None:
        modern["tool_choice"] = choice if isinstance(choice, str) else _named(choice, offered)
    return modern


def modern_messages(messages: Iterable[Json]) -> Iterator[Json]:
    """`messages` with calls and results of functions as those of tools; the others unchanged.

    Raises:
        BadRequest: a result that no call stands before.
    """
    last = ""
    for at, message in enumerate(messages):
        call = message.get("function_call")
        if message.get("role") == "function":
            if not last:
                path = f"messages[{at}].role"
                raise BadRequest(f"Invalid value for `{path}`: a `function_call` must stand before.", param=path)
            yield {"role": "tool", "tool_call_id": last, "content": message.get("content")}
        elif isinstance(call, Mapping) and not message.get("tool_calls"):
            last = f"call_{at}"
            kept = {name: value for name, value in message.items() if name != "function_call"}
            yield {**kept, "tool_calls": [{"id": last, "type": "function", "function": call}]}
        else:
            yield message


def as_function_call(event: Event) -> Event:
    """The event as a client reads it that knows one `function_call` for each answer: later calls are left out."""
    if not isinstance(event, Chunk):
        return event
    calls = event.delta.get("tool_calls")
    reason = "function_call" if event.finish_reason == "tool_calls" else event.finish_reason
    if calls is None:
        return event if reason == event.finish_reason else replace(event, finish_reason=reason)
    delta = {name: value for name, value in event.delta.items() if name != "tool_calls"}
    first = [one for at, one in enumerate(calls) if one.get("index", at) == 0] if _is_list(calls) else []
    if first:
        delta["function_call"] = first[0].get("function")
    return replace(event, delta=delta, finish_reason=reason)


def _named(choice: object, functions: Iterable[Json]) -> Json:
    name = choice.get("name") if isinstance(choice, Mapping) else None
    if name not in [one.get("name") for one in functions]:
        raise BadRequest("Invalid value for `function_call`: no such function.", param="function_call.name")
    return {"type": "function", "function": {"name": name}}


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list | tuple)
