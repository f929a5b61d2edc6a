"""How many threads, and how they wait: tokens/s of a decode loop beside busy neighbours.

`python -m benchmarks.engine_threads MODEL THREADS WIDTH` is one measurement, in a process of its own, because the way
threads wait is chosen by the environment when llama.cpp is loaded.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.engine_loop import Loop
from benchmarks.engine_model import SIZES, model_file

WIDTH, SECONDS = 4, 2.0
BUSY = "while True: pass"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--rounds", type=int, default=3, help="how often each setting is measured (default 3)")


def run(options: argparse.Namespace) -> dict[str, object]:
    """Every setting in each round; the best and the worst of the rounds are kept.

    Raises:
        RuntimeError: a measurement failed.
    """
    model, cores = model_file(SIZES[0]), os.cpu_count() or 1
    settings = list(product((0, 1), sorted({max(1, cores - 1), cores}), ("passive", "active")))
    found: dict[tuple[int, int, str], list[float]] = {setting: [] for setting in settings}
    for _ in range(options.rounds):
        for setting in settings:
            with _neighbours(setting[0]):
                found[setting].append(_measure(model, *setting[1:]))
    rows = [{"neighbours": n, "threads": t, "waiting": w, "tokens_per_s": found[n, t, w]} for n, t, w in settings]
    return {"model": SIZES[0].name, "cores": cores, "width": WIDTH, "settings": rows}


def lines(result: Mapping[str, Any]) -> list[str]:
    """A Markdown table."""
    rows = [f"{result['cores']} cores, {result['model']}, {result['width']} sequences", ""]
    rows += ["| busy neighbours | threads | waiting | tokens/s (rounds) |", "| --: | --: | --- | --- |"]
    for row in result["settings"]:
        figures = ", ".join(f"{figure:.0f}" for figure in row["tokens_per_s"])
        rows.append(f"| {row['neighbours']} | {row['threads']} | {row['waiting']} | {figures} |")
    return rows


@contextmanager
def _neighbours(count: int) -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _measure(model: Path, threads: int, waiting: str) -> float:
    command = [sys.executable, "-m", "benchmarks.engine_threads", str(model), str(threads), str(WIDTH)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_WAIT_POLICY": waiting}
    )
    if done.returncode:
        raise RuntimeError(f"a measurement failed: {done.stderr[-300:]}")
    return float(json.loads(done.stdout)["tokens_per_s"])


def main(arguments: list[str]) -> None:
    """Print the tokens/s of one setting."""
    path, threads, width = Path(arguments[1]), int(arguments[2]), int(arguments[3])
    loop = Loop(path, width, threads=threads, room=2048)
    loop.step()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS and loop.room_left:
        loop.step()
        steps += 1
    print(json.dumps({"tokens_per_s": width * steps / (time.perf_counter() - began)}))


if __name__ == "__main__":
    main(sys.argv)
