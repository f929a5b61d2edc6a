"""What a request may ask for itself: `x-shunt-route`, `x-shunt-max-usd`, `x-shunt-zone`. Pure.

A target of its own choice is still subject to every guard; the other two only ever take targets away.
"""

import math
from dataclasses import dataclass

from router.caller import OptOut
from router.condition import HeaderIs
from router.config import Config, ModelConfig, Policy
from router.errors import BadRequest, Forbidden
from router.policy.conditions import parts_of
from router.policy.decision import Facts
from router.policy.session import price_of

ROUTE, MAX_USD, ZONE = "x-shunt-route", "x-shunt-max-usd", "x-shunt-zone"
EXPECTED_COMPLETION_TOKENS = 256
"""Tokens of an answer whose length the client does not limit, where its price is estimated."""

_NAMES: dict[str, OptOut] = {ROUTE: "route", MAX_USD: "max_usd", ZONE: "zone"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the request allows: one zone, and a price in USD; None is no limit."""

    zone: str | None = None
    max_usd: float | None = None


NO_LIMITS = Limits()


def limits_of(facts: Facts) -> Limits:
    """What the request's own headers allow.

    Raises:
        Forbidden: this caller may not send such a header.
        BadRequest: the price is no price.
    """
    for header, opt_out in _NAMES.items():
        if header in facts.headers and opt_out not in facts.caller.may:
            raise Forbidden(f"This key may not use the header {header}.")
    written = facts.headers.get(MAX_USD)
    return Limits(facts.headers.get(ZONE), None if written is None else _usd(written))


def route_of(policy: Policy, reached: tuple[str, ...], facts: Facts) -> str | None:
    """The target that the request asks for, unless the policy's own rules say what the header means.

    Raises:
        BadRequest: the policy cannot use any such target.
    """
    asked = facts.headers.get(ROUTE)
    if asked is None or _has_own_rules(policy):
        return None
    if asked not in reached:
        raise BadRequest(f"The header {ROUTE} must name one of {', '.join(reached)}.", param=ROUTE)
    return asked


def too_dear(config: Config, model: ModelConfig, facts: Facts, max_usd: float) -> str | None:
    """Why the request would cost more than `max_usd` there, or None. An unknown price is no promise."""
    price = price_of(config, model.name, facts)
    if price.input_usd is None or price.output_usd is None:
        return "has no known price"
    tokens = facts.exact_tokens.get(model.name, facts.prompt_tokens)
    answer = EXPECTED_COMPLETION_TOKENS if facts.max_tokens is None else facts.max_tokens
    cost = tokens * price.input_usd + answer * price.output_usd
    return f"is expected to cost ${cost:.6f}" if cost > max_usd else None


def _usd(written: str) -> float:
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise BadRequest(f"The header {MAX_USD} must be an amount in US dollars.", param=MAX_USD)
    return value


def _has_own_rules(policy: Policy) -> bool:
    return any(
        isinstance(part, HeaderIs) and part.name == ROUTE for rule in policy.select for part in parts_of(rule.when)
    )
