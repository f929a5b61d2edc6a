"""Windows of the day and the week in a time zone. The time is given, never asked for."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from router.condition import Within

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES = 24 * 60


def is_within(window: Within, at: float) -> bool:
    """True when the clock on the wall stands in the window at `at` (Unix seconds)."""
    local = datetime.fromtimestamp(at, _zone(window.tz))
    minute = local.hour * 60 + local.minute
    if window.start < window.end:
        return window.start <= minute < window.end and local.weekday() in window.days
    if minute >= window.start:
        return local.weekday() in window.days
    return minute < window.end and (local - timedelta(days=1)).weekday() in window.days


def minutes_of(written: str) -> int:
    """Minutes after midnight of `HH:MM`; 24:00 is the end of the day."""
    hours, minutes = written.split(":")
    return int(hours) * 60 + int(minutes)


def moment(written: str) -> float | None:
    """Unix seconds of an ISO 8601 moment; None when it is none, or has no offset from UTC."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    return None if at.tzinfo is None else at.timestamp()


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
