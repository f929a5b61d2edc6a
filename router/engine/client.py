"""The parent's end of the connection to one engine child: many requests at a time, told apart by their id.

A frame from the child wakes each waiting stream once, whatever it holds. What a stream's reader has not taken yet is
bounded by `STREAM_BYTES`; a reader that falls further behind loses its stream, and nobody else's.
"""

import asyncio
from collections.abc import Callable
from typing import TypeAlias, TypeVar, cast

from router.engine import wire
from router.errors import (
    BadRequest,
    ContextLengthExceeded,
    Overloaded,
    RouterError,
    StreamInterrupted,
    TooLarge,
    UpstreamInvalid,
    UpstreamUnavailable,
)

STREAM_BYTES = 1 << 20
_EVENT_BYTES = 160  # an event with its small fields, roughly
UNSENT_BYTES = 64 << 20

Answer: TypeAlias = wire.Piece | wire.ToolDelta | wire.Confidence | wire.Finished | wire.Used
Reply: TypeAlias = wire.Counted | wire.Tokenized | wire.Detokenized | wire.Embedded | wire.Pong
ReplyT = TypeVar("ReplyT", wire.Counted, wire.Tokenized, wire.Detokenized, wire.Embedded, wire.Pong)

_TEXTS = (wire.Piece, wire.ToolDelta)


class LoadRefusedError(Exception):
    """The child will not serve the model; the message says why, for a person."""


