"""The connection to a child, against a child that says what the test tells it to."""

import asyncio
import socket
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine import client as client_module
from router.engine import wire
from router.engine.client import EngineClient, LoadRefusedError, Stream
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
from tests.engine.scripted import connected


def _submit(client: EngineClient) -> Stream:
    return client.submit(wire.Submit(client.next_id(), messages=[{"role": "user", "content": "Hi"}]))


def _piece(stream: Stream, text: str = "word") -> wire.Piece:
    return wire.Piece(stream.id, 0, text, 1)


async def _all(stream: Stream) -> list[wire.Event]:
    events: list[wire.Event] = []
    while not (events and isinstance(events[-1], wire.Used)):
        events += await stream.batch()
    return events


async def test_frame_is_one_batch() -> None:
    """What one frame holds for a stream is handed over in one go, in order."""
    async with connected() as (client, child):
        stream = _submit(client)
        sent = [_piece(stream, str(n)) for n in range(5)]
        await child.send(*sent)
        assert await stream.batch() == sent


async def test_streams_are_told_apart() -> None:
    """Events of several requests, interleaved and ending out of order, reach their own streams only."""
    async with connected() as (client, child):
        one, two = _submit(client), _submit(client)
        await child.send(_piece(two, "b"), _piece(one, "a"), wire.Used(two.id, 1, 1, 0))
        await child.send(_piece(one, "c"), wire.Used(one.id, 2, 2, 1))
        assert await _all(two) == [_piece(two, "b"), wire.Used(two.id, 1, 1, 0)]
        assert await _all(one) == [_piece(one, "a"), _piece(one, "c"), wire.Used(one.id, 2, 2, 1)]
        assert client.open_streams == 0


async def test_replies_are_told_apart() -> None:
    """Questions asked at the same time get their own answers."""
    async with connected() as (client, child):
        ids = client.next_id(), client.next_id()
        asked = [asyncio.ensure_future(client.ask(wire.Tokenize(id_, "x"), wire.Tokenized)) for id_ in ids]
        await child.read()
        await child.read()
        await child.send(wire.Tokenized(ids[1], [2]), wire.Tokenized(ids[0], [1]))
        assert [reply.tokens for reply in await asyncio.gather(*asked)] == [[1], [2]]


async def test_closing_cancels_and_forgets() -> None:
    """A closed stream sends `Cancel`, and the child's last words on it reach nobody."""
    async with connected() as (client, child):
        stream = _submit(client)
        assert isinstance(await child.read(), wire.Submit)
        stream.close()
        stream.close()
        assert await child.read() == wire.Cancel(stream.id)
        other = _submit(client)
        await child.send(_piece(stream), wire.Used(stream.id, 1, 1, 0), _piece(other))
        assert await other.batch() == [_piece(other)]
        assert client.open_streams == 1


async def test_stopping_returns_what_it_had_cost() -> None:
    """The child's last word on a stopped request is waited for, and what else it still says is dropped."""
    async with connected() as (client, child):
        stream = _submit(client)
        await child.read()
        stopped = asyncio.ensure_future(stream.stop(60))
        assert await child.read() == wire.Cancel(stream.id)
        await child.send(_piece(stream), wire.Finished(stream.id, 0, "stop"), wire.Used(stream.id, 7, 3, 1))
        assert await stopped == wire.Used(stream.id, 7, 3, 1)
        assert client.open_streams == 0


async def test_stopping_does_not_wait_for_ever() -> None:
    """A child that does not answer, has gone or refused leaves the cost unknown."""
    async with connected() as (client, child):
        silent, refused, lost = _submit(client), _submit(client), _submit(client)
        assert await silent.stop(0.001) is None
        asked = [asyncio.ensure_future(stream.stop(60)) for stream in (refused, lost)]
        await asyncio.sleep(0)
        await child.send(wire.Failed(refused.id, "internal", "broken"))
        assert await asked[0] is None
        child.writer.close()
        assert await asked[1] is None
        assert client.open_streams == 0


