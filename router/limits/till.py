"""What one key, one tag or everybody has spent and holds, by day and by month of UTC.

Money is counted in whole millionths of a millionth of a US dollar: sums of floats would drift, and a budget would be right
to a rounding error only.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PER_USD = 10**12


def units(usd: float) -> int:
    """US dollars in the unit of a till."""
    return round(usd * PER_USD)


def units_up(usd: float) -> int:
    """The same, never less than the amount."""
    return math.ceil(round(usd * PER_USD, 3))


@dataclass(slots=True)
class Account:
    """One period: `spent` is settled, `held` is reserved by requests under way. Ends at `ends_at` (Unix seconds)."""

    ends_at: float
    spent: int = 0
    held: int = 0

    @property
    def used(self) -> int:
        """Everything that is no longer free."""
        return self.spent + self.held


class Till:
    """The day and the month that it is. A request keeps the accounts that it began with, also past their end."""

    def __init__(self, now: float) -> None:
        self._day = Account(day_end(now))
        self._month = Account(month_end(now))

    def day(self, now: float) -> Account:
        """The account of the day of `now`."""
        if now >= self._day.ends_at:
            self._day = Account(day_end(now))
        return self._day

    def month(self, now: float) -> Account:
        """The account of the month of `now`."""
        if now >= self._month.ends_at:
            self._month = Account(month_end(now))
        return self._month


def day_start(now: float) -> float:
    """Midnight of UTC before `now`, in Unix seconds."""
    return _midnight(now).timestamp()


def month_start(now: float) -> float:
    """The first midnight of the month of `now`, in Unix seconds."""
    return _midnight(now).replace(day=1).timestamp()


def day_end(now: float) -> float:
    """The next midnight of UTC, in Unix seconds."""
    return (_midnight(now) + timedelta(days=1)).timestamp()


def month_end(now: float) -> float:
    """The first midnight of the next month, in Unix seconds."""
    return (_midnight(now).replace(day=28) + timedelta(days=4)).replace(day=1).timestamp()


def _midnight(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
