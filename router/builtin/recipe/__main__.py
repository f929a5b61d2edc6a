"""`python -m router.builtin.recipe`: train and export; `measure`: accuracy of a GGUF file on held-out text."""

import argparse
import logging
from pathlib import Path


def main() -> None:
    """Read the command line and do the one thing it asks for."""
    parser = argparse.ArgumentParser(prog="python -m router.builtin.recipe", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/builtin"), help="checkpoints and the vocabulary")
    parser.add_argument("--out", type=Path, default=Path("build/builtin/small.gguf"), help="the GGUF file to write")
    parser.add_argument("--steady-steps", type=int, default=4600)
    parser.add_argument("--falling-steps", type=int, default=3200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--export-only", action="store_true", help="export the weights an earlier run left in --work")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    _make(options)


def _make(options: argparse.Namespace) -> None:
    # Only the recipe needs PyTorch and gguf: the package must import without them.
    from router.builtin.recipe import export, train  # noqa: PLC0415
    from router.builtin.recipe.model import Shape  # noqa: PLC0415

    shape = Shape()
    plan = train.Plan(
        seed=options.seed,
        steady_steps=options.steady_steps,
        falling_steps=options.falling_steps,
        threads=options.threads,
    )
    model, words = train.load(shape, options.work) if options.export_only else train.run(plan, shape, options.work)
    export.write(model, words, options.out)


if __name__ == "__main__":
    main()
