"""What streams that are running feel of a long prompt that arrives: the longest gap between their tokens."""

import argparse
import random
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engine_client import Stream, ask
from benchmarks.engine_model import SIZES, model_file
from benchmarks.engine_servers import serve_engine

STREAMS = (1, 4)
QUIET_TOKENS, LONG, ANSWER = 100, 2000, 600
MOST = 3.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each number of streams is measured (default 3)"
    )


def run(options: argparse.Namespace) -> dict[str, object]:
    """Streams begin, a prompt of 2,000 tokens arrives, and every gap of the streams is looked at.

    Raises:
        RuntimeError: the server did not start, or a request failed.
    """
    model = model_file(SIZES[0])
    with tempfile.TemporaryDirectory(prefix="shunt-interference-") as name, serve_engine(model, Path(name)) as server:
        ask(server.port, _body(32, 0, 4))
        rounds = [
            {"streams": count, **_round(server.port, count, 100 * number + count)}
            for number in range(options.rounds)
            for count in STREAMS
        ]
    return {"model": SIZES[0].name, "prompt_tokens": LONG, "most": MOST, "rounds": rounds}


def lines(result: Mapping[str, Any]) -> list[str]:
    """A Markdown table."""
    rows = [f"{result['model']}, a prompt of {result['prompt_tokens']} tokens; gaps in ms", ""]
    columns = ("streams", "quiet median", "quiet longest", "median while reading", "longest while reading",
               "over the median while reading", "over the quiet median", "TTFT of the prompt, s", "alone, s")  # fmt: skip
    rows += [f"| {' | '.join(columns)} |", "| " + "--: | " * len(columns)]
    for row in result["rounds"]:
        gaps = " | ".join(f"{row[name]:.1f}" for name in ("quiet_ms", "quiet_longest_ms", "reading_ms", "longest_ms"))
        shares = " | ".join(f"{row[name]:.2f}" for name in ("over_reading", "over_quiet", "ttft_s", "alone_s"))
        rows.append(f"| {row['streams']} | {gaps} | {shares} |")
    return rows


def _round(port: int, count: int, seed: int) -> dict[str, float]:
    alone = ask(port, _body(LONG, seed + 50, 1))
    is_time, written = threading.Event(), [0] * count

    def stream(row: int) -> Stream:
        def heard() -> None:
            written[row] += 1
            if min(written) >= QUIET_TOKENS:
                is_time.set()

        return ask(port, _body(32, seed + row, ANSWER), heard)

    with ThreadPoolExecutor(count) as pool:
        running = [pool.submit(stream, row) for row in range(count)]
        is_time.wait(120)
        long = ask(port, _body(LONG, seed + 60, 1))
        streams = [one.result() for one in running]
    return figures(streams, long) | {"alone_s": alone.arrivals[0] - alone.sent}


def figures(streams: Sequence[Stream], long: Stream) -> dict[str, float]:
    """Gaps before the long prompt was sent, and until its first token; the first tokens of a stream are left out."""
    gaps = [(early, late) for stream in streams for early, late in pairwise(stream.arrivals[8:])]
    quiet = [1e3 * (late - early) for early, late in gaps if late < long.sent]
    reading = [1e3 * (late - early) for early, late in gaps if late > long.sent and early < long.arrivals[0]]
    return {
        "quiet_ms": median(quiet),
        "quiet_longest_ms": max(quiet),
        "reading_ms": median(reading),
        "longest_ms": max(reading),
        "over_reading": max(reading) / median(reading),
        "over_quiet": max(reading) / median(quiet),
        "ttft_s": long.arrivals[0] - long.sent,
    }


def _body(tokens: int, seed: int, answer: int) -> dict[str, object]:
    letters = "".join(random.Random(seed).choices("abcdefgijklmnopqrsuvwxyz ", k=tokens))
    settings = {"temperature": 0, "max_tokens": answer, "ignore_eos": True, "stream": True}
    return {"model": "small", "messages": [{"role": "user", "content": letters}], **settings}
