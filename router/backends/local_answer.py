"""From the engine's events to OpenAI's deltas."""

from collections.abc import Iterable, Iterator

from router.chat import Chunk, Confidence, Event, Json, Usage
from router.engine import wire
from router.engine.client import Answer


class Deltas:
    """Turns the events of one request into chunks; the first delta of each choice carries the role."""

    def __init__(self) -> None:
        self._begun: set[int] = set()

    def of(self, events: Iterable[Answer]) -> Iterator[Event]:
        """What a batch of events is to the caller."""
        for event in events:
            kind = type(event)
            if kind is wire.Piece:
                yield self._piece(event)  # type: ignore[arg-type]  # `type is` costs a tenth of isinstance, per token
            elif isinstance(event, wire.Used):
                yield usage_of(event)
            elif isinstance(event, wire.ToolDelta):
                yield self._tool(event)
            elif isinstance(event, wire.Finished):
                yield from self._finish(event)
            elif isinstance(event, wire.Confidence) and event.index == 0:
                yield Confidence(event.tokens, event.mean_logprob, event.mean_entropy, event.min_margin)

    def _piece(self, piece: wire.Piece) -> Chunk:
        logprobs = None if piece.logprobs is None else {"content": [_logprob(one) for one in piece.logprobs]}
        return self._chunk(piece.index, {"content": piece.text}, logprobs)

    def _tool(self, event: wire.ToolDelta) -> Chunk:
        function: dict[str, object] = {"arguments": event.arguments}
        call: dict[str, object] = {"index": event.call, "function": function}
        if event.call_id is not None:
            call |= {"id": event.call_id, "type": "function"}
        if event.name is not None:
            function["name"] = event.name
        return self._chunk(event.index, {"tool_calls": [call]})

    def _finish(self, event: wire.Finished) -> Iterator[Chunk]:
        if event.index not in self._begun:
            yield self._chunk(event.index, {"content": ""})
        yield Chunk({}, event.index, event.reason, None, event.stop)

    def _chunk(self, index: int, delta: dict[str, object], logprobs: Json | None = None) -> Chunk:
        if index not in self._begun:
            self._begun.add(index)
            delta = {"role": "assistant", "content": None} | delta
        return Chunk(delta, index, None, logprobs)


def usage_of(used: wire.Used) -> Usage:
    """What a request cost."""
    return Usage(used.prompt_tokens, used.completion_tokens, used.cached_tokens)


def _logprob(one: wire.TokenLogprob) -> Json:
    top = [{"token": other.token, "logprob": other.logprob, "bytes": list(other.raw)} for other in one.top]
    return {"token": one.token, "logprob": one.logprob, "bytes": list(one.raw), "top_logprobs": top}
