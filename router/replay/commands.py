"""`shunt replay` and `shunt policy diff`: what another policy would have done, before it serves."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from router.errors import ConfigError

if TYPE_CHECKING:
    from router.config import Config
    from router.replay.rerun import Candidate

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HISTORY = ("happened", "candidate")


def replay(  # noqa: PLR0913, PLR0917 - an argument for each option
    policy: Annotated[Path, typer.Option(help="The candidate: a policy file.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="The policy file that has been in force, as for `shunt serve`."),
    ] = None,
    from_ledger: Annotated[bool, typer.Option("--from-ledger", help="Take the requests from the ledger.")] = False,
    log: Annotated[
        Path | None,
        typer.Option(help="Take them from JSON lines: what the ledger knows, and prompt (or messages) and headers."),
    ] = None,
    since: Annotated[
        str, typer.Option(help="With --from-ledger: a date (2026-01-31), an age (24h, 7d, 4w), or all.")
    ] = "1d",
    html: Annotated[Path | None, typer.Option(help="Write a page to this file too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a candidate policy would have done with past requests: mix, cost, saving; no model is called."""
    # Help must not wait for SQLAlchemy.
    from router import policy as policies  # noqa: PLC0415
    from router.ledger.commands import instant  # noqa: PLC0415
    from router.replay import page, views  # noqa: PLC0415
    from router.replay.pairing import against_history  # noqa: PLC0415
    from router.replay.past import from_ledger as recorded  # noqa: PLC0415
    from router.replay.past import from_log  # noqa: PLC0415
    from router.replay.summary import Summary  # noqa: PLC0415

    if from_ledger == (log is not None):
        raise ConfigError("give --from-ledger, or --log FILE")
    now = policies.load(config)
    candidate = _candidate(policies.load(policy), now)
    start = instant(since, time.time())
    requests = (
        recorded(now.state_dir, start, now.ledger) if log is None else from_log(log, candidate.config.default_policy)
    )
    found = Summary.of(against_history(candidate, requests))
    if html is not None:
        try:
            html.write_text(page.page(found, HISTORY))
        except OSError as error:
            raise ConfigError(f"{html}: {error.strerror}") from error
    if as_json:
        typer.echo(views.as_json(found, HISTORY))
    else:
        views.show(found, HISTORY, Console())


def diff(
    one: Annotated[Path, typer.Argument(help="A policy file.")],
    other: Annotated[Path, typer.Argument(help="Another one.")],
    on: Annotated[Path, typer.Option(help="JSON lines, as for `shunt replay --log`.")],
    limit: Annotated[int, typer.Option(min=1, help="How many of the requests that change are shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say which requests of a log two policy files would treat differently, with cost and mix; no model is called."""
    from router import policy as policies  # noqa: PLC0415
    from router.replay import views  # noqa: PLC0415
    from router.replay.pairing import side_by_side  # noqa: PLC0415
    from router.replay.past import from_log  # noqa: PLC0415
    from router.replay.summary import Summary  # noqa: PLC0415

    first, second = (_candidate(policies.load(path), None) for path in (one, other))
    found = Summary.of(side_by_side(first, second, from_log(on, first.config.default_policy)))
    names = (one.name, other.name) if one.name != other.name else (str(one), str(other))
    if as_json:
        typer.echo(views.as_json(found, names))
    else:
        views.show(found, names, Console(), limit)


def _candidate(config: "Config", in_force: "Config | None") -> "Candidate":
    from router.policy.artifact import load_classifier  # noqa: PLC0415
    from router.replay.rerun import Candidate  # noqa: PLC0415
    from router.replay.telling import History  # noqa: PLC0415

    return Candidate(config, load_classifier(config).judge, History(in_force))
