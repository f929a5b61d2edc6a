"""What a rule changes in the request that it sends on. Pure."""

from dataclasses import replace

from router.chat import ChatRequest
from router.config import Overrides

BYTES_PER_TOKEN = 3
MESSAGE_TOKENS = 8


def overridden(request: ChatRequest, overrides: Overrides | None) -> ChatRequest:
    """The request as the rule sends it; what the client's own limit allows is never made more."""
    if overrides is None:
        return request
    changed = {
        name: value
        for name, value in (("temperature", overrides.temperature), ("reasoning_effort", overrides.reasoning_effort))
        if value is not None
    }
    limits = [limit for limit in (request.max_tokens, overrides.max_tokens) if limit is not None]
    messages, prompt = request.messages, request.prompt
    if overrides.system_prefix is not None:
        messages = ({"role": "system", "content": overrides.system_prefix}, *messages)
        # Token ids are only asked of a model by name, and so by no rule.
        prompt = f"{overrides.system_prefix}\n\n{prompt}" if isinstance(prompt, str) else prompt
    params = {**request.params, **changed}
    return replace(request, messages=messages, prompt=prompt, max_tokens=min(limits, default=None), params=params)


def extra_tokens(overrides: Overrides | None) -> int:
    """What the rule adds to the prompt, an upper estimate in tokens."""
    if overrides is None or overrides.system_prefix is None:
        return 0
    return len(overrides.system_prefix.encode()) // BYTES_PER_TOKEN + MESSAGE_TOKENS
