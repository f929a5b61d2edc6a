"""Rules that can never match, lists that some request falls through, targets that nothing can reach."""

from collections.abc import Sequence

from router.condition import Always, Condition
from router.config import Config, Policy, Rule
from router.errors import ModelNotFound
from router.policy.conditions import outcomes
from router.policy.implication import implies
from router.policy.problem import Place, Problems, did_you_mean, shown
from router.policy.routes import ASKED, reach, resolve_model, shadow_hops


def check_reach(config: Config, problems: Problems) -> None:
    """Note every rule, guard, tier and test that leads nowhere; `config` must have passed `check_names`."""
    for policy in config.policies.values():
        _check_order(policy, problems)
        _check_spill(policy, problems)
        _check_guarded(config, policy, problems)
        _check_shadow(policy, problems)
    for index, guard in enumerate(config.guards):
        if not _can_hold(guard.when, judged=True):
            problems.note(("guards", index, "when"), f"guard {shown(guard.id)} can never hold")
    reached = {name for policy in config.policies.values() for name in reach(policy)}
    for index, name in enumerate(config.tiers):
        if name not in reached:
            problems.note(("tiers", index), f"no rule of any policy can ever reach tier {shown(name)}")
    _check_tests(config, problems)


def _check_order(policy: Policy, problems: Problems) -> None:
    place: Place = ("policies", policy.name, "select")
    for index, rule in enumerate(policy.select):
        fault = _never(rule, policy.select[:index])
        if fault:
            problems.note((*place, index), f"rule {shown(rule.id)} can never match: {fault}")
    if not any(rule.when == Always() for rule in policy.select):
        message = f"policy {shown(policy.name)} leaves some requests without a target: end with {{id: …, target: …}}"
        problems.note((*place, len(policy.select) - 1), message)


def _never(rule: Rule, earlier: Sequence[Rule]) -> str | None:
    """Why no request gets to the rule, or None. A score rule takes every request that has a score, and no other."""
    for other in earlier:
        if other.threshold is None and implies(rule.when, other.when):
            return f"rule {shown(other.id)} above it takes every such request"
        if other.threshold is not None and implies(rule.when, other.when):
            is_idle = rule.threshold is not None or not _can_hold(rule.when, judged=False)
            if is_idle:
                return f"rule {shown(other.id)} above it takes every request that has a score"
    return None if _can_hold(rule.when, judged=True) else "its condition holds for no request"


def _check_spill(policy: Policy, problems: Problems) -> None:
    if policy.spill is not None and policy.spill.source not in reach(policy):
        message = f"no rule of policy {shown(policy.name)} ever sends a request to {shown(policy.spill.source)}"
        problems.note(("policies", policy.name, "spill", "from"), message)


def _check_shadow(policy: Policy, problems: Problems) -> None:
    reached = reach(policy)
    if policy.shadow is not None and len(reached) == 1 and reached == policy.shadow.targets:
        message = f"policy {shown(policy.name)} has no other model than {shown(reached[0])} to compare it with"
        problems.note(("policies", policy.name, "shadow", "target"), message)


def _check_guarded(config: Config, policy: Policy, problems: Problems) -> None:
    for guard in config.guards:
        if guard.when != Always() or guard.allow_zone is None:
            continue
        for name in (*reach(policy), *shadow_hops(policy)):
            if config.models[name].zone not in guard.allow_zone:
                message = (
                    f"policy {shown(policy.name)} can never use {shown(name)}: guard {shown(guard.id)} forbids its zone"
                )
                problems.note(("policies", policy.name), message)


def _check_tests(config: Config, problems: Problems) -> None:
    for index, test in enumerate(config.tests):
        try:
            asked = resolve_model(config, test.policy or config.default_policy)
        except ModelNotFound:
            askable = [*config.policies, *config.models]
            message = f"unknown policy or model {shown(test.policy)}{did_you_mean(test.policy or '', askable)}"
            problems.note(("tests", index, "model"), message)
            continue
        rules = [rule.id for rule in asked.select] if isinstance(asked, Policy) else [ASKED]
        rule = test.expect.get("rule")
        if rule is not None and rule not in rules:
            message = f"{shown(asked.name)} has no rule {shown(rule)}{did_you_mean(rule, rules)}"
            problems.note(("tests", index, "expect", "rule"), message)


def _can_hold(condition: Condition, *, judged: bool) -> bool:
    return True in outcomes(condition, judged=judged)
