"""`shunt calibrate | train | evaluate`: the classifier on the user's own prompts."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import Progress

from router.errors import ConfigError

if TYPE_CHECKING:
    from classifiers.outcomes import Outcome
    from router.config import Config
    from router.quality.calibrate import Desk
    from router.quality.shadowed import Scored

ConfigPath = Annotated[Path | None, typer.Option("--config", "-c", help="The policy file, as for `shunt serve`.")]
Data = Annotated[
    Path | None,
    typer.Option(
        help="JSON lines: prompt (or messages), small and large (scores from 0 to 1); also task, language, costs."
    ),
]
FromLedger = Annotated[
    bool,
    typer.Option(
        "--from-ledger",
        help="Take answers and feedback from the ledger, and prompts where it captures them or --prompts.",
    ),
]
Prompts = Annotated[
    Path | None,
    typer.Option(help="JSON lines: request_id, prompt (or messages), rating from 0 to 1, where the ledger has none."),
]


FromShadow = Annotated[
    bool,
    typer.Option(
        "--from-shadow", help="Take the labels that `shadow` in the policy file has made; --prompts adds words."
    ),
]


def calibrate(  # noqa: PLR0913, PLR0917 - an argument for each option
    data: Data = None,
    from_ledger: FromLedger = False,
    from_shadow: FromShadow = False,
    prompts: Prompts = None,
    policy: Annotated[str, typer.Option(help="The policy whose rule is calibrated.")] = "auto",
    objective: Annotated[
        str | None, typer.Option(help="max_large_pct=25, min_quality=0.95 or max_usd_per_1k=0.40; default: the rule's.")
    ] = None,
    config: ConfigPath = None,
    second_stage: Annotated[
        bool,
        typer.Option("--second-stage", help="Calibrate the line of verify, from rows as `shunt train` takes them."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be locked, and write nothing.")] = False,
) -> None:
    """Find the threshold that meets an objective on labelled prompts, and write it to shunt.lock."""
    if second_stage:
        _calibrate_line(config, policy, objective, data, dry_run=dry_run)
        return
    # Help must not wait for scikit-learn.
    from router.quality.calibrate import calibrate_rule, calibrate_scored, objective_of, open_desk, write_lock  # noqa: PLC0415
    from router.quality.views import show_outlook  # noqa: PLC0415

    desk = open_desk(config, policy, os.environ)
    wanted = objective_of(desk, objective)
    if from_shadow:
        outlook, lock = calibrate_scored(desk, wanted, _scored(desk, data, from_ledger=from_ledger))
    else:
        rows, source = _rows(desk.config, desk.targets, Given(data, prompts, from_ledger))
        outlook, lock = calibrate_rule(desk, wanted, rows, source)
    _note_known(outlook.known)
    console = Console()
    show_outlook(outlook, console)
    written = "nothing was written" if dry_run else f"wrote {write_lock(desk.path, lock)}; review it with git diff"
    console.print(written, highlight=False, soft_wrap=True)


def _calibrate_line(
    config: Path | None, policy: str, objective: str | None, data: Path | None, *, dry_run: bool
) -> None:
    from classifiers.confidence.learning import read_answers  # noqa: PLC0415
    from router import policy as policies  # noqa: PLC0415
    from router.quality.calibrate import write_lock  # noqa: PLC0415
    from router.quality.line import calibrate_line, open_bureau  # noqa: PLC0415
    from router.quality.second_stage import FILE_NAME, stage_in_use  # noqa: PLC0415
    from router.quality.views import show_line  # noqa: PLC0415

    if data is None:
        raise ConfigError("give --data FILE: JSON lines with prompt, small, large, first, and whole and tokens")
    stage = stage_in_use(policies.load(config, locked=False).state_dir / FILE_NAME)
    bureau = open_bureau(config, policy, os.environ, stage)
    outlook, lock = calibrate_line(bureau, objective, read_answers(data))
    _note_known(outlook.known)
    console = Console()
    show_line(outlook, stage.name, console)
    written = "nothing was written" if dry_run else f"wrote {write_lock(bureau.path, lock)}; review it with git diff"
    console.print(written, highlight=False, soft_wrap=True)


def train(  # noqa: PLR0913, PLR0917 - an argument for each option
    data: Data = None,
    from_ledger: FromLedger = False,
    from_shadow: FromShadow = False,
    prompts: Prompts = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the artifact goes; default: `artifact` in the state folder.")
    ] = None,
    second_stage: Annotated[
        bool, typer.Option("--second-stage", help="Teach what to make of the small model's own confidence instead.")
    ] = False,
    config: ConfigPath = None,
) -> None:
    """Teach the classifier your own prompts; the artifact is replaced only by a better one."""
    if second_stage:
        from router.quality.second_stage import teach  # noqa: PLC0415

        teach(config, data, out)
        return
    from classifiers.adapting import STEPS, adapt  # noqa: PLC0415
    from classifiers.artifact import SHIPPED, ArtifactError  # noqa: PLC0415
    from classifiers.storing import StoreError, store  # noqa: PLC0415
    from router import policy  # noqa: PLC0415
    from router.quality.views import show_comparison  # noqa: PLC0415

    found = policy.load(config, locked=False)
    rows, _ = _rows(found, (found.tiers[0], found.tiers[-1]), Given(data, prompts, from_ledger, from_shadow))
    place = out or found.state_dir / "artifact"
    try:
        with _progress(STEPS) as step:
            adapted = adapt((found.artifact or SHIPPED).resolve(), rows, step)
        show_comparison(adapted.comparison, Console())
        if adapted.comparison.fault:
            raise ConfigError(f"not replaced: {adapted.comparison.fault}")
        place.parent.mkdir(parents=True, exist_ok=True)
        store(place, adapted.contents, adapted.manifest)
    except (ArtifactError, StoreError, OSError) as error:
        raise ConfigError(str(error)) from error
    name = adapted.manifest["artifact"]
    hint = "" if found.artifact == place else f"\nTo use it: `artifact: {place}` in the policy file, or SHUNT_ARTIFACT."
    Console().print(
        f"{name} -> {place}{hint}\nThen run `shunt calibrate` again.", highlight=False, markup=False, soft_wrap=True
    )


def evaluate(
    data: Data = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve to this PNG (needs matplotlib).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigPath = None,
) -> None:
    """Measure the classifier on labelled prompts: APGR, CPT, the curve, by task and by language, beside prompt length."""
    from classifiers.held_out import is_held_out  # noqa: PLC0415
    from classifiers.measuring import measure  # noqa: PLC0415
    from router import policy  # noqa: PLC0415
    from router.ledger.prices import Prices  # noqa: PLC0415
    from router.policy.artifact import load_classifier  # noqa: PLC0415
    from router.quality import views  # noqa: PLC0415
    from router.quality.costs import priced  # noqa: PLC0415
    from router.quality.curve import draw  # noqa: PLC0415

    found = policy.load(config, locked=False)
    rows, _ = _rows(found, (found.tiers[0], found.tiers[-1]), Given(data))
    classifier = load_classifier(found)
    fresh = [row for row in rows if is_held_out(row.prompt)] if classifier.is_taught else rows
    _note_known(len(rows) - len(fresh))
    if not fresh:
        raise ConfigError("no row is left to judge by: `shunt train` holds one prompt in four out, by its hash")
    rows = priced(fresh, Prices.load(found), found.tiers[0], found.tiers[-1])
    judged = [classifier.judge(row.prompt) for row in rows]
    report = measure(rows, [judgement.score for judgement in judged], [judgement.task for judgement in judged])
    if plot is not None:
        draw(report, plot)
    if as_json:
        typer.echo(views.as_json(report))
    else:
        views.show_report(report, Console())


@dataclass(frozen=True, slots=True)
class Given:
    """Where the command line says that labels come from."""

    data: Path | None
    prompts: Path | None = None
    from_ledger: bool = False
    from_shadow: bool = False


def _rows(
    config: "Config", targets: tuple[str, str], given: Given
) -> "tuple[list[Outcome], Literal['file', 'ledger', 'shadow']]":
    from classifiers.outcomes import read_outcomes  # noqa: PLC0415
    from router.quality.history import read_history  # noqa: PLC0415
    from router.quality.shadowed import read_shadow  # noqa: PLC0415

    if [given.data is not None, given.from_ledger, given.from_shadow].count(True) > 1:
        raise ConfigError("--data, --from-ledger and --from-shadow: keep one")
    if given.from_shadow:
        history = read_shadow(config.state_dir, given.prompts, targets)
        _note(f"{len(history.rows)} rows; {history.unknown} without words, {history.silent} of other models")
        return list(history.rows), "shadow"
    if given.from_ledger:
        history = read_history(config.state_dir, given.prompts, targets[0], config.ledger)
        _note(
            f"{len(history.rows)} rows; {history.unknown} not in the ledger, {history.silent} say nothing of {targets[0]}"
        )
        return list(history.rows), "ledger"
    if given.data is None:
        raise ConfigError("give --data FILE: JSON lines with prompt, small and large")
    return read_outcomes(given.data), "file"


def _scored(desk: "Desk", data: Path | None, *, from_ledger: bool) -> "list[Scored]":
    from router.quality.shadowed import read_scored  # noqa: PLC0415

    if data is not None or from_ledger:
        raise ConfigError("--data, --from-ledger and --from-shadow: keep one")
    return read_scored(desk)


def _note_known(rows: int) -> None:
    if rows:
        _note(f"{rows} rows are left out: what is judged may have learned from them")


def _note(text: str) -> None:
    Console(stderr=True).print(text, highlight=False, markup=False)


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[str], None]]:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("training", total=steps)
        yield lambda note: bar.update(task, advance=1, description=note)
