"""`shunt usage`, what was spent and saved, and `shunt ledger`, the records themselves."""

import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from router.errors import ConfigError
from router.ledger.form import Format
from router.ledger.grouping import By

ConfigPath = Annotated[Path | None, typer.Option("--config", "-c", help="The policy file, as for `shunt serve`.")]

ledger_app = typer.Typer(help="Export the records, and check that all counts agree.", no_args_is_help=True)
UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def usage(
    config: ConfigPath = None,
    by: Annotated[
        list[By] | None, typer.Option(help="Group by this; repeat it for more. Default: day and model.")
    ] = None,
    since: Annotated[str, typer.Option(help="A date (2026-01-31), an age (24h, 7d, 4w), or all.")] = "30d",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Show requests, tokens, cost and savings, by day and model unless told otherwise."""
    # Help must not wait for SQLAlchemy.
    from router import policy  # noqa: PLC0415
    from router.ledger import reports, views  # noqa: PLC0415

    found, start = policy.load(config), instant(since, time.time())
    report = reports.up_to_date(found.state_dir, by or [By.DAY, By.MODEL], start, found.ledger)
    if as_json:
        typer.echo(views.as_json(report))
    elif as_csv:
        typer.echo(views.as_csv(report), nl=False)
    else:
        views.show(report, Console())


def instant(text: str, now: float) -> float | None:
    """`text` as Unix seconds: a date or time (UTC unless it says otherwise), an age before `now`, or all (None).

    Raises:
        typer.BadParameter: it is none of these.
    """
    if text == "all":
        return None
    age = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if age:
        return now - int(age[1]) * UNITS_S[age[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a date (2026-01-31), an age (24h, 7d, 4w), or all", param_hint="--since") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


@ledger_app.command()
def export(
    config: ConfigPath = None,
    form: Annotated[Format, typer.Option("--format", help="JSON lines, CSV or Parquet.")] = Format.JSONL,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; default: standard output.")] = None,
    since: Annotated[str, typer.Option(help="A date (2026-01-31), an age (24h, 7d, 4w), or all.")] = "all",
) -> None:
    """Write every record, oldest first, with its id as request_id."""
    from router import policy  # noqa: PLC0415
    from router.ledger.export import export as write  # noqa: PLC0415

    found, start = policy.load(config), instant(since, time.time())
    try:
        if output is None:
            write(found, form, sys.stdout.buffer, start)
            sys.stdout.flush()
            return
        with output.open("wb") as file:
            count = write(found, form, file, start)
    except BrokenPipeError:
        raise  # whoever read it has had enough
    except OSError as error:
        raise ConfigError(f"{output or 'standard output'}: {error.strerror}") from error
    typer.echo(f"Wrote {count} records to {output}.")


@ledger_app.command()
def verify(
    config: ConfigPath = None,
    url: Annotated[str | None, typer.Option(help="Its address, if it is not where the policy file says.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="SHUNT_API_KEY", help="A key; default: the first of the policy file.")
    ] = None,
) -> None:
    """Check that journals, store and the metrics of the running server agree; status 1 when they do not."""
    from router import policy  # noqa: PLC0415
    from router.ledger import verify as checks  # noqa: PLC0415
    from router.ledger.scrape import scraper  # noqa: PLC0415
    from router.watching.place import metrics_at, place  # noqa: PLC0415

    found = policy.load(config)
    results = checks.verify_store(found)
    scrape = scraper(*((metrics_at(url), key) if url else place(found, key)))
    if scrape is None:
        typer.echo("-      no server answers, so that no metrics were compared")
    else:
        results += checks.verify_metrics(found, scrape)
    for check in results:
        typer.echo(
            f"{'wrong' if check.problem else 'ok':6} {check.what}{(check.problem and f': {check.problem}') or ''}"
        )
    if any(check.problem for check in results):
        raise typer.Exit(1)
