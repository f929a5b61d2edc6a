"""The engine benchmark makes loadable models, times streams truly and keeps its label."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engine_client import Stream, figures
from benchmarks.engine_model import Size, model_file

TINY = Size("tiny", 1, 64, 1, 64, 512)


def test_the_same_seed_makes_the_same_file(tmp_path: Path):
    """Two makings of one size are equal byte for byte."""
    paths = [model_file(TINY, tmp_path / name) for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_bare_loop_decodes_such_a_file(tmp_path: Path):
    """A real llama_decode accepts the file and gives a rate."""
    command = [sys.executable, "-m", "benchmarks.engine_bare", str(model_file(TINY, tmp_path)), "2", "8", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert 512 == result["vocabulary"]
    assert result["tokens_per_s"] > 0


def test_figures_are_those_of_the_arrivals():
    """Throughput runs from the first request to the last token; gaps stay within a stream."""
    found = figures([Stream(0.0, (1.0, 1.5)), Stream(0.5, (1.5, 2.0))])
    assert (4, 2.0, 1000.0, 500.0) == (
        found.tokens,
        pytest.approx(found.tokens_per_s),
        pytest.approx(found.ttft_p50_ms),
        pytest.approx(found.gap_p50_ms),
    )
