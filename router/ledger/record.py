"""The record of one accepted request."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

SHADOW = "shadow"
CacheResult: TypeAlias = Literal["hit", "miss"]
Outcome: TypeAlias = Literal["ok", "error", "interrupted", "client_gone"]
EnergyKind: TypeAlias = Literal["measured", "estimated"]


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one accepted request used, cost and saved. Money in USD, durations in seconds, `at` in Unix seconds.

    `cost_usd` and `baseline_usd` are None where a price is unknown. `baseline_usd` is what the same tokens would have
    cost on `baseline`, the largest tier that the request might have had, of the prompt `baseline_cached_tokens` from its cache. `attempts` lists `target:outcome` in order. The `escalation*`
    fields are of the answer that was given up for a better one: it was paid for too, `cost_usd` holds it, and so the savings
    are net of it. `key` is the name of the caller's key and `tags` are the key's; None and empty where anybody may call. `price_map`
    is the version of the map of prices. `cache_write_tokens`, `audio_tokens` and `image_tokens` are parts of the prompt, and
    `reasoning_tokens` and `audio_completion_tokens` of the answer. `energy_j` is in joules of all local work, None where no honest figure exists.
    `cache` says whether the cache was asked and had the answer: a `hit` costs nothing, and `cache_saved_usd` is what it would
    have cost at its own target. A record with the route `shadow` is no request of a client but what was spent beside one, whose
    id it has: its `baseline_usd` is 0, so that the sum of the savings is net of it.
    A field that is added later needs a default: what an older version left in its journal is still read.
    """

    request_id: str
    at: float
    route: str
    policy: str
    rule: str
    reason: str
    target: str
    model: str
    score: float | None
    task: str | None
    stream: bool
    outcome: Outcome
    status: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    usage_estimated: bool
    cost_usd: float | None
    baseline: str | None
    baseline_usd: float | None
    latency_s: float
    ttft_s: float | None
    attempts: tuple[str, ...]
    escalated_from: str | None = None
    escalation_signal: str | None = None
    escalation_prompt_tokens: int = 0
    escalation_completion_tokens: int = 0
    escalation_usd: float | None = None
    key: str | None = None
    tags: tuple[str, ...] = ()
    price_map: str | None = None
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    audio_completion_tokens: int = 0
    image_tokens: int = 0
    energy_j: float | None = None
    energy_kind: EnergyKind | None = None
    cache: CacheResult | None = None
    cache_saved_usd: float | None = None
    baseline_cached_tokens: int = 0

    @property
    def all_tokens(self) -> int:
        """Tokens read and written, those of an answer that was given up too."""
        given_up = self.escalation_prompt_tokens + self.escalation_completion_tokens
        return self.prompt_tokens + self.completion_tokens + given_up
