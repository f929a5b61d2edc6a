"""Keys as a table, as lines and as JSON; never a secret, and no digest either."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.keys.key import Key
from router.limit import Limit

PLAIN_WIDTH = 240  # a pipe has no width of its own, and a line of a table must not be broken there
BOUNDS = tuple(field.name for field in fields(Limit) if field.name not in {"id", "key", "tag"})
STYLES = {"active": "green", "expired": "yellow", "revoked": "red"}


def as_object(key: Key, now: float) -> dict[str, object]:
    """One key for a program; times in ISO 8601."""
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(now),
        "tags": list(key.tags),
        "models": key.models,
        "policies": key.policies,
        "refused": list(key.refused),
        "limits": {name: getattr(key.limit, name) for name in BOUNDS} if key.limit else None,
        "created_at": _iso(key.created_at),
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
    }


def show_all(keys: Sequence[Key], now: float, console: Console) -> None:
    """The table of all keys."""
    if not keys:
        console.print("No keys: only this machine may connect. `shunt keys create NAME` makes one.", highlight=False)
        return
    if not console.is_terminal:
        console = Console(file=console.file, width=PLAIN_WIDTH)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in ("name", "id", "state", "tags", "made", "expires", "limits"):
        table.add_column(column)
    for key in keys:
        state = key.state(now)
        cells = (key.name, key.id, f"[{STYLES[state]}]{state}[/]", ", ".join(key.tags) or "-")
        table.add_row(*cells, _day(key.created_at), _day(key.expires_at), escape("; ".join(_bounds(key.limit)) or "-"))
    console.print(table)


def show_one(key: Key, now: float, console: Console) -> None:
    """One key, a line for each thing that there is to say."""
    said = {
        "name": key.name,
        "id": key.id,
        "state": key.state(now),
        "tags": ", ".join(key.tags) or "none",
        "models": "all" if key.models is None else ", ".join(key.models),
        "policies": "all" if key.policies is None else ", ".join(key.policies),
        "refused": ", ".join(f"x-shunt-{name.replace('_', '-')}" for name in key.refused) or "nothing",
        "limits": "; ".join(_bounds(key.limit)) or "none of its own",
        "made": _iso(key.created_at),
        "expires": _iso(key.expires_at) or "never",
        "revoked": _iso(key.revoked_at) or "no",
    }
    for name, value in said.items():
        console.print(f"{name:10} {value}", highlight=False, markup=False, soft_wrap=True)


def _bounds(limit: Limit | None) -> Iterable[str]:
    if limit is None:
        return
    for name in BOUNDS:
        value = getattr(limit, name)
        if value is not None and (name != "on_exceed" or limit.is_of_money):
            yield f"{name} {value}"


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(at: float | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
