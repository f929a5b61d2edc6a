"""The litellm backend against a real socket, through litellm's own OpenAI provider: slow to import, so in one worker."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from router.backends.litellm import ENVIRONMENT, LitellmBackend
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
    UpstreamUnavailable,
)
from tests.fakes import faults
from tests.fakes.chats import chat, finish_of, model, text_of, usage_of
from tests.fakes.large import LargeServer, answer_tokens
from tests.fakes.patience import AT_ONCE_S

# litellm and what it brings warn at import; those are not our warnings.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("litellm")]
ANSWER = "".join(answer_tokens(12))
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def entry(large: LargeServer, **fields):
    usual = {"base_url": large.base_url, "model": "openai/large-1"}
    return model(key="sk-canary-0002", backend="litellm", **(usual | fields))


async def started(config) -> LitellmBackend:
    backend = LitellmBackend(config)
    await backend.start()
    await backend._loading
    assert backend.state().is_ready, backend.state()
    return backend


@pytest.fixture
async def backend(large: LargeServer) -> AsyncIterator[LitellmBackend]:
    """A backend whose provider is the scripted server."""
    backend = await started(entry(large))
    yield backend
    await backend.close()


async def ask(backend: LitellmBackend, request=None, **options) -> list[Event]:
    return [event async for event in backend.stream(request or chat(**options))]


async def failure_of(backend: LitellmBackend, **options) -> tuple[list[Event], RouterError]:
    seen: list[Event] = []
    try:
        async with aclosing(backend.stream(chat(**options))) as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 - what came before the failure counts
    except RouterError as error:
        return seen, error
    raise AssertionError("it did not fail")


@both_ways
async def test_answers_with_exact_usage(backend: LitellmBackend, stream: bool) -> None:
    """Text, finish reason and usage are the server's own, streamed and not."""
    events = await ask(backend, stream=stream)
    assert (ANSWER, ["stop"], Usage(3, 12)) == (text_of(events), finish_of(events), usage_of(events))


async def test_arguments_are_named(backend: LitellmBackend, large: LargeServer) -> None:
    """A parameter outside the list never becomes an argument: not an address, not a key, not litellm's own metadata."""
    async with LargeServer() as attacker:
        evil = {"api_base": attacker.base_url, "base_url": attacker.base_url, "api_key": "x", "mock_response": "no"}
        events = await ask(backend, chat(max_tokens=5, temperature=0.5, metadata={"a": "b"}, num_retries=5, **evil))
        assert (" ".join(ANSWER.split()[:5]), 0) == (text_of(events), attacker.counts.connections)
    sent = large.received[0].json
    assert ("large-1", 5, 0.5) == (sent["model"], sent["max_tokens"], sent["temperature"])
    assert not {"metadata", "api_base", "mock_response"} & set(sent)
    assert "Bearer sk-canary-0002" == large.received[0].headers["authorization"]


async def test_forward_fields_cannot_move_the_call(large: LargeServer) -> None:
    """Even a careless `forward_fields` cannot replace what Shunt names itself."""
    backend = await started(entry(large, forward_fields=("api_base", "model")))
    async with LargeServer() as attacker:
        await ask(backend, chat(api_base=attacker.base_url, model="openai/evil"))
        assert (0, "large-1") == (attacker.counts.connections, large.received[0].json["model"])
    await backend.close()


async def test_row_18_refused(backend: LitellmBackend, large: LargeServer) -> None:
    """Nobody listens: no connection came about, and the error says so."""
    await large.refuse()
    _, error = await failure_of(backend)
    assert UpstreamRefused is type(error)


@both_ways
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.status(500), UpstreamUnavailable),
        (faults.status(503, retry_after="7"), UpstreamUnavailable),
        (faults.status(429, retry_after="7"), UpstreamRateLimited),
        (faults.status(401), UpstreamAuth),
        (faults.status(403), UpstreamAuth),
        (faults.status(404), UpstreamInvalid),
        (faults.status(400), UpstreamRejected),
        (faults.status(422), UpstreamRejected),
        (faults.context_length(), ContextLengthExceeded),
        (faults.cut_before_answer(), UpstreamUnavailable),
        (faults.html(), UpstreamInvalid),
        (faults.broken_json(), UpstreamInvalid),
        (faults.empty_choices(), UpstreamInvalid),
    ],
    ids=["500", "503", "429", "401", "403", "404", "400", "422", "context", "cut", "html", "json", "empty"],
)
async def test_rows_20_to_24_one_request_one_error(
    backend: LitellmBackend, large: LargeServer, fault, expected: type[RouterError], stream: bool
) -> None:
    """Each fault is one error of ours after exactly one request: litellm and the SDK below it retry nothing."""
    large.script.append(fault)
    _, error = await failure_of(backend, stream=stream)
    assert (expected, 1) == (type(error), large.counts.requests)


