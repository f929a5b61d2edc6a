"""From messages or text to token ids. What a client writes never becomes a control token of a chat prompt."""

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from router.engine.templates import ChatTemplate, Message, plain
from router.engine.tools import knows_tools, told


class Tokenizer(Protocol):
    """What prompts need of the model."""

    @property
    def control_texts(self) -> frozenset[str]:
        """Texts of the control tokens."""

    def special(self, name: str) -> str:
        """Text of the `bos` or `eos` token, or nothing."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of a text."""


class NoTemplateError(Exception):
    """The model has no chat template, so messages cannot be rendered."""


class Prompter:
    """Renders and tokenises for one model; safe to use from several threads."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate | None) -> None:
        self.template: Final = template
        self._tokenizer = tokenizer
        self._knows_tools = template is not None and knows_tools(template.source)
        texts = sorted(tokenizer.control_texts, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, texts))) if texts else None

    def chat(self, messages: Sequence[dict[str, Any]], tools: Sequence[Message] = ()) -> list[int]:
        """Token ids of a chat prompt. Raises `NoTemplateError` or `templates.MessagesRefusedError`."""
        if self.template is None:
            raise NoTemplateError
        veil = _Veil(self._control)
        spoken = plain(messages)
        if not self._knows_tools:
            spoken, tools = told(spoken, tools), ()
        text = self.template.render(veil.cover(spoken), veil.cover(list(tools)))
        bos = self._tokenizer.special("bos")
        has_bos = bool(bos) and text.startswith(bos)
        tokens: list[int] = []
        for part, is_literal in veil.split(text):
            first = not tokens and not has_bos
            tokens += self._tokenizer.tokenize(part, add_special=first, parse_special=not is_literal)
        return tokens

    def text(self, prompt: str) -> list[int]:
        """Token ids of a raw prompt, whose author may write control tokens."""
        return self.tokens(prompt, add_special=True)

    def tokens(self, text: str, *, add_special: bool) -> list[int]:
        """Token ids of a raw text, with or without what the model puts around a text."""
        return self._tokenizer.tokenize(text, add_special=add_special, parse_special=True)


class _Veil:
    """Hides control-token texts in a client's strings from the tokenizer's special parsing, and puts them back."""

    def __init__(self, control: re.Pattern[str] | None) -> None:
        self._control = control
        self._mark = f"\ue000{secrets.token_hex(8)}:"
        self._found: list[str] = []

    def cover(self, value: Any) -> Any:
        """A copy of a JSON value with each control text replaced by a mark that no client can guess."""
        if self._control is None:
            return value
        if isinstance(value, str):
            return self._control.sub(self._replace, value)
        if isinstance(value, list):
            return [self.cover(item) for item in value]
        if isinstance(value, dict):
            return {self.cover(key): self.cover(item) for key, item in value.items()}
        return value

    def split(self, text: str) -> Iterator[tuple[str, bool]]:
        """Parts of the rendered text in order; True marks one that has to be read literally."""
        if not self._found:
            yield text, False
            return
        for part in re.split(f"({re.escape(self._mark)}\\d+\ue001)", text):
            if part.startswith(self._mark):
                yield self._found[int(part[len(self._mark) : -1])], True
            elif part:
                yield part, False

    def _replace(self, match: re.Match[str]) -> str:
        self._found.append(match.group())
        return f"{self._mark}{len(self._found) - 1}\ue001"
