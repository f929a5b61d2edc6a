"""The one internal request and the one internal event type: what every edge makes and every backend answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = Mapping[str, object]
MOST_TOKENS = 16_000_000
"""More than the window of any model; so the sum over all prompts of a legacy request still is a column's number."""


@dataclass(slots=True)
class Bill:
    """Where a target writes what an answer had cost when it was broken off, since nobody reads its events any more.

    `usage` stays None where the target cannot tell. `joules` is what the answer took, also a whole one, where that is measured.
    """

    usage: "Usage | None" = None
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A validated chat request, in OpenAI's vocabulary, whichever edge it came through.

    `messages` are OpenAI message objects, unchanged. `params` holds only fields of the closed list in `api/schema.py`
    (temperature, top_p, stop, seed, n, tools, response_format, logprobs, ...), never a client's unknown field.
    `adapter` is the LoRA adapter that the target answers under. `caller` is whom a local model's queue is fair to: a
    name, never a secret. `prompt` is a text or token ids that a local model continues as they are; every other target is asked
    with `messages`, which say the same. `confidence_at` lists numbers of tokens after which a local model tells its `Confidence`, besides
    the one at the end.
    """

    model: str
    messages: tuple[Json, ...]
    max_tokens: int | None
    stream: bool
    include_usage: bool
    params: Json
    request_id: str = ""
    adapter: str | None = None
    caller: str = ""
    prompt: str | tuple[int, ...] | None = field(default=None, repr=False)
    confidence_at: tuple[int, ...] = ()
    bill: Bill = field(default_factory=Bill, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A validated request for vectors: one for each of `inputs` (text or token ids); `dimensions` None is all of them."""

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    request_id: str = ""
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of choice `index`: an OpenAI delta, and on its last piece the finish reason.

    `stop_sequence` is the client's stop string that ended it, where the target tells.

    A backend that answers whole sends one chunk for each choice, its delta the whole message.
    """

    delta: Json
    index: int = 0
    finish_reason: str | None = None
    logprobs: Json | None = None
    stop_sequence: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a finished answer, by kind.

    Parts of the prompt: `cached_tokens` were not read again, `cache_write_tokens` were put into the target's cache,
    `audio_tokens` and `image_tokens` are what sounds and images came to. Parts of the answer: `reasoning_tokens` and
    `audio_completion_tokens`. `tier` is the tier of service that the target says it served in, None the usual one.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    audio_tokens: int = 0
    audio_completion_tokens: int = 0
    image_tokens: int = 0
    tier: str | None = None

    @property
    def is_credible(self) -> bool:
        """False for counts that no answer can have: below nothing, or beyond every context window."""
        counts = (
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
            self.reasoning_tokens,
            self.cache_write_tokens,
            self.audio_tokens,
            self.audio_completion_tokens,
            self.image_tokens,
        )
        return min(counts) >= 0 and max(counts) <= MOST_TOKENS


@dataclass(frozen=True, slots=True)
class Confidence:
    """The small model's own confidence over the first `tokens` tokens of its first choice (natural logarithms).

    It follows the piece that the last of these tokens is in, unless that piece is still held back (half a character, or
    what could become a stop string). `mean_logprob` is of the chosen tokens, `mean_entropy` and `min_margin` (the likeliest
    token's lead on the second) of the distributions they were drawn from, all before sampling changed them.
    """

    tokens: int
    mean_logprob: float
    mean_entropy: float
    min_margin: float


Event: TypeAlias = Chunk | Usage | Confidence
