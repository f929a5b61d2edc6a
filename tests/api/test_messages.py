"""`/v1/messages` of a running router: headers, errors, counts and records, whatever is sent."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.fakes import faults
from tests.fakes.large import LargeServer
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}"}}
  large: {{backend: openai, base_url: "{large}", model: big-1, context: 4000, retries: 0, breaker: {{failures: 100}}}}
tiers: [small, large]
guards: [{{id: fits, when: always, require: [context, tools]}}]
policies:
  auto: {{select: [{{id: all, target: large}}]}}
  tiny: {{select: [{{id: all, target: small}}]}}
server: {{max_body_bytes: 100000, keys: [env:KEY]}}
"""
KEY = "sk-ant-0123456789abcdef0123456789"
ENVIRON = {"KEY": KEY}
HELLO = {"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello there"}]}


@pytest_asyncio.fixture(loop_scope="module")
async def http(shunt: ShuntServer) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01", "anthropic-beta": "a-2026-01-01,b-2026-01-01"}
    async with aiohttp.ClientSession(shunt.root_url, headers=headers) as session:
        yield session


@pytest.mark.parametrize("path", ["/v1/messages", "/messages", "/v1/messages?beta=true"])
async def test_an_answer_has_both_apis_headers(http: aiohttp.ClientSession, path: str):
    """Anthropic's body and request id beside Shunt's decision; what was dropped is named."""
    async with http.post(path, json=HELLO | {"zebra": 1}) as answer:
        message = await answer.json()
        headers = answer.headers
    assert (answer.status, message["type"], message["model"]) == (200, "message", "large")
    assert message["content"] == [{"type": "text", "text": "word0 word1 word2 word3 word4"}]
    assert headers["request-id"] == headers["x-request-id"]
    assert (headers["x-shunt-model"], headers["x-shunt-rule"], headers["x-shunt-ignored"]) == ("large", "all", "zebra")


ERRORS = [
    ({"max_tokens": None}, 400, "invalid_request_error", "max_tokens"),
    ({"api_base": "http://x"}, 400, "invalid_request_error", "api_base"),
    ({"model": "nobody"}, 404, "not_found_error", "nobody"),
    ({"model": "small", "messages": [{"role": "user", "content": "many words " * 200}]}, 400, "invalid_request_error",
     "prompt is too long"),
    ({"messages": [{"role": "user", "content": "x" * 100_000}]}, 413, "request_too_large", "100000"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "status", "kind", "words"), ERRORS)
async def test_an_error_is_in_anthropics_envelope(
    http: aiohttp.ClientSession, wrong: dict, status: int, kind: str, words: str
):
    """Type, status and request id as the SDKs read them; the message names the parameter."""
    async with http.post("/v1/messages", json=HELLO | wrong) as answer:
        body = await answer.json()
    assert (answer.status, body["type"], body["error"]["type"]) == (status, "error", kind)
    assert words in body["error"]["message"]
    assert body["request_id"] == answer.headers["request-id"]


async def test_the_gates_errors_are_in_it_too(http: aiohttp.ClientSession, shunt: ShuntServer):
    """A wrong key, a wrong method and a path that is not there, before any route has been reached."""
    async with aiohttp.ClientSession(shunt.root_url) as stranger, stranger.post("/v1/messages", json=HELLO) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (401, "authentication_error")
    async with http.get("/v1/messages") as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (405, "invalid_request_error")
    async with http.post("/v1/messages/batches", json={}) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (404, "not_found_error")
    async with http.post("/v1/chat/completions", json={}) as answer:
        assert set((await answer.json())["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("upstream", "status", "kind"), [(429, 429, "rate_limit_error"), (500, 502, "api_error"), (401, 502, "api_error")]
)
async def test_a_failed_target_has_its_real_status(
    http: aiohttp.ClientSession, large: LargeServer, stream: bool, upstream: int, status: int, kind: str
):
    """A refusal is never a 200, streamed or not."""
    large.script.append(faults.status(upstream))
    async with http.post("/v1/messages", json=HELLO | {"stream": stream}) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (status, kind)
        assert answer.headers["x-shunt-model"] == "large"


async def test_a_broken_stream_ends_in_an_error_event(http: aiohttp.ClientSession, large: LargeServer):
    """One `error` and no `message_stop`: a truncation can not be mistaken for an answer."""
    large.script.append(faults.truncate(after=3))
    async with http.post("/v1/messages", json=HELLO | {"stream": True}) as answer:
        lines = (await answer.text()).splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert (names[0], names[-1], names.count("error")) == ("message_start", "error", 1)
    assert "message_stop" not in names
    error = json.loads(next(line for line in reversed(lines) if line)[6:])
    assert error["error"]["type"] == "api_error"
    assert error["request_id"] == answer.headers["request-id"]


async def test_tokens_are_counted(http: aiohttp.ClientSession):
    """Exactly by a local model, whatever its window; for another one as an estimate that says so."""
    body = {"model": "small", "messages": HELLO["messages"]}
    async with http.post("/v1/messages", json=HELLO | body) as answer:
        usage = (await answer.json())["usage"]
    async with http.post("/v1/messages/count_tokens", json=body) as answer:
        counted = await answer.json()
    assert counted == {"input_tokens": usage["input_tokens"] + usage["cache_read_input_tokens"]}
    assert (answer.headers["x-shunt-count"], answer.headers["x-shunt-model"]) == ("exact", "small")
    long = {"model": "small", "messages": [{"role": "user", "content": "many words " * 200}]}
    async with http.post("/v1/messages/count_tokens", json=long) as answer:
        assert (await answer.json())["input_tokens"] > 512
    async with http.post("/v1/messages/count_tokens", json=body | {"model": "auto"}) as answer:
        assert (answer.status, answer.headers["x-shunt-count"]) == (200, "estimate")


async def test_the_ledger_and_the_metrics_know_the_route(http: aiohttp.ClientSession):
    """What came through this edge is counted like chat, under its own name."""
    async with http.post("/v1/messages", json=HELLO) as answer:
        assert answer.status == 200
    metrics = await (await http.get("/metrics")).text()
    assert 'route="messages"' in metrics
