"""What the caller's key allows: which names it may ask for, and which targets may answer it. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from router.caller import Caller
from router.config import Config, Policy
from router.errors import NotForThisKey
from router.policy.decision import Bar, Facts
from router.policy.routes import resolve_model


class Entitled(Protocol):
    """Who asks, and how much of the budget is used."""

    @property
    def caller(self) -> Caller:
        """Who asks."""

    def used_pct(self) -> float | None:
        """How much of the tightest budget is used, in percent; None without one."""


def may_ask(config: Config, name: str, caller: Caller) -> bool:
    """Whether the key may ask for `name`. One that is bound to policies asks for models only if it is bound to them too.

    Raises:
        ModelNotFound: nothing is called that.
    """
    asked = resolve_model(config, name)
    if isinstance(asked, Policy):
        return caller.policies is None or asked.name in caller.policies
    return caller.policies is None if caller.models is None else asked.name in caller.models


def seen_by(config: Config, entitled: Entitled, facts: Facts) -> Facts:
    """The facts with what is known of the caller.

    Raises:
        ModelNotFound: nothing has the name that is asked for.
        NotForThisKey: the key may not ask for it.
    """
    caller = entitled.caller
    if not may_ask(config, facts.model, caller):
        raise NotForThisKey("This key may not ask for that model; GET /v1/models lists what it may.", param="model")
    return replace(facts, caller=caller, barred=_barred(config, caller), budget_used_pct=entitled.used_pct())


def _barred(config: Config, caller: Caller) -> Mapping[str, Bar]:
    if caller.models is None:
        return {}
    return {name: Bar("key", "the key may not have it") for name in config.models if name not in caller.models}
