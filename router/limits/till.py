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
    """One period: `spent` is settled, `held` is reserved by requests under way. Ends at `ends_at` (Unix seconds).

    Both are this process's. Of what was spent `carried` is from before it began. `elsewhere` is what other replicas have
    spent and hold, as last heard; `alone_at` is what was used here when they were last heard, None while they never were.
    """

    ends_at: float
    name: str = ""
    spent: int = 0
    held: int = 0
    carried: int = 0
    elsewhere: int = 0
    is_known: bool = False
    alone_at: int | None = None

    @property
    def used(self) -> int:
        """Everything that is no longer free, as far as it is known here."""
        return self.spent + self.held + self.elsewhere

    def room(self, most: int, parts: int = 1) -> int:
        """What may still be used of `most`: all that is left, or one of so many parts of it."""
        if parts == 1:
            return most - self.spent - self.held - self.elsewhere
        if self.alone_at is None:
            return most // parts - self.spent - self.held
        return (most - self.alone_at - self.elsewhere) // parts - (self.spent + self.held - self.alone_at)

    def part(self) -> None:
        """The other replicas are not heard any more: what is left now is shared out."""
        self.alone_at = self.spent + self.held if self.is_known else None


class Till:
    """The day and the month that it is. A request keeps the accounts that it began with, also past their end."""

    def __init__(self, now: float, name: str = "") -> None:
        self.name = name
        self._day, self._month = self._of_day(now), self._of_month(now)

    def day(self, now: float) -> Account:
        """The account of the day of `now`."""
        if now >= self._day.ends_at:
            self._day = self._of_day(now)
        return self._day

    def month(self, now: float) -> Account:
        """The account of the month of `now`."""
        if now >= self._month.ends_at:
            self._month = self._of_month(now)
        return self._month

    def part(self) -> None:
        """The other replicas are not heard any more."""
        self._day.part()
        self._month.part()

    def _of_day(self, now: float) -> Account:
        return Account(day_end(now), f"day:{_midnight(now):%Y-%m-%d}:{self.name}")

    def _of_month(self, now: float) -> Account:
        return Account(month_end(now), f"month:{_midnight(now):%Y-%m}:{self.name}")


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
