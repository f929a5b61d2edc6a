"""How long a start takes until `/readyz` answers 200 with a model that is on disk, and what the API process holds."""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.process import cpu_seconds, rss_mb

POLICY = """\
version: 1
models:
  small: {{backend: llama.cpp, source: "{model}"}}
  large: {{backend: auto}}
tiers: [small, large]
policies: {{auto: {{select: [{{id: learned, score: complexity, threshold: 0.5}}], on_failure: [small]}}}}
state_dir: "{folder}/state"
"""
LIMIT_S = 60.0
POLL_S = 0.01
BARS = {"wall_s": 3.0, "rss_mb": 200.0}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--model", required=True, metavar="FILE", help="a GGUF file on this machine")
    parser.add_argument("--rounds", type=int, default=7, help="starts to measure, after one that is not counted")


def run(options: argparse.Namespace) -> dict[str, object]:
    """Start the router again and again; medians with the smallest and the largest.

    Raises:
        RuntimeError: a start does not become ready.
    """
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "shunt.yaml"
        policy.write_text(POLICY.format(model=Path(options.model).resolve(), folder=folder), encoding="utf-8")
        starts = [_start(policy) for _ in range(options.rounds + 1)][1:]
    figures = {name: _spread([start[name] for start in starts]) for name in starts[0]}
    return {"bars": BARS, "load_average": os.getloadavg()[0], **figures}


def lines(result: dict[str, Any]) -> list[str]:
    """The figures as a table in words."""
    words = {"wall_s": "until ready, s", "cpu_s": "CPU of the API process, s", "rss_mb": "its resident memory, MB"}
    return [
        f"{text:28} {result[name]['median']:8.2f}  ({result[name]['min']:.2f} to {result[name]['max']:.2f})"
        for name, text in words.items()
    ]


def _start(policy: Path) -> dict[str, float]:
    port = _free_port()
    command = [sys.executable, "-m", "router", "serve", "--config", str(policy), "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - started > LIMIT_S:
                raise RuntimeError("the router did not become ready")
            time.sleep(POLL_S)
        wall_s = time.perf_counter() - started
        return {"wall_s": wall_s, "cpu_s": cpu_seconds(process.pid), "rss_mb": rss_mb(process.pid)}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}
