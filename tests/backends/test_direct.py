"""The direct backend against a real socket: what it sends, what it makes of the answer, how it leaves."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace

import pytest

from router.backends.direct import MAX_ANSWER_BYTES, DirectBackend
from router.chat import Chunk, Event, Usage
from router.errors import (
    ContextLengthExceeded,
    RouterError,
    StreamInterrupted,
    UpstreamAuth,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tests.fakes import faults
from tests.fakes.chats import QUICK, chat, finish_of, model, text_of, usage_of
from tests.fakes.large import LargeServer, answer_tokens, count_prompt_tokens
from tests.fakes.patience import AT_ONCE_S

ANSWER = "".join(answer_tokens(12))
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


async def ask(backend: DirectBackend, request=None, **options) -> list[Event]:
    return [event async for event in backend.stream(request or chat(**options))]


async def failure_of(backend: DirectBackend, **options) -> tuple[list[Event], RouterError]:
    seen: list[Event] = []
    try:
        async with aclosing(backend.stream(chat(**options))) as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 - what came before the failure counts
    except RouterError as error:
        return seen, error
    raise AssertionError("it did not fail")


@both_ways
async def test_answers_with_exact_usage(direct: DirectBackend, large: LargeServer, stream: bool) -> None:
    """Text, finish reason and usage are the server's own, streamed and not."""
    events = await ask(direct, stream=stream)
    assert ANSWER == text_of(events)
    assert ["stop"] == finish_of(events)
    assert Usage(3, 12) == usage_of(events)
    assert (3, 12) == (large.counts.prompt_tokens, large.counts.completion_tokens)


async def test_a_stream_comes_as_it_is_made(direct: DirectBackend, large: LargeServer) -> None:
    """Tokens arrive while the server is still working on the next ones."""
    release = asyncio.Event()
    large.script.append(faults.hold(release, after=2))
    events = direct.stream(chat(stream=True))
    assert "word0 word1" == text_of([await anext(events), await anext(events)])
    release.set()
    rest = [event async for event in events]
    assert ANSWER == "word0 word1" + text_of(rest)


async def test_connections_are_kept(direct: DirectBackend, large: LargeServer) -> None:
    """One client for the process's life: ten requests in a row use one connection, streamed and not."""
    for turn in range(10):
        await ask(direct, stream=turn % 2 == 0)
    assert 1 == large.counts.connections


async def test_the_body_is_named_fields_only(direct: DirectBackend, large: LargeServer) -> None:
    """The target gets our model name, our cap, the listed parameters and nothing else."""
    await ask(direct, chat(max_tokens=5, temperature=0.5, seed=None, api_base="http://evil", stream_options={}))
    expected = {
        "model": "large-1",
        "messages": [{"role": "user", "content": "say something nice"}],
        "max_tokens": 5,
        "stream": False,
        "temperature": 0.5,
    }
    assert expected == large.received[0].json
    assert "Bearer sk-canary-0001" == large.received[0].headers["authorization"]
    assert "identity" == large.received[0].headers["accept-encoding"]


