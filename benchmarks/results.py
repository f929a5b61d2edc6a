"""A result as it is kept: what was measured, how, where and when."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import Machine

FOLDER = Path(__file__).with_name("results")
DIGITS = 4


def report(
    arguments: Sequence[str], machine: Machine, options: Mapping[str, object], result: object
) -> dict[str, object]:
    """The whole record of one run: `arguments` begin with its name, `options` are in force, defaults included."""
    return {
        "benchmark": arguments[0],
        "command": shlex.join(["python", "-m", "benchmarks", *arguments]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "options": dict(options),
        "result": rounded(result),
    }


def save(record: Mapping[str, object], path: Path) -> None:
    """Write `record` as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(value: object) -> object:
    """`value` with every float cut to four significant digits, which is more than any of them deserve."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
