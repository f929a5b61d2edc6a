"""Who asks, as far as a decision cares: the name and tags of the key, what it may ask for, and who may answer it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

OptOut: TypeAlias = Literal["route", "max_usd", "zone"]
EVERY_OPT_OUT: frozenset[OptOut] = frozenset({"route", "max_usd", "zone"})


@dataclass(frozen=True, slots=True)
class Caller:
    """`may` names the request headers that count: `x-shunt-route`, `x-shunt-max-usd`, `x-shunt-zone`.

    `key` is the name of the key, None where anybody may call. `models` are those that may answer and `policies` those that
    may be asked for; None is all of them.
    """

    tags: frozenset[str] = frozenset()
    may: frozenset[OptOut] = EVERY_OPT_OUT
    key: str | None = None
    models: frozenset[str] | None = None
    policies: frozenset[str] | None = None


ANYONE = Caller()
