"""What is sent to an OpenAI-compatible target: named fields only, so that no client can add one."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from router.backends.unheeded import without_thinking
from router.chat import ChatRequest
from router.config import ModelConfig

# Fields of `ChatRequest.params` that may travel. The HTTP border keeps the same list; this one holds even without it.
PARAMS = frozenset(
    {
        "audio", "frequency_penalty", "function_call", "functions", "ignore_eos", "logit_bias", "logprobs", "metadata",
        "min_p", "modalities", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
        "reasoning_effort", "repeat_penalty", "response_format", "safety_identifier", "seed", "service_tier", "stop",
        "store", "temperature", "tool_choice", "tools", "top_k", "top_logprobs", "top_p", "user", "verbosity",
        "web_search_options",
    }
)  # fmt: skip
# Sampling hints that vLLM, llama-server and their like know, and that OpenAI answers with 400.
HINTS_FOR_LOCAL_SERVERS = frozenset({"ignore_eos", "min_p", "repeat_penalty", "top_k"})

_encoder = msgspec.json.Encoder()


def chat_body(request: ChatRequest, config: ModelConfig) -> bytes:
    """The JSON body of one chat completion request."""
    return _encoder.encode({**params_of(request, config), **named_fields(request, config)})


def params_of(request: ChatRequest, config: ModelConfig) -> dict[str, object]:
    """The request's parameters that this target may see: the closed list and the entry's own `forward_fields`."""
    allowed = params_allowed(config)
    return {name: value for name, value in request.params.items() if name in allowed and value is not None}


def params_allowed(config: ModelConfig) -> frozenset[str]:
    """The closed list and the entry's own `forward_fields`, without what OpenAI would answer with 400."""
    allowed = PARAMS.union(config.forward_fields)
    return allowed - HINTS_FOR_LOCAL_SERVERS if is_openai(config) else allowed


def named_fields(request: ChatRequest, config: ModelConfig) -> dict[str, object]:
    """The fields that Shunt itself fills in; nothing of `params` can override them."""
    fields: dict[str, object] = {"model": config.model or config.name, "messages": without_thinking(request.messages)}
    limit = token_limit(request, config)
    if limit is not None:
        fields["max_completion_tokens" if is_openai(config) else "max_tokens"] = limit
    fields["stream"] = request.stream
    if request.stream:
        fields["stream_options"] = {"include_usage": True}
    return fields


def token_limit(request: ChatRequest, config: ModelConfig) -> int | None:
    """The cap on the answer. One that reaches the whole window caps nothing, and some servers refuse it: left out."""
    limit = request.max_tokens
    return None if limit is None or 0 < config.context <= limit else limit


def is_openai(config: ModelConfig) -> bool:
    """True for OpenAI itself, whose newer models know the cap as `max_completion_tokens` only."""
    return urlsplit(config.base_url or "").hostname == "api.openai.com"


def auth_headers(config: ModelConfig) -> Mapping[str, str]:
    """The target's own key, if it has one."""
    return {"Authorization": f"Bearer {config.api_key.value}"} if config.api_key else {}
