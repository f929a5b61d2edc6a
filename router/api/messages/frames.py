"""Events as Anthropic's stream: named server-sent events, content blocks one after the other, each opened and closed."""

from collections.abc import Iterable

import msgspec

from router.api.calls import Call, Calls
from router.api.messages.stopping import stopping, usage_object
from router.api.messages.thoughts import pieces_of
from router.api.messages.whole import message_id, text_of
from router.chat import Chunk, Json, Usage

_encode = msgspec.json.Encoder().encode

PING: Json = {"type": "ping"}
EMPTY: dict[str, dict[str, object]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}


def event(data: Json) -> bytes:
    """One event. Its name is a line of its own: Anthropic's SDKs skip what has none."""
    return b"event: %s\ndata: %s\n\n" % (str(data["type"]).encode(), _encode(data))


def _block(call: Call, at: int) -> Json:
    return {"type": "tool_use", "id": call.id or f"toolu_{at}", "name": call.name, "input": {}}


class MessageFrames:
    """The frames of one streamed answer; `thinks` says whether the client reads thinking."""

    def __init__(self, request_id: str, *, thinks: bool) -> None:
        self._request_id = request_id
        self._thinks = thinks
        self._frames: list[bytes] = []
        self._kind: str | None = None
        self._index = -1
        self._has_begun = False
        self._calls = Calls()
        self._late: list[str] = []
        self._finish_reason: str | None = None
        self._stop_sequence: str | None = None

    def frame(self, chunk: Chunk, model: str, usage: Usage) -> bytes:
        """The frames of one piece; `usage` is what is known so far, `model` who answers."""
        if not self._has_begun:
            self._begin(model, usage)
        text = text_of(chunk.delta)
        if self._thinks and not len(self._calls):
            self._think(pieces_of(chunk.delta))
        if text and len(self._calls):
            self._late.append(text)
        elif text:
            self._say("text", {"type": "text_delta", "text": text})
        if chunk.delta.get("tool_calls"):
            self._calls.add(chunk.delta["tool_calls"])
            self._stream_first()
        self._finish_reason = chunk.finish_reason or self._finish_reason
        self._stop_sequence = chunk.stop_sequence or self._stop_sequence
        return self._taken()

    def done(self, model: str, usage: Usage, x_shunt: Json) -> bytes:
        """The end of a complete answer: calls and text that had to wait, why it ended, and what it took."""
        if not self._has_begun:
            self._begin(model, usage)
        for call in self._calls.rest():
            self._open("tool_use", _block(call, self._index + 1))
            self._say_arguments(call.take())
        if self._late:
            self._say("text", {"type": "text_delta", "text": "".join(self._late)})
        self._close()
        delta = stopping(self._finish_reason, self._stop_sequence, has_calls=bool(len(self._calls)))
        self._add({"type": "message_delta", "delta": delta, "usage": usage_object(usage), "x_shunt": x_shunt})
        self._add({"type": "message_stop"})
        return self._taken()

    def _begin(self, model: str, usage: Usage) -> None:
        self._has_begun = True
        message: dict[str, object] = {
            "id": message_id(self._request_id),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage_object(usage), "output_tokens": 1},
        }
        self._add({"type": "message_start", "message": message})

    def _say(self, kind: str, delta: Json) -> None:
        if self._kind != kind:
            self._open(kind, EMPTY[kind])
        self._delta(delta)

    def _think(self, pieces: Iterable[Json]) -> None:
        for piece in pieces:
            if piece.get("type") == "redacted_thinking":
                self._open("redacted_thinking", {"type": "redacted_thinking", "data": piece.get("data") or ""})
                self._close()
                continue
            if piece.get("thinking"):
                self._say("thinking", {"type": "thinking_delta", "thinking": piece["thinking"]})
            if piece.get("signature"):
                self._say("thinking", {"type": "signature_delta", "signature": piece["signature"]})
                self._close()

    def _stream_first(self) -> None:
        call = self._calls.first
        if call is None:
            return
        if self._kind != "tool_use":
            self._open("tool_use", _block(call, self._index + 1))
        self._say_arguments(call.take())

    def _say_arguments(self, pieces: list[str]) -> None:
        for piece in pieces:
            self._delta({"type": "input_json_delta", "partial_json": piece})

    def _delta(self, delta: Json) -> None:
        self._add({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _open(self, kind: str, block: Json) -> None:
        self._close()
        self._kind = kind
        self._index += 1
        self._add({"type": "content_block_start", "index": self._index, "content_block": block})
        if self._index == 0:
            self._add(PING)

    def _close(self) -> None:
        if self._kind is not None:
            self._add({"type": "content_block_stop", "index": self._index})
        self._kind = None

    def _add(self, data: Json) -> None:
        self._frames.append(event(data))

    def _taken(self) -> bytes:
        frames, self._frames = self._frames, []
        return b"".join(frames)
