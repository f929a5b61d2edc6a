"""From the items of a response's input to OpenAI's chat messages. What has no counterpart is dropped by name."""

from collections.abc import Iterable, Iterator, Sequence

from router.api.responses.schema import CallItem, Item, MessageItem, OtherItem, OutputItem, Part, ReferenceItem
from router.chat import Json
from router.errors import BadRequest


class Items:
    """The messages of some items; `dropped` names what was left out of them."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.dropped: set[str] = set()
        self.messages: list[Json] = []
        for at, item in enumerate(items):
            self._add(item, f"input[{at}]")

    def _add(self, item: Item, path: str) -> None:
        match item:
            case MessageItem():
                self.messages.append({"role": item.role, "content": _content(item, path)})
            case CallItem():
                self._call(item)
            case OutputItem():
                self._output(item, path)
            case ReferenceItem():
                raise BadRequest("No answer that is kept here has this item.", param=f"{path}.id")
            case OtherItem():
                self.dropped.add(f"input.{item.type}")

    def _call(self, item: CallItem) -> None:
        """Calls belong to what the model said before them, all of one turn to one message."""
        function = {"name": item.name, "arguments": item.arguments}
        call: Json = {"id": item.call_id, "type": "function", "function": function}
        last = self.messages[-1] if self.messages else {}
        if last.get("role") == "assistant":
            known = last.get("tool_calls")
            self.messages[-1] = {**last, "tool_calls": [*(known if isinstance(known, list) else ()), call]}
        else:
            self.messages.append({"role": "assistant", "content": None, "tool_calls": [call]})

    def _output(self, item: OutputItem, path: str) -> None:
        """A tool's message holds text alone; pictures follow as the user's."""
        parts = [] if isinstance(item.output, str) else _parts(item.output, f"{path}.output")
        texts = [str(part["text"]) for part in parts if part["type"] == "text"]
        said = item.output if isinstance(item.output, str) else "\n".join(texts)
        self.messages.append({"role": "tool", "tool_call_id": item.call_id, "content": said})
        shown = [part for part in parts if part["type"] != "text"]
        if shown:
            self.messages.append({"role": "user", "content": shown})


def _content(item: MessageItem, path: str) -> str | list[Json]:
    if isinstance(item.content, str):
        return item.content
    parts = _parts(item.content, f"{path}.content")
    texts = [str(part["text"]) for part in parts if part["type"] == "text"]
    if item.role == "assistant" or (len(texts) == len(parts) == 1):
        return "".join(texts)
    return parts


def _parts(parts: Sequence[Part], path: str) -> list[Json]:
    return [*_each(parts, path)]


def _each(parts: Sequence[Part], path: str) -> Iterator[Json]:
    for at, part in enumerate(parts):
        match part.type:
            case "input_text" | "output_text" | "text":
                yield {"type": "text", "text": part.text or ""}
            case "refusal":
                yield {"type": "text", "text": part.refusal or ""}
            case "input_image":
                detail = {} if part.detail is None else {"detail": part.detail}
                yield {"type": "image_url", "image_url": {"url": part.image_url, **detail}}
            case "input_file":
                yield {"type": "file", "file": {"filename": part.filename or "file", "file_data": part.file_data}}
            case "input_audio":
                yield {"type": "input_audio", "input_audio": part.input_audio}
            case _:
                raise BadRequest(
                    f"Invalid value for `{path}[{at}]`: a part of this type is not served here.", param=path
                )
