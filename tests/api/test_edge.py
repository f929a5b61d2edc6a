"""What HTTP clients do beside asking: compressed bodies, pages in browsers, odd paths and methods, long silences."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.fakes import faults
from tests.fakes.large import Call, LargeServer
from tests.fakes.served import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
version: 1
models:
  large: {{backend: openai, base_url: "{large}", model: big-1, retries: 0, breaker: {{failures: 100}}}}
  twin: {{backend: openai, base_url: "{large}", model: big-2, retries: 0}}
tiers: [large, twin]
policies:
  auto: {{select: [{{id: all, target: large}}], on_failure: [twin]}}
server: {{max_body_bytes: 20000, cors_origins: ["https://app.example"], keepalive_s: 0.1, open_after_s: 0.3, keys: [env:KEY]}}
state_dir: {folder}
"""
KEY = "sk-edge-0123456789abcdef0123456789"
PAGE = {"origin": "https://app.example"}
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Hello there"}]}
CHAT = "/v1/chat/completions"
MESSAGE = HELLO | {"max_tokens": 9}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large() -> AsyncIterator[LargeServer]:
    async with LargeServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(large: LargeServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[aiohttp.ClientSession]:
    folder: Path = tmp_path_factory.mktemp("edge")
    path = folder / "shunt.yaml"
    path.write_text(POLICY.format(large=large.base_url, folder=folder / "state"))
    async with (
        served(path, {"KEY": KEY}) as (url, _),
        aiohttp.ClientSession(url, headers={"authorization": f"Bearer {KEY}"}) as session,
    ):
        yield session


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("identity", bytes),
    ],
    ids=["gzip", "x-gzip", "members", "deflate", "bare deflate", "identity"],
)
async def test_a_compressed_body_is_read(http: aiohttp.ClientSession, coding: str, pack):
    """As clients compress it, members that follow one another and deflate without its header included."""
    headers = {"content-type": "application/json", "content-encoding": coding}
    async with http.post(CHAT, data=pack(json.dumps(HELLO).encode()), headers=headers) as answer:
        assert answer.status == 200, await answer.text()


@pytest.mark.parametrize(
    ("coding", "body", "status", "code"),
    [
        ("gzip", gzip.compress(b" " * 30_000), 413, "request_too_large"),
        ("gzip", gzip.compress(b"0" * 10_000_000), 413, "request_too_large"),
        ("deflate", zlib.compress(b"0" * 10_000_000), 413, "request_too_large"),
        ("gzip", b"{}", 400, "invalid_json"),
        ("gzip", gzip.compress(b'{"model": "auto"}')[:-9], 400, "invalid_json"),
        ("deflate", zlib.compress(b"{}") + b"more", 400, "invalid_json"),
        ("br", b"\x8b", 415, "unsupported_media_type"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}")), 415, "unsupported_media_type"),
    ],
    ids=["too long", "a bomb", "another bomb", "plain", "cut off", "followed", "brotli", "twice"],
)
async def test_a_bad_compressed_body_is_a_clear_4xx(
    http: aiohttp.ClientSession, coding: str, body: bytes, status: int, code: str
):
    """The limit is that of the unpacked body; what is not known is refused with what is."""
    headers = {"content-type": "application/json", "content-encoding": coding}
    async with http.post(CHAT, data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (status, code)
        assert answer.headers.get("accept-encoding") == ("gzip, deflate" if status == 415 else None)


async def test_a_page_may_ask_first(http: aiohttp.ClientSession):
    """A browser's question before the request has no key with it, and needs none."""
    asked = {**PAGE, "access-control-request-method": "POST", "access-control-request-headers": "authorization,x-a"}
    async with aiohttp.ClientSession(http._base_url) as stranger:
        async with stranger.options(CHAT, headers=asked) as answer:
            assert answer.status == 200
            assert answer.headers["access-control-allow-origin"] == PAGE["origin"]
            assert answer.headers["access-control-allow-headers"] == "authorization,x-a"
        async with stranger.options(CHAT, headers=asked | {"origin": "https://evil.example"}) as answer:
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("key", [KEY, "wrong"])
async def test_a_page_can_read_answers_and_refusals(http: aiohttp.ClientSession, key: str):
    """With the headers that say what was decided; another page's answer cannot be read."""
    headers = {**PAGE, "authorization": f"Bearer {key}"}
    async with http.post(CHAT, json=HELLO, headers=headers) as answer:
        assert answer.status == (200 if key == KEY else 401)
        assert answer.headers["access-control-allow-origin"] == PAGE["origin"]
        assert {"x-request-id", "x-shunt-model"} <= set(answer.headers["access-control-expose-headers"].split(", "))
        assert "access-control-allow-credentials" not in answer.headers
    async with http.post(CHAT, json=HELLO, headers=headers | {"origin": "https://evil.example"}) as answer:
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("OPTIONS", CHAT, 204, "OPTIONS, POST"),
        ("OPTIONS", "/v1/models", 204, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/nothing", 404, None),
        ("GET", CHAT, 405, "OPTIONS, POST"),
        ("DELETE", "/v1/models", 405, "GET, HEAD, OPTIONS"),
        ("HEAD", "/v1/models", 200, None),
        ("HEAD", "/v1/models/auto", 200, None),
        ("HEAD", "/livez", 200, None),
        ("HEAD", "/", 200, None),
        ("GET", "//models", 200, None),
        ("GET", "/v1//models", 200, None),
    ],
)
async def test_methods_and_paths(http: aiohttp.ClientSession, method: str, path: str, status: int, allow: str | None):
    """OPTIONS and 405 name every method of a path, HEAD is GET without its body, and a slash too many does no harm."""
    async with http.request(method, f"{http._base_url}".rstrip("/") + path) as answer:
        assert (answer.status, answer.headers.get("allow")) == (status, allow)
        assert answer.headers["x-request-id"]
        assert int(answer.headers["openai-processing-ms"]) >= 0


