"""What the router adds to a request: the router before a mock, against the same mock called directly."""

import argparse
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.agreement import agree
from benchmarks.load import Load, Shape, put_load
from benchmarks.overhead_summary import Round, summarise
from benchmarks.overhead_view import lines, plot
from benchmarks.pace import reference_ms
from benchmarks.process import cpu_seconds, has_mapped, rss_mb
from benchmarks.prompts import bodies
from benchmarks.servers import CONFIG, Counts, Server, counts, serve_mock, serve_router

__all__ = ["add_options", "lines", "plot", "run"]

# Compiled modules that only litellm brings in: mapped means loaded.
LITELLM_MODULES = ("/tiktoken/", "/tokenizers/")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load; `rate` 0 is a closed loop."""

    name: str
    connections: int
    stream: bool
    rate: float = 0.0


SCENARIOS = (
    Scenario("whole, 1 connection", 1, stream=False),
    Scenario("whole, 16 connections", 16, stream=False),
    Scenario("whole, 50 requests/s", 16, stream=False, rate=50.0),
    Scenario("stream, 1 connection", 1, stream=True),
    Scenario("stream, 16 connections", 16, stream=True),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """The servers under load, and the file of request bodies for each of whole (False) and streamed (True)."""

    mock: Server
    router: Server
    bodies: dict[bool, Path]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--rounds", type=int, default=7, help="how often each pair is measured (default 7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement (default 3)")
    parser.add_argument("--chunks", type=int, default=64, help="words in a streamed answer (default 64)")
    parser.add_argument("--gap-ms", type=float, default=10.0, help="time between two of them (default 10)")


def run(options: argparse.Namespace) -> dict[str, object]:
    """Measure every scenario in interleaved rounds.

    Raises:
        RuntimeError: a server did not start, a request failed, or the counts of the parts differ.
    """
    with (
        tempfile.TemporaryDirectory(prefix="shunt-overhead-") as name,
        serve_mock(chunks=options.chunks, gap_ms=options.gap_ms) as mock,
        serve_router(mock, Path(name)) as router,
    ):
        folder = Path(name)
        bench = Bench(mock, router, {stream: _write_bodies(folder, stream=stream) for stream in (False, True)})
        memory = {"ready": rss_mb(router.pid)}
        warm_up_s = min(1.0, options.seconds)
        sent = [_load(bench, bench.router, scenario, warm_up_s) for scenario in SCENARIOS]
        memory["warm"] = rss_mb(router.pid)
        before = counts(mock)
        rounds = _measure(bench, options)
        memory["after"] = rss_mb(router.pid)
        _check_mock(before, counts(mock), rounds)
        sent += [round_.router for played in rounds.values() for round_ in played]
        return {
            "prompts": "400 different ones of about 20 to 200 words",
            "scenarios": [summarise(name, played) for name, played in rounds.items()],
            "rss_mb": memory,
            "litellm_loaded": has_mapped(router.pid, *LITELLM_MODULES),
            "agreement": agree(router, folder / CONFIG, sent, options.chunks),
            "rounds": {name: [asdict(round_) for round_ in played] for name, played in rounds.items()},
        }


def _write_bodies(folder: Path, *, stream: bool) -> Path:
    path = folder / f"bodies-{stream}.jsonl"
    path.write_text(bodies("auto", stream=stream), encoding="utf-8")
    return path


def _measure(bench: Bench, options: argparse.Namespace) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {scenario.name: [] for scenario in SCENARIOS}
    for number in range(options.rounds):
        for scenario in SCENARIOS:
            rounds[scenario.name].append(_play(bench, scenario, options.seconds, router_first=number % 2 == 1))
    return rounds


def _play(bench: Bench, scenario: Scenario, seconds: float, *, router_first: bool) -> Round:
    """Both arms, one right after the other; which comes first alternates, so that a drift of the machine cancels."""
    direct = None if router_first else _load(bench, bench.mock, scenario, seconds)
    pace_before, cpu_before = reference_ms(), cpu_seconds(bench.router.pid)
    through = _load(bench, bench.router, scenario, seconds)
    cpu_s = cpu_seconds(bench.router.pid) - cpu_before
    pace_ms = (pace_before + reference_ms()) / 2
    return Round(direct or _load(bench, bench.mock, scenario, seconds), through, cpu_s, pace_ms)


def _load(bench: Bench, server: Server, scenario: Scenario, seconds: float) -> Load:
    load = put_load(server.port, bench.bodies[scenario.stream], Shape(scenario.connections, seconds, scenario.rate))
    if load.failures or not load.requests:
        raise RuntimeError(f"{scenario.name}: {load.failures} of {load.failures + load.requests} requests failed")
    return load


def _check_mock(before: Counts, after: Counts, rounds: dict[str, list[Round]]) -> None:
    seen = after.requests - before.requests
    sent = sum(arm.requests for played in rounds.values() for r in played for arm in (r.direct, r.router))
    if seen != sent:
        raise RuntimeError(f"{sent} requests were sent and the mock answered {seen}")
