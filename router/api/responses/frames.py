"""Events as OpenAI's stream of a response: numbered, items one after the other, each opened, filled and closed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from router.api.calls import Call, Calls
from router.api.responses.output import CUT, Frame, output_text, thought_of
from router.chat import Chunk, Json, Usage
from router.errors import RouterError

_encode = msgspec.json.Encoder().encode

Kind: TypeAlias = Literal["output_text", "refusal", "reasoning_text"]


@dataclass(slots=True)
class _Open:
    """The item that is being written: what kind of text it holds, or the call that it is."""

    kind: Kind | None
    at: int
    id: str
    call: Call | None = None
    said: list[str] = field(default_factory=list)
    logprobs: list[object] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything so far."""
        return "".join(self.said)


class ResponseFrames:
    """The frames of one streamed answer."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._frames: list[bytes] = []
        self._number = 0
        self._open: _Open | None = None
        self._calls = Calls()
        self._late: list[str] = []
        self._finish_reason: str | None = None
        self.output: list[Json] = []

    def frame(self, chunk: Chunk, model: str) -> bytes:
        """The frames of one piece; `model` is who answers."""
        self._begin(model)
        delta = chunk.delta
        if not len(self._calls):
            self._say("reasoning_text", thought_of(delta))
        self._say("output_text", _text(delta, "content"), _tokens(chunk.logprobs))
        self._say("refusal", _text(delta, "refusal"))
        if delta.get("tool_calls"):
            self._calls.add(delta["tool_calls"])
            self._stream_first()
        self._finish_reason = chunk.finish_reason or self._finish_reason
        return self._taken()

    def done(self, model: str, usage: Usage, x_shunt: Json) -> tuple[bytes, Json]:
        """The end of a complete answer, and the response as it is now."""
        self._begin(model)
        self._close()
        for call in self._calls.rest():
            self._open_call(call)
            self._say_arguments(call)
            self._close()
        late, self._late = "".join(self._late), []
        if late or not self.output:
            self._open_text("output_text")
            self._fill(late)
            self._close()
        reason = CUT.get(self._finish_reason or "")
        status: Literal["completed", "incomplete"] = "incomplete" if reason else "completed"
        response = self._frame.response(model, status, self.output, usage, reason)
        self._add(f"response.{status}", response=response, x_shunt=x_shunt)
        return self._taken(), response

    def broken(self, model: str, error: RouterError) -> tuple[bytes, Json]:
        """The end of an answer that broke off: `response.failed`, and nothing of the item that was open."""
        response = self._frame.failed(model, self.output, error)
        self._add("response.failed", response=response)
        return self._taken(), response

    def _begin(self, model: str) -> None:
        if self._number == 0:
            response = self._frame.response(model, "in_progress", [], None, None)
            self._add("response.created", response=response)
            self._add("response.in_progress", response=response)

    def _say(self, kind: Kind, text: str, logprobs: list[object] | None = None) -> None:
        if not text:
            return
        if len(self._calls):
            self._late.append(text)
            return
        if self._open is None or self._open.kind != kind:
            self._open_text(kind)
        self._fill(text, logprobs)

    def _open_text(self, kind: Kind) -> None:
        self._close()
        at = len(self.output)
        item = (
            self._frame.reasoning(at, None, "in_progress")
            if kind == "reasoning_text"
            else self._frame.message(at, [], "in_progress")
        )
        self._open = _Open(kind, at, str(item["id"]))
        self._add("response.output_item.added", output_index=at, item=item)
        self._of_part("response.content_part.added", part=_part(kind, ""))

    def _fill(self, text: str, logprobs: list[object] | None = None) -> None:
        writing = self._open
        if writing is None or not text:
            return
        writing.said.append(text)
        writing.logprobs += logprobs or []
        told = {"logprobs": logprobs or []} if writing.kind == "output_text" else {}
        self._of_part(f"response.{writing.kind}.delta", delta=text, **told)

    def _stream_first(self) -> None:
        call = self._calls.first
        if call is None:
            return
        if self._open is None or self._open.call is not call:
            self._close()
            self._open_call(call)
        self._say_arguments(call)

    def _open_call(self, call: Call) -> None:
        at = len(self.output)
        item = self._frame.call(at, _call(call), "", "in_progress")
        self._open = _Open(None, at, str(item["id"]), call)
        self._add("response.output_item.added", output_index=at, item=item)

    def _say_arguments(self, call: Call) -> None:
        for piece in call.take():
            if self._open is not None:
                self._open.said.append(piece)
                self._of_item("response.function_call_arguments.delta", delta=piece)

    def _close(self) -> None:
        writing = self._open
        if writing is None:
            return
        if writing.call is not None:
            item = self._frame.call(writing.at, _call(writing.call), writing.text or "{}", "completed")
            self._of_item("response.function_call_arguments.done", arguments=item["arguments"], name=item["name"])
        elif writing.kind is not None:
            item = self._closed_text(writing, writing.kind)
        self._add("response.output_item.done", output_index=writing.at, item=item)
        self.output.append(item)
        self._open = None

    def _closed_text(self, writing: _Open, kind: Kind) -> Json:
        part = _part(kind, writing.text, writing.logprobs)
        told = {"logprobs": writing.logprobs} if kind == "output_text" else {}
        name = "refusal" if kind == "refusal" else "text"
        self._of_part(f"response.{kind}.done", **{name: writing.text}, **told)
        self._of_part("response.content_part.done", part=part)
        if kind == "reasoning_text":
            return self._frame.reasoning(writing.at, writing.text, "completed")
        status = "incomplete" if self._finish_reason in CUT else "completed"
        return self._frame.message(writing.at, [part], status)

    def _of_part(self, kind: str, **data: object) -> None:
        self._of_item(kind, content_index=0, **data)

    def _of_item(self, kind: str, **data: object) -> None:
        if self._open is not None:
            self._add(kind, item_id=self._open.id, output_index=self._open.at, **data)

    def _add(self, kind: str, **data: object) -> None:
        content = {"type": kind, "sequence_number": self._number, **data}
        self._number += 1
        self._frames.append(b"event: %s\ndata: %s\n\n" % (kind.encode(), _encode(content)))

    def _taken(self) -> bytes:
        frames, self._frames = self._frames, []
        return b"".join(frames)


def _part(kind: Kind, text: str, logprobs: list[object] | None = None) -> Json:
    if kind == "output_text":
        return output_text(text, logprobs)
    return {"type": kind, "refusal" if kind == "refusal" else "text": text}


def _call(call: Call) -> Json:
    return {"id": call.id, "function": {"name": call.name}}


def _text(delta: Json, name: str) -> str:
    said = delta.get(name)
    return said if isinstance(said, str) else ""


def _tokens(logprobs: Json | None) -> list[object] | None:
    found = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    return found if isinstance(found, list) else None
