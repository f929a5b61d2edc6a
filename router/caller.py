"""Who asks, as far as a decision cares: the tags of the key, and what its requests may ask for themselves."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

OptOut: TypeAlias = Literal["route", "max_usd", "zone"]
EVERY_OPT_OUT: frozenset[OptOut] = frozenset({"route", "max_usd", "zone"})


@dataclass(frozen=True, slots=True)
class Caller:
    """`may` names the request headers that count: `x-shunt-route`, `x-shunt-max-usd`, `x-shunt-zone`."""

    tags: frozenset[str] = frozenset()
    may: frozenset[OptOut] = EVERY_OPT_OUT


ANYONE = Caller()
