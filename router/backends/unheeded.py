"""What a target leaves out of a request, by name: a client is told, so that nothing is ignored in silence."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from router.chat import ChatRequest, Json

THINKING = "thinking_blocks"
"""Where an assistant's message keeps its signed thoughts, in Anthropic's words; no other provider can read them."""

# Values that ask for nothing: a target that does not know the field does what they say.
_ASKS_NOTHING: Mapping[str, tuple[object, ...]] = {
    "logprobs": (False,),
    "metadata": ({},),
    "min_p": (0,),
    "modalities": (["text"], []),
    "repeat_penalty": (1,),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "top_k": (0,),
}


def unheeded(request: ChatRequest, heeded: Container[str], *, reads_thinking: bool = False) -> frozenset[str]:
    """The fields of `request` that a target which only knows `heeded` leaves out."""
    params = request.params.items()
    names = {name for name, value in params if name not in heeded and value not in _ASKS_NOTHING.get(name, ())}
    return frozenset(names) if reads_thinking else frozenset(names | _thoughts(request.messages))


def without_thinking(messages: Iterable[Json]) -> list[dict[str, Any]]:
    """The messages as a target reads them that cannot read signed thoughts."""
    return [{name: value for name, value in message.items() if name != THINKING} for message in messages]


def _thoughts(messages: Iterable[Json]) -> set[str]:
    """`content.thinking` and its like, as Anthropic's clients call them."""
    blocks = (message[THINKING] for message in messages if THINKING in message)
    return {f"content.{_kind(block)}" for listed in blocks if isinstance(listed, list) for block in listed}


def _kind(block: object) -> str:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return "redacted_thinking" if kind == "redacted_thinking" else "thinking"