async def test_row_10_messages_travel_unchanged(direct: DirectBackend, large: LargeServer) -> None:
    """Parts, images, tool calls and reasoning fields reach the target byte for byte."""
    messages = (
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
        {"role": "assistant", "content": None, "reasoning_content": "hm 🐢", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1", "cache_control": {"type": "ephemeral"}},
    )  # fmt: skip
    await ask(direct, replace(chat(), messages=messages))
    assert list(messages) == large.received[0].json["messages"]


async def test_usage_is_always_asked_for(direct: DirectBackend, large: LargeServer) -> None:
    """Whatever the client wants, the router asks the target for the usage of a stream."""
    await ask(direct, replace(chat(stream=True), include_usage=False))
    assert {"include_usage": True} == large.received[0].json["stream_options"]


async def test_several_choices(direct: DirectBackend) -> None:
    """Each choice of a whole answer is one chunk."""
    events = await ask(direct, n=3)
    assert [0, 1, 2] == [event.index for event in events if isinstance(event, Chunk)]


async def test_forward_fields(large: LargeServer) -> None:
    """A field that the model entry lists may travel; it can still not replace one of ours."""
    backend = DirectBackend(model(base_url=large.base_url, forward_fields=("mirostat", "model")))
    await backend.start()
    await ask(backend, chat(mirostat=2, model="evil", other=1))
    await backend.close()
    sent = large.received[0].json
    assert (2, "large-1", False) == (sent["mirostat"], sent["model"], "other" in sent)


@both_ways
async def test_row_18_refused(direct: DirectBackend, large: LargeServer, stream: bool) -> None:
    """Nobody listens: no connection came about, and the error says so."""
    await large.refuse()
    _, error = await failure_of(direct, stream=stream)
    assert UpstreamRefused is type(error)


async def test_row_18_a_name_that_does_not_resolve() -> None:
    """A host that does not exist is a refused connection."""
    backend = DirectBackend(model(base_url="http://shunt.invalid/v1"))
    await backend.start()
    _, error = await failure_of(backend)
    await backend.close()
    assert UpstreamRefused is type(error)


async def test_the_connect_clock() -> None:
    """A host that does not answer the handshake costs the connect clock, no more."""
    # A listener whose backlog is full drops further handshakes, like an address that swallows packets.
    listener = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0, backlog=0, start_serving=False)
    port = listener.sockets[0].getsockname()[1]
    listener.sockets[0]._sock.listen(0)
    fillers = [await asyncio.open_connection("127.0.0.1", port)]
    backend = DirectBackend(model(base_url=f"http://127.0.0.1:{port}/v1", clocks=replace(QUICK, connect_s=0.2)))
    await backend.start()
    _, error = await failure_of(backend)
    await backend.close()
    for _reader, writer in fillers:
        writer.transport.abort()
    listener.close()
    assert UpstreamTimeout is type(error)


@both_ways
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (401, UpstreamAuth),
        (402, UpstreamAuth),
        (403, UpstreamAuth),
        (404, UpstreamInvalid),
        (408, UpstreamTimeout),
        (429, UpstreamRateLimited),
        (400, UpstreamRejected),
        (422, UpstreamRejected),
        (500, UpstreamUnavailable),
        (503, UpstreamUnavailable),
        (307, UpstreamInvalid),
        (204, UpstreamInvalid),
    ],
)
async def test_statuses(
    direct: DirectBackend, large: LargeServer, code: int, expected: type[RouterError], stream: bool
) -> None:
    """Each status becomes one of our errors, and the request was sent once."""
    large.script.append(faults.status(code))
    _, error = await failure_of(direct, stream=stream)
    assert expected is type(error)
    assert 1 == large.counts.requests


@pytest.mark.parametrize("code", [429, 503])
async def test_rows_20_and_21_retry_after_is_kept(direct: DirectBackend, large: LargeServer, code: int) -> None:
    """The target's own wait reaches whoever has to decide about it."""
    large.script.append(faults.status(code, retry_after="7"))
    _, error = await failure_of(direct)
    assert 7.0 == error.retry_after_s


async def test_row_22_the_key_is_in_no_message(large: LargeServer) -> None:
    """A target that repeats our key in its error does not get it into ours."""
    backend = DirectBackend(model(base_url=large.base_url, key="sk-canary-0001"))
    await backend.start()
    for code in (400, 401, 500):
        message = "Incorrect API key provided: sk-canary-0001"
        large.script.append(faults.status(code, error={"message": message, "code": "sk-canary-0001"}))
        _, error = await failure_of(backend)
        assert "canary" not in json.dumps([error.message, error.code, error.param])
    await backend.close()


async def test_row_23_context_length(direct: DirectBackend, large: LargeServer) -> None:
    """A prompt over the target's window is told apart from other refusals."""
    large.script.append(faults.context_length())
    _, error = await failure_of(direct)
    assert (ContextLengthExceeded, 400, "messages") == (type(error), error.status, error.param)


async def test_a_refusal_keeps_its_words(direct: DirectBackend, large: LargeServer) -> None:
    """What the caller can mend comes with the target's own message, code and parameter, cut to a bounded length."""
    error = {"message": "Bad \x07 value " + "x" * 5000, "code": "bad_value", "param": "tools[0]"}
    large.script.append(faults.status(422, error=error))
    _, seen = await failure_of(direct)
    assert (422, "bad_value", "tools[0]") == (seen.status, seen.code, seen.param)
    assert seen.message.startswith("Bad   value xxx")
    assert 300 == len(seen.message)


