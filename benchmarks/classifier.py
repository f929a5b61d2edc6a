"""CPU of one judgement, by kind of prompt, and what the classifier costs to load."""

import time
from pathlib import Path

from classifiers import Classifier, load

ROUNDS = 500
SENTENCE = (
    "Could you please look at the orders of last month and explain why two of the totals are off by a few cents? "
)


def run() -> dict[str, object]:
    """Microseconds of CPU (median and 99th percentile of `ROUNDS`) per judgement; kilobytes and milliseconds to load."""
    before, start = _resident_kb(), time.process_time()
    classifier = load()
    spent_ms, grown_kb = (time.process_time() - start) * 1e3, _resident_kb() - before
    return {
        "artifact": classifier.version,
        "load_cpu_ms": round(spent_ms, 1),
        "load_resident_kb": grown_kb,
        "judge_cpu_us": {name: _cost(classifier, text) for name, text in _prompts().items()},
    }


def lines(result: dict[str, object]) -> list[str]:
    """The result for a terminal."""
    costs = result["judge_cpu_us"]
    if not isinstance(costs, dict):
        raise TypeError("judge_cpu_us is not an object")
    return [f"{name:12} {cost['p50']:>7} us p50 {cost['p99']:>7} us p99" for name, cost in costs.items()]


def _prompts() -> dict[str, str]:
    words = " ".join((SENTENCE * 5).split()[:100])
    return {
        "two words": "hello there",
        "100 words": words,
        "20000 words": words * 200,
        "ideographs": "证明根号二是无理数并且说明理由。" * 500,
        "punctuation": "?!(){}" * 2_000,
        "emoji": "🙂🔥" * 5_000,
        "white space": " " * 1_000_000,
    }


def _cost(classifier: Classifier, text: str) -> dict[str, float]:
    spent = []
    for _ in range(ROUNDS):
        start = time.thread_time_ns()
        classifier.judge(text)
        spent.append(time.thread_time_ns() - start)
    spent.sort()
    return {"p50": round(spent[ROUNDS // 2] / 1e3, 1), "p99": round(spent[ROUNDS * 99 // 100] / 1e3, 1)}


def _resident_kb() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])
