"""`POST /v1/chat/completions`, streamed and not."""

import time
from collections.abc import AsyncIterable, Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from router.admission import admitted
from router.api.answer import ExchangeAnswer, account
from router.api.body import read_json
from router.api.legacy import as_function_call, is_legacy
from router.api.parse import parse_chat
from router.chat import ChatRequest, Event, Json
from router.dispatch.framing import ChatFrames, collect
from router.dispatch.merge import usage_object
from router.errors import RouterError
from router.exchange import Exchange
from router.generations import runtime_of
from router.ledger.record import UsageRecord
from router.limits.ticket import Ticket
from router.runtime import Runtime


async def chat_completions(request: Request) -> Response:
    """Decide, answer, record.

    Raises:
        RouterError: the request is wrong or nothing may answer it.
    """
    runtime = runtime_of(request)
    body = await read_json(request, runtime.config.server.max_body_bytes)
    exchange = await accept(request, runtime, read_chat(request, runtime, body), Exchange)
    return LegacyAnswer(exchange) if is_legacy(body) else ChatAnswer(exchange)


async def accept(
    request: Request, runtime: Runtime, chat: ChatRequest, kind: type[Exchange], ticket: Ticket | None = None
) -> Exchange:
    """Decide where `chat` goes and let it through the limits: from here on it has its record.

    `ticket` is for one of several requests; without it that of the HTTP request is used.

    Raises:
        RouterError: nothing may answer it.
    """
    state = request.scope["state"]
    ticket = ticket or state["ticket"]
    chat = ticket.fitted(chat)
    verdict = await admitted(runtime, chat, await runtime.decide(chat, dict(request.headers), ticket), ticket)
    state["answer_headers"].update(ticket.headers())
    state["is_accepted"] = True
    return kind(runtime, chat, verdict, state["answer_headers"])


def read_chat(request: Request, runtime: Runtime, body: Json) -> ChatRequest:
    """The validated body; the fields it drops are named in `x-shunt-ignored`.

    Raises:
        RouterError: the body is not an acceptable chat request.
    """
    server, state = runtime.config.server, request.scope["state"]
    chat, ignored = parse_chat(body, request_id=state["request_id"], strict_fields=server.strict_fields)
    if ignored:
        state["answer_headers"]["x-shunt-ignored"] = ignored
    return replace(chat, caller=caller_of(state, chat))


def caller_of(state: Mapping[str, str], chat: ChatRequest) -> str:
    """Whom a queue is fair to: the key where there are several, otherwise the application's own user."""
    users = (chat.params.get(name) for name in ("user", "safety_identifier"))
    return state.get("caller") or next((str(user) for user in users if user), "")


class ChatAnswer(ExchangeAnswer):
    """An exchange as OpenAI's chat completion, or the chunks of one."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.created = int(time.time())
        self._frames = ChatFrames(exchange.request.request_id, self.created, exchange.request.include_usage)

    async def whole(self, events: AsyncIterable[Event]) -> Json:
        """One `chat.completion`."""
        exchange = self.exchange
        answer = await collect(
            events, request_id=exchange.request.request_id, created=self.created, model=lambda: exchange.answering
        )
        answer.setdefault("usage", usage_object(exchange.usage))
        return answer

    def frame(self, event: Event) -> bytes | None:
        """One or two `chat.completion.chunk`s."""
        return self._frames.frame(event, self.exchange.answering)

    def done(self, record: UsageRecord) -> bytes:
        """The usage if it was asked for, and [DONE]."""
        return self._frames.done(self.exchange.usage, account(record))

    def broken(self, error: RouterError) -> bytes:
        """One error event, and no [DONE]."""
        return self._frames.error(error)


class LegacyAnswer(ChatAnswer):
    """The same for a client that has offered `functions`, and reads a `function_call`."""

    async def whole(self, events: AsyncIterable[Event]) -> Json:
        """One `chat.completion`."""
        return await super().whole(as_function_call(event) async for event in events)

    def frame(self, event: Event) -> bytes | None:
        """One or two `chat.completion.chunk`s."""
        return super().frame(as_function_call(event))
