"""From a `ChatRequest` to the engine's `Submit`: named fields only, each with OpenAI's default."""

from collections.abc import Mapping
from types import MappingProxyType

from router.backends.unheeded import THINKING
from router.chat import ChatRequest, Json
from router.engine.wire import JsonObject, ResponseFormat, Sampling, Submit
from router.errors import BadRequest

# What `submit_of` reads, and who the queue is fair to; there is nothing that the rest could change in a local model.
HEEDED = frozenset(
    {
        "frequency_penalty", "ignore_eos", "logit_bias", "logprobs", "min_p", "n", "parallel_tool_calls",
        "presence_penalty", "repeat_penalty", "response_format", "safety_identifier", "seed", "stop", "temperature",
        "tool_choice", "tools", "top_k", "top_logprobs", "top_p", "user",
    }
)  # fmt: skip
# What a chat template may read. The rest of a message is another model's: its reasoning, its signatures.
MESSAGE_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id")
CALL_FIELDS = ("id", "type", "function")
_NOTHING: tuple[object, ...] = (None, "", [], {})
_NO_DEFAULTS: Json = MappingProxyType({})
LEAST_TOP_P = 1e-6  # OpenAI allows 0, which means the likeliest token


def submit_of(request: ChatRequest, id_: int, defaults: Json = _NO_DEFAULTS) -> Submit:
    """The command that answers `request`, with the model's `defaults` for what it does not say about sampling.

    Raises:
        BadRequest: a parameter is of the wrong kind; names it.
    """
    params = request.params
    return Submit(
        id=id_,
        messages=messages_of(request) if request.prompt is None else None,
        prompt=list(request.prompt) if isinstance(request.prompt, tuple) else request.prompt,
        sampling=_sampling({**defaults, **{name: value for name, value in params.items() if value is not None}}),
        max_tokens=request.max_tokens,
        stop=_stop(params.get("stop")),
        n=_whole(params, "n", 1),
        top_logprobs=_top_logprobs(params),
        ignore_eos=params.get("ignore_eos") is True,
        response_format=_response_format(params.get("response_format")),
        tools=tools_of(request),
        tool_choice=_tool_choice(params.get("tool_choice")),
        parallel_tool_calls=params.get("parallel_tool_calls") is not False,
        caller=request.caller,
        adapter=request.adapter,
        confidence_at=list(request.confidence_at),
    )


def messages_of(request: ChatRequest) -> list[JsonObject]:
    """The messages as the wire takes them: named fields only."""
    return [_message(message) for message in request.messages]


def _message(given: Json) -> JsonObject:
    message = {name: given[name] for name in MESSAGE_FIELDS if name in given}
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [{name: call[name] for name in CALL_FIELDS if name in call} for call in calls]
    return message


def unread(request: ChatRequest) -> frozenset[str]:
    """What is left out of the messages, by name, where it says anything."""
    return frozenset(
        f"messages.{name}"
        for message in request.messages
        for name, value in message.items()
        if name not in MESSAGE_FIELDS and name != THINKING and value not in _NOTHING
    )


def tools_of(request: ChatRequest) -> list[JsonObject]:
    """The tools as the wire takes them."""
    tools = request.params.get("tools")
    return [dict(tool) for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list | tuple) else []


def _sampling(params: Json) -> Sampling:
    seed = params.get("seed")
    return Sampling(
        temperature=_number(params, "temperature", 1.0),
        top_p=max(_number(params, "top_p", 1.0), LEAST_TOP_P),
        top_k=_whole(params, "top_k", 0),
        min_p=_number(params, "min_p", 0.0),
        presence_penalty=_number(params, "presence_penalty", 0.0),
        frequency_penalty=_number(params, "frequency_penalty", 0.0),
        repeat_penalty=_number(params, "repeat_penalty", 1.0),
        logit_bias=_logit_bias(params.get("logit_bias")),
        seed=seed if isinstance(seed, int) else None,
    )


def _number(params: Json, name: str, default: float) -> float:
    value = params.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{name} must be a number.", param=name)
    return float(value)


def _whole(params: Json, name: str, default: int) -> int:
    value = params.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(f"{name} must be a whole number.", param=name)
    return value


def _logit_bias(value: object) -> dict[int, float]:
    if not isinstance(value, Mapping):
        return {}
    try:
        return {int(token): float(bias) for token, bias in value.items()}
    except (TypeError, ValueError) as error:
        raise BadRequest("logit_bias must map token ids to numbers.", param="logit_bias") from error


def _stop(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def _top_logprobs(params: Json) -> int | None:
    wanted = _whole(params, "top_logprobs", 0)
    if params.get("logprobs") is True:
        return wanted
    if wanted:
        raise BadRequest("top_logprobs needs logprobs to be true.", param="top_logprobs")
    return None


def _response_format(value: object) -> ResponseFormat:
    match value:
        case {"type": "json_object"}:
            return ResponseFormat("json_object")
        case {"type": "json_schema", "json_schema": {"schema": dict() | bool() as schema}}:
            return ResponseFormat("json_schema", schema)
        case {"type": "json_schema"}:
            raise BadRequest("response_format needs json_schema.schema.", param="response_format")
        case _:
            return ResponseFormat()


def _tool_choice(value: object) -> str | JsonObject:
    if isinstance(value, str):
        return value
    return dict(value) if isinstance(value, Mapping) else "auto"
