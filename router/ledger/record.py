"""The record of one accepted request."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["ok", "error", "interrupted", "client_gone"]


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one accepted request used, cost and saved. Money in USD, durations in seconds, `at` in Unix seconds.

    `cost_usd` and `baseline_usd` are None where a price is unknown. `baseline_usd` is what the same tokens would have
    cost on `baseline`, the largest target. `attempts` lists `target:outcome` in order. The `escalation*`
    fields are of the answer that was given up for a better one: it was paid for too, `cost_usd` holds it, and so the savings
    are net of it. A field that is added later needs a
    default: what an older version left in its journal is still read.
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
