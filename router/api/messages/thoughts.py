"""Signed thoughts: Anthropic's models want theirs back as they were, and nobody else can read them."""

from collections.abc import Iterable, Iterator, Mapping

from router.api.messages.schema import Block
from router.chat import Json

FIELDS: Mapping[str, tuple[str, ...]] = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}


def kept(block: Block) -> Json | None:
    """The thought of an earlier turn as it travels; None for one that nobody has signed."""
    said = block.model_extra or {}
    fields = {name: said.get(name) for name in FIELDS.get(block.type, ())}
    is_whole = bool(fields) and all(isinstance(value, str) for value in fields.values())
    return {"type": block.type, **fields} if is_whole and fields.get("signature", "redacted") else None


def pieces_of(delta: Json) -> list[Json]:
    """The thoughts of a delta: Anthropic's own blocks, or what servers call reasoning, which is not signed."""
    blocks = delta.get("thinking_blocks")
    if isinstance(blocks, list) and blocks:
        return [block for block in blocks if isinstance(block, Mapping)]
    thought = next((text for text in map(delta.get, ("reasoning_content", "reasoning")) if isinstance(text, str)), "")
    return [{"type": "thinking", "thinking": thought}] if thought else []


def joined(pieces: Iterable[Json]) -> Iterator[Json]:
    """Whole blocks of the pieces that a stream had: a signature ends one."""
    text, is_open = "", False
    for piece in pieces:
        if piece.get("type") == "redacted_thinking":
            yield {"type": "redacted_thinking", "data": str(piece.get("data") or "")}
            continue
        text, is_open = text + str(piece.get("thinking") or ""), True
        if piece.get("signature"):
            yield {"type": "thinking", "thinking": text, "signature": str(piece["signature"])}
            text, is_open = "", False
    if is_open:
        yield {"type": "thinking", "thinking": text, "signature": ""}
