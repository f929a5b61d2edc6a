"""The engine's smaller benchmarks: they measure what they say, on files they make themselves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engine_client import Stream
from benchmarks.engine_interference import figures
from benchmarks.engine_loop import PROMPT, Loop
from benchmarks.engine_model import Size, model_file

TINY = Size("tiny", 1, 64, 1, 64, 512)


def test_the_loop_is_the_engines_own(tmp_path: Path):
    """A step gives a row of logits for each sequence, under the engine's own context."""
    loop = Loop(model_file(TINY, tmp_path), 3, room=PROMPT + 4)
    assert [(3, 512)] * 2 == [loop.step().shape for _ in range(2)]


def test_one_measurement_of_threads_is_a_process(tmp_path: Path):
    """The way threads wait is the environment's, so each measurement has its own."""
    command = [sys.executable, "-m", "benchmarks.engine_threads", str(model_file(TINY, tmp_path)), "1", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["tokens_per_s"] > 0


def test_gaps_are_told_apart_by_the_long_prompt():
    """Quiet gaps end before the prompt is sent; those while it is read, partly or wholly, are judged."""
    arrivals = (*(0.0,) * 8, 1.0, 1.01, 1.02, 1.03, 1.06, 1.10, 1.13, 1.14, 1.15)
    found = figures([Stream(0.0, arrivals)], Stream(1.035, (1.12,)))
    assert (10, 10, 30, 40) == tuple(
        pytest.approx(found[name]) for name in ("quiet_ms", "quiet_longest_ms", "reading_ms", "longest_ms")
    )
    assert (40 / 30, 4, 0.085) == tuple(pytest.approx(found[name]) for name in ("over_reading", "over_quiet", "ttft_s"))
