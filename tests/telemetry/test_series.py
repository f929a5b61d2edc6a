"""The number of series: whatever clients send, over every endpoint, it stays as it was."""

import asyncio
import json
import logging
import random
import re
import string
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from starlette.types import ASGIApp

from router import policy
from router.app import ROUTES, build
from tests.fakes.large import LargeServer

POLICY = """
version: 1
models:
  small: {{backend: openai, base_url: "{large}", model: s}}
  large: {{backend: openai, base_url: "{large}", model: l}}
tiers: [small, large]
policies: {{auto: {{select: [{{id: learned, score: complexity, threshold: 0.5}}], on_failure: [small, large]}}}}
state_dir: "{folder}/state"
cache_dir: "{folder}/cache"
"""
MARK = "zqzq"
REQUESTS = 20_000
POSTS = [path for method, path, _ in ROUTES if method == "POST"]
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW")
Asked = tuple[str, str, bytes, dict[str, str]]


@pytest_asyncio.fixture
async def app(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[ASGIApp]:
    """The whole application, gate included, in this process and without a socket of its own."""
    caplog.set_level(logging.CRITICAL, "shunt")  # twenty thousand lines are not what this is about
    path = tmp_path / "shunt.yaml"
    async with LargeServer() as large:
        path.write_text(POLICY.format(large=large.base_url, folder=tmp_path))
        whole = build(policy.load(path, {}))
        inner = whole
        while not hasattr(inner, "state"):
            inner = inner.app
        async with inner.router.lifespan_context(inner):
            yield whole


async def ask(app: ASGIApp, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and body of one request."""
    told, sent, is_over = [{"type": "http.request", "body": body, "more_body": False}], [], asyncio.Event()

    async def receive() -> dict:
        if told:
            return told.pop()
        await is_over.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            is_over.set()

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "headers": raw, "root_path": "",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


async def series(app: ASGIApp) -> dict[str, float]:
    """The value of every series that a scrape has."""
    _, body = await ask(app, "GET", "/metrics", b"", {})
    lines = [line.rpartition(" ") for line in body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def word(pick: random.Random) -> str:
    return MARK + "".join(pick.choices(string.ascii_letters + string.digits + "-._:", k=pick.randint(1, 30)))


def body_of(pick: random.Random, model: str, **more: object) -> bytes:
    """A body that every endpoint finds its own fields in."""
    text = {"messages": [{"role": "user", "content": word(pick)}], "prompt": word(pick), "input": word(pick)}
    return json.dumps({"model": model, "max_tokens": 4, **text, **more}).encode()


def strangers(pick: random.Random, count: int) -> Iterator[Asked]:
    """Requests for paths that there are not, and for models that nobody knows on every path that there is."""
    for number in range(count):
        headers = {"content-type": "application/json", "user-agent": word(pick), "x-request-id": word(pick)}
        if number % 2:
            prefix = pick.choice(["/", "/v1/", "/v1/messages/", "/v1/models/", "/v1/chat/completions/", "/metrics/"])
            yield pick.choice(METHODS), prefix + word(pick), b"", headers
        else:
            path = pick.choice(["", "/v1"]) + POSTS[number // 2 % len(POSTS)]
            yield "POST", path, body_of(pick, word(pick)), headers


def guests(pick: random.Random, count: int) -> Iterator[Asked]:
    """Requests that are answered, with words of the client's own wherever there is room for some."""
    own = {"/v1/chat/completions": ("messages", "user"), "/v1/messages": ("messages", "metadata")}
    for number in range(count):
        path = ("/v1/chat/completions", "/v1/messages", "/v1/completions")[number % 3]
        odd = {
            "x-session-id": word(pick),
            word(pick).lower(): word(pick),
            "x-shunt-route": ("small", "large")[number // 9 % 2],
        }
        headers = {"content-type": "application/json", "x-request-id": word(pick), "user-agent": word(pick), **odd}
        more = {"user": word(pick), "metadata": {"user_id": word(pick)}, "stream": number // 18 % 2 == 0}
        body = json.loads(body_of(pick, ("auto", "small", "large")[number // 3 % 3], **more))
        kept = {"model", "max_tokens", "stream", *own.get(path, ("prompt", "user"))}
        yield "POST", path, json.dumps({name: body[name] for name in body if name in kept}).encode(), headers


async def play(app: ASGIApp, requests: Iterator[Asked]) -> set[int]:
    """The statuses that they were answered with."""
    return {(await ask(app, *request))[0] for request in requests}


PROMISED = [
    "gen_ai_client_token_usage",
    "gen_ai_client_operation_duration_seconds",
    "gen_ai_server_time_to_first_token_seconds",
    "shunt_decisions_total",
    "shunt_decision_seconds",
    "shunt_score",
    "shunt_escalations_total",
    "shunt_fallbacks_total",
    "shunt_spills_total",
    "shunt_cost_usd_total",
    "shunt_baseline_cost_usd_total",
    "shunt_rejected_total",
    "shunt_inflight",
    "shunt_queue_depth",
    "shunt_breaker_open",
    "shunt_engine_tokens_per_s",
    "shunt_engine_kv_used",
    "shunt_energy_joules_total",
    "shunt_classifier_drift",
]


def documented() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each series of `docs/series.md`."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "series.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| .+ \|$", page, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_what_was_promised_is_documented():
    """The series that the design names, under these names."""
    assert [] == [name for name in PROMISED if name not in documented()]


async def test_the_page_lists_what_a_scrape_tells(app: ASGIApp):
    """Each family of the page is one of a running application with the same type and labels, and no other is."""
    await play(app, guests(random.Random(1), 36))
    await play(app, strangers(random.Random(1), 20))
    _, body = await ask(app, "GET", "/metrics", b"", {})
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", body.decode(), re.MULTILINE))
    pages = documented()
    told = {name for name in types if not name.startswith("process_")}
    assert told == pages.keys() - {"shunt_classifier_drift", "shunt_limits_shared", "shunt_limits_failures_total"}
    assert {name: types[name] for name in told if pages[name][0] != "info"} == {
        name: pages[name][0] for name in told if pages[name][0] != "info"
    }
    for name, labels in re.findall(r"^(\w+?)(?:_bucket|_sum|_count)?\{(.*)\} ", body.decode(), re.MULTILINE):
        assert pages[name][1] == set(re.findall(r'(\w+)="', labels)) - {"le", "version"}, name


async def test_twenty_thousand_random_paths_and_models_make_no_series(app: ASGIApp):
    """Unknown paths, methods and models over every endpoint, and known ones with a client's own words in every field."""
    first, second = random.Random(1), random.Random(2)
    assert {200} == await play(app, guests(first, 36))
    assert {204, 400, 404, 405} >= await play(app, strangers(first, 500))
    before = await series(app)
    assert len(before) > 100
    assert {200} == await play(app, guests(second, 36))
    assert {204, 400, 404, 405} >= await play(app, strangers(second, REQUESTS))
    after = await series(app)
    assert before.keys() == after.keys()
    assert [] == [one for one in after if MARK in one]
    refused = sum(value for name, value in after.items() if name.startswith("shunt_rejected_total{"))
    assert refused >= REQUESTS
