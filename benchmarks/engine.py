"""The local engine through HTTP against llama-cpp-python's server and a bare loop. Random weights: speed only."""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import harmonic_mean, median
from typing import Any

from benchmarks.engine_client import Figures, ask, ask_all
from benchmarks.engine_model import SIZES, Size, model_file
from benchmarks.engine_servers import serve_engine, serve_peer
from benchmarks.servers import Server

LABEL = "random weights: speed only"
WIDTHS = (1, 4, 8, 16, 32)
TOKENS_IN, TOKENS_OUT = 128, 64
TEMPLATE_TOKENS = 34  # what the chat template adds to one message, a token a byte except its three controls
HISTORY, CONVERSATIONS, TURNS, LONG = 800, 8, 6, 2000
SHOWN = ("ttft_p50_ms", "gap_p50_ms", "gap_p99_ms")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--rounds", type=int, default=3, help="how often each width is measured (default 3)")
    parser.add_argument("--model", choices=[size.name for size in SIZES], help="one of the two only (default: both)")
    parser.add_argument(
        "--widths", type=int, nargs="+", default=WIDTHS, help="requests at a time (default 1 4 8 16 32)"
    )
    parser.add_argument("--no-conversations", action="store_true", help="the widths and the second turn only")


def run(options: argparse.Namespace) -> dict[str, object]:
    """Measure every arm in interleaved rounds.

    Raises:
        RuntimeError: a server of ours did not start, or a request failed.
    """
    before = os.getloadavg()[0]
    models = [_measure(size, options) for size in SIZES if options.model in {None, size.name}]
    return {
        "label": LABEL,
        "note": "One round's ratios count; absolute figures move with the machine's load.",
        "load_average": {"before": before, "after": os.getloadavg()[0]},
        "models": models,
    }


def lines(result: Mapping[str, Any]) -> list[str]:
    """A Markdown table of the widths."""
    rows = [f"{result['label']}; load average {result['load_average']['before']:.1f} before", ""]
    rows += [
        "| model | width | arm | tokens/s | TTFT p50, ms | gap p50 / p99, ms |",
        "| --- | --: | --- | " + "--: | " * 3,
    ]
    tail = []
    for model in result["models"]:
        for width in model["widths"]:
            rows += [_row(model["model"], width["width"], arm, figures) for arm, figures in width["arms"].items()]
            tail.append(f"{model['model']}, {width['width']} at a time, ratios of the rounds: {width['ratios']}")
        tail += [
            f"{model['model']}, {what}: {model[what]}" for what in ("second_turn", "conversations_s") if what in model
        ]
    return [*rows, "", *tail]


def _row(model: str, width: int, arm: str, figures: Mapping[str, float]) -> str:
    ttft, gap, late = (f"{figures[name]:.1f}" if name in figures else "-" for name in SHOWN)
    return f"| {model} | {width} | {arm} | {figures['tokens_per_s']:.0f} | {ttft} | {gap} / {late} |"


