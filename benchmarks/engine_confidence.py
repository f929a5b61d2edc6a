"""What it costs to read the model's confidence from its logits, as a share of the decode step that made them."""

import argparse
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.engine_loop import Loop
from benchmarks.engine_model import SIZES, model_file
from router.engine.confidence import Reader, Tally

WIDTHS = (1, 4, 8, 16)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--steps", type=int, default=40, help="decode steps at each width (default 40)")


def run(options: argparse.Namespace) -> dict[str, object]:
    """Both times of each step, one right after the other, with the vocabulary of 151,936 tokens."""
    return {"model": SIZES[1].name, "widths": [_width(width, options.steps) for width in WIDTHS]}


def lines(result: Mapping[str, Any]) -> list[str]:
    """A Markdown table."""
    rows = ["| rows in a step | decode, ms | confidence, ms | share |", "| --: | --: | --: | --: |"]
    for row in result["widths"]:
        share = f"{100 * row['share']:.2f} %"
        rows.append(f"| {row['width']} | {row['decode_ms']:.2f} | {row['confidence_ms']:.3f} | {share} |")
    return rows


def _width(width: int, steps: int) -> dict[str, float]:
    loop = Loop(model_file(SIZES[1]), width)
    reader, tally = Reader(loop.model.vocab_size), Tally()
    decode_s, read_s = [], []
    for _ in range(steps):
        began = time.perf_counter()
        rows = loop.step()
        decoded = time.perf_counter()
        for row in rows:
            reading = reader.read(row)
            tally.add(float(row[reading.best]) - reading.log_sum, reading)
        read_s.append(time.perf_counter() - decoded)
        decode_s.append(decoded - began)
    # A step and its reading see the same neighbours, so their ratio is what counts.
    shares = [read / decode for read, decode in zip(read_s, decode_s, strict=True)]
    return {
        "width": width,
        "vocabulary": loop.model.vocab_size,
        "decode_ms": 1e3 * median(decode_s),
        "confidence_ms": 1e3 * median(read_s),
        "share": median(shares),
    }
