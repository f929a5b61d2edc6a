"""What a caller has used and may use, in the words of `GET /v1/usage`."""

from dataclasses import asdict
from datetime import UTC, datetime

from router.limits.meter import Meter, Moment
from router.limits.till import PER_USD, Account, Till

HIDDEN = frozenset({"id", "key", "tag"})


def spending(till: Till, now: Moment) -> dict[str, object]:
    """Money of the day and of the month, what is reserved by requests under way apart."""
    return {"day": _account(till.day(now.wall)), "month": _account(till.month(now.wall))}


def bound(meter: Meter, now: Moment) -> dict[str, object]:
    """One limit that applies to the caller, and how far it is used."""
    limit = meter.limit
    bounds = {name: value for name, value in asdict(limit).items() if name not in HIDDEN and value is not None}
    whose = "key" if limit.key is not None else "tag" if limit.tag is not None else "everybody"
    used = meter.used_pct(now) if limit.is_of_money else None
    return {"id": limit.id, "of": whose, **bounds, "budget_used_pct": used}


def _account(account: Account) -> dict[str, object]:
    return {
        "spent_usd": account.spent / PER_USD,
        "reserved_usd": account.held / PER_USD,
        "ends_at": datetime.fromtimestamp(account.ends_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
