"""An exchange on its way to the client, in whichever shape its edge frames it."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import ClassVar, Protocol

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from router.api.presence import while_present
from router.api.pulse import Pulse
from router.chat import ChatRequest, Event, Json, Usage
from router.dispatch.framing import PING
from router.errors import ClientGone, RouterError
from router.exchange import OUTCOMES
from router.ledger.record import Outcome, UsageRecord


class Underway(Protocol):
    """What an answer needs of the exchange, or of the several, that it carries out."""

    @property
    def request(self) -> ChatRequest:
        """What was asked, as its rule sends it."""

    @property
    def answering(self) -> str:
        """The name that answers."""

    @property
    def usage(self) -> Usage:
        """Tokens so far."""

    @property
    def may_move(self) -> bool:
        """True while another target could take over."""

    def accounted(self) -> AbstractAsyncContextManager[None]:
        """Whatever way the block ends, there is a record."""

    def events(self) -> AsyncGenerator[Event, None]:
        """The answer's events."""

    def settle(self, outcome: Outcome, status: int = 200) -> UsageRecord:
        """Write the record; only the first call counts."""


class ExchangeAnswer(Response):
    """Carries an exchange out where both the client's presence and its socket are at hand; an edge says how it looks.

    `ping` is sent while a stream is silent.
    """

    ping: ClassVar[bytes] = PING

    def __init__(self, exchange: Underway) -> None:
        self.exchange = exchange

    @abstractmethod
    async def whole(self, events: AsyncIterable[Event]) -> Json:
        """One body of all `events`."""

    @abstractmethod
    def frame(self, event: Event) -> bytes | None:
        """The frames of one event, None for one that clients do not see."""

    @abstractmethod
    def done(self, record: UsageRecord) -> bytes:
        """The end of a complete stream."""

    @abstractmethod
    def broken(self, error: RouterError) -> bytes:
        """The end of a broken stream."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the exchange out.

        Raises:
            RouterError: nothing was sent yet, and the error says why.
        """
        try:
            async with self.exchange.accounted(), while_present(receive):
                if self.exchange.request.stream:
                    await self._stream(scope, send)
                else:
                    await self._whole(scope, receive, send)
        except ClientGone:
            return

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self.exchange
        async with aclosing(exchange.events()) as events:
            answer = await self.whole(events)
        exchange.settle("ok")
        await JSONResponse(answer)(scope, receive, send)

    async def _stream(self, scope: Scope, send: Send) -> None:
        exchange = self.exchange
        pulse = Pulse(send, self.ping, scope["state"]["runtime"].config.server, lambda: exchange.may_move)
        try:
            async with aclosing(exchange.events()) as events:
                async for event in events:
                    frame = self.frame(event)
                    if frame:
                        await pulse.say(frame)
            record = exchange.settle("ok")
            await pulse.end(self.done(record))
        except RouterError as error:
            if not pulse.is_open or isinstance(error, ClientGone):
                raise
            exchange.settle(OUTCOMES.get(type(error), "error"), error.status)
            await pulse.end(self.broken(error))
        finally:
            await pulse.stop()


def account(record: UsageRecord) -> dict[str, object]:
    """What a stream says about money beside its usage, since its headers left before the price was known."""
    saved = None if record.cost_usd is None or record.baseline_usd is None else record.baseline_usd - record.cost_usd
    return {
        "model": record.target,
        "rule": record.rule,
        "reason": record.reason,
        "score": record.score,
        "cost_usd": record.cost_usd,
        "saved_usd": saved,
        "baseline": record.baseline,
    }
