"""Records to write down."""

from dataclasses import replace

from router.ledger.record import UsageRecord

NOON = 1_795_348_800.0  # 2026-11-22 12:00:00 UTC

RECORD = UsageRecord(
    request_id="req_1",
    at=NOON,
    route="chat",
    policy="auto",
    rule="learned",
    reason="rule",
    target="small",
    model="small",
    score=0.25,
    task="extraction",
    stream=True,
    outcome="ok",
    status=200,
    prompt_tokens=120,
    completion_tokens=40,
    cached_tokens=20,
    usage_estimated=False,
    cost_usd=0.0,
    baseline="large",
    baseline_usd=0.0007,
    latency_s=0.5,
    ttft_s=0.1,
    attempts=("small:ok",),
)


def record(request_id: str, **changes: object) -> UsageRecord:
    return replace(RECORD, request_id=request_id, **changes)
