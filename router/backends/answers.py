"""Reading OpenAI's answers: bytes in, events out. No socket here, so that every cut and every lie can be tested."""

from typing import Any

import msgspec

from router.backends.failures import error_in_stream
from router.backends.sse import EventSizeError, SseParser
from router.backends.toolcalls import ToolCalls
from router.chat import Chunk, Event, Usage
from router.config import ModelConfig
from router.errors import RouterError, StreamInterrupted, UpstreamInvalid


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: dict[str, Any] | None = None
    message: dict[str, Any] | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None
    stop_reason: Any = None

    @property
    def stop_sequence(self) -> str | None:
        """Which stop string it was, as vLLM and its like tell it; of a stop token they give the number."""
        return self.stop_reason if isinstance(self.stop_reason, str) and self.finish_reason == "stop" else None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    service_tier: Any = None

    @property
    def told(self) -> Usage | None:
        """What it used, in the tier of service that it was served in."""
        return _usage(self.usage, self.service_tier if isinstance(self.service_tier, str) else None)


PRICED_TIERS = frozenset({"flex", "priority"})
_decode = msgspec.json.Decoder(_Answer).decode
_NO_PROMPT_DETAILS = _PromptDetails()
_NO_COMPLETION_DETAILS = _CompletionDetails()


def whole_answer(body: bytes, config: ModelConfig) -> list[Event]:
    """The events of a chat.completion: one chunk for each choice, then the usage.

    Raises:
        UpstreamInvalid: it is not a finished completion.
        RouterError: it is an error under status 200.
    """
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UpstreamInvalid(f"The target `{config.name}` sent something that is not a completion.") from error
    if answer.error:
        raise error_in_stream({"error": answer.error}, config)
    choices = answer.choices
    if not choices or not all(choice.message and choice.finish_reason for choice in choices):
        raise UpstreamInvalid(f"The target `{config.name}` sent a completion without a finished choice.")
    events: list[Event] = [
        Chunk(choice.message or {}, choice.index, choice.finish_reason, choice.logprobs, choice.stop_sequence)
        for choice in choices
    ]
    usage = answer.told
    return [*events, usage] if usage else events


def _usage(raw: _Usage | None, tier: str | None) -> Usage | None:
    if raw is None or raw.prompt_tokens is None or raw.completion_tokens is None:
        return None
    prompt = raw.prompt_tokens_details or _NO_PROMPT_DETAILS
    completion = raw.completion_tokens_details or _NO_COMPLETION_DETAILS
    usage = Usage(
        raw.prompt_tokens,
        raw.completion_tokens,
        cached_tokens=prompt.cached_tokens or 0,
        reasoning_tokens=completion.reasoning_tokens or 0,
        cache_write_tokens=prompt.cache_creation_tokens or 0,
        audio_tokens=prompt.audio_tokens or 0,
        audio_completion_tokens=completion.audio_tokens or 0,
        image_tokens=prompt.image_tokens or 0,
        tier=tier if tier in PRICED_TIERS else None,
    )
    return usage if usage.is_credible else None


def spoken(delta: dict[str, Any]) -> dict[str, object]:
    """What a delta adds: no role (the router gives it), nothing empty."""
    return {name: value for name, value in delta.items() if value and name != "role"}


class StreamedAnswer:
    """One streamed answer as it arrives.

    Deltas that say nothing (the role alone, empty text) make no event: an answer has begun when there is something to
    read, so that a target which fails right after "hello, I am an assistant" can still be replaced.
    """

    def __init__(self, config: ModelConfig, choices: int = 1) -> None:
        self.usage: Usage | None = None
        self.failure: RouterError | None = None
        self._config = config
        self._expected = choices
        self._parser = SseParser()
        self._has_done = False
        self._has_begun = False
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._calls: dict[int, ToolCalls] = {}

    @property
    def is_over(self) -> bool:
        """True when nothing more has to be read: [DONE] came, or something that is not a completion."""
        return self._has_done or self.failure is not None

    @property
    def is_complete(self) -> bool:
        """True when every choice has its finish reason. [DONE] alone proves nothing, and some servers leave it out."""
        needed = 1 if self._has_done else self._expected
        return not self._open and len(self._finished) >= needed

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that `piece` completes; those before a failure come out first, the failure is kept."""
        chunks: list[Chunk] = []
        try:
            for data in self._parser.feed(piece):
                if self.is_over:
                    break
                self._read(data, chunks)
        except (msgspec.DecodeError, RecursionError, EventSizeError):
            self.failure = self.broken(UpstreamInvalid(f"The target `{self._config.name}` sent a broken stream."))
        return chunks

    def end(self) -> Usage | None:
        """The usage of a stream that has ended.

        Raises:
            RouterError: it ended in an error, or before it was complete.
        """
        if self.failure is not None:
            raise self.failure
        if self.is_complete:
            return self.usage
        if not self._has_begun:
            raise UpstreamInvalid(f"The target `{self._config.name}` sent a stream without an answer.")
        raise StreamInterrupted(
            f"The target `{self._config.name}` ended its answer without a finish reason.", end="truncated"
        )

    def broken(self, error: RouterError) -> RouterError:
        """`error` while nothing has been read yet, else an interruption that repeats its message."""
        return StreamInterrupted(error.message) if self._has_begun else error

    def _read(self, data: bytes, chunks: list[Chunk]) -> None:
        if data == b"[DONE]":
            self._has_done = True
            return
        answer = _decode(data)
        if answer.error:
            self.failure = self.broken(error_in_stream({"error": answer.error}, self._config))
            return
        if answer.usage is not None:
            self.usage = answer.told or self.usage
        for choice in answer.choices or ():
            delta = spoken(choice.delta) if choice.delta else {}
            if delta or choice.finish_reason or choice.logprobs:
                self._has_begun = True
                self._track(choice)
                if "tool_calls" in delta:
                    delta["tool_calls"] = self._tidy(choice.index, delta["tool_calls"])
                chunks.append(
                    Chunk(delta, choice.index, choice.finish_reason or None, choice.logprobs, choice.stop_sequence)
                )

    def _tidy(self, index: int, pieces: object) -> object:
        if not isinstance(pieces, list) or not all(isinstance(piece, dict) for piece in pieces):
            return pieces
        return self._calls.setdefault(index, ToolCalls()).tidy(pieces)

    def _track(self, choice: _Choice) -> None:
        if choice.finish_reason:
            self._finished.add(choice.index)
            self._open.discard(choice.index)
        elif choice.index not in self._finished:
            self._open.add(choice.index)