@both_ways
@pytest.mark.parametrize("fault", [faults.html, faults.broken_json, faults.empty_choices, faults.huge_body])
async def test_row_24_not_a_completion(direct: DirectBackend, large: LargeServer, fault, stream: bool) -> None:
    """HTML, broken JSON, no choice or an endless body is an invalid answer."""
    large.script.append(fault())
    _, error = await failure_of(direct, stream=stream)
    assert UpstreamInvalid is type(error)


async def test_row_24_reading_is_capped(direct: DirectBackend, large: LargeServer) -> None:
    """A body of 200 MB is left after the cap."""
    large.script.append(faults.huge_body())
    _, error = await failure_of(direct)
    await large.client_disconnected()
    assert str(MAX_ANSWER_BYTES) in error.message


async def test_a_compressed_answer_is_refused(direct: DirectBackend, large: LargeServer) -> None:
    """Compression was not asked for, so nothing is ever unfolded."""

    async def gzipped(call) -> None:
        await call.connection.send_whole(200, b"\x1f\x8b", {"content-encoding": "gzip"})

    large.script.append(gzipped)
    _, error = await failure_of(direct)
    assert UpstreamInvalid is type(error)


async def test_redirects_are_not_followed(direct: DirectBackend, large: LargeServer) -> None:
    """A redirect could carry the key and the prompt elsewhere: it is an error, and nobody is asked."""
    async with LargeServer() as elsewhere:
        large.script.append(faults.redirect(f"{elsewhere.base_url}/chat/completions"))
        _, error = await failure_of(direct)
        assert (UpstreamInvalid, 0) == (type(error), elsewhere.counts.connections)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "x", "code": 503}, UpstreamUnavailable),
        ({"message": "x", "code": "rate_limit_exceeded"}, UpstreamRateLimited),
        ({"message": "x", "type": "authentication_error"}, UpstreamAuth),
        ({"message": "x", "code": "context_length_exceeded"}, ContextLengthExceeded),
        ({"message": "x", "type": "invalid_request_error"}, UpstreamRejected),
        ({"message": "x"}, UpstreamUnavailable),
        ("just words", UpstreamUnavailable),
    ],
)
async def test_row_25_error_before_the_first_token(
    direct: DirectBackend, large: LargeServer, error: object, expected: type[RouterError]
) -> None:
    """An error event after nothing but the role is a status of its own, not an interruption."""
    large.script.append(faults.error_first(error))
    seen, raised = await failure_of(direct, stream=True)
    assert ([], expected) == (seen, type(raised))


async def test_row_25_cut_before_the_answer(direct: DirectBackend, large: LargeServer) -> None:
    """A connection closed without a word is an unavailable target."""
    large.script.append(faults.cut_before_answer())
    _, error = await failure_of(direct, stream=True)
    assert UpstreamUnavailable is type(error)


async def test_row_26_reset_after_tokens(direct: DirectBackend, large: LargeServer) -> None:
    """Every token that was sent before a TCP reset is delivered, then the stream is interrupted."""
    large.script.append(faults.reset(after=5))
    seen, error = await failure_of(direct, stream=True)
    assert ("".join(answer_tokens(5)), []) == (text_of(seen), finish_of(seen))
    assert (StreamInterrupted, "upstream_error") == (type(error), error.end)


async def test_row_26_whole_answer_cut(direct: DirectBackend, large: LargeServer) -> None:
    """A whole answer that breaks off is an unavailable target: nothing of it was seen."""
    large.script.append(faults.cut_whole())
    seen, error = await failure_of(direct)
    assert ([], UpstreamUnavailable) == (seen, type(error))


@pytest.mark.parametrize(
    "fault",
    [faults.truncate(after=5), faults.truncate(after=5, done=True), faults.html_midstream(after=5)],
    ids=["clean end", "clean end with [DONE]", "html"],
)
async def test_row_27_ends_without_finish_reason(direct: DirectBackend, large: LargeServer, fault) -> None:
    """A stream that ends cleanly without a finish reason is cut off, whatever its [DONE] says."""
    large.script.append(fault)
    seen, error = await failure_of(direct, stream=True)
    assert ("".join(answer_tokens(5)), []) == (text_of(seen), finish_of(seen))
    assert (StreamInterrupted, "truncated") == (type(error), error.end)


async def test_row_27_nothing_at_all(direct: DirectBackend, large: LargeServer) -> None:
    """A stream that ends before its first token is invalid, so that another target may answer."""
    large.script.append(faults.truncate(after=0))
    seen, error = await failure_of(direct, stream=True)
    assert ([], UpstreamInvalid) == (seen, type(error))


