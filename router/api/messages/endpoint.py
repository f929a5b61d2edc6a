"""`POST /v1/messages`, streamed and not."""

from collections.abc import AsyncIterable
from dataclasses import replace
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from router.api.answer import ExchangeAnswer, account
from router.api.body import read_json
from router.api.chat import accept, caller_of
from router.api.messages.frames import MessageFrames
from router.api.messages.frames import event as frame_of
from router.api.messages.parse import parse_messages
from router.api.messages.whole import message_of
from router.chat import Chunk, Event, Json
from router.dispatch.merge import Choice, merge
from router.errors import RouterError
from router.exchange import Exchange
from router.gate.anthropic import anthropic_envelope
from router.generations import runtime_of
from router.ledger.record import UsageRecord


class MessagesExchange(Exchange):
    """The life of one request that came through this edge."""

    route: ClassVar[str] = "messages"


async def create_message(request: Request) -> Response:
    """Decide, answer, record.

    Raises:
        RouterError: the request is wrong or nothing may answer it.
    """
    runtime = runtime_of(request)
    server, state = runtime.config.server, request.scope["state"]
    given = await read_json(request, server.max_body_bytes)
    chat, ignored, thinks = parse_messages(given, request_id=state["request_id"], strict_fields=server.strict_fields)
    if ignored:
        state["answer_headers"]["x-shunt-ignored"] = ignored
    chat = replace(chat, caller=caller_of(state, chat))
    return MessageAnswer(await accept(request, runtime, chat, MessagesExchange), thinks=thinks)


class MessageAnswer(ExchangeAnswer):
    """An exchange as Anthropic's message, or the events of one."""

    ping: ClassVar[bytes] = frame_of({"type": "ping"})

    def __init__(self, exchange: Exchange, *, thinks: bool) -> None:
        super().__init__(exchange)
        self._thinks = thinks
        self._frames = MessageFrames(exchange.request.request_id, thinks=thinks)

    async def whole(self, events: AsyncIterable[Event]) -> Json:
        """One message."""
        exchange = self.exchange
        merged = await merge(events)
        return message_of(
            merged.choices.get(0, Choice()),
            exchange.usage,
            request_id=exchange.request.request_id,
            model=exchange.answering,
            thinks=self._thinks,
        )

    def frame(self, event: Event) -> bytes | None:
        """The events of one piece."""
        exchange = self.exchange
        return self._frames.frame(event, exchange.answering, exchange.usage) if isinstance(event, Chunk) else None

    def done(self, record: UsageRecord) -> bytes:
        """`message_delta` with the usage, and `message_stop`."""
        return self._frames.done(self.exchange.answering, self.exchange.usage, account(record))

    def broken(self, error: RouterError) -> bytes:
        """One `error` event, and no `message_stop`."""
        return frame_of(anthropic_envelope(error, self.exchange.request.request_id))
