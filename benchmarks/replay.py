"""`shunt replay`: time to decide past requests anew, from the ledger and from a log that keeps their words."""

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import classifiers
from router.config import Config
from router.ledger.record import UsageRecord
from router.ledger.store import Store
from router.policy import DEFAULT_FILE
from router.policy.document import parse
from router.policy.loading import Source, compiled
from router.replay.pairing import against_history
from router.replay.past import from_ledger, from_log
from router.replay.rerun import Candidate
from router.replay.summary import Summary
from router.replay.telling import History

BAR_S = 30.0
BATCH = 5_000
SENTENCE = "Could you please look at the minutes of March and explain why the plan for spring has changed so much? "


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--rows`."""
    parser.add_argument("--rows", type=int, default=100_000, help="requests (default: %(default)s)")


def run(options: argparse.Namespace) -> dict[str, object]:
    """Seconds, wall clock and CPU, for as many requests as asked; a log without scores is a tenth, then multiplied."""
    config = compiled(parse(DEFAULT_FILE.read_bytes(), "benchmark"), Source(None, {"OPENAI_API_KEY": "k"}))
    with TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder, options.rows)
        scored, bare = folder / "scored.jsonl", folder / "bare.jsonl"
        _write(scored, options.rows, has_score=True)
        _write(bare, options.rows // 10, has_score=False)
        return {
            "rows": options.rows,
            "bar_s": BAR_S,
            "ledger": _timed(config, options.rows, folder, None),
            "log_with_words_and_scores": _timed(config, options.rows, folder, scored),
            "log_with_words": _timed(config, options.rows, folder, bare),
        }


def lines(result: dict[str, object]) -> list[str]:
    """The result for a terminal."""
    return [f"{name:28} {value}" for name, value in result.items()]


def _timed(config: Config, rows: int, folder: Path, log: Path | None) -> dict[str, float]:
    policy = config.policies["auto"]
    higher = tuple(replace(rule, threshold=0.6) if rule.threshold is not None else rule for rule in policy.select)
    changed = replace(config, policies={**config.policies, "auto": replace(policy, select=higher)})
    candidate = Candidate(changed, classifiers.load().judge, History(config))
    started, cpu = time.perf_counter(), time.process_time()
    requests = from_ledger(folder, None) if log is None else from_log(log, "auto")
    found = Summary.of(against_history(candidate, requests))
    scale = rows / found.requests
    return {
        "seconds": round((time.perf_counter() - started) * scale, 2),
        "cpu_seconds": round((time.process_time() - cpu) * scale, 2),
        "told_pct": round(100 * found.told / found.requests, 1),
        "changed_pct": round(100 * found.changed / found.requests, 1),
    }


def _fill(folder: Path, rows: int) -> None:
    with Store.in_folder(folder) as store:
        store.migrate()
        batch = []
        for position, record in enumerate(_records(rows)):
            batch.append((position, record))
            if len(batch) == BATCH:
                store.add("benchmark", batch, position)
                batch = []
        store.add("benchmark", batch, rows)


def _records(rows: int) -> Iterator[UsageRecord]:
    draw = random.Random(7)
    for number in range(rows):
        score = round(draw.random(), 4)
        target = "small" if score < 0.34 else "large"
        yield UsageRecord(
            f"req_{number}", 1.78e9 + number, "chat", "auto", "learned", "rule", target, target, score, "chat",
            stream=True, outcome="ok", status=200, prompt_tokens=300, completion_tokens=80, cached_tokens=0,
            usage_estimated=False, cost_usd=0.001 if target == "large" else 0.0, baseline="large", baseline_usd=0.001,
            latency_s=1.0, ttft_s=0.2, attempts=(f"{target}:ok",),
        )  # fmt: skip


def _write(path: Path, rows: int, *, has_score: bool) -> None:
    with path.open("w") as file:
        for record in _records(rows):
            row = {"prompt": SENTENCE * 4 + record.request_id, "target": record.target, "completion_tokens": 80}
            file.write(json.dumps(row | ({"score": record.score, "task": "chat"} if has_score else {})) + "\n")