@pytest.mark.parametrize(
    ("path", "ping"), [(CHAT, b": ping"), ("/v1/completions", b": ping"), ("/v1/messages", b"event: ping")]
)
async def test_a_silent_stream_is_kept_alive(http: aiohttp.ClientSession, large: LargeServer, path: str, ping: bytes):
    """While the only target reads a long prompt, comments come; then the whole answer."""
    release = asyncio.Event()
    large.script.append(faults.hold(release, after=0))
    asked = {"completions": {"prompt": "Hello"}}.get(path.rpartition("/")[2], {"messages": HELLO["messages"]})
    if path == CHAT:
        asked = {"messages": HELLO["messages"]}
    body = {"model": "large", "stream": True, "max_tokens": 40, **asked}
    async with http.post(path, json=body) as answer:
        assert answer.status == 200
        assert (await answer.content.readline()).strip() == ping
        release.set()
        rest = await answer.text()
    assert "word11" in rest
    assert rest.rstrip().endswith(("[DONE]", '"message_stop"}'))


async def test_another_target_takes_over_behind_the_comments(http: aiohttp.ClientSession, large: LargeServer):
    """The status is out, nothing of an answer is: who fails then is replaced all the same."""
    release = asyncio.Event()
    large.script.append(late(release, 500))
    async with http.post(CHAT, json=HELLO | {"stream": True}) as answer:
        assert (await answer.content.readline()).strip() == b": ping"
        release.set()
        rest = await answer.text()
    assert '"model":"twin"' in rest
    assert rest.rstrip().endswith("[DONE]")


@pytest.mark.parametrize(("path", "expected"), [(CHAT, "upstream_unavailable"), ("/v1/messages", "api_error")])
async def test_a_late_failure_is_an_event(http: aiohttp.ClientSession, large: LargeServer, path: str, expected: str):
    """Once the status is out and nobody is left, the stream ends in one error and nothing that looks like an end."""
    release = asyncio.Event()
    large.script.append(late(release, 500))
    async with http.post(path, json=MESSAGE | {"model": "large", "stream": True}) as answer:
        assert answer.status == 200
        await answer.content.readline()
        release.set()
        rest = await answer.text()
    assert expected in rest
    assert "[DONE]" not in rest
    assert "message_stop" not in rest


def late(release: asyncio.Event, status: int):
    async def behave(call: Call) -> None:
        await release.wait()
        await faults.status(status)(call)

    return behave
