"""The HTTP surface of a running router: every answer is in the envelope, whatever is sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

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
  large: {{backend: openai, base_url: "{large}", model: big-1, can: [chat, json], context: 4000,
    breaker: {{failures: 100}}}}
  twin: {{backend: openai, base_url: "{large}", model: big-2, context: 100000, retries: 0}}
tiers: [large, twin]
aliases: {{"gpt-*": auto, plain: large}}
guards: [{{id: fits, when: always, require: [context]}}]
policies:
  auto: {{select: [{{id: all, target: large}}], on_failure: [twin]}}
server: {{max_body_bytes: 100000}}
"""
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Hello there"}]}
ENVELOPE = {"message", "type", "param", "code"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large() -> AsyncIterator[LargeServer]:
    async with LargeServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shunt(large: LargeServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ShuntServer]:
    folder: Path = tmp_path_factory.mktemp("surface")
    async with ShuntServer(folder, POLICY.format(large=large.base_url)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http(shunt: ShuntServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shunt.root_url) as session:
        yield session


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/../../etc/passwd", 404, "not_found"),
        ("POST", "/v1/moderations", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/models/unknown", 404, "model_not_found"),
    ],
)
async def test_row_14_what_does_not_exist_is_in_the_envelope(
    http: aiohttp.ClientSession, method: str, path: str, status: int, code: str
):
    """FastAPI's own 404 and 405 never reach a client."""
    async with http.request(method, path) as answer:
        assert answer.status == status
        error = (await answer.json())["error"]
        assert set(error) == ENVELOPE
        assert error["code"] == code
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "invalid_json"),
        (b"x" * 100_001, "application/json", 413, "request_too_large"),
        (json.dumps(HELLO).encode(), "text/plain", 415, "unsupported_media_type"),
        (b"a=1&" * 1000, "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (json.dumps(HELLO | {"api_key": "x"}).encode(), "application/json", 400, "unknown_field"),
        (json.dumps(HELLO | {"temperature": 99}).encode(), "application/json", 400, "invalid_value"),
        (json.dumps(HELLO | {"model": "gpt5"}).encode(), "application/json", 404, "model_not_found"),
    ],
)
async def test_a_bad_request_is_a_clear_4xx(
    http: aiohttp.ClientSession, large: LargeServer, body: bytes, content_type: str, status: int, code: str
):
    """Each kind of bad input has its status and code, and reaches no target."""
    before = large.counts.requests
    async with http.post("/v1/chat/completions", data=body, headers={"content-type": content_type}) as answer:
        assert answer.status == status
        error = (await answer.json())["error"]
        assert set(error) == ENVELOPE
        assert error["code"] == code
    assert large.counts.requests == before