async def test_stopping_after_the_end_finds_the_bill() -> None:
    """An answer that ended before its reader had looked is not cancelled any more, and its cost is known."""
    async with connected() as (client, child):
        read, unread = _submit(client), _submit(client)
        await child.send(wire.Used(read.id, 1, 2, 0), wire.Used(unread.id, 3, 4, 0))
        await _all(read)
        assert [None, wire.Used(unread.id, 3, 4, 0)] == [await read.stop(60), await unread.stop(60)]


async def test_stream_that_has_ended_is_not_cancelled() -> None:
    """Closing after the end says nothing to the child."""
    async with connected() as (client, child):
        stream = _submit(client)
        await child.read()
        await child.send(wire.Used(stream.id, 1, 1, 0))
        await _all(stream)
        stream.close()
        _submit(client)
        assert isinstance(await child.read(), wire.Submit)


async def test_cancelled_question_is_cancelled_at_the_child() -> None:
    """Giving up a question tells the child, which may be at work on it."""
    async with connected() as (client, child):
        command = wire.Embed(client.next_id(), ["text"])
        asked = asyncio.ensure_future(client.ask(command, wire.Embedded))
        assert await child.read() == command
        asked.cancel()
        assert await child.read() == wire.Cancel(command.id)


@pytest.mark.parametrize(
    ("failed", "kind", "param"),
    [
        (("invalid_value", "bad", "stop", None), BadRequest, "stop"),
        (("context_length_exceeded", "long", None, None), ContextLengthExceeded, "messages"),
        (("overloaded", "full", None, 1.5), Overloaded, None),
        (("internal", "broken", None, None), UpstreamUnavailable, None),
    ],
)
async def test_failures_are_translated(failed, kind: type[RouterError], param: str | None) -> None:
    """Each code of the child is the class of the error tree that means it."""
    async with connected() as (client, child):
        stream = _submit(client)
        code, message, name, wait_s = failed
        await child.send(wire.Failed(stream.id, code, message, name, wait_s))
        with pytest.raises(RouterError) as caught:
            await stream.batch()
        assert type(caught.value) is kind
        assert (caught.value.message, caught.value.param, caught.value.retry_after_s) == (message, param, wait_s)


async def test_failure_after_the_first_text_is_an_interruption() -> None:
    """Once text has been handed out, an engine that breaks down interrupts."""
    async with connected() as (client, child):
        stream = _submit(client)
        await child.send(_piece(stream))
        await stream.batch()
        await child.send(wire.Failed(stream.id, "internal", "broken"))
        with pytest.raises(StreamInterrupted):
            await stream.batch()


async def test_lost_connection_ends_everything() -> None:
    """A stream nobody has seen is unavailable, another is interrupted, a question is unavailable, a new one too."""
    async with connected() as (client, child):
        seen, unseen = _submit(client), _submit(client)
        asked = asyncio.ensure_future(client.ask(wire.Ping(client.next_id()), wire.Pong))
        await child.send(_piece(seen))
        await seen.batch()
        await child.send(_piece(unseen))
        child.writer.close()
        await client.lost.wait()
        with pytest.raises(StreamInterrupted):
            await seen.batch()
        with pytest.raises(UpstreamUnavailable):
            await unseen.batch()
        with pytest.raises(UpstreamUnavailable):
            await asked
        with pytest.raises(UpstreamUnavailable):
            _submit(client)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda writer: writer.write(b"\xff" * 8),
        lambda writer: writer.write(b"\0\0\0\x02\x93\x01"),
        lambda writer: writer.write(wire.frame([wire.Ping(1)])),
    ],
)
async def test_broken_protocol_ends_the_connection(spoil: Callable[[asyncio.StreamWriter], None]) -> None:
    """A child that sends nonsense is not listened to any more, and its streams end."""
    async with connected() as (client, child):
        stream = _submit(client)
        spoil(child.writer)
        with pytest.raises(UpstreamUnavailable, match="broke the protocol"):
            await stream.batch()
        assert client.lost.is_set()


