"""A moment to come, as a person writes it."""

import re
from datetime import UTC, datetime

from router.errors import ConfigError

UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment_of(text: str, now: float) -> float:
    """`text` as Unix seconds: a time from `now` (12h, 90d, 4w), or a date or time, of UTC unless it says otherwise.

    Raises:
        ConfigError: it is neither, or not in the future.
    """
    span = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    try:
        found = now + int(span[1]) * UNITS_S[span[2]] if span else _instant(text)
    except ValueError:
        raise ConfigError(f"{text}: write a time from now (12h, 90d, 4w) or a date (2027-01-31)") from None
    if found <= now:
        raise ConfigError(f"{text}: that is not in the future")
    return found


def _instant(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
