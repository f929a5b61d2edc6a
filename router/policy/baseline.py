"""The model that an answer's cost is compared with. Pure."""

from router.config import Config
from router.policy.decision import Decision, Facts
from router.policy.routes import reach

PASSING = frozenset({"down", "shut", "loading", "unloaded"})


def largest_allowed(config: Config, decision: Decision, facts: Facts, served: str) -> str:
    """The highest tier that the policy could have sent this request to, had it only been up and within the budget.

    One that a guard or the caller's key bars is no alternative, and one that nobody has configured neither.
    """
    policy = config.policies.get(decision.policy)
    reachable = config.tiers if policy is None else reach(policy)
    out = {one.target for one in decision.refusals if one.guard not in PASSING and not one.guard.startswith("budget.")}
    out |= {name for name, bar in facts.barred.items() if bar.by == "key"}
    out |= {name for name, model in config.models.items() if model.missing is not None}
    allowed = [tier for tier in config.tiers if tier in reachable and tier not in out]
    return allowed[-1] if allowed else served