def plot(record: Mapping[str, Any], path: Path) -> None:
    """Draw tokens/s and TTFT over concurrency as one PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only a picture needs

    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = dict(zip(("tokens_per_s", "ttft_p50_ms"), figure.subplots(1, 2), strict=True))
    for model in record["result"]["models"]:
        for field, axis in axes.items():
            axis.set(xlabel="concurrent requests", ylabel=field)
            for arm in ("router", "llama_cpp.server", "bare"):
                points = [(w["width"], w["arms"].get(arm, {}).get(field)) for w in model["widths"]]
                known = [point for point in points if point[1] is not None]
                if known:
                    axis.plot(*zip(*known, strict=True), marker="o", label=f"{arm}, {model['model']}")
            axis.legend(fontsize=8)
    figure.suptitle(f"{LABEL}; one engine thread, {record['machine']['cpu']}, {record['date'][:10]}")
    figure.savefig(path, dpi=110)


def _measure(size: Size, options: argparse.Namespace) -> dict[str, object]:
    model = model_file(size)
    with tempfile.TemporaryDirectory(prefix="shunt-engine-") as name, ExitStack() as stack:
        servers = {"router": stack.enter_context(serve_engine(model, Path(name)))}
        note = "measured"
        try:
            servers["llama_cpp.server"] = stack.enter_context(serve_peer(model, Path(name)))
        except RuntimeError as error:
            note = f"left out: {error}"
        for server in servers.values():  # the first request loads the model
            ask(server.port, _body([_user(TOKENS_IN, -1)], 4))
        widths = [_width(width, servers, model, options.rounds) for width in options.widths]
        found: dict[str, object] = {"model": size.name, "peer": note, "widths": widths}
        found["second_turn"] = {arm: _second_turn(server) for arm, server in servers.items()}
        if not options.no_conversations:
            found["conversations_s"] = {arm: _conversations(server) for arm, server in servers.items()}
        return found


def _width(width: int, servers: Mapping[str, Server], model: Path, rounds: int) -> dict[str, object]:
    played = [_round(width, number, servers, model) for number in range(rounds)]
    arms = {arm: {f: median(r[arm][f] for r in played) for f in played[0][arm]} for arm in played[0]}
    others = [arm for arm in played[0] if arm != "router"]
    ratios = {arm: [round(r["router"]["tokens_per_s"] / r[arm]["tokens_per_s"], 3) for r in played] for arm in others}
    print(f"{width} at a time, the router against: {ratios}", file=sys.stderr)
    return {"width": width, "arms": arms, "ratios": ratios, "rounds": played}


def _round(width: int, number: int, servers: Mapping[str, Server], model: Path) -> dict[str, dict[str, float]]:
    """One measurement of each arm; the limit is measured before and after the router, as the machine's pace drifts."""
    bodies = [_body([_user(TOKENS_IN, 1000 * number + 100 * width + row)], TOKENS_OUT) for row in range(width)]
    found, limits = {}, []
    for arm, server in reversed(tuple(servers.items())):
        if arm == "router":
            limits.append(_bare(model, width))
        found[arm] = _checked(ask_all(server.port, bodies), width)
    limits.append(_bare(model, width))
    return {**found, "bare": {"tokens_per_s": harmonic_mean(limits)}}


def _bare(model: Path, width: int) -> float:
    command = [sys.executable, "-m", "benchmarks.engine_bare", str(model), *map(str, (width, TOKENS_IN, TOKENS_OUT))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the bare loop failed: {done.stderr[-300:]}")
    return float(json.loads(done.stdout)["tokens_per_s"])


def _checked(figures: Figures, width: int) -> dict[str, float]:
    """A piece is a token only while every token came in a piece of its own (or was half a character: rare here)."""
    if not 0.9 * width * TOKENS_OUT <= figures.tokens <= width * (TOKENS_OUT + 1):
        raise RuntimeError(f"{figures.tokens} pieces for {width * TOKENS_OUT} tokens")
    return asdict(figures)


def _conversations(server: Server) -> float:
    """Seconds for all turns of all conversations, one conversation after the other in each turn."""
    spent, histories = 0.0, [[_user(HISTORY, 50_000 + row)] for row in range(CONVERSATIONS)]
    for turn in range(TURNS):
        for row, history in enumerate(histories):
            stream = ask(server.port, _body(history, 16))
            spent += stream.arrivals[-1] - stream.sent
            history += [_answer(), _user(60, 60_000 + 100 * turn + row)]
    return spent


def _second_turn(server: Server) -> dict[str, float]:
    first = [_user(LONG, 70_000)]
    streams = [ask(server.port, _body(turns, 16)) for turns in (first, [*first, _answer(), _user(60, 70_001)])]
    ttft = [1e3 * (stream.arrivals[0] - stream.sent) for stream in streams]
    return {"first_ms": ttft[0], "second_ms": ttft[1], "ratio": ttft[0] / ttft[1]}


def _answer() -> dict[str, str]:
    return {"role": "assistant", "content": "Yes, that is so."}


def _user(tokens: int, seed: int) -> dict[str, str]:
    letters = random.Random(seed).choices("abcdefgijklmnopqrsuvwxyz ", k=tokens - TEMPLATE_TOKENS)
    return {"role": "user", "content": "".join(letters)}


def _body(messages: list[dict[str, str]], tokens: int) -> dict[str, object]:
    settings = {"temperature": 0, "max_tokens": tokens, "ignore_eos": True, "stream": True}
    return {"model": "small", "messages": list(messages), **settings}
