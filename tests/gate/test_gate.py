"""The layers in front of every route, driven as plain ASGI."""

import asyncio
import json

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from router.config import Secret
from router.errors import Overloaded, RouterError, UpstreamTimeout
from router.gate.auth import Auth
from router.gate.boundary import Boundary
from router.gate.inflight import Inflight
from router.keys.ring import Ring

KEY = "sk-canary-0123456789abcdef"
NOBODY = {"error": {"message": "Internal error.", "type": "server_error", "param": None, "code": "internal_error"}}


def client(error: Exception | None = None, *, keys: tuple[Secret, ...] = (), refused: list[RouterError] | None = None):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if error is not None:
            raise error
        scope["state"]["answer_headers"]["x-shunt-rule"] = "r"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    seen = [] if refused is None else refused
    return TestClient(
        Boundary(Auth(app, ring=Ring(keys)), max_header_bytes=4096, on_refused=lambda error, _id: seen.append(error))
    )


def test_every_answer_has_an_id_and_what_the_route_said():
    """`x-request-id`, the schema version and the route's own headers are on the answer."""
    headers = client().get("/").headers
    assert headers["x-request-id"].startswith("req_")
    assert headers["x-shunt-schema"] == "1"
    assert headers["x-shunt-rule"] == "r"


def test_a_sane_request_id_is_echoed():
    """A client's own id comes back, so that logs on both sides can be joined."""
    assert client().get("/", headers={"x-request-id": "trace-1.a:b"}).headers["x-request-id"] == "trace-1.a:b"


@pytest.mark.parametrize("value", [b"", b"a b", b"x" * 129, "é".encode(), b"a\tb"])
def test_an_odd_request_id_is_replaced(value: bytes):
    """What could forge a log line or a header is not echoed."""
    assert client().get("/", headers={"x-request-id": value}).headers["x-request-id"].startswith("req_")


def test_a_defect_answers_in_the_envelope_and_says_nothing(caplog: pytest.LogCaptureFixture):
    """An exception of ours is a 500 whose text, which could hold a prompt, reaches neither client nor log."""
    response = client(RuntimeError("canary prompt")).get("/")
    assert (response.status_code, response.json()) == (500, NOBODY)
    assert "canary" not in caplog.text
    assert "RuntimeError at " in caplog.text


def test_retry_after_is_whole_seconds_below_two_minutes():
    """Clients give up on a longer wait, and cannot read a fraction."""
    refused: list[RouterError] = []
    response = client(Overloaded("busy", retry_after_s=1000.5), refused=refused).get("/")
    assert (response.status_code, response.headers["retry-after"]) == (429, "119")
    assert [error.code for error in refused] == ["overloaded"]


def test_an_upstream_failure_tells_sdks_not_to_retry():
    """The router owns retries; an SDK that repeats them multiplies the attempts."""
    response = client(UpstreamTimeout("too slow")).get("/")
    assert (response.status_code, response.headers["x-should-retry"]) == (504, "false")


def test_row_6_too_many_headers_are_refused():
    """Header floods end at the boundary."""
    assert client().get("/", headers={f"h{number}": "x" for number in range(500)}).status_code == 431
    assert client().get("/", headers={"h": "x" * 65_536}).status_code == 431


def test_a_browsers_question_needs_no_key():
    """A page's OPTIONS comes without one, and everything else is refused."""
    guarded = client(keys=(Secret("K", KEY),))
    assert [guarded.request(method, "/v1/models").status_code for method in ("OPTIONS", "GET")] == [200, 401]


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}])
def test_a_key_opens_in_both_headers(headers: dict[str, str]):
    """OpenAI's and Anthropic's clients send the key in different headers."""
    assert client(keys=(Secret("K", KEY),)).get("/", headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["", "wrong", KEY[:20], KEY + "x", "' OR 1=1 --", "k" * 2000])
def test_row_12_a_wrong_key_is_401(key: str):
    """No key but the right one opens, and the answer is in the envelope without the key."""
    response = client(keys=(Secret("K", KEY),)).get("/", headers={"authorization": f"Bearer {key}"})
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"
    assert not key or key not in json.dumps(response.json())


@pytest.mark.parametrize("host", ["x?", "a#b", "/livez", "evil.example/livez?", ""])
def test_row_13_a_host_header_opens_nothing(host: str):
    """Authentication reads the path that was routed, never one rebuilt from the Host header."""
    assert client(keys=(Secret("K", KEY),)).get("/v1/models", headers={"host": host}).status_code == 401


def test_probes_need_no_key():
    """An orchestrator has no key."""
    assert client(keys=(Secret("K", KEY),)).get("/livez").status_code == 200


def test_a_secret_hides_itself():
    """The repr of a secret names the variable only."""
    assert KEY not in repr(Secret("K", KEY))


async def test_what_exceeds_the_bound_is_refused_and_places_come_back():
    """The bound holds while requests are under way, and every ending gives its place back."""
    entered, release = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await release.wait()

    gate = Inflight(app, most=1)
    post = {"type": "http", "method": "POST"}
    first = asyncio.create_task(gate(post, None, None))
    await entered.wait()
    with pytest.raises(Overloaded):
        await gate(post, None, None)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    release.set()
    await gate(post, None, None)
    assert gate.now == 0
