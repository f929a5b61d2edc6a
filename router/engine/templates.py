"""From OpenAI messages to the model's own prompt text: the GGUF's Jinja template, in a sandbox and with bounds.

A template comes with a model file, so it is a stranger's program: it sees only the messages, cannot change them, and
the turns of its loops, the size of what it multiplies and the size of what it writes are counted.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_TEMPLATE_CHARS: Final = 256 * 1024
MAX_TURNS: Final = 200_000
MAX_RENDERED_CHARS: Final = 32 * 1024 * 1024
MAX_PRODUCT: Final = 1_000_000

Message = dict[str, Any]


class TemplateError(Exception):
    """The template itself is unusable; the message is for the operator."""


class MessagesRefusedError(Exception):
    """The template does not take these messages; `why` holds nothing that a client wrote."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _TooMuchError(Exception):
    """The template exceeds a bound."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja as Hugging Face configures it for chat templates, with a call of `turn_()` at the head of every loop."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
        self.filters["tojson"] = _to_json
        self.globals["raise_exception"] = _raise
        self.globals["strftime_now"] = _now

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply within bounds."""
        sizes = [len(value) if hasattr(value, "__len__") else abs(value) for value in (left, right)]
        if operator == "**" or sizes[0] * sizes[1] > MAX_PRODUCT:
            raise _TooMuchError
        return super().call_binop(context, operator, left, right)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            call = nodes.Call(nodes.Name("turn_", "load"), [], [], None, None)
            loop.body.insert(0, nodes.ExprStmt(call, lineno=loop.lineno))
            loop.body[0].set_environment(self)
        return tree


# A second system message at the start, and one between the turns.
_INLINE: Final = (
    [
        {"role": "system", "content": "Ab1"},
        {"role": "system", "content": "Kq7"},
        {"role": "user", "content": "Zx3"},
    ],
    [
        {"role": "user", "content": "Zx3"},
        {"role": "assistant", "content": "Bc2"},
        {"role": "system", "content": "Kq7"},
        {"role": "user", "content": "De4"},
    ],
)


class ChatTemplate:
    """A compiled template of one model. Raises `TemplateError` for one that cannot work."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        if len(source) > MAX_TEMPLATE_CHARS:
            raise TemplateError(f"the chat template is longer than {MAX_TEMPLATE_CHARS} characters")
        self.source: Final = source
        self._specials = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = _Sandbox().from_string(source)
        except (jinja2.TemplateError, RecursionError) as error:
            raise TemplateError(f"the chat template does not compile: {error}") from error
        self._takes_system = self._shows(
            [{"role": "system", "content": "Kq7"}, {"role": "user", "content": "Zx3"}], "Kq7"
        )
        self._takes_system_anywhere = self._takes_system and all(
            self._shows(turns, turn["content"]) for turns in _INLINE for turn in turns
        )
        if not self._shows([{"role": "user", "content": "Zx3"}], "Zx3"):
            raise TemplateError("the chat template does not show the user's message")

    def render(self, messages: Sequence[Message], tools: Sequence[Message] = ()) -> str:
        """The prompt, up to where the assistant begins to speak. Raises `MessagesRefusedError`."""
        if not self._takes_system:
            messages = _without_system(messages)
        elif not self._takes_system_anywhere:
            messages = _system_first(messages)
        return self._run(messages, tools)

    def _shows(self, messages: Sequence[Message], text: str) -> bool:
        try:
            return text in self._run(messages, ())
        except MessagesRefusedError:
            return False

    def _run(self, messages: Sequence[Message], tools: Sequence[Message]) -> str:
        turns = _Turns()
        values = {"messages": messages, "tools": tools or None, "add_generation_prompt": True, "turn_": turns.count}
        try:
            return _joined(self._template.generate(**values, **self._specials))
        except _TooMuchError as error:
            raise MessagesRefusedError("the model's chat template does too much work for these messages") from error
        except _RaisedError as error:
            # Only what stands in the template itself may be repeated: the rest could be the client's words.
            why = f": {error}" if str(error) and str(error) in self.source else ""
            raise MessagesRefusedError(f"the model's chat template refuses these messages{why}") from error
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise MessagesRefusedError("the model's chat template fails on these messages") from error


class _RaisedError(jinja2.TemplateError):
    """The template called raise_exception."""


class _Turns:
    """Counts the turns of all loops of one rendering."""

    def __init__(self) -> None:
        self._left = MAX_TURNS

    def count(self) -> None:
        """One more turn. Raises `_TooMuchError` after the last."""
        self._left -= 1
        if self._left < 0:
            raise _TooMuchError


def plain(messages: Sequence[Mapping[str, Any]]) -> list[Message]:
    """The messages as templates expect them: `developer` is system, content is text, tool arguments are objects.

    Raises `MessagesRefusedError` for content that is not text.
    """
    return [_plain(dict(message), at) for at, message in enumerate(messages)]


def _plain(message: Message, at: int) -> Message:
    if message.get("role") == "developer":
        message["role"] = "system"
    message["content"] = _text(message.get("content"), at)
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [_with_object_arguments(call) for call in calls]
    return message


def _text(content: object, at: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) and _is_text(part) for part in content):
        return "\n".join(str(part["text"]) for part in content)
    raise MessagesRefusedError(f"messages[{at}].content holds a part that this model cannot read; it takes text only")


def _is_text(part: Mapping[str, object]) -> bool:
    return part.get("type") in ("text", "input_text", "output_text", None) and isinstance(part.get("text"), str)


def _with_object_arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    function = dict(call.get("function") or {})
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            function["arguments"] = json.loads(arguments)
        except ValueError:
            function["arguments"] = arguments
    return {**call, "function": function}


def _system_first(messages: Sequence[Message]) -> list[Message]:
    """For a template that takes one system message, at the start only: agents put further ones between the turns."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    others = [message for message in messages if message["role"] != "system"]
    return [{"role": "system", "content": "\n\n".join(system)}, *others] if system else others


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """For a template that drops or refuses a system message: its words go before the first user's."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    others = [message for message in messages if message["role"] != "system"]
    if not system:
        return others
    for at, message in enumerate(others):
        if message["role"] == "user":
            merged = {**message, "content": f"{system}\n\n{message['content']}"}
            return [*others[:at], merged, *others[at + 1 :]]
    return [{"role": "user", "content": system}, *others]


def _joined(pieces: Any) -> str:
    parts: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_RENDERED_CHARS:
            raise _TooMuchError
        parts.append(piece)
    return "".join(parts)


def _to_json(value: Any, indent: int | None = None, ensure_ascii: bool = False, **_ignored: Any) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)


def _raise(message: object) -> None:
    raise _RaisedError(str(message))


def _now(pattern: str) -> str:
    return dt.datetime.now(tz=dt.UTC).strftime(pattern)
