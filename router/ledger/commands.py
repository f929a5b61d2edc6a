"""`shunt usage`: what was spent and saved."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from router.ledger.grouping import By

UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def usage(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The policy file, as for `shunt serve`.")
    ] = None,
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

    report = reports.up_to_date(policy.load(config).state_dir, by or [By.DAY, By.MODEL], instant(since, time.time()))
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
