"""An answer as it is kept: whole messages, which every edge can frame in its own shape, streamed or not."""

from collections.abc import Mapping
from typing import Any

import msgspec

from router.chat import Chunk, Event, Usage
from router.dispatch.merge import Choice, Merged

# A filter's verdict and a failed call are accidents of one moment.
LASTING = frozenset({"stop", "length", "tool_calls", "function_call"})


class KeptChoice(msgspec.Struct, frozen=True, array_like=True):
    """One choice of a kept answer; `delta` is its whole message."""

    index: int
    delta: dict[str, Any]
    finish_reason: str
    logprobs: dict[str, Any] | None
    stop_sequence: str | None = None


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A complete answer of `target` with what it took."""

    target: str
    choices: list[KeptChoice]
    usage: Usage

    def events(self) -> list[Event]:
        """The answer as a target that answers whole would give it."""
        chunks = [
            Chunk(one.delta, one.index, one.finish_reason, one.logprobs, one.stop_sequence) for one in self.choices
        ]
        return [*chunks, self.usage]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def kept_of(answer: Merged, target: str) -> Kept | None:
    """What to keep of an answer; None when it is not complete, or its tokens are not known."""
    usage = answer.usage
    choices = [_choice(index, answer.choices[index]) for index in sorted(answer.choices)]
    if usage is None or not choices or any(one.finish_reason not in LASTING for one in choices):
        return None
    return Kept(target, choices, usage)


def encoded(kept: Kept) -> bytes:
    """The bytes that are stored."""
    return _encode(kept)


def decoded(stored: bytes) -> Kept | None:
    """What was stored; None for what another version wrote."""
    try:
        return _decode(stored)
    except msgspec.DecodeError:
        return None


def _choice(index: int, choice: Choice) -> KeptChoice:
    delta: dict[str, object] = {name: value for name, value in choice.message.items() if value is not None}
    if choice.tool_calls:
        delta["tool_calls"] = [_call(at, choice.tool_calls[at]) for at in sorted(choice.tool_calls)]
    return KeptChoice(index, delta, choice.finish_reason or "", choice.logprobs, choice.stop_sequence)


def _call(index: int, call: Mapping[str, object]) -> dict[str, object]:
    """A stream's pieces say which call they belong to."""
    return {"index": index, **call}
