"""What bookkeeping costs: CPU for each request on its path, and how fast a journal is moved into the store."""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from router.caller import Caller
from router.condition import Always
from router.config import Config, ModelConfig, Policy, Rule
from router.dispatch.trace import Attempt, Trace
from router.ledger.drain import drain
from router.ledger.grouping import By
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.ledger.record import UsageRecord
from router.ledger.reports import report
from router.ledger.store import Store
from router.ledger.tally import Tally
from router.limit import Limit
from router.limits.quotas import Quotas
from router.policy.decision import Decision
from router.telemetry import log
from router.telemetry.metrics import Metrics

ROUNDS = 7
RECORDS = 20_000
LINES = 5_000  # fewer than the log's queue holds

RECORD = UsageRecord(
    request_id="req_0123456789abcdef01234567",
    at=1_795_348_800.25,
    route="chat",
    policy="auto",
    rule="learned",
    reason="rule",
    target="small",
    model="small",
    score=0.2718281828,
    task="extraction",
    stream=True,
    outcome="ok",
    status=200,
    prompt_tokens=312,
    completion_tokens=45,
    cached_tokens=256,
    usage_estimated=False,
    cost_usd=0.0,
    baseline="large",
    baseline_usd=0.00123456789,
    latency_s=0.7071067811,
    ttft_s=0.0314159265,
    attempts=("small:ok",),
)


PARTS = {
    "journal_us": "journal, on the request's path",
    "metrics_us": "metrics, on the request's path",
    "limits_us": "limits (a key, a tag, all), on its path",
    "log_us": "log line, mostly in its own thread",
    "drain_us": "journal to store, in its own thread",
}


@dataclass(frozen=True, slots=True)
class Pass:
    """One way through the ledger: seconds of CPU and of wall time for `RECORDS` records, bytes of journal for one."""

    append_cpu_s: float
    drain_cpu_s: float
    drain_s: float
    report_s: float
    line_bytes: float


def run() -> dict[str, object]:
    """Measure each part `ROUNDS` times; the middle and the best are kept, because the machine has other work.

    Raises:
        RuntimeError: the store does not hold as many records as were written.
    """
    passes = [_pass() for _ in range(ROUNDS)]
    metrics = _metrics()
    return {
        "records": RECORDS,
        "rounds": ROUNDS,
        "journal_us": _each([one.append_cpu_s for one in passes]),
        "metrics_us": _each([_cpu_s(metrics) for _ in range(ROUNDS)]),
        "limits_us": _each([_cpu_s(_limits()) for _ in range(ROUNDS)]),
        "log_us": _each([_log_cpu_s() for _ in range(ROUNDS)]),
        "drain_us": _each([one.drain_cpu_s for one in passes]),
        "drained_per_s": {"median": RECORDS / statistics.median(one.drain_s for one in passes)},
        "report_ms": {"median": statistics.median(one.report_s for one in passes) * 1e3},
        "line_bytes": passes[0].line_bytes,
    }


def lines(result: Mapping[str, Any]) -> list[str]:
    """The figures as a person reads them."""
    cpu = [
        f"{label:36} {result[name]['median']:8.1f} us of CPU, {result[name]['best']:.1f} at best"
        for name, label in PARTS.items()
    ]
    return [
        *cpu,
        f"{'drained into the store':36} {result['drained_per_s']['median']:8.0f} records/s",
        f"{'a report over ' + str(result['records']) + ' records':36} {result['report_ms']['median']:8.1f} ms",
    ]


def _pass() -> Pass:
    with tempfile.TemporaryDirectory(prefix="shunt-ledger-") as name:
        state_dir, tally = Path(name), Tally()
        journal = Journal(state_dir / JOURNAL_FOLDER)
        journal.open()
        append_cpu_s = _cpu_s(lambda: journal.append(RECORD))
        journal.close()
        size = sum(path.stat().st_size for path in journal.folder.glob("*.jsonl"))
        with Store.in_folder(state_dir) as store:
            cpu, wall = time.process_time(), time.perf_counter()
            drain(state_dir, store, tally)
            drain_cpu_s, drain_s = time.process_time() - cpu, time.perf_counter() - wall
            wall = time.perf_counter()
            counted = report(store, [By.DAY, By.MODEL]).total.requests
            report_s = time.perf_counter() - wall
        if not tally.stored == counted == RECORDS:
            raise RuntimeError(f"{RECORDS} records were written, {tally.stored} stored, {counted} reported")
        return Pass(append_cpu_s, drain_cpu_s, drain_s, report_s, size / RECORDS)


def _metrics() -> Callable[[], object]:
    """All that the metrics do for one request: its decision, its time under way, its end."""
    small = ModelConfig(name="small", backend="llama.cpp", zone="local", can=frozenset({"chat"}), context=2048)
    rule = Rule("learned", Always(), threshold=0.5, low="small", high="large")
    config = Config(
        path=None,
        models={"small": small, "large": replace(small, name="large", backend="openai", zone="cloud")},
        tiers=("small", "large"),
        policies={"auto": Policy("auto", (rule,))},
        default_policy="auto",
    )
    metrics = Metrics(config)
    decision = Decision("auto", "learned", "small", ("small", "large"), "rule", score=0.27, task="extraction")
    trace = Trace([Attempt("small", "ok", 0.7, 0.03)], [], "small", "done")

    def request() -> None:
        metrics.decided(decision, 0.0007)
        with metrics.inflight():
            metrics.finished(RECORD, trace)

    return request


def _limits() -> Callable[[], object]:
    """All that the limits do for one request: let in, told in headers, reserved, settled, released."""
    limits = [
        Limit(name, key=key, tag=tag, requests_per_minute=1e12, tokens_per_minute=1e15, concurrent=10, usd_per_day=1e6)
        for name, key, tag in (("key", "app", None), ("tag", None, "team-a"), ("all", None, None))
    ]
    quotas, caller = Quotas(limits), Caller(key="app", tags=frozenset({"team-a"}))

    def request() -> None:
        ticket = quotas.ticket(caller)
        ticket.enter()
        ticket.hold(0.01, 4000)
        ticket.headers()
        ticket.settle(0.001, 300)
        ticket.close()

    return request


def _log_cpu_s() -> float:
    """The line of each request, formatted and written by the log's own thread into memory: both are counted.

    Raises:
        RuntimeError: the thread could not keep up, so that lines were dropped.
    """
    outlet = log.configure(stream=StringIO(), as_json=True)
    cpu = time.process_time()
    for _ in range(LINES):
        log.answered(RECORD)
    log.close()
    if outlet.dropped:
        raise RuntimeError(f"{outlet.dropped} log lines were dropped")
    return (time.process_time() - cpu) * RECORDS / LINES


def _cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    for _ in range(RECORDS):
        work()
    return time.process_time() - started


def _each(cpu_s: list[float]) -> dict[str, float]:
    """Microseconds of CPU for one record."""
    return {"median": statistics.median(cpu_s) / RECORDS * 1e6, "best": min(cpu_s) / RECORDS * 1e6}