@pytest.mark.parametrize("code", [429, 503])
async def test_retry_after_is_kept(backend: LitellmBackend, large: LargeServer, code: int) -> None:
    """The provider's own wait survives litellm."""
    large.script.append(faults.status(code, retry_after="7"))
    _, error = await failure_of(backend)
    assert 7.0 == error.retry_after_s


async def test_a_refusal_keeps_its_words(backend: LitellmBackend, large: LargeServer) -> None:
    """The provider's message, code and parameter reach the caller; our key does not."""
    error = {"message": "Bad value sk-canary-0002", "code": "bad_value", "param": "stop"}
    large.script.append(faults.status(400, error=error))
    _, seen = await failure_of(backend)
    assert ("Bad value [key]", "bad_value", "stop", 400) == (seen.message, seen.code, seen.param, seen.status)


async def test_row_25_error_before_the_first_token(backend: LitellmBackend, large: LargeServer) -> None:
    """An error event before the first token is a status of its own."""
    large.script.append(faults.error_first({"message": "x", "type": "rate_limit_error"}))
    seen, error = await failure_of(backend, stream=True)
    assert ([], UpstreamRateLimited) == (seen, type(error))


async def test_row_26_reset_after_tokens(backend: LitellmBackend, large: LargeServer) -> None:
    """A reset in the middle interrupts the stream, without a finish reason."""
    large.script.append(faults.reset(after=5))
    seen, error = await failure_of(backend, stream=True)
    assert (StreamInterrupted, []) == (type(error), finish_of(seen))
    assert "".join(answer_tokens(5)).startswith(text_of(seen))


@pytest.mark.parametrize(
    "fault",
    [faults.truncate(after=5), faults.truncate(after=5, done=True), faults.html_midstream(after=5)],
    ids=["clean end", "clean end with [DONE]", "html"],
)
async def test_row_27_ends_without_finish_reason(backend: LitellmBackend, large: LargeServer, fault) -> None:
    """litellm makes a finished answer of a truncated one; we do not."""
    large.script.append(fault)
    seen, error = await failure_of(backend, stream=True)
    assert ("".join(answer_tokens(5)), []) == (text_of(seen), finish_of(seen))
    assert (StreamInterrupted, "truncated") == (type(error), error.end)


async def test_row_27_nothing_at_all(backend: LitellmBackend, large: LargeServer) -> None:
    """A stream that ends before its first token is invalid, so that another target may answer."""
    large.script.append(faults.truncate(after=0))
    seen, error = await failure_of(backend, stream=True)
    assert ([], UpstreamInvalid) == (seen, type(error))


async def test_row_29_identical_chunks(backend: LitellmBackend, large: LargeServer) -> None:
    """litellm's own limit on repetition is out of the way: 300 identical chunks are 300 chunks."""
    large.script.append(faults.identical(count=300))
    events = await ask(backend, stream=True)
    assert (300, "same " * 300) == (sum("content" in e.delta for e in events if isinstance(e, Chunk)), text_of(events))


@both_ways
async def test_row_31_leaving_before_the_first_token(backend: LitellmBackend, large: LargeServer, stream: bool) -> None:
    """Cancelling the wait closes the upstream connection at once."""
    large.script.append(faults.never_answer())
    task = asyncio.create_task(ask(backend, stream=stream))
    await large.request_arrived()
    task.cancel()
    async with asyncio.timeout(AT_ONCE_S):
        await large.client_disconnected()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_row_31_leaving_in_the_middle(backend: LitellmBackend, large: LargeServer) -> None:
    """Closing the generator closes the upstream connection at once."""
    large.script.append(faults.stall(after=3))
    events = backend.stream(chat(stream=True))
    await anext(events)
    await events.aclose()
    async with asyncio.timeout(AT_ONCE_S):
        await large.client_disconnected()


