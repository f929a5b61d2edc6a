"""One request's share of the limits: what it holds while it is under way, and what it turned out to use."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from router.caller import Caller
from router.chat import ChatRequest
from router.errors import QuotaExceeded
from router.limits.bucket import Bucket
from router.limits.meter import Meter, Moment, need_of
from router.limits.standing import bound, spending
from router.limits.till import Account, Till, units

ANSWER_TOKENS = 4096
"""The longest answer where a limit has to know it and neither the client nor the limit says it."""

MINUTE_S = 60.0


class Ticket:
    """Made when a request comes and closed when it is over; closing releases whatever was not settled.

    `is_of_money` says that what it costs counts against a limit. `tills` are everybody's, then the key's if there is one, then those of its tags.
    """

    def __init__(
        self, caller: Caller, meters: Iterable[Meter], tills: Iterable[Till], clock: Callable[[], Moment]
    ) -> None:
        self.caller = caller
        self.meters = tuple(meters)
        self.tills = tuple(tills)
        self.is_of_money = True in [meter.is_of_money for meter in self.meters]
        self._clock = clock
        self._accounts: tuple[Account, ...] = ()
        self._held = 0
        self._tokens = 0
        self._is_settled = False
        self._is_in = False

    def enter(self) -> None:
        """Let the request in.

        Raises:
            RateLimited: too many at one time, or in the last minute.
        """
        now = self._clock()
        for meter in self.meters:
            meter.check_request(now)
        self._come_in()
        for meter in self.meters:
            if meter.requests is not None:
                meter.requests.take(1, now.steady)

    async def let_in(self) -> None:
        """The same, for whoever can wait a little: other replicas may have a say.

        Raises:
            RateLimited: too many at one time, or in the last minute.
        """
        self.enter()

    @property
    def is_bounded(self) -> bool:
        """True when any limit applies."""
        return bool(self.meters)

    def used_pct(self) -> float | None:
        """How much of the tightest budget is used, in percent; None without one."""
        now = self._clock()
        return max((meter.used_pct(now) for meter in self.meters if meter.is_of_money), default=None)

    def fitted(self, request: ChatRequest) -> ChatRequest:
        """The request with an answer that is no longer than the limits allow, and no longer than they can reckon with."""
        most = [limit for meter in self.meters if (limit := _longest(meter, request.max_tokens)) is not None]
        return replace(request, max_tokens=min(most)) if most and min(most) != request.max_tokens else request

    def short_of(self, usd: float) -> list[Meter]:
        """The limits whose money does not reach for `usd`, which is infinite where nobody knows."""
        now, need = self._clock(), need_of(usd)
        return [meter for meter in self.meters if not meter.reaches(need, now)]

    def exceeded(self, usd: float) -> QuotaExceeded:
        """The error for a request of `usd` that some limit's money does not reach for."""
        return self.short_of(usd)[0].exceeded(usd, self._clock())

    def hold(self, usd: float, tokens: int) -> None:
        """Reserve the worst case. Nothing is awaited in between, so that no other request sees the same money.

        Raises:
            RateLimited: too many tokens for this minute.
            QuotaExceeded: the money does not reach.
        """
        now, need = self._clock(), need_of(usd)
        for meter in self.meters:
            if not meter.reaches(need, now):
                raise meter.exceeded(usd, now)
        for meter in self.meters:
            meter.check_tokens(tokens, now)
        self._accounts = self._current(now)
        self._put_aside(need)
        self._take(tokens, now)

    async def reserve(self, usd: float, tokens: int) -> None:
        """The same, for whoever can wait a little: other replicas may have a say.

        Raises:
            RateLimited: too many tokens for this minute.
            QuotaExceeded: the money does not reach.
        """
        self.hold(usd, tokens)

    def settle(self, usd: float | None, tokens: int) -> None:
        """Put what was used in the place of what is held, once; of an unknown price what was held counts."""
        if self._is_settled:
            return
        spent, now = self._held if usd is None else units(usd), self._clock()
        for account in self._release(now):
            account.spent += spent
        self._take(tokens, now)

    def close(self) -> None:
        """Release what was not settled, however the request ended."""
        if not self._is_settled:
            self._release(self._clock())
        if self._is_in:
            self._is_in = False
            for meter in self.meters:
                meter.live -= 1

    def _come_in(self) -> None:
        self._is_in = True
        for meter in self.meters:
            meter.live += 1

    def _put_aside(self, need: int) -> None:
        self._held = need if self.is_of_money else 0
        for account in self._accounts:
            account.held += self._held

    def _release(self, now: Moment) -> tuple[Account, ...]:
        """Hold nothing any more; the accounts that it was held in."""
        self._is_settled = True
        for account in self._accounts:
            account.held -= self._held
        self._take(-self._tokens, now)
        return self._accounts or self._current(now)

    def _take(self, tokens: int, now: Moment) -> None:
        self._tokens = tokens
        for meter in self.meters:
            if meter.tokens is not None and tokens:
                meter.tokens.take(tokens, now.steady)

    def _current(self, now: Moment) -> tuple[Account, ...]:
        found, wall = list[Account](), now.wall
        for till in self.tills:
            found += (till.day(wall), till.month(wall))
        return tuple(found)

    def standing(self) -> dict[str, object]:
        """What the caller has spent, and the limits that apply."""
        now, caller = self._clock(), self.caller
        own = self.tills[0 if caller.key is None else 1]
        return {
            "object": "usage",
            "key": caller.key,
            "tags": sorted(caller.tags),
            **spending(own, now),
            "limits": [bound(meter, now) for meter in self.meters],
        }

    def headers(self) -> dict[str, str]:
        """`x-ratelimit-*` in OpenAI's words: of the limit that leaves least."""
        found = dict[str, str]()
        _tell(found, "requests", [meter.requests for meter in self.meters if meter.requests is not None])
        _tell(found, "tokens", [meter.tokens for meter in self.meters if meter.tokens is not None])
        return found


def _tell(found: dict[str, str], kind: str, buckets: Sequence[Bucket]) -> None:
    """As the buckets were when the request was let in or went on, which is just now."""
    if not buckets:
        return
    least = buckets[0]
    for bucket in buckets:
        if bucket.seen < least.seen:
            least = bucket
    found[f"x-ratelimit-limit-{kind}"] = least.size
    found[f"x-ratelimit-remaining-{kind}"] = str(max(0, int(least.seen)))
    found[f"x-ratelimit-reset-{kind}"] = _span((least.most - least.seen) * MINUTE_S / least.per_minute)


def _longest(meter: Meter, asked: int | None) -> int | None:
    """The longest answer that one limit allows; None where it does not matter to it."""
    limit = meter.limit
    if asked is not None or not limit.bounds_answers:
        return limit.max_tokens if asked is None or limit.max_tokens is None else min(asked, limit.max_tokens)
    # Half of a minute's tokens leaves room for the prompt.
    half = [max(1, int(limit.tokens_per_minute / 2))] if limit.tokens_per_minute is not None else []
    return min(limit.max_tokens or ANSWER_TOKENS, *half) if half else limit.max_tokens or ANSWER_TOKENS


def _span(seconds: float) -> str:
    """A span as OpenAI writes it: 250ms, 12s, 6m0s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), int(MINUTE_S))
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
