"""Events as OpenAI's chat shapes: server-sent `chat.completion.chunk`s, or one `chat.completion`."""

from collections.abc import AsyncIterable, Callable

import msgspec

from router.chat import Chunk, Event, Json, Usage
from router.dispatch.merge import merge, usage_object
from router.errors import RouterError, envelope

DONE = b"data: [DONE]\n\n"
# A comment, the only keep-alive that no client trips over.
PING = b": ping\n\n"

_CALLS = frozenset({"tool_calls", "function_call"})
_encode = msgspec.json.Encoder().encode


class ChatFrames:
    """The frames of one streamed answer.

    `id` and `created` are the same in all of them, the first delta of a choice carries the role and no other does, and
    the delta beside a finish reason is empty: some clients stop reading at the reason and would lose what stands there.
    """

    def __init__(self, request_id: str, created: int, include_usage: bool = False) -> None:
        self._id = completion_id(request_id)
        self._created = created
        self._include_usage = include_usage
        self._tail = b'}],"usage":null}\n\n' if include_usage else b"}]}\n\n"
        self._model: str | None = None
        self._head = b""
        self._greeted: set[int] = set()

    def frame(self, event: Event, model: str) -> bytes | None:
        """The frames of one event, None for one that clients do not see; `model` names the target that answers."""
        if not isinstance(event, Chunk):
            return None
        if model != self._model:
            self._write_head(model)
        delta = event.delta
        if event.index not in self._greeted:
            self._greeted.add(event.index)
            delta = {"role": "assistant", "content": None if _CALLS & delta.keys() else "", **delta}
        elif "role" in delta:
            delta = {name: value for name, value in delta.items() if name != "role"}
        if event.finish_reason is None:
            return self._choice(event.index, delta, event.logprobs, None)
        said = self._choice(event.index, delta, event.logprobs, None) if delta or event.logprobs else b""
        return said + self._choice(event.index, {}, None, event.finish_reason)

    def done(self, usage: Usage | None, x_shunt: Json | None = None) -> bytes:
        """The end of a complete answer: the usage if it was asked for, what Shunt adds to it, and [DONE]."""
        if not self._include_usage or usage is None:
            return DONE
        extra = {"x_shunt": x_shunt} if x_shunt else {}
        last = {**self._common(), "choices": [], "usage": usage_object(usage), **extra}
        return b"data: " + _encode(last) + b"\n\n" + DONE

    def error(self, error: RouterError) -> bytes:
        """The end of a broken answer: one error event, and no [DONE]."""
        return b"data: " + _encode(envelope(error)) + b"\n\n"

    def _choice(self, index: int, delta: Json, logprobs: Json | None, finish_reason: str | None) -> bytes:
        # Assembled by hand: encoding the constant part again costs more than the token.
        middle = b',"logprobs":null,"finish_reason":' if logprobs is None else self._logprobs(logprobs)
        reason = b"null" if finish_reason is None else _encode(finish_reason)
        return b"".join((self._head, b"%d" % index, b',"delta":', _encode(delta), middle, reason, self._tail))

    def _logprobs(self, logprobs: Json) -> bytes:
        return b',"logprobs":' + _encode(logprobs) + b',"finish_reason":'

    def _write_head(self, model: str) -> None:
        self._model = model
        self._head = b"data: " + _encode(self._common())[:-1] + b',"choices":[{"index":'

    def _common(self) -> dict[str, object]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model or "",
        }


def completion_id(request_id: str) -> str:
    """The `id` of an answer."""
    return f"chatcmpl-{request_id}"


async def collect(
    events: AsyncIterable[Event], *, request_id: str, created: int, model: Callable[[], str]
) -> dict[str, object]:
    """One `chat.completion` of all `events`; `model` is asked at the end, when it is known who answered."""
    merged = await merge(events)
    answer: dict[str, object] = {
        "id": completion_id(request_id),
        "object": "chat.completion",
        "created": created,
        "model": model(),
        "choices": merged.whole(),
    }
    return answer if merged.usage is None else {**answer, "usage": usage_object(merged.usage)}
