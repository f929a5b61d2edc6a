"""All limits of the process, and the ticket that each request is given against them."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from router.caller import ANYONE, Caller
from router.limit import Limit
from router.limits.commons import Commons, Desk
from router.limits.meter import Meter, Moment
from router.limits.shared import SharedTicket
from router.limits.ticket import Ticket
from router.limits.till import Account, Till, units


@dataclass(frozen=True, slots=True)
class Spent:
    """What the ledger says was spent before this process began, by one key with its tags: today and this month."""

    key: str | None
    tags: tuple[str, ...]
    day_usd: float
    month_usd: float


def moment() -> Moment:
    """Now."""
    return Moment(time.time(), time.monotonic())


class Quotas:
    """Meters by the name of their limit, tills by whose money it is. One event loop uses it, and nothing here waits."""

    def __init__(self, limits: Iterable[Limit] = (), clock: Callable[[], Moment] = moment, replicas: int = 1) -> None:
        self.commons: Commons | None = None
        self._clock = clock
        self._replicas = replicas
        self._parts = replicas
        self._count = itertools.count()
        self._is_carried = False
        self._limits: tuple[Limit, ...] = ()
        self._meters: dict[tuple[str, str], Meter] = {}
        self._tills: dict[tuple[str, str], Till] = {}
        self.adopt(limits)

    def adopt(self, limits: Iterable[Limit]) -> None:
        """From now on these limits of the policy file hold; what was counted under the same name stays."""
        self._limits = tuple(limits)

    def ticket(self, caller: Caller = ANYONE, own: Limit | None = None) -> Ticket:
        """The ticket of one more request, not let in yet; `own` is the limit of its key alone."""
        now = self._clock()
        meters = [self._meter(kind, limit, now) for kind, limit in self._applying(caller, own)]
        tills = [self._till(name, now) for name in _whose(caller)]
        if self.commons is None:
            return Ticket(caller, meters, tills, self._clock)
        return SharedTicket(caller, meters, tills, self._clock).among(self.commons, next(self._count))

    async def join(self, desk: Desk, ledger: str) -> None:
        """Count together with the other replicas from now on, where and while `desk` answers."""
        self.commons = Commons(desk, ledger, self)
        self.commons.is_carried = self._is_carried
        await self.commons.start()

    def shared(self) -> tuple[bool, int] | None:
        """Whether limits are counted together now, and how often that failed; None where they never are."""
        return None if self.commons is None else (self.commons.is_shared, self.commons.failures)

    async def close(self) -> None:
        """Leave the other replicas nothing that is held."""
        if self.commons is not None:
            await self.commons.close()

    def now(self) -> Moment:
        """Now."""
        return self._clock()

    def accounts(self) -> list[Account]:
        """The day and the month of every till."""
        now = self._clock().wall
        return [account for till in self._tills.values() for account in (till.day(now), till.month(now))]

    def stand(self, *, is_shared: bool) -> None:
        """On the common footing the whole of every limit may be used here, otherwise one replica's share of it."""
        now = self._clock()
        self._parts = 1 if is_shared else self._replicas
        if not is_shared:
            for till in self._tills.values():
                till.part()
        for meter in self._meters.values():
            meter.stand(self._parts, now)

    def carry(self, spent: Sequence[Spent]) -> None:
        """Count what was spent before this process began."""
        now = self._clock()
        for one in spent:
            for name in _whose(Caller(key=one.key, tags=frozenset(one.tags))):
                till = self._till(name, now)
                for account, usd in ((till.day(now.wall), one.day_usd), (till.month(now.wall), one.month_usd)):
                    account.spent += units(usd)
                    account.carried += units(usd)
        self._is_carried = True
        if self.commons is not None:
            self.commons.is_carried = True
            self.commons.spent(self.accounts())

    def used_ratio(self) -> Mapping[str, float]:
        """How much of each budget of the policy file is used, from 0 to 1 and above."""
        now = self._clock()
        return {
            limit.id: self._meter("file", limit, now).used_pct(now) / 100 for limit in self._limits if limit.is_of_money
        }

    def _applying(self, caller: Caller, own: Limit | None) -> Iterator[tuple[str, Limit]]:
        if own is not None:
            yield "key", own
        for limit in self._limits:
            if limit.key in {None, caller.key} and (limit.tag is None or limit.tag in caller.tags):
                yield "file", limit

    def _meter(self, kind: str, limit: Limit, now: Moment) -> Meter:
        known = self._meters.get((kind, limit.id))
        if known is not None:
            return known.renewed(limit, now)
        meter = self._meters[kind, limit.id] = Meter(
            f"{kind}:{limit.id}", limit, self._till(_till_of(limit), now), now, self._parts
        )
        return meter

    def _till(self, name: tuple[str, str], now: Moment) -> Till:
        till = self._tills.get(name)
        if till is None:
            till = self._tills[name] = Till(now.wall, ":".join(name))
        return till


def _whose(caller: Caller) -> Iterator[tuple[str, str]]:
    yield "all", ""
    if caller.key is not None:
        yield "key", caller.key
    yield from (("tag", tag) for tag in caller.tags)


def _till_of(limit: Limit) -> tuple[str, str]:
    if limit.key is not None:
        return "key", limit.key
    return ("all", "") if limit.tag is None else ("tag", limit.tag)
