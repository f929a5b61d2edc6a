"""What the scorer holds of memory: `python -m benchmarks.classifier_memory`, always in a process of its own."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path


def measure() -> dict[str, int]:
    """Kilobytes, in a fresh process; Linux only.

    Raises:
        RuntimeError: the process failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.classifier_memory"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return {name: int(kilobytes) for name, kilobytes in json.loads(done.stdout).items()}


def resident_kb() -> int:
    """Kilobytes that this process holds in memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])


def _main() -> None:
    import numpy as np  # noqa: F401, PLC0415 - numpy's own memory is not the scorer's

    without = resident_kb()
    from benchmarks.classifier import kinds  # noqa: PLC0415 - each import is a step of the measurement
    from benchmarks.prompts import prompts  # noqa: PLC0415
    from classifiers import load  # noqa: PLC0415

    imported = resident_kb()
    classifier = load()
    loaded = resident_kb()
    for text in (*prompts(), *kinds().values()):
        classifier.judge(text)
    judged = resident_kb()
    from classifiers.artifact import COMPILED, SHIPPED  # noqa: PLC0415
    from classifiers.tables import from_bytes  # noqa: PLC0415

    tables = from_bytes((SHIPPED / COMPILED).read_bytes())
    arrays = sum(getattr(tables, field.name).nbytes for field in dataclasses.fields(tables)) // 1024
    found = {
        "arrays_kb": arrays,
        "code_kb": imported - without,
        "load_kb": loaded - imported,
        "use_kb": judged - loaded,
    }
    json.dump(found | {"all_kb": judged - without}, sys.stdout)


if __name__ == "__main__":
    _main()
