"""`shunt keys`: who may call, and how much."""

import json
import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from router.keys import views
from router.keys.book import Book, Wish
from router.keys.expiry import moment_of
from router.limit import Limit, OnExceed

app = typer.Typer(
    help="Make, list, rotate and revoke the keys that callers send; a running server knows of it within a second.",
    no_args_is_help=True,
)

ConfigPath = Annotated[Path | None, typer.Option("--config", "-c", help="The policy file, as for `shunt serve`.")]
Name = Annotated[str, typer.Argument(help="The key's name or id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
notes = Console(stderr=True)


class Refusable(StrEnum):
    """The request headers that a key can be refused."""

    ROUTE = "route"
    MAX_USD = "max_usd"
    ZONE = "zone"


@app.command()
def create(  # noqa: PLR0913, PLR0917 - an argument for each option
    name: Annotated[str, typer.Argument(help="A name for it, in reports and in the ledger.")],
    config: ConfigPath = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag, such as a team; repeat it for more.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model that may answer; default: all.")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="A policy that may be asked for; default: all.")] = None,
    refuse: Annotated[
        list[Refusable] | None, typer.Option(help="A request header that it may not send: x-shunt-route, and so on.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="A date (2027-01-31) or a time from now (12h, 90d, 4w).")] = None,
    requests_per_minute: Annotated[float | None, typer.Option(min=0.001)] = None,
    tokens_per_minute: Annotated[float | None, typer.Option(min=1)] = None,
    concurrent: Annotated[int | None, typer.Option(min=1, help="Requests at one time.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens of one answer.")] = None,
    usd_per_day: Annotated[float | None, typer.Option(min=0, help="Days are days of UTC.")] = None,
    usd_per_month: Annotated[float | None, typer.Option(min=0)] = None,
    on_exceed: Annotated[OnExceed, typer.Option(help="What happens when the money is used up.")] = "reject",
) -> None:
    """Make a key. Its secret is printed this once, alone on standard output."""
    limit = Limit(
        id=name,
        key=name,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        concurrent=concurrent,
        max_tokens=max_tokens,
        usd_per_day=usd_per_day,
        usd_per_month=usd_per_month,
        on_exceed=on_exceed,
    )
    now = time.time()
    wish = Wish(
        name=name,
        tags=tuple(sorted(set(tag or ()))),
        models=tuple(model) if model else None,
        policies=tuple(policy) if policy else None,
        refused=tuple(one.value for one in refuse or ()),
        expires_at=None if expires is None else moment_of(expires, now),
        limit=None if replace(limit, on_exceed="reject") == Limit(id=name, key=name) else limit,
    )
    _tell(Book.of(config).create(wish, now), f"Key {name} was made")


@app.command("list")
def list_keys(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """List every key; none of their secrets is kept."""
    keys, now = Book.of(config).keys(), time.time()
    if as_json:
        typer.echo(json.dumps([views.as_object(key, now) for key in keys], indent=2))
    else:
        views.show_all(keys, now, Console())


@app.command()
def show(name: Name, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Show what one key may do."""
    key, now = Book.of(config).find(name), time.time()
    if as_json:
        typer.echo(json.dumps(views.as_object(key, now), indent=2))
    else:
        views.show_one(key, now, Console())


@app.command()
def rotate(
    name: Name,
    config: ConfigPath = None,
    grace: Annotated[
        str | None, typer.Option(help="How long the old secret still opens (10m, 24h, 7d); default: not at all.")
    ] = None,
) -> None:
    """Give a key a new secret; everything else about it stays."""
    until = None if grace is None else moment_of(grace, time.time())
    _tell(Book.of(config).rotate(name, until), f"Key {name} has a new secret")


@app.command()
def revoke(name: Name, config: ConfigPath = None) -> None:
    """End a key at once. It stays in the list, since the ledger still names it."""
    Book.of(config).revoke(name, time.time())
    notes.print(f"Key {name} opens no more.", highlight=False, markup=False)


def _tell(secret: str, what: str) -> None:
    notes.print(f"{what}. This is the only time that its secret is shown:", highlight=False, markup=False)
    typer.echo(secret)
