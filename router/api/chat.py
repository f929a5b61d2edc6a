"""`POST /v1/chat/completions`, streamed and not."""

import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from router.admission import admitted
from router.api.body import read_json
from router.api.parse import parse_chat
from router.api.presence import while_present
from router.chat import ChatRequest
from router.dispatch.framing import ChatFrames, collect
from router.dispatch.merge import usage_object
from router.errors import ClientGone, StreamInterrupted
from router.exchange import Exchange
from router.generations import runtime_of
from router.ledger.record import UsageRecord
from router.limits.ticket import Ticket
from router.runtime import Runtime

STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


async def chat_completions(request: Request) -> Response:
    """Decide, answer, record.

    Raises:
        RouterError: the request is wrong or nothing may answer it.
    """
    runtime = runtime_of(request)
    chat = await read_chat(request, runtime)
    state = request.scope["state"]
    ticket: Ticket = state["ticket"]
    chat = ticket.fitted(chat)
    verdict = admitted(runtime, chat, await runtime.decide(chat, dict(request.headers), ticket), ticket)
    state["answer_headers"].update(ticket.headers())
    state["is_accepted"] = True
    return ChatAnswer(Exchange(runtime, chat, verdict, state["answer_headers"]))


async def read_chat(request: Request, runtime: Runtime) -> ChatRequest:
    """Read and validate the body; the fields it drops are named in `x-shunt-ignored`.

    Raises:
        RouterError: the body is not an acceptable chat request.
    """
    server, state = runtime.config.server, request.scope["state"]
    body = await read_json(request, server.max_body_bytes)
    chat, ignored = parse_chat(body, request_id=state["request_id"], strict_fields=server.strict_fields)
    if ignored:
        state["answer_headers"]["x-shunt-ignored"] = ignored
    return replace(chat, caller=_caller(state, chat))


def _caller(state: Mapping[str, str], chat: ChatRequest) -> str:
    """Whom a queue is fair to: the key where there are several, otherwise the application's own user."""
    users = (chat.params.get(name) for name in ("user", "safety_identifier"))
    return state.get("caller") or next((str(user) for user in users if user), "")


class ChatAnswer(Response):
    """An exchange on its way to the client, where both the client's presence and its socket are at hand."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.created = int(time.time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the exchange out.

        Raises:
            RouterError: nothing was sent yet, and the error says why.
        """
        try:
            async with self.exchange.accounted(), while_present(receive):
                if self.exchange.request.stream:
                    await self._stream(send)
                else:
                    await self._whole(scope, receive, send)
        except ClientGone:
            return

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self.exchange
        async with aclosing(exchange.events()) as events:
            answer = await collect(
                events, request_id=exchange.request.request_id, created=self.created, model=lambda: exchange.answering
            )
        answer.setdefault("usage", usage_object(exchange.usage))
        exchange.settle("ok")
        await JSONResponse(answer)(scope, receive, send)

    async def _stream(self, send: Send) -> None:
        exchange, is_open = self.exchange, False
        frames = ChatFrames(exchange.request.request_id, self.created, exchange.request.include_usage)
        try:
            async with aclosing(exchange.events()) as events:
                async for event in events:
                    if not is_open:
                        # The status waits for the first event: until then another target may take over.
                        await send({"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS]})
                        is_open = True
                    frame = frames.frame(event, exchange.answering)
                    if frame:
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
            record = exchange.settle("ok")
            await send({"type": "http.response.body", "body": frames.done(exchange.usage, account(record))})
        except StreamInterrupted as error:
            if not is_open:
                raise
            exchange.settle("interrupted", error.status)
            await send({"type": "http.response.body", "body": frames.error(error)})


def account(record: UsageRecord) -> dict[str, object]:
    """What a stream says about money in its usage chunk, since its headers left before the price was known."""
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