async def test_error_event_in_the_middle(direct: DirectBackend, large: LargeServer) -> None:
    """An error event after tokens interrupts the stream; what came before stands."""
    large.script.append(faults.error_event(after=3))
    seen, error = await failure_of(direct, stream=True)
    assert ("".join(answer_tokens(3)), StreamInterrupted) == (text_of(seen), type(error))


async def test_done_may_be_missing(direct: DirectBackend, large: LargeServer) -> None:
    """A finish reason completes an answer even where the server forgets [DONE]."""
    large.script.append(
        faults.raw(b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n')
    )
    assert "hi" == text_of(await ask(direct, stream=True))


async def test_row_29_identical_chunks(direct: DirectBackend, large: LargeServer) -> None:
    """Repetition is legitimate: 300 identical chunks are 300 chunks."""
    large.script.append(faults.identical(count=300))
    events = await ask(direct, stream=True)
    assert (300, "same " * 300) == (sum("content" in e.delta for e in events if isinstance(e, Chunk)), text_of(events))


async def test_row_30_odd_packets(direct: DirectBackend, large: LargeServer) -> None:
    """Characters, line ends and events cut anywhere, comments, and several events in a packet: the text is identical."""
    text = "żółw 🐢 said: ok"
    body = b"\xef\xbb\xbf: hello\r\n\r\n"
    for char in text:
        body += (
            "data: "
            + json.dumps({"choices": [{"index": 0, "delta": {"content": char}}]}, ensure_ascii=False)
            + "\r\n\r\n: ping\r\n"
        ).encode()
    body += b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    for size in (1, 7, len(body)):
        large.script.append(faults.raw(*(body[at : at + size] for at in range(0, len(body), size))))
        assert text == text_of(await ask(direct, stream=True))


async def test_row_30_a_large_event(direct: DirectBackend, large: LargeServer) -> None:
    """One event of 1 MB passes whole."""
    large.script.append(faults.texts(["x" * 1024 * 1024]))
    assert "x" * 1024 * 1024 == text_of(await ask(direct, stream=True))


async def test_row_30_an_endless_event(direct: DirectBackend, large: LargeServer) -> None:
    """An event over the limit ends the stream; it is not kept in memory."""
    large.script.append(faults.texts(["x" * 5 * 1024 * 1024]))
    _, error = await failure_of(direct, stream=True)
    assert UpstreamInvalid is type(error)


@pytest.mark.parametrize("fault", [faults.never_answer(), faults.stall(after=0)], ids=["no head", "no token"])
@both_ways
async def test_row_31_leaving_before_the_first_token(
    direct: DirectBackend, large: LargeServer, fault, stream: bool
) -> None:
    """Cancelling the wait closes the upstream connection at once."""
    large.script.append(fault)
    task = asyncio.create_task(ask(direct, stream=stream))
    await large.request_arrived()
    task.cancel()
    async with asyncio.timeout(AT_ONCE_S):
        await large.client_disconnected()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_row_31_leaving_in_the_middle(direct: DirectBackend, large: LargeServer) -> None:
    """Closing the generator closes the upstream connection at once."""
    large.script.append(faults.stall(after=2))
    events = direct.stream(chat(stream=True))
    await anext(events)
    await events.aclose()
    async with asyncio.timeout(AT_ONCE_S):
        await large.client_disconnected()


async def test_state_tells_its_life(large: LargeServer) -> None:
    """Loading before the start, ready until closed, down after; without an address it is missing."""
    backend = DirectBackend(model(base_url=large.base_url))
    states = [backend.state().status]
    await backend.start()
    states.append(backend.state().status)
    await backend.close()
    states.append(backend.state().status)
    assert ["loading", "ready", "down"] == states
    assert "missing" == DirectBackend(model()).state().status
    _, error = await failure_of(backend)
    assert UpstreamUnavailable is type(error)


async def test_no_proxy_from_the_environment(
    direct: DirectBackend, large: LargeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stray proxy variable does not send prompts elsewhere."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    await ask(direct)
    assert 1 == large.counts.requests


def test_prompt_tokens_are_words() -> None:
    """The scripted server counts what its clients can count."""
    assert 4 == count_prompt_tokens([{"content": "a b"}, {"content": [{"type": "text", "text": "c d"}]}])
