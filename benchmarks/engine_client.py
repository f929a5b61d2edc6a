"""Streamed chat requests sent at once, each token's arrival timed at the client."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection

import numpy as np

PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Stream:
    """One answer: arrivals of its pieces of text, in seconds of the monotonic clock."""

    sent: float
    arrivals: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a set of concurrent requests came to; `tokens` counts pieces of text, one a token."""

    tokens: int
    tokens_per_s: float
    ttft_p50_ms: float
    ttft_p99_ms: float
    gap_p50_ms: float
    gap_p99_ms: float


def ask_all(port: int, bodies: Sequence[dict[str, object]]) -> Figures:
    """Send `bodies` at the same time and wait for every answer.

    Raises:
        RuntimeError: a request failed.
    """
    with ThreadPoolExecutor(len(bodies)) as pool:
        return figures(list(pool.map(lambda body: ask(port, body), bodies)))


def ask(port: int, body: dict[str, object], on_piece: Callable[[], None] | None = None) -> Stream:
    """Send one request and read its stream to the end; `on_piece` is called at each piece of text.

    Raises:
        RuntimeError: the status is not 200, or the stream has no text or no end.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    sent = time.perf_counter()
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"status {response.status}: {response.read(300).decode(errors='replace')}")
        arrivals, ended = [], False
        for line in response:
            ended |= line.startswith(b"data: [DONE]")
            if _has_text(line):
                arrivals.append(time.perf_counter())
                if on_piece is not None:
                    on_piece()
    finally:
        connection.close()
    if not arrivals or not ended:
        raise RuntimeError(f"a stream broke off after {len(arrivals)} pieces")
    return Stream(sent, tuple(arrivals))


def _has_text(line: bytes) -> bool:
    if not line.startswith(b"data: {"):
        return False
    choices = json.loads(line[6:]).get("choices")
    return bool(choices and choices[0]["delta"].get("content"))


def figures(streams: Sequence[Stream]) -> Figures:
    """Throughput from the first request sent to the last token; percentiles over streams and over gaps, in ms."""
    tokens = sum(len(stream.arrivals) for stream in streams)
    seconds = max(stream.arrivals[-1] for stream in streams) - min(stream.sent for stream in streams)
    ttft = [1e3 * (stream.arrivals[0] - stream.sent) for stream in streams]
    gaps = [1e3 * float(gap) for stream in streams for gap in np.diff(stream.arrivals)] or [0.0]
    quantiles = [float(np.percentile(values, share)) for values in (ttft, gaps) for share in (50, 99)]
    return Figures(tokens, tokens / seconds, *quantiles)
