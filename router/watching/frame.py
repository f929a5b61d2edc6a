"""What one frame of `shunt top` shows, from two scrapes: rates between them, states of the later one."""

import math
from dataclasses import dataclass

from router.watching.scrape import Scrape

_TTFT = "gen_ai_server_time_to_first_token_seconds_bucket"


@dataclass(frozen=True, slots=True)
class Row:
    """One target. Rates per second, `ttft_ms` the median of the streams that began between the scrapes."""

    target: str
    tier: str
    state: str
    requests_per_s: float
    share: float
    ttft_ms: float | None
    tokens_per_s: float
    queued: int
    live: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The router: sums over the targets, what is under way, the money since it started, and the used part of budgets."""

    requests_per_s: float
    refused_per_s: float
    inflight: int
    escalations_per_s: float
    cost_usd: float
    saved_usd: float
    rows: tuple[Row, ...]
    budgets: tuple[tuple[str, float], ...] = ()
    ledger_behind_s: float = 0.0


def frame(before: Scrape, after: Scrape) -> Frame:
    """The frame between two scrapes of the same router."""
    seconds = max(1e-9, after.at_s - before.at_s)

    def rate(name: str, **labels: str) -> float:
        return max(0.0, after.sum(name, **labels) - before.sum(name, **labels)) / seconds

    targets = {labels["target"]: labels["tier"] for labels, _ in after.matching("shunt_target_info")}
    answered = sum(rate("shunt_requests_total", target=target) for target in targets)
    cost = after.sum("shunt_cost_usd_total")
    rows = tuple(
        Row(
            target=target,
            tier=tier,
            state=_state(after, target),
            requests_per_s=(requests := rate("shunt_requests_total", target=target)),
            share=requests / answered if answered else 0.0,
            ttft_ms=_median_ms(before, after, target),
            tokens_per_s=rate(
                "gen_ai_client_token_usage_sum",
                gen_ai_response_model=target,
                gen_ai_token_type="output",  # noqa: S106 - a label
            ),
            queued=int(after.sum("shunt_queue_depth", target=target)),
            live=int(after.sum("shunt_engine_live", target=target)),
            cost_usd=after.sum("shunt_cost_usd_total", model=target),
        )
        for target, tier in targets.items()
    )
    return Frame(
        requests_per_s=answered,
        refused_per_s=rate("shunt_requests_total", target="other"),
        inflight=int(after.sum("shunt_inflight")),
        escalations_per_s=rate("shunt_escalations_total"),
        cost_usd=cost,
        saved_usd=after.sum("shunt_baseline_cost_usd_total") - cost,
        rows=rows,
        budgets=tuple((labels["budget"], used) for labels, used in after.matching("shunt_budget_used_ratio")),
        ledger_behind_s=after.sum("shunt_ledger_behind_seconds"),
    )


def _state(after: Scrape, target: str) -> str:
    if after.sum("shunt_target_info", target=target, backend="none"):
        return "missing"
    if after.sum("shunt_breaker_open", target=target):
        return "breaker open"
    return next((labels["state"] for labels, on in after.matching("shunt_engine_state", target=target) if on), "ready")


def _median_ms(before: Scrape, after: Scrape, target: str) -> float | None:
    """The upper bound of the bucket that holds the median; None without a stream."""
    counts: dict[float, float] = {}
    for scrape, sign in ((after, 1), (before, -1)):
        for labels, value in scrape.matching(_TTFT, gen_ai_response_model=target):
            edge = float(labels["le"])
            counts[edge] = counts.get(edge, 0.0) + sign * value
    total = counts.get(math.inf, 0.0)
    if total <= 0:
        return None
    edge = next(edge for edge in sorted(counts) if counts[edge] >= total / 2)
    return None if math.isinf(edge) else 1000 * edge
