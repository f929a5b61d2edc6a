"""From the body of `/v1/messages` to a `ChatRequest`, or to the 400 that names the field."""

import hashlib
from collections.abc import Iterator, Mapping

from router.api.fields import ignored_header
from router.api.messages.schema import CountBody, MessagesBody, Tool
from router.api.messages.turns import Turns
from router.api.parse import checked
from router.chat import ChatRequest, Json
from router.errors import BadRequest

MAX_USER = 64  # OpenAI's bound on `user`; Claude Code's ids are longer


def parse_messages(
    given: Mapping[str, object], *, request_id: str, strict_fields: bool
) -> tuple[ChatRequest, str, bool]:
    """Validate `given`; also return the value of `x-shunt-ignored`, and whether the client reads thinking.

    Raises:
        UnknownField: a dangerous field, or any unknown one under `strict_fields`.
        BadRequest: a known field with a wrong value; the message never repeats the value.
    """
    body, _ = checked(MessagesBody, given, strict_fields=strict_fields)
    request, ignored = _translated(body, request_id)
    thinks = body.thinking is not None and body.thinking.type != "disabled"
    return request, ignored, thinks


def parse_count(given: Mapping[str, object], *, request_id: str, strict_fields: bool) -> tuple[ChatRequest, str]:
    """The same for the body of `count_tokens`.

    Raises:
        BadRequest: as `parse_messages` says.
    """
    body, _ = checked(CountBody, given, strict_fields=strict_fields)
    return _translated(body, request_id)


def _translated(body: CountBody, request_id: str) -> tuple[ChatRequest, str]:
    turns = Turns(body)
    params = {**dict(_tool_params(body)), **dict(_format(body)), **dict(_thinking(body))}
    if isinstance(body, MessagesBody):
        params |= dict(_sampling(body))
    request = ChatRequest(
        model=body.model,
        messages=tuple(turns.messages),
        max_tokens=body.max_tokens if isinstance(body, MessagesBody) else None,
        stream=isinstance(body, MessagesBody) and bool(body.stream),
        include_usage=True,
        params=params,
        request_id=request_id,
    )
    return request, ignored_header({*turns.dropped, *_dropped(body)})


def _dropped(body: CountBody) -> Iterator[str]:
    """What is accepted and has no counterpart: a client is told, whichever target answers."""
    yield from body.model_extra or ()
    if body.thinking is not None:
        yield from (f"thinking.{name}" for name in body.thinking.model_extra or ())
    if body.output_config is not None:
        yield from (f"output_config.{name}" for name in body.output_config.model_extra or ())
    for tool in body.tools or ():
        if not _is_own(tool):
            yield f"tools.{tool.type}"
        yield from (f"tools.{name}" for name, value in (tool.model_extra or {}).items() if value and _is_own(tool))
    if isinstance(body, MessagesBody):
        if body.metadata is not None:
            yield from (f"metadata.{name}" for name in body.metadata.model_extra or ())
        if body.service_tier is not None:
            yield "service_tier"


def _is_own(tool: Tool) -> bool:
    """True for a tool that the client itself runs; Anthropic's own have a dated type."""
    return tool.type in {None, "custom"}


def _sampling(body: MessagesBody) -> Iterator[tuple[str, object]]:
    given = {"temperature": body.temperature, "top_p": body.top_p, "top_k": body.top_k, "stop": body.stop_sequences}
    yield from ((name, value) for name, value in given.items() if value is not None and value != [])
    if body.metadata is not None and body.metadata.user_id:
        user = body.metadata.user_id
        yield "user", user if len(user) <= MAX_USER else hashlib.sha256(user.encode()).hexdigest()


def _format(body: CountBody) -> Iterator[tuple[str, object]]:
    form = body.output_config.format if body.output_config is not None else None
    if form is not None:
        schema = {"name": "answer", "strict": True, "schema": form.schema_}
        yield "response_format", {"type": "json_schema", "json_schema": schema}


def _thinking(body: CountBody) -> Iterator[tuple[str, object]]:
    if body.thinking is not None and body.thinking.type != "disabled":
        yield "thinking", body.thinking.model_dump(include={"type", "budget_tokens"}, exclude_none=True)


def _tool_params(body: CountBody) -> Iterator[tuple[str, object]]:
    tools = [_function(tool) for tool in body.tools or () if _is_own(tool)]
    if tools:
        yield "tools", tools
    choice = body.tool_choice
    if choice is None:
        return
    names = {tool.name for tool in body.tools or () if _is_own(tool)}
    if (choice.type == "any" and not names) or (choice.type == "tool" and choice.name not in names):
        raise BadRequest("Invalid value for `tool_choice`: no such tool is in `tools`.", param="tool_choice")
    if tools:
        named = {"type": "function", "function": {"name": choice.name}}
        yield "tool_choice", {"auto": "auto", "any": "required", "none": "none"}.get(choice.type, named)
        if choice.disable_parallel_tool_use is not None:
            yield "parallel_tool_calls", not choice.disable_parallel_tool_use


def _function(tool: Tool) -> Json:
    function: dict[str, object] = {"name": tool.name, "parameters": tool.input_schema or {"type": "object"}}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}
