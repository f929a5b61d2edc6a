"""`python -m benchmarks NAME [--json FILE] [options]`: run one benchmark, keep its figures and draw them."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from benchmarks import machine, results

# Imported only when asked for, so that one benchmark does not need what another does. A module has `run() -> dict`;
# or `add_options(parser)` and `run(options) -> dict`; and, if it likes, `lines(result)` and `plot(record, path)`.
TABLE = {
    "cascade": (
        "benchmarks.cascade",
        "the second stage on public answers: APGR and cost, confidence and prompt together",
    ),
    "classifier": ("benchmarks.classifier", "CPU of one judgement by kind of prompt, and the cost of loading"),
    "confidence": ("benchmarks.engine_confidence", "reading confidence from the logits, as a share of decoding"),
    "decision": ("benchmarks.decision", "CPU of one decision with every condition in use and 30 rules"),
    "engine": (
        "benchmarks.engine",
        "the local engine: tokens/s and TTFT against llama-cpp-python's server and a bare loop",
    ),
    "interference": ("benchmarks.engine_interference", "what running streams feel of a long prompt that arrives"),
    "ledger": ("benchmarks.ledger", "CPU of journal, metrics and log for each request, and records/s into the store"),
    "overhead": ("benchmarks.overhead", "what the router adds: latency, requests/s, CPU and memory, against a mock"),
    "quality": (
        "benchmarks.quality",
        "routing quality on public sets and hand-written prompts, perturbations, latency",
    ),
    "replay": (
        "benchmarks.replay",
        "deciding 100,000 past requests anew: from the ledger, and from a log with their words",
    ),
    "start": ("benchmarks.start", "time until /readyz answers 200 with a model on disk, and memory"),
    "threads": (
        "benchmarks.engine_threads",
        "tokens/s by number of threads and way of waiting, beside busy neighbours",
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Run what `arguments` ask for; 0, 1 when it could not be carried out, 2 when it was asked for wrongly."""
    chosen = _chooser().parse_args(arguments[:1]).name
    module = import_module(TABLE[chosen][0])
    options = _parser(chosen, module).parse_args(arguments[1:])
    where = machine.describe()
    try:
        result = module.run(options) if hasattr(module, "add_options") else module.run()
    except RuntimeError as error:
        print(f"{chosen}: {error}", file=sys.stderr)
        return 1
    target: Path = options.json or results.FOLDER / f"{chosen}.json"
    in_force = {name: value for name, value in vars(options).items() if name != "json"}
    record = results.report(arguments, where, in_force, result)
    results.save(record, target)
    _show(module, record, target)
    return 0


def _chooser() -> argparse.ArgumentParser:
    names = "\n".join(f"  {name:12} {summary}" for name, (_, summary) in TABLE.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        usage="%(prog)s NAME [--json FILE] [options]",
        description=f"Benchmarks:\n{names}\n\n`python -m benchmarks NAME --help` shows the options of one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=TABLE, metavar="NAME", help="which one to run")
    return parser


def _parser(name: str, module: ModuleType) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=module.__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"default: benchmarks/results/{name}.json")
    if hasattr(module, "add_options"):
        module.add_options(parser)
    return parser


def _show(module: ModuleType, record: dict[str, object], target: Path) -> None:
    if hasattr(module, "lines"):
        print("\n".join(module.lines(record["result"])))
    if hasattr(module, "plot"):
        module.plot(record, target.with_suffix(".png"))
    print(f"Wrote {target}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
