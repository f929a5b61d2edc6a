"""Several exchanges under one answer: each is decided and recorded by itself, and their choices stand side by side."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping, Sequence
from contextlib import AsyncExitStack, ExitStack, aclosing, asynccontextmanager
from dataclasses import fields, replace

from router.chat import ChatRequest, Chunk, Event, Usage
from router.exchange import Exchange
from router.ledger.record import Outcome, UsageRecord

AT_ONCE = 8
UNREAD = 64


class Several:
    """An exchange to whoever frames it; choice `j` of the `i`-th is number `i * copies + j`.

    `held` is what its end releases.
    """

    def __init__(
        self, exchanges: Sequence[Exchange], copies: int, held: ExitStack, answer_headers: MutableMapping[str, str]
    ) -> None:
        self._exchanges = exchanges
        self._copies = copies
        self._held = held
        self._headers = answer_headers

    @property
    def request(self) -> ChatRequest:
        """The first request, which the others are like."""
        return self._exchanges[0].request

    @property
    def answering(self) -> str:
        """The name that answers the first."""
        return self._exchanges[0].answering

    @property
    def usage(self) -> Usage:
        """Tokens of all."""
        used = [exchange.usage for exchange in self._exchanges]
        return Usage(
            **{kind.name: sum(getattr(one, kind.name) for one in used) for kind in fields(Usage) if kind.name != "tier"}
        )

    @property
    def may_move(self) -> bool:
        """True while another target could take one of them over."""
        return any(exchange.may_move for exchange in self._exchanges)

    @asynccontextmanager
    async def accounted(self) -> AsyncIterator[None]:
        """Whatever way the block ends, each has its record."""
        with self._held:
            async with AsyncExitStack() as stack:
                for exchange in self._exchanges:
                    await stack.enter_async_context(exchange.accounted())
                yield

    async def events(self) -> AsyncGenerator[Event, None]:
        """The pieces of all, a few exchanges at one time; closing the generator stops them."""
        pieces: asyncio.Queue[Chunk | asyncio.Task[None]] = asyncio.Queue()
        turns, room = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(UNREAD)

        async def forward(at: int) -> None:
            async with turns, aclosing(self._exchanges[at].events()) as events:
                async for event in events:
                    if isinstance(event, Chunk):
                        await room.acquire()
                        pieces.put_nowait(replace(event, index=at * self._copies + event.index))

        tasks = [asyncio.create_task(forward(at)) for at in range(len(self._exchanges))]
        for task in tasks:
            task.add_done_callback(pieces.put_nowait)
        try:
            left = len(tasks)
            while left:
                piece = await pieces.get()
                if isinstance(piece, Chunk):
                    room.release()
                    yield piece
                else:
                    left -= 1
                    piece.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def settle(self, outcome: Outcome, status: int = 200) -> UsageRecord:
        """Write the records; the one that is handed back has the sums of their money."""
        records = [exchange.settle(outcome, status) for exchange in self._exchanges]
        total = replace(
            records[0],
            cost_usd=_sum([one.cost_usd for one in records]),
            baseline_usd=_sum([one.baseline_usd for one in records]),
        )
        self._tell(total)
        return total

    def _tell(self, total: UsageRecord) -> None:
        if total.cost_usd is None:
            return
        self._headers["x-shunt-cost-usd"] = f"{total.cost_usd:.9f}"
        if total.baseline_usd is not None:
            self._headers["x-shunt-saved-usd"] = f"{total.baseline_usd - total.cost_usd:.9f}"


def _sum(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