async def test_wrong_kind_of_answer_is_refused() -> None:
    """An answer of another kind than was asked for is an error, not a surprise later."""
    async with connected() as (client, child):
        id_ = client.next_id()
        asked = asyncio.ensure_future(client.ask(wire.Ping(id_), wire.Pong))
        await child.read()
        await child.send(wire.Counted(id_, 3))
        with pytest.raises(UpstreamInvalid):
            await asked


async def test_reader_that_falls_behind_loses_its_stream_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody reads is bounded: that request is cancelled, and the others go on."""
    monkeypatch.setattr(client_module, "STREAM_BYTES", 10_000)
    async with connected() as (client, child):
        slow, quick = _submit(client), _submit(client)
        await child.read()
        await child.read()
        for _ in range(8):
            await child.send(_piece(slow, "x" * 1000))
        assert await child.read() == wire.Cancel(slow.id)
        await child.send(_piece(quick))
        assert await quick.batch() == [_piece(quick)]
        with pytest.raises(StreamInterrupted, match="not read fast enough"):
            await slow.batch()


async def test_logprobs_count_as_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alternatives of each token fill memory faster than text does, and are bounded with it."""
    monkeypatch.setattr(client_module, "STREAM_BYTES", 50_000)
    async with connected() as (client, child):
        stream = _submit(client)
        await child.read()
        top = [wire.TopToken("x", b"x", -1.0)] * 20
        piece = wire.Piece(stream.id, 0, "x", 1, [wire.TokenLogprob("x", b"x", -1.0, top)])
        await child.send(*[piece] * 20)
        assert await child.read() == wire.Cancel(stream.id)


async def test_request_that_fits_no_frame_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be framed is the caller's error, and leaves nothing behind."""
    monkeypatch.setattr(wire, "MAX_FRAME_BYTES", 100)
    async with connected() as (client, _child):
        with pytest.raises(TooLarge):
            client.submit(wire.Submit(client.next_id(), messages=[{"role": "user", "content": "x" * 200}]))
        assert client.open_streams == 0


async def test_second_greeting_breaks_the_protocol() -> None:
    """A child greets once."""
    hello = wire.Hello(1, 256, 4, 300, "tiny", True, False)
    async with connected() as (client, child):
        await child.send(hello, hello)
        await client.lost.wait()


async def test_child_that_does_not_read_is_overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests for a child that has stopped reading are refused before they fill the memory."""
    monkeypatch.setattr(client_module, "UNSENT_BYTES", 1 << 20)
    async with connected() as (client, _child):
        message = {"role": "user", "content": "x" * (1 << 20)}
        submits = (wire.Submit(client.next_id(), messages=[message]) for _ in range(8))
        with pytest.raises(Overloaded):
            list(map(client.submit, submits))


async def test_greeting() -> None:
    """`Hello` is kept, a refusal is raised in the child's own words."""
    hello = wire.Hello(1, 256, 4, 300, "tiny", True, False)
    async with connected() as (client, child):
        await child.send(hello)
        assert await client.hello == hello
    async with connected() as (client, child):
        await child.send(wire.Refused("no such architecture"))
        with pytest.raises(LoadRefusedError, match="no such architecture"):
            await client.hello


@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(1, 40), max_size=60), texts=st.lists(st.text(max_size=20), min_size=1, max_size=30))
def test_any_cut_of_the_bytes_gives_the_same_events(cuts: list[int], texts: list[str]) -> None:
    """However the socket cuts the frames, the stream's events are the same."""

    async def run() -> None:
        client = EngineClient()
        ours, theirs = socket.socketpair()
        transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: client, sock=ours)
        stream = _submit(client)
        sent = [_piece(stream, text) for text in texts]
        data = b"".join(wire.frame([piece]) for piece in sent) + wire.frame([wire.Used(stream.id, 1, 1, 0)])
        for size in cuts:
            client.data_received(data[:size])
            data = data[size:]
        client.data_received(data)
        assert (await _all(stream))[:-1] == sent
        transport.close()
        theirs.close()
        await client.lost.wait()

    asyncio.run(run())