class Stream:
    """The events of one `Submit`. The last one is `Used`; a failure is raised instead."""

    __slots__ = ("_client", "_error", "_events", "_has_delivered", "_is_open", "_last", "_size", "_waiter", "id")

    def __init__(self, client: "EngineClient", id_: int) -> None:
        self.id = id_
        self._client = client
        self._events: list[Answer] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: RouterError | None = None
        self._has_delivered = False
        self._is_open = True
        self._last: asyncio.Future[wire.Used | None] | None = None

    async def batch(self) -> list[Answer]:
        """Everything that came since the last call, at least one event.

        Raises:
            RouterError: the child refused the request, failed, died or was outrun; `UpstreamUnavailable` as long as
                no text has been handed out, `StreamInterrupted` after that.
        """
        while not self._events:
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        events, self._events, self._size = self._events, [], 0
        if not self._has_delivered:
            self._has_delivered = any(isinstance(event, _TEXTS) for event in events)
        return events

    async def stop(self, patience_s: float) -> wire.Used | None:
        """Stop the request, wherever it is, and return what it had cost by then.

        None when that was handed out already, or the child does not tell it within `patience_s` seconds.
        """
        if not self._is_open:
            return next((event for event in self._events if isinstance(event, wire.Used)), None)
        self._last = asyncio.get_running_loop().create_future()
        self._client.request_stop(self.id)
        try:
            async with asyncio.timeout(patience_s):
                return await self._last
        except TimeoutError:
            return None
        finally:
            self.close()

    def close(self) -> None:
        """Stop the request, wherever it is; harmless once it has ended."""
        if self._is_open:
            self._is_open = False
            self._client.cancel(self.id)

    def push(self, event: wire.Event) -> None:
        """Take what the child sent for this request."""
        if self._last is not None:
            if isinstance(event, wire.Used | wire.Failed):
                self._settle(event if isinstance(event, wire.Used) else None)
            return
        if type(event) is wire.Piece:
            self._events.append(event)
            self._size += _EVENT_BYTES + 2 * len(event.text) + (_logprob_bytes(event) if event.logprobs else 0)
        elif not self._push_rarer(event):
            return
        if self._size > STREAM_BYTES:
            self.close()
            self.end(StreamInterrupted("The answer was not read fast enough."))
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _push_rarer(self, event: wire.Event) -> bool:
        """What does not come with every token; False when it ended the stream."""
        if isinstance(event, wire.Failed):
            self.end(refusal(event, has_delivered=self._has_delivered))
            return False
        if not isinstance(event, Answer):
            self.end(self._broken("The local engine answered something else."))
            return False
        self._events.append(event)
        if isinstance(event, wire.Used):
            self.end(None)
            return False
        self._size += _EVENT_BYTES + (len(event.arguments) if isinstance(event, wire.ToolDelta) else 0)
        return True

    def lose(self, reason: str) -> None:
        """The child is gone. What nobody has seen yet is dropped, so that another target may still answer."""
        self.end(self._broken(reason))

    def end(self, error: RouterError | None) -> None:
        """Nothing more will come."""
        self._settle(None)
        self._is_open = False
        self._error = error
        if error is not None and not self._has_delivered:
            self._events.clear()
        self._wake()

    def _settle(self, used: wire.Used | None) -> None:
        """The last word on a request that was stopped."""
        self._is_open = self._is_open and self._last is None
        if self._last is not None and not self._last.done():
            self._last.set_result(used)

    def _broken(self, reason: str) -> RouterError:
        return StreamInterrupted(reason) if self._has_delivered else UpstreamUnavailable(reason)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class EngineClient(asyncio.Protocol):
    """One connection, for as long as the child lives. Everything here runs on the event loop."""

    def __init__(self, on_connected: Callable[["EngineClient"], None] | None = None) -> None:
        self.hello: asyncio.Future[wire.Hello] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()
        self.received_bytes = 0
        self._on_connected = on_connected
        self._transport: asyncio.Transport | None = None
        self._splitter = wire.Splitter()
        self._streams: dict[int, Stream] = {}
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._last_id = 0

    @property
    def open_streams(self) -> int:
        """Requests whose end has not come yet."""
        return len(self._streams)

    def next_id(self) -> int:
        """An id for a new command."""
        self._last_id += 1
        return self._last_id

    def submit(self, command: wire.Submit) -> Stream:
        """Send a request. Raises `UpstreamUnavailable`, `Overloaded` or `TooLarge` when it cannot be sent."""
        self._send(command)
        stream = self._streams[command.id] = Stream(self, command.id)
        return stream

    def request_stop(self, id_: int) -> None:
        """Stop a request of ours, whose stream still waits for the child's last word."""
        if self._is_writable():
            self._write(wire.frame([wire.Cancel(id_)]))

    def cancel(self, id_: int) -> None:
        """Stop a request of ours; the child's last word on it is then of no interest."""
        if self._streams.pop(id_, None) is not None and self._is_writable():
            self._write(wire.frame([wire.Cancel(id_)]))

    async def ask(self, command: wire.Command, answer: type[ReplyT]) -> ReplyT:
        """Send a command that has one answer.

        Raises:
            RouterError: the child refused it or is gone.
        """
        self._send(command)
        reply = self._replies[command.id] = asyncio.get_running_loop().create_future()
        try:
            event = await reply
        finally:
            if self._replies.pop(command.id, None) is not None:  # nobody waits for it any more
                self._write(wire.frame([wire.Cancel(command.id)]))
        if not isinstance(event, answer):
            raise UpstreamInvalid("The local engine answered something else.")
        return event

    def close(self) -> None:
        """Hang up; the child then ends by itself."""
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Fail everything that is open now, without waiting for the other side."""
        self._lose(reason)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The child has connected."""
        # Not isinstance: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        if self._on_connected is not None:
            self._on_connected(self)

    def data_received(self, data: bytes) -> None:
        """Hand what the child sent to whoever waits for it."""
        self.received_bytes += len(data)
        try:
            for payload in self._splitter.feed(data):
                for event in wire.events(payload):
                    self._deliver(event)
        except wire.WireError:
            self.abort("The local engine broke the protocol.")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own signature
        """The child has gone, or we have hung up."""
        self._transport = None
        self._lose("The local engine stopped.")

    def _deliver(self, event: wire.Event) -> None:
        # `type is` costs a tenth of isinstance with a union, and this runs for every token.
        kind = type(event)
        if kind is wire.Hello or kind is wire.Refused:
            self._greet(event)  # type: ignore[arg-type]
            return
        id_: int = event.id  # type: ignore[union-attr]
        stream = self._streams.get(id_)
        if stream is not None:
            if kind is wire.Used or kind is wire.Failed:
                del self._streams[id_]
            stream.push(event)
            return
        reply = self._replies.pop(id_, None)
        if reply is not None and not reply.done():
            _settle(reply, event)

    def _greet(self, event: wire.Hello | wire.Refused) -> None:
        if self.hello.done():
            raise wire.WireError("a second greeting")
        if isinstance(event, wire.Hello):
            self.hello.set_result(event)
        else:
            self.hello.set_exception(LoadRefusedError(event.message))

    def _send(self, command: wire.Command) -> None:
        if not self._is_writable():
            raise UpstreamUnavailable("The local engine stopped.")
        assert self._transport is not None  # noqa: S101 - checked by _is_writable
        if self._transport.get_write_buffer_size() > UNSENT_BYTES:
            raise Overloaded("The local engine does not keep up with its requests.", retry_after_s=1.0)
        try:
            self._write(wire.frame([command]))
        except wire.WireError as error:
            raise TooLarge("The request is larger than the local engine takes.") from error

    def _is_writable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def _lose(self, reason: str) -> None:
        streams, self._streams = self._streams, {}
        replies, self._replies = self._replies, {}
        for stream in streams.values():
            stream.lose(reason)
        for reply in replies.values():
            if not reply.done():
                reply.set_exception(UpstreamUnavailable(reason))
        if not self.hello.done():
            self.hello.set_exception(ConnectionResetError(reason))
            self.hello.exception()  # seen: asyncio need not report it where nobody waits any more
        self.lost.set()


def refusal(failed: wire.Failed, *, has_delivered: bool = False) -> RouterError:
    """The child's `Failed` in the words of the error tree."""
    if failed.code == "internal":
        return StreamInterrupted(failed.message) if has_delivered else UpstreamUnavailable(failed.message)
    if failed.code == "overloaded":
        return Overloaded(failed.message, retry_after_s=failed.retry_after_s)
    if failed.code == "context_length_exceeded":
        return ContextLengthExceeded(failed.message, param=failed.param or "messages")
    return BadRequest(failed.message, param=failed.param)


def _settle(reply: asyncio.Future[Reply], event: wire.Event) -> None:
    if isinstance(event, Reply):
        reply.set_result(event)
    elif isinstance(event, wire.Failed):
        reply.set_exception(refusal(event))
    else:
        reply.set_exception(UpstreamInvalid("The local engine answered something else."))


def _logprob_bytes(piece: wire.Piece) -> int:
    return sum(_EVENT_BYTES * (2 + len(token.top)) for token in piece.logprobs or ())
