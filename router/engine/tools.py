"""Tool calls: how a model is told of its tools, how it writes a call, and how a call is found in what it writes.

One notation is used, that of the Hermes and Qwen families: a line with ``<tool_call>``, one with the object
``{"name": ..., "arguments": {...}}``, and one with ``</tool_call>``.
A model whose template knows it is given the tools through its template; any other is told in a system message.
"""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from router.engine.answer import Part
from router.engine.templates import Message

BEGIN: Final = "<tool_call>\n"
END: Final = "\n</tool_call>"
NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

_MARKER: Final = BEGIN.rstrip()
_CLOSING: Final = END.lstrip()
_HEAD: Final = re.compile(re.escape(_MARKER) + r'\s*\{"name": "([^"\\]*)", "arguments": ')
_LONGEST_HEAD: Final = 256
_INSTRUCTION: Final = (
    "You may call functions. Their signatures, one JSON object a line:\n{signatures}\n"
    'To call one, write nothing but <tool_call>\n{{"name": "...", "arguments": {{...}}}}\n</tool_call>'
)


class ToolsRefusedError(Exception):
    """The tools or the choice among them are not usable; `param` is the field."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


def functions(tools: Sequence[dict[str, Any]], choice: str | dict[str, Any]) -> list[dict[str, Any]]:
    """The functions that may be called under `tool_choice`. Raises `ToolsRefusedError`."""
    found = [_function(tool, at) for at, tool in enumerate(tools)]
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise ToolsRefusedError("tool_choice: it is auto, none, required, or names a function", "tool_choice")
        if choice == "required" and not found:
            raise ToolsRefusedError("tool_choice: there are no tools to call", "tool_choice")
        return [] if choice == "none" else found
    wanted = choice.get("function", {})
    named = [function for function in found if isinstance(wanted, dict) and function["name"] == wanted.get("name")]
    if not named:
        raise ToolsRefusedError("tool_choice: it names a function that is not among the tools", "tool_choice")
    return named


def _function(tool: dict[str, Any], at: int) -> dict[str, Any]:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise ToolsRefusedError(f"tools[{at}]: only functions can be called", "tools")
    if not isinstance(function.get("name"), str) or not NAME.fullmatch(function["name"]):
        raise ToolsRefusedError(
            f"tools[{at}].function.name: 1 to 64 letters, digits, dots, dashes, underscores", "tools"
        )
    return function


def knows_tools(template: str) -> bool:
    """True when the template itself tells the model of its tools, in our notation."""
    return _MARKER in template and "tools" in template


def told(messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> list[Message]:
    """The conversation for a template that knows nothing of tools: signatures, calls and results as plain text."""
    plain = [_as_text(message) for message in messages]
    if not tools:
        return plain
    signatures = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    instruction = _INSTRUCTION.format(signatures=signatures)
    if plain and plain[0]["role"] == "system":
        return [{**plain[0], "content": f"{plain[0]['content']}\n\n{instruction}"}, *plain[1:]]
    return [{"role": "system", "content": instruction}, *plain]


def _as_text(message: Message) -> Message:
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    calls = message.get("tool_calls")
    if not calls:
        return message
    texts = [BEGIN + json.dumps(_named(call["function"]), ensure_ascii=False) + END for call in calls]
    return {"role": message["role"], "content": "\n".join([message["content"], *texts]).lstrip("\n")}


def _named(function: dict[str, Any]) -> dict[str, Any]:
    return {"name": function.get("name"), "arguments": function.get("arguments")}


def new_call_id() -> str:
    """An id for a call, unique enough for a conversation."""
    return f"call_{secrets.token_hex(12)}"


class _State(Enum):
    TEXT = 0
    HEAD = 1
    ARGUMENTS = 2
    TAIL = 3


class CallParser:
    """Cuts what the model writes into text and tool calls, as it comes."""

    def __init__(self, make_id: Callable[[], str] = new_call_id) -> None:
        self.calls = 0
        self._make_id = make_id
        self._state = _State.TEXT
        self._held = ""
        self._json = _ObjectScanner()

    def push(self, text: str) -> list[Part]:
        """What the next text means, as far as that is known."""
        self._held += text
        parts: list[Part] = []
        steps = {
            _State.TEXT: self._text,
            _State.HEAD: self._head,
            _State.ARGUMENTS: self._arguments,
            _State.TAIL: self._tail,
        }
        while steps[self._state](parts):
            pass
        return parts

    def finish(self) -> list[Part]:
        """What was held back: text that only looked like the start of a call."""
        held, self._held = self._held, ""
        return (
            [Part(held)]
            if held and self._state in (_State.TEXT, _State.HEAD) and (held.strip() or not self.calls)
            else []
        )

    def _text(self, parts: list[Part]) -> bool:
        at = self._held.find(_MARKER)
        cut = at if at >= 0 else len(self._held) - _suspect(self._held, _MARKER)
        shown, self._held = self._held[:cut], self._held[cut:]
        # Between calls there is nothing but white space.
        if shown and not (self.calls and not shown.strip()):
            parts.append(Part(shown))
        if at >= 0:
            self._state = _State.HEAD
        return at >= 0

    def _head(self, parts: list[Part]) -> bool:
        match = _HEAD.match(self._held)
        if match is None:
            if len(self._held) <= _LONGEST_HEAD:
                return False
            parts.append(Part(self._held[: len(_MARKER)]))
            self._held, self._state = self._held[len(_MARKER) :], _State.TEXT
            return True
        self._held, self._state = self._held[match.end() :], _State.ARGUMENTS
        self._json = _ObjectScanner()
        parts.append(Part("", self.calls, self._make_id(), match.group(1)))
        self.calls += 1
        return True

    def _arguments(self, parts: list[Part]) -> bool:
        end = self._json.scan(self._held)
        shown, self._held = self._held[:end], self._held[end:]
        if shown:
            parts.append(Part(shown, self.calls - 1))
        if self._json.is_complete:
            self._state = _State.TAIL
        return self._json.is_complete

    def _tail(self, _parts: list[Part]) -> bool:
        at = self._held.find(_CLOSING)
        if at < 0:
            return False
        self._held, self._state = self._held[at + len(_CLOSING) :], _State.TEXT
        return True


class _ObjectScanner:
    """Finds the end of a JSON object that comes in pieces."""

    def __init__(self) -> None:
        self.is_complete = False
        self._depth = 0
        self._in_string = False
        self._is_escaped = False

    def scan(self, text: str) -> int:
        """How much of `text` still belongs to the object."""
        for at, sign in enumerate(text):
            self._take(sign)
            if self.is_complete:
                return at + 1
        return len(text)

    def _take(self, sign: str) -> None:
        if self._in_string:
            if self._is_escaped:
                self._is_escaped = False
            elif sign == "\\":
                self._is_escaped = True
            elif sign == '"':
                self._in_string = False
        elif sign == '"':
            self._in_string = True
        elif sign in "{[":
            self._depth += 1
        elif sign in "}]":
            self._depth -= 1
            self.is_complete = self._depth == 0


def _suspect(text: str, marker: str) -> int:
    for size in range(min(len(text), len(marker) - 1), 0, -1):
        if marker.startswith(text[-size:]):
            return size
    return 0
