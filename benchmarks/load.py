"""Load on a server by `load.c`, and what came of it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.native import program

PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Shape:
    """How requests are sent: closed loop at `rate` 0, otherwise open loop of `rate` requests/s."""

    connections: int
    seconds: float
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution of durations in milliseconds."""

    mean: float
    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Load:
    """One run. `first_byte_ms` is the time to the end of the head, `gap_ms` the time between two stream events."""

    requests: int
    failures: int
    events: int
    seconds: float
    generator_cpu_seconds: float
    latency_ms: Spread | None
    first_byte_ms: Spread | None
    gap_ms: Spread | None

    @property
    def requests_per_s(self) -> float:
        """Answers that came whole, over the whole time."""
        return self.requests / self.seconds


def put_load(port: int, bodies: Path, shape: Shape) -> Load:
    """Send the request bodies of file `bodies`, one a line, to 127.0.0.1:`port` in turn.

    Raises:
        RuntimeError: the generator could not be built or could not connect.
    """
    numbers = (shape.connections, shape.seconds, shape.rate)
    command = [str(program("load")), str(port), PATH, *map(str, numbers), str(bodies)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"the load generator failed: {ended.stderr.strip()}")
    return _read(json.loads(ended.stdout))


def _read(found: dict[str, Any]) -> Load:
    for name in ("latency_ms", "first_byte_ms", "gap_ms"):
        found[name] = Spread(**found[name]) if found[name] else None
    return Load(**found)