async def test_prompts_stay_out_of_the_log(
    backend: LitellmBackend, large: LargeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, with a failure in between, neither the prompt nor the answer nor the key is logged."""
    caplog.set_level(logging.DEBUG)
    large.script.append(faults.status(500))
    await failure_of(backend, text="canary-prompt")
    await ask(backend, text="canary-prompt", stream=True)
    assert not [word for word in ("canary-prompt", "sk-canary", "word3") if word in caplog.text]


async def test_a_hint_the_provider_lacks_is_left_out(large: LargeServer) -> None:
    """A hint unknown to the provider is dropped, a parameter that changes the answer is refused with 400."""
    backend = await started(entry(large, model="anthropic/claude-3-haiku-20240307"))
    arguments = backend._arguments(chat(frequency_penalty=0.5, temperature=0.5))
    assert ("frequency_penalty" in arguments, arguments["temperature"]) == (False, 0.5)
    _, error = await failure_of(backend, logit_bias={"5": 1.0})
    assert (UpstreamRejected, 400, "unsupported_value") == (type(error), error.status, error.code)
    await backend.close()


async def test_signed_thoughts_go_to_anthropic_and_come_back(large: LargeServer) -> None:
    """Claude gets its own thoughts with their signatures and how much to think, and its new thoughts are handed on."""
    told = [
        {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "c",
         "content": [], "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Yes."}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
         "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]  # fmt: skip
    events = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in told]
    large.script.append(faults.raw(*events))
    root = large.base_url.removesuffix("/v1")
    backend = await started(entry(large, model="anthropic/claude-sonnet-4-20250514", base_url=root))
    thought = {"type": "thinking", "thinking": "Before.", "signature": "old"}
    turns = ({"role": "user", "content": "Is it?"}, {"role": "assistant", "content": "It is.", "thinking_blocks": [thought]},
             {"role": "user", "content": "Sure?"})  # fmt: skip
    request = replace(
        chat(stream=True, max_tokens=4096, thinking={"type": "enabled", "budget_tokens": 1024}), messages=turns
    )
    assert backend.unheeded(request) == frozenset()
    deltas = [event.delta for event in await ask(backend, request) if isinstance(event, Chunk)]
    await backend.close()
    sent = large.received[-1].json
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert sent["messages"][1]["content"][0] == thought
    blocks = [block for delta in deltas for block in delta.get("thinking_blocks", ())]
    assert "".join(block.get("thinking", "") for block in blocks) == "Hm."
    assert [block["signature"] for block in blocks if block.get("signature")] == ["sig"]


async def test_thoughts_stay_away_from_who_cannot_read_them(backend: LitellmBackend, large: LargeServer) -> None:
    """Another provider gets the words alone, and the client is told."""
    turn = {"role": "assistant", "content": "It is.", "thinking_blocks": [{"type": "thinking", "signature": "s"}]}
    request = replace(chat(thinking={"type": "adaptive"}), messages=({"role": "user", "content": "Is it?"}, turn))
    await ask(backend, request)
    assert backend.unheeded(request) == {"content.thinking", "thinking"}
    sent = large.received[-1].json
    assert ("thinking" in sent, sent["messages"][1]) == (False, {"role": "assistant", "content": "It is."})


async def test_state_tells_its_life(large: LargeServer) -> None:
    """Loading until the import is done; without a model it is missing, and unstarted it answers nothing."""
    backend = LitellmBackend(entry(large))
    assert "loading" == backend.state().status
    _, error = await failure_of(backend)
    assert UpstreamUnavailable is type(error)
    assert "missing" == LitellmBackend(replace(entry(large), model=None)).state().status


def test_row_48_import_touches_no_network(tmp_path) -> None:
    """Importing litellm as we do makes no connection attempt and reads no .env."""
    (tmp_path / ".env").write_text("SHUNT_CANARY=1\n")
    code = (
        "import os, socket\n"
        "def refuse(*a, **k): raise SystemExit('connection attempt')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "from router.backends.litellm import _import_litellm\n"
        "_import_litellm()\n"
        "print(os.environ.get('SHUNT_CANARY'))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in [os.getcwd(), *sys.path] if path)  # noqa: PTH109
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (0, "None") == (done.returncode, done.stdout.strip()), done.stderr
