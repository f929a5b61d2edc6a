"""What can be known of a request without reading its meaning: needs, size, turns, side call. Pure."""

from collections.abc import Iterable, Mapping

from classifiers.conversation import side_call
from router.chat import ChatRequest, Json
from router.config import ModelConfig
from router.policy.client import client_of
from router.policy.decision import Facts
from router.policy.words import Words

BYTES_PER_TOKEN = 3  # English runs at 4 to 5, CJK at 3, code at 3 to 4: an upper estimate without a tokenizer
MESSAGE_TOKENS = 8  # role markers and separators of the common chat templates
BYTES_PER_TOKEN_MOST = 64  # no vocabulary in use packs more into its longest token, runs of blanks included

_PART_NEEDS = {"image_url": "vision", "input_audio": "audio", "file": "vision"}
_PART_MODALITIES = {"image_url": "image", "input_audio": "audio", "file": "file"}


def facts_of(request: ChatRequest, headers: Mapping[str, str]) -> Facts:
    """Gather the facts of one request; `headers` must have lower-case names."""
    return Facts(
        headers=headers,
        needs=frozenset(_needs(request)),
        prompt_tokens=prompt_bytes(request) // BYTES_PER_TOKEN + MESSAGE_TOKENS * len(request.messages),
        turns=sum(1 for message in request.messages if message.get("role") == "user"),
        side_call=side_call(request.messages),
        model=request.model,
        max_tokens=request.max_tokens,
        client=client_of(headers),
        modalities=frozenset(_modalities(request)),
        words=Words(request.messages, tuple(request.params.values())),
    )


def needs_count(request: ChatRequest, model: ModelConfig) -> bool:
    """True when the prompt could be on either side of the model's window, so that only its tokenizer can tell."""
    size = prompt_bytes(request)
    surely_fits = size + MESSAGE_TOKENS * 4 * (1 + len(request.messages)) < model.context
    surely_not = size // BYTES_PER_TOKEN_MOST > model.context
    return model.context > 0 and not surely_fits and not surely_not


def prompt_bytes(request: ChatRequest) -> int:
    """Bytes of everything that a chat template would render: contents, tool calls and tool descriptions."""
    size = sum(_message_bytes(message) for message in request.messages)
    for name in ("tools", "functions"):
        if name in request.params:
            size += len(repr(request.params[name]))
    return size


def _message_bytes(message: Json) -> int:
    size = sum(_text_bytes(text) for text in _texts(message.get("content")))
    return size + (len(repr(message["tool_calls"])) if message.get("tool_calls") else 0)


def _text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _texts(content: object) -> Iterable[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str):
                yield text


def _needs(request: ChatRequest) -> Iterable[str]:
    yield "chat"
    params = request.params
    if params.get("tools") or params.get("functions"):
        yield "tools"
    form = params.get("response_format")
    if isinstance(form, Mapping) and form.get("type") in {"json_object", "json_schema"}:
        yield "json"
    if _speaks(request):
        yield "audio"
    yield from (_PART_NEEDS[kind] for kind in _part_kinds(request) if kind in _PART_NEEDS)


def _modalities(request: ChatRequest) -> Iterable[str]:
    if _speaks(request):
        yield "audio"
    yield from (_PART_MODALITIES[kind] for kind in _part_kinds(request) if kind in _PART_MODALITIES)


def _speaks(request: ChatRequest) -> bool:
    modalities = request.params.get("modalities")
    return isinstance(modalities, list) and "audio" in modalities


def _part_kinds(request: ChatRequest) -> Iterable[str]:
    for message in request.messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            yield str(part.get("type"))
