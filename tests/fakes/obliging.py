"""A large model that does as it is asked: it calls the tool, fills the schema, repeats a tool's result, or says its words.

`model` decides what else it does: `busy` refuses, `broken` breaks off, `slow` stops in the middle of its answer until the
client has left. Nothing is scripted by request, so that many clients may ask at once.
"""

import asyncio
import json

from tests.fakes import faults
from tests.fakes.large import Call

CITY = "Oslo"
CALL_ID = "call_1"


class Obliging:
    """The behaviour; `left` has the last words of each client that left a `slow` answer."""

    def __init__(self) -> None:
        self._left: set[str] = set()
        self._changed = asyncio.Condition()

    async def __call__(self, call: Call) -> None:
        match call.body["model"]:
            case "busy":
                await faults.status(429, retry_after="1")(call)
            case "broken":
                await (faults.truncate(after=2) if call.is_stream else faults.cut_before_answer())(call)
            case "slow":
                await (faults.stall(after=2) if call.is_stream else faults.never_answer())(call)
                await self._leave(_text(call.body["messages"][-1]))
            case _:
                await _answer(call)

    async def left(self, words: str) -> None:
        """Wait until the client that said `words` to the slow model has left."""
        async with self._changed:
            await self._changed.wait_for(lambda: words in self._left)

    async def _leave(self, words: str) -> None:
        async with self._changed:
            self._left.add(words)
            self._changed.notify_all()


async def _answer(call: Call) -> None:
    calls = _tool_calls(call.body)
    text = None if calls else _words(call)
    reason = "tool_calls" if calls else call.finish_reason
    count = len((text or json.dumps(calls)).split())
    if call.is_stream:
        await _stream(call, text, calls, reason)
        return
    message = {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    body = {"id": "chatcmpl-large", "object": "chat.completion", "created": 1, "model": "large-1", "choices": [choice],
            "usage": call.usage(count)}  # fmt: skip
    await faults.whole(json.dumps(body).encode())(call)


async def _stream(call: Call, text: str | None, calls: list[dict], reason: str) -> None:
    await call.begin()
    for number, piece in enumerate(text.split(" ") if text else ()):
        await call.token(f" {piece}" if number else piece)
    for index, one in enumerate(calls):
        arguments = one["function"]["arguments"]
        named = {**one, "index": index, "function": {"name": one["function"]["name"], "arguments": arguments[:3]}}
        await call.event(call.chunk({"tool_calls": [named]}))
        await call.event(call.chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments[3:]}}]}))
    await call.event(call.chunk({}, reason))
    if (call.body.get("stream_options") or {}).get("include_usage"):
        await call.event({**call.chunk({}), "choices": [], "usage": call.usage(9)})
    await call.connection.send_piece(b"data: [DONE]\n\n")
    await call.connection.end_pieces()


def _words(call: Call) -> str:
    last, form = call.body["messages"][-1], call.body.get("response_format") or {}
    if last["role"] == "tool":
        return f"Heard: {_text(last)}"
    if form.get("type") == "json_schema":
        return json.dumps(example(form["json_schema"]["schema"]))
    return "".join(call.tokens())


def _tool_calls(body: dict) -> list[dict]:
    tools, choice = body.get("tools"), body.get("tool_choice", "auto")
    if not tools or choice == "none" or body["messages"][-1]["role"] == "tool":
        return []
    named = choice["function"]["name"] if isinstance(choice, dict) else tools[0]["function"]["name"]
    schema = next(tool["function"]["parameters"] for tool in tools if tool["function"]["name"] == named)
    function = {"name": named, "arguments": json.dumps(example(schema))}
    return [{"id": CALL_ID, "type": "function", "function": function}]


def example(schema: dict, root: dict | None = None) -> object:
    """A value that `schema` allows; its texts are all the same."""
    root = root or schema
    if "$ref" in schema:
        return example(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], root)
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    if schema.get("type") == "object":
        return {name: example(one, root) for name, one in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example(schema["items"], root)]
    return {"boolean": True, "integer": 3, "number": 3.5, "null": None}.get(schema.get("type"), CITY)


def _text(message: dict) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
