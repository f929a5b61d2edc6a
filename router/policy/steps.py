"""The decision about one request, step by step, in words. Pure."""

from collections.abc import Iterator, Mapping

from router.config import Config, Policy, PolicyTest, Rule
from router.errors import RouterError
from router.policy.decision import Decision
from router.policy.evidence import Evidence, JudgementLike
from router.policy.examples import facts_of_test
from router.policy.guards import vetoes
from router.policy.optout import limits_of
from router.policy.plan import decide
from router.policy.routes import reach, resolve_model
from router.policy.truth import Truth, test_of

TRUTHS: Mapping[Truth, str] = {True: "holds", False: "does not hold", None: "cannot be told"}


def steps(config: Config, test: PolicyTest, judgement: JudgementLike | None) -> Iterator[tuple[str, str]]:
    """Each step as its kind and a sentence: what is known, guards, rules, and the plan.

    Raises:
        ModelNotFound: nothing has the name that is asked for.
    """
    facts = facts_of_test(test)
    states = {name: "down" if name in test.down else "ready" for name in config.models}
    evidence = Evidence(facts, judgement, states)
    name = test.policy or config.default_policy
    asked = resolve_model(config, name)
    yield "asked", f"{name}, a {'policy' if isinstance(asked, Policy) else 'model'}"
    yield "request", f"about {facts.prompt_tokens} tokens, needs {', '.join(sorted(facts.needs))}"
    if judgement is not None:
        yield "score", f"{judgement.score:.3f}, task {judgement.task}"
    for guard in config.guards:
        held = test_of(guard.when)(evidence)
        bound = {True: "binds", False: "does not bind", None: "cannot be told, so it binds"}[held]
        yield "guard", f"{guard.id} {bound}: {_limits(guard.allow_zone, guard.require)}"
    try:
        barred = vetoes(
            config, reach(asked) if isinstance(asked, Policy) else (asked.name,), evidence, limits_of(facts)
        )
        for veto in barred.values():
            yield "refused", f"{veto.target} by {veto.guard}: {veto.why}"
        if isinstance(asked, Policy):
            yield from _rules(asked, evidence)
        yield from _plan(decide(config, name, facts, judgement, states))
    except RouterError as error:
        yield "error", f"{error.code}: {error.message}"


def _rules(policy: Policy, evidence: Evidence) -> Iterator[tuple[str, str]]:
    for rule in policy.select:
        held = test_of(rule.when)(evidence)
        if held and rule.threshold is not None and evidence.judgement is None:
            held = None
        yield "rule", f"{rule.id} {TRUTHS[held]}{f': {_way(rule)}' if held else ''}"
        if held:
            return


def _way(rule: Rule) -> str:
    if rule.split:
        return "draws from " + ", ".join(f"{name} ({weight:g})" for name, weight in rule.split)
    if rule.threshold is None:
        return str(rule.target)
    band = rule.abstain
    unsure = f", {band.start:g} to {band.stop:g} {band.target}" if band else ""
    return f"{rule.low} below {rule.threshold:g}, else {rule.high}{unsure}"


def _plan(decision: Decision) -> Iterator[tuple[str, str]]:
    yield "chosen", f"{decision.wanted} by {decision.rule} ({decision.reason})"
    if decision.verification is not None:
        terms = decision.verification
        yield (
            "checked",
            f"the first {terms.hold_tokens} tokens of {decision.target}, or else {terms.escalate_to} answers",
        )
    yield "plan", ", then ".join(decision.targets)


def _limits(zones: frozenset[str] | None, needs: frozenset[str]) -> str:
    parts = [f"only zone {', '.join(sorted(zones))}"] if zones else []
    return "; ".join([*parts, *([f"requires {', '.join(sorted(needs))}"] if needs else [])])
