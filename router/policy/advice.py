"""What is allowed and seldom meant: said with its line and its cure, refused never. Pure."""

from collections.abc import Iterator

from router.condition import Always
from router.config import Config, Guard, Policy
from router.policy.problem import Problem, shown
from router.policy.routes import reach, shadow_hops


def advice(config: Config) -> tuple[Problem, ...]:
    """Everything that the author of `config` may have overlooked."""
    return (*_of_models(config), *_of_aliases(config), *_of_policies(config))


def _of_models(config: Config) -> Iterator[Problem]:
    reached = {name for policy in config.policies.values() for name in (*reach(policy), *shadow_hops(policy))}
    for name, model in config.models.items():
        if name not in reached and "chat" in model.can:
            yield Problem(
                ("models", name),
                f"nothing is ever routed to {shown(name)}, only requests that name it: use it in a policy, or remove it",
            )


def _of_aliases(config: Config) -> Iterator[Problem]:
    for alias, leads_to in config.aliases.items():
        stem = alias.removesuffix("*")
        if stem == alias:
            continue
        for name in (*config.policies, *config.models):
            if name.startswith(stem) and name != leads_to:
                yield Problem(
                    ("aliases", alias),
                    f"alias {shown(alias)} does not apply to {shown(name)}, which is a name of its own: narrow the alias",
                )
        for other, elsewhere in config.aliases.items():
            if other != alias and other.startswith(stem) and elsewhere != leads_to:
                yield Problem(
                    ("aliases", alias),
                    f"aliases {shown(alias)} and {shown(other)} overlap: where both fit, {shown(other)} "
                    f"leads to {shown(elsewhere)}; narrow one if that is not meant",
                )


def _of_policies(config: Config) -> Iterator[Problem]:
    for policy in config.policies.values():
        yield from _of_tiers(config, policy)
        yield from _of_guards(config, policy)
        if _goes_around(policy):
            yield Problem(
                ("policies", policy.name, "verify"),
                f"a request that spills from a busy model goes back to it when its answer is checked: let verify of "
                f"{shown(policy.name)} escalate to another model than the one that spills",
            )


def _of_tiers(config: Config, policy: Policy) -> Iterator[Problem]:
    reached = reach(policy)
    ends = {config.tiers[0]: "smallest", config.tiers[-1]: "largest"}
    # A file with policies for each side says with their names what it means; the default one is for everybody.
    if policy.name != config.default_policy or len(ends) == 1:
        return
    for name, words in ends.items():
        if name not in reached:
            yield Problem(
                ("policies", policy.name),
                f"policy {shown(policy.name)} can never use {shown(name)}, the {words} tier: "
                "name it in a rule or in on_failure if that is not meant",
            )


def _of_guards(config: Config, policy: Policy) -> Iterator[Problem]:
    for index, guard in enumerate(config.guards):
        if guard.when == Always() or _leaves_some(config, policy, guard):
            continue
        yield Problem(
            ("guards", index),
            f"guard {shown(guard.id)} refuses every request that it binds under policy {shown(policy.name)}: "
            "none of its targets is in a zone that the guard allows; add one, or leave it if refusing is meant",
        )


def _leaves_some(config: Config, policy: Policy, guard: Guard) -> bool:
    return guard.allow_zone is None or any(config.models[name].zone in guard.allow_zone for name in reach(policy))


def _goes_around(policy: Policy) -> bool:
    spill, verify = policy.spill, policy.verify
    return spill is not None and verify is not None and (spill.source, spill.to) == (verify.escalate_to, verify.target)
