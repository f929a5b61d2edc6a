"""One limit as it stands: requests and tokens of the last minute, requests under way, money."""

import math
from dataclasses import dataclass

from router.errors import QuotaExceeded, RateLimited
from router.limit import Limit
from router.limits.bucket import Bucket
from router.limits.till import Account, Till, units, units_up

ONE_MORE_S = 1.0
UNAFFORDABLE = 1 << 80


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on the wall (Unix seconds) and on a clock that never goes back (seconds)."""

    wall: float
    steady: float


class Meter:
    """Counts against `limit`; the money is in `till`, which other limits of the same callers share."""

    def __init__(self, limit: Limit, till: Till, now: Moment) -> None:
        self.limit = limit
        self.till = till
        self.live = 0
        self.requests = _bucket(limit.requests_per_minute, now)
        self.tokens = _bucket(limit.tokens_per_minute, now)

    def renewed(self, limit: Limit, now: Moment) -> "Meter":
        """Itself, with bounds that may have changed; what is under way goes on counting."""
        if limit is not self.limit and limit != self.limit:
            self.limit = limit
            self.requests, self.tokens = _bucket(limit.requests_per_minute, now), _bucket(limit.tokens_per_minute, now)
        return self

    def check_request(self, now: Moment) -> None:
        """See whether one more request may come.

        Raises:
            RateLimited: too many at one time, or in the last minute.
        """
        limit = self.limit
        if limit.concurrent is not None and self.live >= limit.concurrent:
            raise RateLimited(
                f"{_whose(limit)} has {self.live} requests under way, which is its limit.", retry_after_s=ONE_MORE_S
            )
        if self.requests is not None and self.requests.level(now.steady) < 1:
            message = f"{_whose(limit)} has reached its limit of {limit.requests_per_minute:g} requests per minute."
            raise RateLimited(message, retry_after_s=self.requests.wait_s(1, now.steady))

    def check_tokens(self, tokens: int, now: Moment) -> None:
        """See whether a request of up to so many tokens may go on.

        Raises:
            RateLimited: that is more than is left of this minute, or than any minute has.
        """
        if self.tokens is None or self.tokens.level(now.steady) >= tokens:
            return
        limit = self.limit
        if tokens > self.tokens.most:
            message = f"The request may take {tokens} tokens, more than the {limit.tokens_per_minute:g} per minute of {_whose(limit)}: ask for fewer with max_tokens."
            raise RateLimited(message, param="max_tokens")
        message = f"{_whose(limit)} has reached its limit of {limit.tokens_per_minute:g} tokens per minute."
        raise RateLimited(message, retry_after_s=self.tokens.wait_s(tokens, now.steady))

    def reaches(self, usd: float, now: Moment) -> bool:
        """Whether `usd` more can be held. What costs nothing always can, however much is spent already."""
        need = need_of(usd)
        return not need or all(account.used + need <= most for most, account in self._bounds(now))

    def used_pct(self, now: Moment) -> float:
        """How much of the money is spent or held, in percent of the tighter of day and month."""
        return max((100.0 * account.used / most if most else 100.0 for most, account in self._bounds(now)), default=0.0)

    def exceeded(self, usd: float, now: Moment) -> QuotaExceeded:
        """The error for a request of `usd` that the money does not reach for."""
        need = need_of(usd)
        ends = [account.ends_at for most, account in self._bounds(now) if account.used + need > most]
        why = "does not reach for this request" if math.isfinite(usd) else "cannot hold a model without a known price"
        return QuotaExceeded(
            f"The budget of {_whose(self.limit)} {why}.", retry_after_s=max(ends, default=now.wall) - now.wall
        )

    def _bounds(self, now: Moment) -> list[tuple[int, Account]]:
        limit, found = self.limit, []
        if limit.usd_per_day is not None:
            found.append((units(limit.usd_per_day), self.till.day(now.wall)))
        if limit.usd_per_month is not None:
            found.append((units(limit.usd_per_month), self.till.month(now.wall)))
        return found


def need_of(usd: float) -> int:
    """US dollars in units of a till, rounded up; an infinite amount is more than any budget has."""
    return units_up(usd) if math.isfinite(usd) else UNAFFORDABLE


def _bucket(per_minute: float | None, now: Moment) -> Bucket | None:
    return None if per_minute is None else Bucket(per_minute, now.steady)


def _whose(limit: Limit) -> str:
    if limit.key is not None:
        return f"the key {limit.key}"
    return f"the tag {limit.tag}" if limit.tag is not None else f"the router ({limit.id})"
