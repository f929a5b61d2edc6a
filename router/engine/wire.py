"""What the parent and an engine child say to each other, and how it is framed.

The parent listens on a Unix socket and starts the child, which connects. The child's first event is `Hello` once the
model is loaded, or `Refused` (then it exits with status 2). A frame is a 4-byte big-endian length and a msgpack array
of messages: the child puts everything that one decode step made into one frame. `id` is chosen by the parent, is
unique for the connection, and is never 0.

For each `Submit` the child answers, in this order: any number of `Piece`, `ToolDelta` and `Confidence`; for each choice
one `Finished`; then one `Used`, which ends the request. Or, at any point, one `Failed`, which ends it too. After a
`Cancel` the child answers one `Used`, so that what was computed can be accounted for, and nothing more; a `Cancel` for
a request that has ended is ignored. Every other command has exactly one answer, or `Failed`.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

MAX_FRAME_BYTES = 64 * 1024 * 1024
Code: TypeAlias = Literal["context_length_exceeded", "invalid_value", "overloaded", "internal"]
JsonObject: TypeAlias = dict[str, Any]


class WireError(Exception):
    """The other side sent something that is not the protocol; the connection is of no more use."""


class _Message(msgspec.Struct, frozen=True, array_like=True):
    """Compact on the wire: fields by position, so that both sides must be the same version (they are one package)."""


class Sampling(_Message, frozen=True):
    """How the next token is drawn, in OpenAI's and llama.cpp's units; the defaults change nothing.

    `temperature` 0 is greedy. `logit_bias` maps token ids to what is added to the logit. A `seed` of None is a fresh
    one. `top_k` 0 and `min_p` 0 are off; `repeat_penalty` 1 is off.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repeat_penalty: float = 1.0
    logit_bias: dict[int, float] = {}
    seed: int | None = None


class ResponseFormat(_Message, frozen=True):
    """`schema` is the JSON Schema when `kind` is json_schema."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: JsonObject | bool | None = None


class Submit(_Message, frozen=True, tag="submit"):
    """Answer `messages` (OpenAI message objects) through the chat template, or continue `prompt` (text or token ids).

    `max_tokens` None is what the context leaves. `top_logprobs` None is no logprobs at all, 0 the chosen token only.
    `tool_choice` is "auto", "none", "required" or OpenAI's object that names one. `caller` is the unit of fairness in
    the queue. `confidence_at` lists token counts after which a `Confidence` is sent, besides the one at the end.
    """

    id: int
    messages: list[JsonObject] | None = None
    prompt: str | list[int] | None = None
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: list[str] = []
    n: int = 1
    top_logprobs: int | None = None
    ignore_eos: bool = False
    response_format: ResponseFormat = ResponseFormat()
    tools: list[JsonObject] = []
    tool_choice: str | JsonObject = "auto"
    parallel_tool_calls: bool = True
    caller: str = ""
    adapter: str | None = None
    confidence_at: list[int] = []


class Cancel(_Message, frozen=True, tag="cancel"):
    """Forget the request, wherever it is."""

    id: int


class Count(_Message, frozen=True, tag="count"):
    """How many tokens would this chat prompt be?"""

    id: int
    messages: list[JsonObject]
    tools: list[JsonObject] = []


class Tokenize(_Message, frozen=True, tag="tokenize"):
    """The token ids of a text."""

    id: int
    text: str
    add_special: bool = True


class Detokenize(_Message, frozen=True, tag="detokenize"):
    """The text of token ids, control tokens as they are written."""

    id: int
    tokens: list[int]


class Embed(_Message, frozen=True, tag="embed"):
    """One vector for each input (text or token ids); `dimensions` cuts them, and they are normalised again."""

    id: int
    inputs: list[str | list[int]]
    dimensions: int | None = None
    caller: str = ""


class Ping(_Message, frozen=True, tag="ping"):
    """Are you alive, and how busy?"""

    id: int


class Hello(_Message, frozen=True, tag="hello"):
    """The model is loaded. `context` is the window of one sequence in tokens, prompt and answer together."""

    pid: int
    context: int
    parallel: int
    vocab: int
    description: str
    has_template: bool
    is_embedding: bool
    dimensions: int = 0
    adapters: list[str] = []


class Refused(_Message, frozen=True, tag="refused"):
    """The model cannot be served; `message` says why, for a person."""

    message: str


class TopToken(_Message, frozen=True):
    """One alternative at a position: its text, its bytes, and its natural log-probability before sampling."""

    token: str
    raw: bytes
    logprob: float


class TokenLogprob(_Message, frozen=True):
    """The chosen token and the likeliest ones at its position."""

    token: str
    raw: bytes
    logprob: float
    top: list[TopToken] = []


class Piece(_Message, frozen=True, tag="piece"):
    """New text of choice `index`, whole characters only; `tokens` of it became known with this piece."""

    id: int
    index: int
    text: str
    tokens: int
    logprobs: list[TokenLogprob] | None = None


class ToolDelta(_Message, frozen=True, tag="tool"):
    """Part of tool call number `call` of choice `index`; `call_id` and `name` come with its first part only."""

    id: int
    index: int
    call: int
    arguments: str
    call_id: str | None = None
    name: str | None = None


class Confidence(_Message, frozen=True, tag="confidence"):
    """The model's own confidence over the first `tokens` tokens of choice `index` (natural logarithms)."""

    id: int
    index: int
    tokens: int
    mean_logprob: float
    mean_entropy: float
    min_margin: float


