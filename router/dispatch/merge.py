"""Putting an answer's pieces together into whole messages."""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field

from router.chat import Chunk, Confidence, Event, Json, Usage

# Text that arrives in pieces; any other string of a delta is said once.
_GROWING = frozenset(
    {"content", "reasoning_content", "reasoning", "thinking", "refusal", "arguments", "transcript", "data", "input"}
)


@dataclass(slots=True)
class Choice:
    """One choice so far."""

    message: dict[str, object] = field(default_factory=dict)
    tool_calls: dict[int, dict[str, object]] = field(default_factory=dict)
    logprobs: dict[str, object] | None = None
    finish_reason: str | None = None
    stop_sequence: str | None = None

    def add(self, chunk: Chunk) -> None:
        """Take the next piece."""
        for name, value in chunk.delta.items():
            if name == "tool_calls" and isinstance(value, list):
                self._add_calls(value)
            else:
                _grow(self.message, name, value)
        if chunk.logprobs is not None:
            self.logprobs = self.logprobs or {}
            for name, value in chunk.logprobs.items():
                _grow(self.logprobs, name, value)
        self.finish_reason = chunk.finish_reason or self.finish_reason
        self.stop_sequence = chunk.stop_sequence or self.stop_sequence

    def _add_calls(self, calls: list[dict[str, object]]) -> None:
        for call in calls:
            index = call.get("index")
            known = self.tool_calls.setdefault(index if isinstance(index, int) else len(self.tool_calls), {})
            for name, value in call.items():
                if name != "index":
                    _grow(known, name, value)

    def whole(self, index: int) -> dict[str, object]:
        """The choice in OpenAI's shape."""
        message: dict[str, object] = {"role": "assistant", "content": None, "refusal": None, **self.message}
        if self.tool_calls:
            message["tool_calls"] = [self.tool_calls[at] for at in sorted(self.tool_calls)]
        return {"index": index, "message": message, "logprobs": self.logprobs, "finish_reason": self.finish_reason}


@dataclass(slots=True)
class Merged:
    """Everything that an answer has said so far; `confidences` are of growing parts of it, the last of the whole."""

    choices: dict[int, Choice] = field(default_factory=dict)
    usage: Usage | None = None
    confidences: list[Confidence] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, Chunk):
            self.choices.setdefault(event.index, Choice()).add(event)
        elif isinstance(event, Usage):
            self.usage = event
        else:
            self.confidences.append(event)

    def whole(self) -> list[dict[str, object]]:
        """The choices in OpenAI's shape, in order."""
        return [self.choices[index].whole(index) for index in sorted(self.choices)]


async def merge(events: AsyncIterable[Event]) -> Merged:
    """Read `events` to their end."""
    merged = Merged()
    async for event in events:
        merged.add(event)
    return merged


def _grow(into: dict[str, object], name: str, value: object) -> None:
    known = into.get(name)
    if isinstance(known, str) and isinstance(value, str):
        into[name] = known + value if name in _GROWING else value
    elif isinstance(known, list) and isinstance(value, list):
        into[name] = [*known, *value]
    elif isinstance(value, Mapping):
        inner: dict[str, object] = {**known} if isinstance(known, Mapping) else {}
        for key, item in value.items():
            _grow(inner, key, item)
        into[name] = inner
    elif value is not None or name not in into:
        into[name] = value


def usage_object(usage: Usage) -> Json:
    """Usage in OpenAI's shape."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
