"""`POST /v1/completions`, streamed and not."""

import time
from collections.abc import AsyncIterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from router.api.answer import ExchangeAnswer, Underway, account
from router.api.body import read_json
from router.api.chat import accept, caller_of
from router.api.completions.parse import Prompt, parse_completion, prompts_of, request_of
from router.api.completions.shape import Completion
from router.api.local_model import local_model
from router.api.several import Several
from router.chat import ChatRequest, Chunk, Event, Json
from router.dispatch.merge import merge
from router.errors import RouterError, envelope
from router.exchange import Exchange
from router.generations import runtime_of
from router.keys.ring import ANYBODY
from router.ledger.record import UsageRecord
from router.limits.ticket import Ticket
from router.runtime import Runtime


class CompletionExchange(Exchange):
    """The life of one prompt that came through this edge."""

    route: ClassVar[str] = "completions"


async def create_completion(request: Request) -> Response:
    """Decide, answer, record: each prompt by itself.

    Raises:
        RouterError: the request is wrong or nothing may answer it.
    """
    runtime = runtime_of(request)
    server, state = runtime.config.server, request.scope["state"]
    given = await read_json(request, server.max_body_bytes)
    body, ignored = parse_completion(given, strict_fields=server.strict_fields)
    if ignored:
        state["answer_headers"]["x-shunt-ignored"] = ignored
    prompts = prompts_of(body)
    texts = [await _text(runtime, body.model, prompt, state["ticket"]) for prompt in prompts]
    ids = _ids(state["request_id"], len(prompts))
    asked = [request_of(body, *each) for each in zip(prompts, texts, ids, strict=True)]
    asked = [replace(one, caller=caller_of(state, one)) for one in asked]
    copies = body.n or 1
    echoes = [text for text in texts for _ in range(copies)] if body.echo else []
    return CompletionAnswer(await _accepted(request, runtime, asked, copies), state["request_id"], echoes)


async def _text(runtime: Runtime, model: str, prompt: Prompt, ticket: Ticket) -> str:
    """What a prompt says, which guards and rules read; of token ids only their own model knows."""
    if isinstance(prompt, str):
        return prompt
    return await local_model(runtime, model, ticket, param="prompt").detokenize(prompt)


def _ids(request_id: str, count: int) -> list[str]:
    """One id for each record."""
    return [request_id] if count == 1 else [f"{request_id}-{at}" for at in range(count)]


async def _accepted(request: Request, runtime: Runtime, asked: Sequence[ChatRequest], copies: int) -> Underway:
    if len(asked) == 1:
        return await accept(request, runtime, asked[0], CompletionExchange)
    state = request.scope["state"]
    holder = state.get("holder", ANYBODY)
    exchanges = []
    with ExitStack() as stack:
        for one in asked:
            # Each holds its own worst case; that the request came was counted once, by the gate.
            ticket = runtime.quotas.ticket(holder.caller, holder.limit)
            stack.callback(ticket.close)
            state["is_accepted"] = False
            exchanges.append(await accept(request, runtime, one, CompletionExchange, ticket))
        return Several(exchanges, copies, stack.pop_all(), state["answer_headers"])


class CompletionAnswer(ExchangeAnswer):
    """An exchange as OpenAI's text completion, or the chunks of one; `echoes` stand before its choices."""

    def __init__(self, exchange: Underway, request_id: str, echoes: Sequence[str]) -> None:
        super().__init__(exchange)
        self._shape = Completion(request_id, int(time.time()), echoes)

    async def whole(self, events: AsyncIterable[Event]) -> Json:
        """One `text_completion`."""
        merged = await merge(events)
        return self._shape.whole(merged, self.exchange.answering, self.exchange.usage)

    def frame(self, event: Event) -> bytes | None:
        """The `text_completion` of one piece."""
        return self._shape.frame(event, self.exchange.answering) if isinstance(event, Chunk) else None

    def done(self, record: UsageRecord) -> bytes:
        """The usage if it was asked for, and [DONE]."""
        exchange = self.exchange
        usage = exchange.usage if exchange.request.include_usage else None
        return self._shape.done(exchange.answering, usage, account(record))

    def broken(self, error: RouterError) -> bytes:
        """One error event, and no [DONE]."""
        return b"data: " + msgspec.json.encode(envelope(error)) + b"\n\n"
