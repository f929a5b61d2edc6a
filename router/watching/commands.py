"""`shunt tail` and `shunt top`. What they need is imported when they run: help must not wait for it."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

POLL_S = 0.2


def tail(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The policy file, as for `shunt serve`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each record as JSON.")] = False,
) -> None:
    """Print each request as it ends: who answered, why, how long it took, what it cost."""
    import msgspec  # noqa: PLC0415

    from router import policy  # noqa: PLC0415
    from router.ledger.journal import JOURNAL_FOLDER  # noqa: PLC0415
    from router.telemetry.lines import spoken  # noqa: PLC0415
    from router.watching.follower import Follower  # noqa: PLC0415

    follower = Follower(policy.load(config).state_dir / JOURNAL_FOLDER)
    typer.echo("waiting for requests; Ctrl-C ends", err=True)
    try:
        while True:
            for record in follower.poll():
                typer.echo(msgspec.json.encode(record) if as_json else spoken(record))
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        raise typer.Exit from None
    finally:
        follower.close()


def top(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The policy file, as for `shunt serve`.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Its address, if it is not where the policy file says.")] = None,
    interval: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print one table and end.")] = False,
    key: Annotated[
        str | None, typer.Option(envvar="SHUNT_API_KEY", help="A key; default: the first of the policy file.")
    ] = None,
) -> None:
    """Show requests, split, latency, queues, savings and health of a running router."""
    from router import policy  # noqa: PLC0415
    from router.watching import screen  # noqa: PLC0415
    from router.watching.place import metrics_at, place  # noqa: PLC0415
    from router.watching.scrape import Scrape, scrape  # noqa: PLC0415

    address, key = (metrics_at(url), key) if url else place(policy.load(config), key)

    def look() -> Scrape:
        return scrape(address, time.monotonic(), key)

    try:
        (screen.once if once else screen.watch)(look, Console(), interval)
    except KeyboardInterrupt:
        raise typer.Exit from None
