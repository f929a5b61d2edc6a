"""Events as OpenAI's legacy shapes: `text_completion`s, streamed and not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from router.api.messages.whole import text_of
from router.chat import Chunk, Json, Usage
from router.dispatch.framing import DONE
from router.dispatch.merge import Merged, usage_object

REASONS: Mapping[str | None, str | None] = {None: None, "length": "length", "content_filter": "content_filter"}

_encode = msgspec.json.Encoder().encode


class Completion:
    """One answer; `echoes` are what stands before each choice."""

    def __init__(self, request_id: str, created: int, echoes: Sequence[str] = ()) -> None:
        self._id = f"cmpl-{request_id}"
        self._created = created
        self._echoes = dict(enumerate(echoes))
        self._offsets: defaultdict[int, int] = defaultdict(int)

    def frame(self, chunk: Chunk, model: str) -> bytes | None:
        """The frame of one piece, None for one that says nothing."""
        text = self._echoes.pop(chunk.index, "") + text_of(chunk.delta)
        if not text and chunk.finish_reason is None and chunk.logprobs is None:
            return None
        choice = self._choice(chunk.index, text, chunk.logprobs, chunk.finish_reason)
        return _event(self._body(model, [choice]))

    def done(self, model: str, usage: Usage | None, x_shunt: Json) -> bytes:
        """The end of a complete stream; `usage` None is not told."""
        if usage is None:
            return DONE
        last = {**self._body(model, []), "usage": usage_object(usage), "x_shunt": x_shunt}
        return _event(last) + DONE

    def whole(self, merged: Merged, model: str, usage: Usage) -> dict[str, object]:
        """One body of everything."""
        choices = [
            self._choice(at, self._echoes.get(at, "") + text_of(one.message), one.logprobs, one.finish_reason)
            for at, one in sorted(merged.choices.items())
        ]
        return {**self._body(model, choices), "usage": usage_object(usage)}

    def _body(self, model: str, choices: list[Json]) -> dict[str, object]:
        return {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": model,
            "choices": choices,
        }

    def _choice(self, index: int, text: str, logprobs: Json | None, finish_reason: str | None) -> Json:
        told = None if logprobs is None else self._logprobs(index, logprobs)
        reason = REASONS.get(finish_reason, "stop")
        return {"text": text, "index": index, "logprobs": told, "finish_reason": reason}

    def _logprobs(self, index: int, logprobs: Json) -> Json:
        content = logprobs.get("content")
        entries = [one for one in content if isinstance(one, Mapping)] if isinstance(content, list) else []
        tokens = [str(one.get("token") or "") for one in entries]
        offsets = []
        for token in tokens:
            offsets.append(self._offsets[index])
            self._offsets[index] += len(token)
        tops = [{top["token"]: top["logprob"] for top in one.get("top_logprobs") or ()} for one in entries]
        return {
            "tokens": tokens,
            "token_logprobs": [one.get("logprob") for one in entries],
            "top_logprobs": tops if any(tops) else None,
            "text_offset": offsets,
        }


def _event(data: Json) -> bytes:
    return b"data: " + _encode(data) + b"\n\n"
