"""`POST /v1/responses`, streamed and not."""

import time
import uuid
from collections.abc import AsyncIterable, Sequence
from dataclasses import replace
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from router.api.answer import ExchangeAnswer, account
from router.api.body import read_json
from router.api.chat import accept, caller_of
from router.api.responses.frames import ResponseFrames
from router.api.responses.output import CUT, Frame, Status, items_of
from router.api.responses.parse import Asked, read, translated
from router.api.responses.stored import owner_of, unknown
from router.api.responses.tools import Toolbox
from router.chat import Chunk, Event, Json
from router.dispatch.merge import Choice, merge
from router.errors import RouterError
from router.exchange import Exchange
from router.generations import runtime_of
from router.ledger.record import UsageRecord
from router.responses import Responses


class ResponsesExchange(Exchange):
    """The life of one request that came through this edge."""

    route: ClassVar[str] = "responses"


async def create_response(request: Request) -> Response:
    """Decide, answer, record; and keep the answer, unless the client says no.

    Raises:
        RouterError: the request is wrong or nothing may answer it.
    """
    runtime = runtime_of(request)
    server, state = runtime.config.server, request.scope["state"]
    given = await read_json(request, server.max_body_bytes)
    asked, ignored = read(given, strict_fields=server.strict_fields)
    kept, owner = runtime.responses, owner_of(request)
    toolbox = Toolbox(asked.body)
    items = await _resolved([*await _before(asked, kept, owner), *asked.items], kept, owner)
    chat, dropped = translated(asked, items, toolbox, request_id=state["request_id"])
    is_stored = asked.body.store is not False and kept.keeps
    missed = "store" if asked.body.store and not kept.keeps else ""
    told = ", ".join(filter(None, (ignored, dropped, missed)))
    if told:
        state["answer_headers"]["x-shunt-ignored"] = told
    chat = replace(chat, caller=caller_of(state, chat))
    frame = Frame(f"resp_{uuid.uuid4().hex}", int(time.time()), asked, is_stored, toolbox.namespaces)
    exchange = await accept(request, runtime, chat, ResponsesExchange)
    return ResponseAnswer(exchange, frame, Shelf(kept, owner, items) if is_stored else None)


async def _before(asked: Asked, kept: Responses, owner: str) -> Sequence[Json]:
    name = asked.body.previous_response_id
    if name is None:
        return []
    found = await kept.get(owner, name)
    if found is None:
        raise unknown(name, "previous_response_id")
    return found.conversation


async def _resolved(items: Sequence[Json], kept: Responses, owner: str) -> list[Json]:
    """The items, each reference to one of an earlier answer replaced by what it refers to."""
    found: list[Json] = []
    for item in items:
        is_reference = item.get("type") == "item_reference" or item.keys() == {"id"}
        referred = await kept.item(owner, str(item.get("id"))) if is_reference else None
        found.append(item if referred is None else referred)
    return found


class Shelf:
    """Where one answer will be kept: whose it is, and what it was asked over."""

    def __init__(self, kept: Responses, owner: str, items: Sequence[Json]) -> None:
        self._kept = kept
        self._owner = owner
        self._items = items

    def put(self, response: Json) -> None:
        """Keep it."""
        self._kept.keep(self._owner, response, self._items)


class ResponseAnswer(ExchangeAnswer):
    """An exchange as OpenAI's response, or the events of one."""

    def __init__(self, exchange: Exchange, frame: Frame, shelf: Shelf | None) -> None:
        super().__init__(exchange)
        self._frame = frame
        self._frames = ResponseFrames(frame)
        self._shelf = shelf

    async def whole(self, events: AsyncIterable[Event]) -> Json:
        """One response."""
        exchange = self.exchange
        choice = (await merge(events)).choices.get(0, Choice())
        reason = CUT.get(choice.finish_reason or "")
        output = [*items_of(self._frame, choice)]
        status: Status = "incomplete" if reason else "completed"
        return self._shelved(self._frame.response(exchange.answering, status, output, exchange.usage, reason))

    def frame(self, event: Event) -> bytes | None:
        """The events of one piece."""
        return self._frames.frame(event, self.exchange.answering) if isinstance(event, Chunk) else None

    def done(self, record: UsageRecord) -> bytes:
        """`response.completed` or `response.incomplete`, with the whole response."""
        frames, response = self._frames.done(self.exchange.answering, self.exchange.usage, account(record))
        self._shelved(response)
        return frames

    def broken(self, error: RouterError) -> bytes:
        """One `response.failed`."""
        frames, response = self._frames.broken(self.exchange.answering, error)
        self._shelved(response)
        return frames

    def _shelved(self, response: Json) -> Json:
        if self._shelf is not None:
            self._shelf.put(response)
        return response