async def test_row_4_a_chunked_body_is_cut_at_the_cap(http: aiohttp.ClientSession):
    """A body without a declared length is read no further than the cap."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536
            await asyncio.sleep(0)

    headers = {"content-type": "application/json"}
    try:
        async with http.post("/v1/chat/completions", data=endless(), headers=headers) as answer:
            assert answer.status == 413
    except aiohttp.ClientOSError:
        pass  # the server closed the connection while the client was still writing


async def test_answers_say_who_answered_and_why(http: aiohttp.ClientSession):
    """The decision is in the headers of an answer and its model in the body."""
    async with http.post("/v1/chat/completions", json=HELLO | {"zebra": 1}) as answer:
        assert answer.status == 200
        assert (await answer.json())["model"] == "large"
        assert answer.headers["x-shunt-model"] == "large"
        assert answer.headers["x-shunt-rule"] == "all"
        assert answer.headers["x-shunt-ignored"] == "zebra"
        assert answer.headers["x-shunt-schema"] == "1"


@pytest.mark.parametrize("name", ["gpt-4o", "plain", "large", "auto"])
async def test_a_policy_a_model_or_an_alias_may_be_asked_for(http: aiohttp.ClientSession, name: str):
    """Whatever name a client already uses can be made to work."""
    async with http.post("/v1/chat/completions", json=HELLO | {"model": name}) as answer:
        assert (answer.status, answer.headers["x-shunt-model"]) == (200, "large")


async def test_a_fallback_is_visible(http: aiohttp.ClientSession, large: LargeServer):
    """When another target takes over before the first byte, headers and body name it."""
    large.script += [faults.status(500), faults.status(500)]
    async with http.post("/v1/chat/completions", json=HELLO) as answer:
        assert answer.status == 200
        assert (await answer.json())["model"] == "twin"
        assert answer.headers["x-shunt-model"] == "twin"
        assert answer.headers["x-shunt-reason"] == "large_failed"


@pytest.mark.parametrize("stream", [True, False])
async def test_row_25_an_error_before_the_first_token_has_its_real_status(
    http: aiohttp.ClientSession, large: LargeServer, stream: bool
):
    """A refusal is never a 200, streamed or not, and keeps its decision headers."""
    large.script.append(faults.status(429, retry_after="7"))
    async with http.post("/v1/chat/completions", json=HELLO | {"model": "twin", "stream": stream}) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")
        assert (await answer.json())["error"]["code"] == "rate_limit_exceeded"
        assert answer.headers["x-shunt-model"] == "twin"


async def test_rows_26_and_27_a_broken_stream_ends_in_one_error_event(http: aiohttp.ClientSession, large: LargeServer):
    """No finish_reason, no [DONE], one error: a truncation can not be mistaken for an answer."""
    for fault in (faults.truncate(after=3), faults.reset(after=3), faults.html_midstream(after=3)):
        large.script.append(fault)
        async with http.post("/v1/chat/completions", json=HELLO | {"stream": True}) as answer:
            events = [line[6:] async for line in answer.content if line.startswith(b"data: ")]
        assert b"[DONE]" not in b"".join(events)
        *chunks, error = [json.loads(event) for event in events]
        assert error["error"]["code"] == "stream_interrupted"
        assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]] == [None] * len(chunks)


async def test_the_last_chunk_tells_the_money(http: aiohttp.ClientSession):
    """A stream's cost rides beside its usage, since the headers have left."""
    body = HELLO | {"stream": True, "stream_options": {"include_usage": True}}
    async with http.post("/v1/chat/completions", json=body) as answer:
        events = [line[6:].strip() async for line in answer.content if line.startswith(b"data: ")]
    assert events[-1] == b"[DONE]"
    last = json.loads(events[-2])
    assert last["choices"] == []
    assert last["x_shunt"]["model"] == "large"


async def test_a_prompt_beyond_a_window_goes_to_a_larger_one_or_is_refused(http: aiohttp.ClientSession):
    """What does not fit is decided before dispatch."""
    long = [{"role": "user", "content": "word " * 15_000}]
    async with http.post("/v1/chat/completions", json={"model": "large", "messages": long}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "context_length_exceeded"


async def test_route_explains_without_executing(http: aiohttp.ClientSession, large: LargeServer):
    """`/v1/route` tells plan and cost and calls no model."""
    before = large.counts.requests
    async with http.post("/v1/route", json=HELLO) as answer:
        why = await answer.json()
    assert (answer.status, why["target"], why["plan"]) == (200, "large", ["large", "twin"])
    assert large.counts.requests == before


async def test_debug_shows_the_whole_decision(http: aiohttp.ClientSession):
    """With `x-shunt-debug: 1` the decision is in a header, as JSON."""
    async with http.post("/v1/chat/completions", json=HELLO, headers={"x-shunt-debug": "1"}) as answer:
        decision = json.loads(answer.headers["x-shunt-decision"])
    assert decision["targets"] == ["large", "twin"]


async def test_models_are_policies_models_and_aliases(http: aiohttp.ClientSession):
    """`GET /v1/models` lists what may be asked for by name."""
    async with http.get("/v1/models") as answer:
        names = [model["id"] for model in (await answer.json())["data"]]
    assert names == ["auto", "large", "twin", "plain"]
    async with http.get("/models/gpt-4o") as answer:
        assert (await answer.json())["id"] == "gpt-4o"


async def test_row_14_random_paths_make_no_series(http: aiohttp.ClientSession):
    """A scanner does not grow the metrics."""
    await http.get("/scan/0")
    before = await (await http.get("/metrics")).text()
    for number in range(200):
        async with http.get(f"/scan/{number}?q={number}") as answer:
            assert answer.status == 404
    after = await (await http.get("/metrics")).text()
    assert len(after.splitlines()) == len(before.splitlines())


async def test_probes_answer(http: aiohttp.ClientSession):
    """`/livez`, `/readyz` and `HEAD /` are there for machines."""
    for method, path in (("GET", "/livez"), ("GET", "/readyz"), ("HEAD", "/")):
        async with http.request(method, path) as answer:
            assert answer.status == 200
