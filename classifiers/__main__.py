"""`python -m classifiers train|evaluate`: make the shipped artifact again from the data files, and judge it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from classifiers.artifact import SHIPPED

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
Data = Annotated[Path, typer.Option(help="Folder with public/ and train/, the licensed per-prompt outcomes.")]
Out = Annotated[Path, typer.Option(help="Folder to write the artifact to.")]

DEFAULT_DATA = Path("../shared/data")


@app.command()
def train(data: Data = DEFAULT_DATA, out: Out = SHIPPED) -> None:
    """Fit both heads, measure them and write manifest, pipelines and arrays."""
    from classifiers import training  # noqa: PLC0415 (scikit-learn only where it is needed)

    columns = (
        SpinnerColumn(),
        *Progress.get_default_columns()[:3],
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not Console(stderr=True).is_terminal) as progress:
        bar = progress.add_task("training", total=training.STEPS, note="")
        manifest = training.train(data, out, lambda note: progress.update(bar, advance=1, note=note))
    Console().print(f"{manifest['artifact']} -> {out}")
    _print(manifest["scores"])


@app.command()
def evaluate(data: Data = DEFAULT_DATA) -> None:
    """Judge the settings that ship: APGR by RouteLLM's protocol in and out of domain, and the held-out prompts."""
    from classifiers.artifact import load  # noqa: PLC0415
    from classifiers.evaluation import hand_written_scores, tracks  # noqa: PLC0415
    from classifiers.examples import hand_written, load_examples  # noqa: PLC0415
    from classifiers.weighing import weigh  # noqa: PLC0415

    tested = [example for example in hand_written() if example.held_out]
    _print({"hand_written_test": hand_written_scores(load(), tested), **tracks(load_examples(data), weigh)})


def _print(scores: object) -> None:
    if not isinstance(scores, dict):
        raise TypeError("scores are not an object")
    console = Console()
    hand = scores["hand_written_test"]
    table = Table("set", "track", "APGR", "CPT50", "CPT80", title="RouteLLM's protocol (0.5 is a random router)")
    for name in (name for name in scores if name != "hand_written_test"):
        for track, found in scores[name].items():
            table.add_row(name, track.replace("_", " "), *(f"{found[key]:.3f}" for key in ("apgr", "cpt50", "cpt80")))
    console.print(table)
    for key, value in hand.items():
        console.print(f"{key.replace('_', ' ')}: {value}")


if __name__ == "__main__":
    app()
