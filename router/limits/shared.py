"""The ticket of a request whose limits are shared with other replicas."""

import math
from collections.abc import Sequence
from typing import Self

from router.limits.bucket import Bucket
from router.limits.claim import BucketTake, Claim, Granted
from router.limits.commons import Commons
from router.limits.meter import Meter, need_of
from router.limits.ticket import Ticket


class SharedTicket(Ticket):
    """Asks for a place, and for money and tokens, where all replicas do; by itself only while nobody answers there."""

    _commons: Commons
    _number: int
    _place: Claim | None = None
    _money: Claim | None = None
    _is_granted = False
    _is_told = False

    def among(self, commons: Commons, number: int) -> Self:
        """Itself, as this process's request `number`."""
        self._commons, self._number = commons, number
        return self

    async def let_in(self) -> None:
        """As everywhere.

        Raises:
            RateLimited: too many at one time, or in the last minute.
        """
        crowds = [meter for meter in self.meters if meter.places is not None]
        fast = [(meter, meter.requests) for meter in self.meters if meter.requests is not None]
        places = [(meter.name, meter.limit.concurrent or 0) for meter in crowds]
        takes = [_take(meter, "requests", bucket, 1) for meter, bucket in fast]
        self._place = Claim(self._commons.name(self._number, "p"), places, takes)
        granted = await self._ask(self._place, [bucket for _, bucket in fast])
        if granted is None:
            self.enter()
        elif granted.obstacle == "place":
            raise crowds[granted.place].crowded()
        elif granted.obstacle == "bucket":
            raise fast[granted.place][0].hurried(granted.wait_s)
        else:
            self._come_in()
        self._commons.keep(self._place)

    async def reserve(self, usd: float, tokens: int) -> None:
        """As everywhere.

        Raises:
            RateLimited: too many tokens for this minute.
            QuotaExceeded: the money does not reach.
        """
        now = self._clock()
        slow = [(meter, meter.tokens) for meter in self.meters if meter.tokens is not None]
        bounds = [(meter, *bound) for meter in self.meters for bound in meter.bounds(now)] if need_of(usd) else []
        self._accounts = self._current(now)
        self._money = Claim(
            self._commons.name(self._number, "m"),
            buckets=[_take(meter, "tokens", bucket, tokens) for meter, bucket in slow],
            bounds=[(account.name, str(most)) for _, most, account in bounds],
            accounts=[account.name for account in self._accounts] if bounds else [],
            held=str(need_of(usd)) if bounds else "0",
        )
        granted = await self._ask(self._money, [bucket for _, bucket in slow])
        if granted is None:
            self.hold(usd, tokens)
        elif granted.obstacle == "account":
            self._is_told = True
            raise bounds[granted.place][0].exceeded(usd, self._clock())
        elif granted.obstacle == "bucket":
            raise slow[granted.place][0].exhausted(tokens, granted.wait_s)
        else:
            self._is_granted, self._tokens = True, tokens
            self._put_aside(need_of(usd))
        self._commons.keep(self._money)

    def short_of(self, usd: float) -> list[Meter]:
        """As everywhere. What others use is old news here until they were asked: nothing is refused for it unasked."""
        is_open = self._commons.is_shared and not self._is_told and math.isfinite(usd)
        return [] if is_open else super().short_of(usd)

    def settle(self, usd: float | None, tokens: int) -> None:
        """As everywhere; the others are told soon, and nobody waits for it."""
        if self._is_settled:
            return
        reserved, self._accounts = self._tokens, self._accounts or self._current(self._clock())
        super().settle(usd, tokens)
        self._commons.spent(self._accounts)
        self._give_back(tokens - reserved)

    def close(self) -> None:
        """As everywhere."""
        if not self._is_settled:
            reserved = self._tokens
            super().close()
            self._give_back(-reserved)
        else:
            super().close()
        if self._place is not None:
            self._commons.release(self._place.id)
            self._place = None

    async def _ask(self, claim: Claim, buckets: Sequence[Bucket]) -> Granted | None:
        """What all replicas say to `claim`; one that asks for nothing needs no asking."""
        if not (claim.places or claim.buckets or claim.bounds):
            return Granted("granted", 0, 0.0)
        return await self._commons.ask(claim, self._accounts, buckets)

    def _give_back(self, tokens: int) -> None:
        """Claim no money any more; `tokens` more than were claimed were used, or so many fewer."""
        if self._money is None:
            return
        self._commons.release(self._money.id)
        self._money = None
        if self._is_granted and tokens:
            for meter in self.meters:
                if meter.tokens is not None:
                    self._commons.adjust(_take(meter, "tokens", meter.tokens, tokens))


def _take(meter: Meter, what: str, bucket: Bucket, amount: float) -> BucketTake:
    return BucketTake(f"{what}:{meter.name}", bucket.per_minute, bucket.most, amount)