class Finished(_Message, frozen=True, tag="finished"):
    """Choice `index` is complete; `stop` is the stop string that ended it."""

    id: int
    index: int
    reason: Literal["stop", "length", "tool_calls"]
    stop: str | None = None


class Used(_Message, frozen=True, tag="used"):
    """What the request cost; the last event of a request that did not fail."""

    id: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


class Failed(_Message, frozen=True, tag="failed"):
    """The command was refused or broke; the last event of its request. `message` never holds what the client sent."""

    id: int
    code: Code
    message: str
    param: str | None = None
    retry_after_s: float | None = None


class Counted(_Message, frozen=True, tag="counted"):
    """The answer to `Count`."""

    id: int
    tokens: int


class Tokenized(_Message, frozen=True, tag="tokenized"):
    """The answer to `Tokenize`."""

    id: int
    tokens: list[int]


class Detokenized(_Message, frozen=True, tag="detokenized"):
    """The answer to `Detokenize`; what is no whole character is U+FFFD."""

    id: int
    text: str


class Embedded(_Message, frozen=True, tag="embedded"):
    """The answer to `Embed`: for each input its vector as little-endian float32."""

    id: int
    vectors: list[bytes]
    prompt_tokens: int


class Pong(_Message, frozen=True, tag="pong"):
    """How busy the engine is. `wait_ms` estimates how long a request that came now would wait for its turn.

    `tokens_per_s` is the recent rate of generated tokens while working; the `*_total` fields count since the start;
    `step_ms` is how long the decode step at hand has been running, 0 between steps.
    """

    id: int
    queued: int
    live: int
    wait_ms: float
    kv_used: int
    kv_size: int
    tokens_per_s: float
    prompt_tokens_total: int
    cached_tokens_total: int
    completion_tokens_total: int
    step_ms: float = 0.0


Command: TypeAlias = Submit | Cancel | Count | Tokenize | Detokenize | Embed | Ping
Text: TypeAlias = Piece | ToolDelta | Confidence | Finished | Used
Event: TypeAlias = Hello | Refused | Text | Failed | Counted | Tokenized | Detokenized | Embedded | Pong

_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(list[Command])
_events = msgspec.msgpack.Decoder(list[Event])
_LENGTH = struct.Struct(">I")


def frame(messages: Sequence[Command] | Sequence[Event]) -> bytes:
    """The messages as one frame, length included. Raises `WireError` when it is over `MAX_FRAME_BYTES`."""
    payload = _encoder.encode(messages)
    if len(payload) > MAX_FRAME_BYTES:
        raise WireError(f"a frame of {len(payload)} bytes is over the limit")
    return _LENGTH.pack(len(payload)) + payload


def commands(payload: bytes) -> list[Command]:
    """The parent's messages in one payload. Raises `WireError`."""
    try:
        return _commands.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("a frame does not hold commands") from error


def events(payload: bytes) -> list[Event]:
    """The child's messages in one payload. Raises `WireError`."""
    try:
        return _events.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("a frame does not hold events") from error


class Splitter:
    """Cuts a byte stream into payloads, however the bytes arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each payload that `data` completes. Raises `WireError` for a length over the limit."""
        if not self._buffer and len(data) >= _LENGTH.size and _LENGTH.unpack_from(data)[0] == len(data) - _LENGTH.size:
            yield data[_LENGTH.size :]  # the usual case: one whole frame
            return
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                raise WireError(f"a frame of {length} bytes is over the limit")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield payload
