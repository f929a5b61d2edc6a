"""From Anthropic's turns and content blocks to OpenAI's messages. What has no counterpart is dropped by name."""

import json
from collections.abc import Iterable, Iterator, Sequence

from router.api.messages.schema import Block, CountBody, Source, Turn
from router.api.messages.thoughts import kept
from router.chat import Json
from router.errors import BadRequest

# A line that Claude Code writes for Anthropic's accounts. It changes with every run and would empty each prompt cache.
BILLING = "x-anthropic-billing-header:"
# What a model of another provider cannot read: it has neither the keys to the signatures nor the tools.
FOREIGN = frozenset(
    {"thinking", "redacted_thinking", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result"}
    | {"code_execution_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result"}
    | {"mcp_tool_use", "mcp_tool_result", "container_upload", "tool_reference", "tool_search_tool_result", "compaction"}
)


class Turns:
    """The messages of one body; `dropped` names what was left out of them."""

    def __init__(self, body: CountBody) -> None:
        self.dropped: set[str] = set()
        self.messages: list[Json] = [*self._system(body.system)]
        for at, turn in enumerate(body.messages):
            self.messages += self._turn(turn, f"messages[{at}].content")

    def _system(self, content: str | Sequence[Block] | None) -> Iterator[Json]:
        texts = [content] if isinstance(content, str) else [_text(block, "system") for block in content or ()]
        kept = [text for text in texts if not text.startswith(BILLING)]
        if len(kept) < len(texts):
            self.dropped.add("system.x-anthropic-billing-header")
        if not isinstance(content, str):
            self._note(content or ())
        if any(kept):
            yield {"role": "system", "content": "\n\n".join(kept)}

    def _turn(self, turn: Turn, path: str) -> Iterator[Json]:
        if turn.role == "system":
            yield from self._system(turn.content)
            return
        if isinstance(turn.content, str):
            yield {"role": turn.role, "content": turn.content}
            return
        thoughts = [thought for block in turn.content if turn.role == "assistant" and (thought := kept(block))]
        self._note(block for block in turn.content if turn.role != "assistant" or not kept(block))
        blocks = [block for block in turn.content if block.type not in FOREIGN]
        yield from _assistant(blocks, thoughts, path) if turn.role == "assistant" else self._user(blocks, path)

    def _user(self, blocks: Sequence[Block], path: str) -> Iterator[Json]:
        """Results first: they answer the turn before, and nothing may stand between the two."""
        shown: list[Json] = []
        for block in blocks:
            if block.type == "tool_result":
                parts = self._result(block, path)
                texts = [str(part["text"]) for part in parts if part["type"] == "text"]
                shown += [part for part in parts if part["type"] != "text"]
                yield {"role": "tool", "tool_call_id": block.tool_use_id, "content": "\n".join(texts)}
        parts = [*shown, *(_part(block, path) for block in blocks if block.type != "tool_result")]
        if len(parts) == 1 and parts[0]["type"] == "text":
            yield {"role": "user", "content": parts[0]["text"]}
        elif parts:
            yield {"role": "user", "content": parts}

    def _result(self, block: Block, path: str) -> list[Json]:
        if block.is_error:
            self.dropped.add("content.is_error")
        if isinstance(block.content, list):
            self._note(block.content)
            return [_part(inner, path) for inner in block.content if inner.type not in FOREIGN]
        return [{"type": "text", "text": block.content or ""}]

    def _note(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            if block.type in FOREIGN:
                self.dropped.add(f"content.{block.type}")
            self.dropped |= {
                f"content.{name}" for name, value in (block.model_extra or {}).items() if _says(block, name, value)
            }


def _says(block: Block, name: str, value: object) -> bool:
    return block.type not in FOREIGN and value not in (None, [], {}) and name != "caller"


def _assistant(blocks: Sequence[Block], thoughts: Sequence[Json], path: str) -> Iterator[Json]:
    texts = [_text(block, path) for block in blocks if block.type != "tool_use"]
    calls = [_call(block) for block in blocks if block.type == "tool_use"]
    message: dict[str, object] = {"role": "assistant", "content": "".join(texts) or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
    yield {**message, "thinking_blocks": thoughts} if thoughts else message


def _call(block: Block) -> Json:
    arguments = json.dumps(block.input, ensure_ascii=False, separators=(",", ":"))
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": arguments}}


def _text(block: Block, path: str) -> str:
    if block.type != "text":
        raise BadRequest(f"Invalid value for `{path}`: only text may stand here.", param=path)
    return block.text or ""


def _part(block: Block, path: str) -> Json:
    match block:
        case Block(type="text"):
            return {"type": "text", "text": block.text or ""}
        case Block(type="image", source=Source() as source) if source.type != "text":
            return {"type": "image_url", "image_url": {"url": source.url or _data_url(source)}}
        case Block(type="document", source=Source() as source) if source.type == "text":
            return {"type": "text", "text": source.data}
        case Block(type="document", source=Source() as source) if source.type == "base64":
            file = {"filename": block.title or "document.pdf", "file_data": _data_url(source)}
            return {"type": "file", "file": file}
        case _:
            raise BadRequest(f"Invalid value for `{path}`: a block of a type that is not served here.", param=path)


def _data_url(source: Source) -> str:
    return f"data:{source.media_type};base64,{source.data}"
