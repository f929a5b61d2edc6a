"""What several replicas have in common: places, minutes and money, kept in a Redis and asked for together.

One call is under way at a time and takes along whatever has come up meanwhile: so many requests share one round trip, and
nothing overtakes anything. The first call that fails ends the common footing: from then on nobody waits, each replica goes by
its own share, and once a second it is tried whether the Redis is back. Before the common footing is taken up again, every
request that is under way here has its claim there.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from router.limits.bucket import Bucket
from router.limits.claim import BucketTake, Call, Claim, Granted, Reply, Spending
from router.limits.meter import Moment
from router.limits.till import Account

PULSE_S = 1.0
LEASE_MS = 15_000
RENEW_S = 1.0
MOST = 250  # of anything in one call: a script that runs for long holds up everybody's Redis

logger = logging.getLogger("shunt.limits")


class Desk(Protocol):
    """Where the common counts are."""

    async def call(self, call: Call) -> Reply:
        """Do it, or raise ConnectionError."""

    async def close(self) -> None:
        """Let go of it."""


class Here(Protocol):
    """What this process counts by itself."""

    def accounts(self) -> list[Account]:
        """All of its accounts."""

    def now(self) -> Moment:
        """Now."""

    def stand(self, *, is_shared: bool) -> None:
        """The footing has changed."""


class Commons:
    """This process's part in what is common. One event loop uses it.

    `ledger` names the records that this process began with: replicas that share them bring them once.
    """

    def __init__(self, desk: Desk, ledger: str, here: Here) -> None:
        self.is_shared = False
        self.failures = 0
        self.is_carried = False
        self._desk = desk
        self._ledger = ledger
        self._here = here
        self._by = secrets.token_hex(8)
        self._live: dict[str, Claim] = {}
        self._asked: list[tuple[Claim, asyncio.Future[Granted | None]]] = []
        self._over: list[str] = []
        self._adjust: dict[str, BucketTake] = {}
        self._accounts: dict[str, Account] = {}
        self._dirty: dict[str, Account] = {}
        self._buckets: dict[str, Bucket] = {}
        self._stirred = asyncio.Event()
        self._closing = asyncio.Event()
        self._is_told = False
        self._renewed_at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up the common footing, or say that it cannot be had now; then keep at it."""
        await self._knock()
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(_ended)

    async def close(self) -> None:
        """Tell what was spent and give back what is held, as far as Redis answers."""
        was_shared = self.is_shared
        self._closing.set()
        self._stirred.set()
        if self._task is not None:
            # Not cancelled: up to Python 3.11 what waits for a socket may swallow that.
            await asyncio.gather(self._task, return_exceptions=True)
        if was_shared:
            self._over += self._live
            self._live.clear()
            with suppress(ConnectionError):
                while self._over or self._dirty:
                    await self._call()
        await self._desk.close()

    def name(self, number: int, what: str) -> str:
        """The id of a claim of this process's request `number`."""
        return f"{self._by}:{number}{what}"

    async def ask(self, claim: Claim, accounts: Iterable[Account], buckets: Iterable[Bucket]) -> Granted | None:
        """Whether `claim` is granted, and what stands against it; None where each replica goes by its own share now."""
        if not self.is_shared:
            return None
        self._accounts.update((account.name, account) for account in accounts)
        self._buckets.update((take.name, bucket) for take, bucket in zip(claim.buckets, buckets, strict=True))
        answer: asyncio.Future[Granted | None] = asyncio.get_running_loop().create_future()
        self._asked.append((claim, answer))
        self._stirred.set()
        return await answer

    def keep(self, claim: Claim) -> None:
        """The request of this claim is under way."""
        self._live[claim.id] = claim

    def release(self, name: str) -> None:
        """It is over, or its client has gone before it was known whether it was granted."""
        self._live.pop(name, None)
        if self.is_shared:
            self._over.append(name)
            self._stirred.set()

    def spent(self, accounts: Iterable[Account]) -> None:
        """These accounts have changed."""
        self._dirty.update((account.name, account) for account in accounts)
        self._stirred.set()

    def adjust(self, take: BucketTake) -> None:
        """Take more of a bucket, or give some back, once a request is over."""
        if self.is_shared:
            before = self._adjust.get(take.name)
            amount = take.amount + (before.amount if before is not None else 0.0)
            self._adjust[take.name] = BucketTake(take.name, take.per_minute, take.most, amount)

    async def _run(self) -> None:
        try:
            while not self._closing.is_set():
                await (self._turn() if self.is_shared else self._knock())
                await self._rest()
        finally:
            self._fall()

    async def _rest(self) -> None:
        """Until something has come up, for a second at most; alone there is nothing to hurry for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PULSE_S):
                await (self._stirred if self.is_shared else self._closing).wait()
        self._stirred.clear()

    async def _turn(self) -> None:
        """One call with all that has come up, and now and then one that says what goes on."""
        asked, self._asked = self._asked[:MOST], self._asked[MOST:]
        asked = [(claim, answer) for claim, answer in asked if not answer.done()]
        try:
            reply = await self._call([claim for claim, _ in asked])
            for (_, answer), granted in zip(asked, reply.granted, strict=True):
                _tell(answer, granted)
            if asyncio.get_running_loop().time() - self._renewed_at >= RENEW_S:
                await self._renew([*self._live])
        except ConnectionError as error:
            self._fail(error)
        finally:
            for _, answer in asked:
                _tell(answer, None)
        if self._asked or self._over:
            self._stirred.set()

    async def _renew(self, names: list[str]) -> None:
        """Say that these claims go on; those that Redis has forgotten are made again."""
        self._renewed_at, now = asyncio.get_running_loop().time(), self._here.now().wall
        self._accounts = {name: account for name, account in self._accounts.items() if account.ends_at > now}
        self._dirty = dict([*self._accounts.items()][-MOST:]) | self._dirty
        for at in range(0, len(names), MOST):
            reply = await self._call(renew=names[at : at + MOST])
            lost = [self._live[name].again() for name in reply.unknown if name in self._live]
            if lost:
                await self._call(lost)

    async def _knock(self) -> None:
        """Take up the common footing if Redis answers."""
        try:
            # It may be another Redis, or one that has lost what it knew.
            self.spent(self._here.accounts())
            await self._call()
            told: set[str] = set()
            while waiting := [name for name in self._live if name not in told]:
                await self._renew(waiting)
                told.update(waiting)
        except ConnectionError as error:
            self._fail(error)
            return
        self.is_shared = True
        self._here.stand(is_shared=True)
        if self._is_told:
            logger.warning("the limits are shared with the other replicas again")
        self._is_told = False

    def _fail(self, error: ConnectionError) -> None:
        self.failures += 1
        if not self._is_told:
            logger.error("the Redis of the limits does not answer (%s): each replica goes by its own share", error)
        self._is_told = True
        self._fall()

    def _fall(self) -> None:
        """From now on this replica is by itself."""
        if self.is_shared:
            self.is_shared = False
            self._here.stand(is_shared=False)
        asked, self._asked = self._asked, []
        for _, answer in asked:
            _tell(answer, None)

    async def _call(self, claims: Iterable[Claim] = (), renew: Iterable[str] = ()) -> Reply:
        """One call, with what is over and what was spent. What a call that fails took along is said again by the next."""
        over, adjust, dirty = self._over[:MOST], self._adjust, self._dirty
        told = [*claims]
        about = dirty | {
            name: self._accounts[name] for claim in told for name in claim.accounts if name in self._accounts
        }
        spent = {name: account.spent for name, account in about.items()}
        self._adjust, self._dirty = {}, {}
        call = Call(
            self._by, self._ledger, LEASE_MS,
            over, [self._spending(account) for account in about.values()], [*adjust.values()], [*renew], told,
        )  # fmt: skip
        try:
            reply = await self._desk.call(call)
        except ConnectionError:
            self._dirty = dirty | self._dirty
            raise
        del self._over[: len(over)]
        self._learn(reply, about, spent)
        return reply

    def _spending(self, account: Account) -> Spending:
        carried = str(account.carried) if self.is_carried else None
        return Spending(account.name, carried, str(account.spent - account.carried), account.ends_at)

    def _learn(self, reply: Reply, about: Mapping[str, Account], spent: Mapping[str, int]) -> None:
        """What the others have spent and hold, by what was ours when the call was made."""
        for name, found in reply.accounts.items():
            if name in about:
                others = max(0, found.spent - spent[name]) + max(0, found.held - found.own_held)
                about[name].elsewhere, about[name].is_known = others, True
        now = self._here.now().steady
        for name, level in reply.levels.items():
            self._buckets[name].set(level, now)


def _tell(answer: "asyncio.Future[Granted | None]", said: Granted | None) -> None:
    if not answer.done():
        answer.set_result(said)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("limits are shared no more, until a restart: %s", type(error).__name__)
