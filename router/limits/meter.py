"""One limit as it stands: requests and tokens of the last minute, requests under way, money."""

import math
from typing import NamedTuple

from router.errors import QuotaExceeded, RateLimited
from router.limit import Limit
from router.limits.bucket import Bucket
from router.limits.till import Account, Till, units, units_up

ONE_MORE_S = 1.0
UNAFFORDABLE = 1 << 80


class Moment(NamedTuple):
    """Now, on the wall (Unix seconds) and on a clock that never goes back (seconds)."""

    wall: float
    steady: float


class Meter:
    """Counts against `limit`; the money is in `till`, which other limits of the same callers share.

    `name` is the limit's among all limits. `parts` is 1 where the whole limit may be used here; a replica by itself may use one of so many parts.
    """

    def __init__(self, name: str, limit: Limit, till: Till, now: Moment, parts: int = 1) -> None:
        self.name = name
        self.till = till
        self.live = 0
        self._set(limit, parts, now)

    def _set(self, limit: Limit, parts: int, now: Moment) -> None:
        self.limit = limit
        self.parts = parts
        self.requests = _bucket(limit.requests_per_minute, parts, now)
        self.tokens = _bucket(limit.tokens_per_minute, parts, now)
        self.places = None if limit.concurrent is None else max(1, limit.concurrent // parts)
        self.is_of_money = limit.is_of_money
        self._day = None if limit.usd_per_day is None else units(limit.usd_per_day)
        self._month = None if limit.usd_per_month is None else units(limit.usd_per_month)

    def renewed(self, limit: Limit, now: Moment) -> "Meter":
        """Itself, with bounds that may have changed; what is under way goes on counting."""
        if limit is not self.limit and limit != self.limit:
            self._set(limit, self.parts, now)
        return self

    def stand(self, parts: int, now: Moment) -> None:
        """From now on one of so many parts may be used here; minutes begin anew."""
        self._set(self.limit, parts, now)

    def check_request(self, now: Moment) -> None:
        """See whether one more request may come.

        Raises:
            RateLimited: too many at one time, or in the last minute.
        """
        if self.places is not None and self.live >= self.places:
            raise self.crowded()
        if self.requests is not None and self.requests.level(now.steady) < 1:
            raise self.hurried(self.requests.wait_s(1, now.steady))

    def crowded(self) -> RateLimited:
        """The error for one request too many at one time."""
        message = f"{_whose(self.limit)} has {self.places} requests under way, which is its limit."
        return RateLimited(message, retry_after_s=ONE_MORE_S)

    def hurried(self, wait_s: float) -> RateLimited:
        """The error for one request too many in a minute."""
        limit = self.limit
        message = f"{_whose(limit)} has reached its limit of {limit.requests_per_minute:g} requests per minute."
        return RateLimited(message, retry_after_s=wait_s)

    def check_tokens(self, tokens: int, now: Moment) -> None:
        """See whether a request of up to so many tokens may go on.

        Raises:
            RateLimited: that is more than is left of this minute, or than any minute has.
        """
        if self.tokens is not None and self.tokens.level(now.steady) < tokens:
            raise self.exhausted(tokens, self.tokens.wait_s(tokens, now.steady))

    def exhausted(self, tokens: int, wait_s: float) -> RateLimited:
        """The error for a request of more tokens than are left of this minute."""
        limit = self.limit
        if self.tokens is not None and tokens > self.tokens.most:
            message = f"The request may take {tokens} tokens, more than the {self.tokens.most:g} per minute of {_whose(limit)}: ask for fewer with max_tokens."
            return RateLimited(message, param="max_tokens")
        message = f"{_whose(limit)} has reached its limit of {limit.tokens_per_minute:g} tokens per minute."
        return RateLimited(message, retry_after_s=wait_s)

    def reaches(self, need: int, now: Moment) -> bool:
        """Whether `need` more units can be held. What costs nothing always can, however much is spent already."""
        if not need or not self.is_of_money:
            return True
        if self._day is not None and need > self.till.day(now.wall).room(self._day, self.parts):
            return False
        return self._month is None or need <= self.till.month(now.wall).room(self._month, self.parts)

    def used_pct(self, now: Moment) -> float:
        """How much of the money is spent or held, in percent of the tighter of day and month."""
        return max((100.0 * account.used / most if most else 100.0 for most, account in self.bounds(now)), default=0.0)

    def exceeded(self, usd: float, now: Moment) -> QuotaExceeded:
        """The error for a request of `usd` that the money does not reach for."""
        need = need_of(usd)
        ends = [account.ends_at for most, account in self.bounds(now) if need > account.room(most, self.parts)]
        why = "does not reach for this request" if math.isfinite(usd) else "cannot hold a model without a known price"
        return QuotaExceeded(
            f"The budget of {_whose(self.limit)} {why}.", retry_after_s=max(ends, default=now.wall) - now.wall
        )

    def bounds(self, now: Moment) -> list[tuple[int, Account]]:
        """What each account that the money is in may come to, in units."""
        found = []
        if self._day is not None:
            found.append((self._day, self.till.day(now.wall)))
        if self._month is not None:
            found.append((self._month, self.till.month(now.wall)))
        return found


def need_of(usd: float) -> int:
    """US dollars in units of a till, rounded up; an infinite amount is more than any budget has."""
    return units_up(usd) if math.isfinite(usd) else UNAFFORDABLE


def _bucket(per_minute: float | None, parts: int, now: Moment) -> Bucket | None:
    return None if per_minute is None else Bucket(per_minute / parts, now.steady)


def _whose(limit: Limit) -> str:
    if limit.key is not None:
        return f"the key {limit.key}"
    return f"the tag {limit.tag}" if limit.tag is not None else f"the router ({limit.id})"
