"""The load generator sends what it says, counts what came back and times it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.load import Shape, put_load
from benchmarks.prompts import bodies
from benchmarks.servers import Server, counts, serve_mock


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.jsonl"
    path.write_text(bodies("auto", stream=False))
    return path


@pytest.fixture
def streamed(tmp_path: Path) -> Path:
    path = tmp_path / "streamed.jsonl"
    path.write_text(bodies("auto", stream=True))
    return path


@contextmanager
def answering(status: int, body: bytes, media_type: str) -> Iterator[int]:
    """The port of a server that gives every POST this answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_client_and_server_agree_on_whole_answers(mock: Server, whole: Path):
    """Every request that the server answered is one that the generator counted, and none failed."""
    load = put_load(mock.port, whole, Shape(connections=3, seconds=0.2))
    assert (counts(mock).requests, 0) == (load.requests, load.failures)
    assert load.latency_ms is not None
    assert load.latency_ms.p50 <= load.latency_ms.p90 <= load.latency_ms.p99 <= load.latency_ms.max


def test_client_and_server_agree_on_streams(mock: Server, streamed: Path):
    """Every event that the server sent was read, the one that ends the stream included."""
    load = put_load(mock.port, streamed, Shape(connections=3, seconds=0.2))
    seen = counts(mock)
    assert (seen.requests, seen.events, 0) == (load.requests, load.events, load.failures)
    assert load.requests * (5 + 4) == load.events


def test_an_open_loop_sends_at_its_rate(mock: Server, whole: Path):
    """A rate of 100/s for 0.3 s is 30 requests, however fast the answers are."""
    assert 30 == put_load(mock.port, whole, Shape(connections=4, seconds=0.3, rate=100)).requests


def test_an_open_loop_times_from_when_a_request_was_due(streamed: Path):
    """A server slower than the rate cannot hide its queue: waiting for a free connection counts."""
    with serve_mock(chunks=2, gap_ms=50) as mock:
        load = put_load(mock.port, streamed, Shape(connections=1, seconds=0.2, rate=50))
    assert load.latency_ms is not None
    assert load.latency_ms.max > 150


def test_the_first_byte_comes_before_the_last(streamed: Path):
    """Time to the first byte and the gaps between events are told apart from the whole latency."""
    with serve_mock(chunks=2, gap_ms=50) as mock:
        load = put_load(mock.port, streamed, Shape(connections=1, seconds=0.1))
    assert load.latency_ms is not None
    assert load.first_byte_ms is not None
    assert load.gap_ms is not None
    assert load.latency_ms.p50 >= 100 > load.first_byte_ms.p50
    assert load.gap_ms.max >= 49


@pytest.mark.parametrize(
    ("status", "body", "media_type"),
    [
        (500, b"{}", "application/json"),
        (200, b'data: {"choices":[]}\n\n', "text/event-stream"),
    ],
    ids=["status 500", "stream without [DONE]"],
)
def test_a_wrong_answer_is_a_failure(whole: Path, status: int, body: bytes, media_type: str):
    """An error status or a stream that just ends is counted as failed, never as fast."""
    with answering(status, body, media_type) as port:
        load = put_load(port, whole, Shape(connections=1, seconds=0.1))
    assert 0 == load.requests
    assert load.failures > 0
    assert load.latency_ms is None


def test_no_server_is_an_error(whole: Path):
    """Nobody listening ends in an error that says so, not in a figure."""
    with answering(200, b"", "application/json") as port:
        pass
    with pytest.raises(RuntimeError, match="refused"):
        put_load(port, whole, Shape(connections=1, seconds=0.1))
